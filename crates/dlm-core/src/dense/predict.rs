//! Answers to whole queries from a function that gives logits.

use crate::{Ask, DenseLogits, Memory, Mixture, ModelError, Prediction, Query, TokenId};

use super::Distributions;

/// Answers `queries` with a model that is a function in host memory: `rows(tokens,
/// positions, time)` are its logits at `positions`.
///
/// Guidance, shadows, memories and mixtures are taken care of here, so that a model
/// whose law is known need not know them. A shadow is exact: its token is replaced by
/// `mask` and the model is evaluated once more.
///
/// # Errors
///
/// Those of `rows`, and those of [`DenseLogits::read`].
pub fn predict_dense(
    queries: &[Query<'_>],
    ask: &Ask<'_>,
    mask: TokenId,
    mut rows: impl FnMut(&[TokenId], &[usize], Option<f64>) -> Result<DenseLogits, ModelError>,
) -> Result<Prediction, ModelError> {
    let mut candidates = Vec::with_capacity(queries.len());
    let mut memories = Vec::new();
    let mut mixture: Option<Mixture> = None;
    for query in queries {
        let mut logits = all_rows(query, query.tokens, mask, &mut rows)?;
        if let Some(tokens) = query.unconditional.filter(|_| ask.shaping.guidance != 0.0) {
            let unconditional = all_rows(query, tokens, mask, &mut rows)?;
            logits = logits.guided(&unconditional, ask.shaping.guidance)?;
        }
        candidates.push(logits.read(query, ask)?);
        if !ask.remember && !ask.mixture {
            continue;
        }
        let shaped = logits.shaped(&ask.shaping)?;
        if ask.remember {
            memories.push(Memory::new(Distributions::of(query, &shaped)));
        }
        if ask.mixture {
            let p: Vec<f32> = (0..query.positions.len())
                .flat_map(|row| shaped.probabilities(row))
                .map(|p| p as f32)
                .collect();
            match &mut mixture {
                Some(mixture) if mixture.sum.len() == p.len() => {
                    mixture.sum.iter_mut().zip(p).for_each(|(sum, p)| *sum += p);
                    mixture.queries += 1;
                }
                Some(_) => {
                    let problem = "a mixture needs queries that ask for equally many positions";
                    return Err(ModelError::new(problem));
                }
                None => mixture = Some(Mixture { sum: p, vocab: shaped.vocab, queries: 1 }),
            }
        }
    }
    Ok(Prediction { candidates, mixture, memories })
}

/// Logits at the positions and the shadows of `query`, with `tokens` in the place of
/// its own.
fn all_rows(
    query: &Query<'_>,
    tokens: &[TokenId],
    mask: TokenId,
    rows: &mut impl FnMut(&[TokenId], &[usize], Option<f64>) -> Result<DenseLogits, ModelError>,
) -> Result<DenseLogits, ModelError> {
    let mut all = rows(tokens, query.positions, query.time)?;
    for &shadow in query.shadows {
        let mut tokens = tokens.to_vec();
        tokens[shadow] = mask;
        all.values.extend(rows(&tokens, &[shadow], query.time)?.values);
    }
    Ok(all)
}
