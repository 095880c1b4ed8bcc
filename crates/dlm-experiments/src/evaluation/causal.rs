//! The autoregressive measure: the chain rule, exactly, in one forward pass.

use std::ops::Range;

use dlm_core::{Ask, Candidate, MaskPredictor, ModelError, Query, TokenId};

use super::{rows::TextRow, texts::Text};

/// What a causal network makes of some tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Read {
    /// `−Σᵢ ln p(xⁱ | x^{<i})`, nats.
    pub(super) nats: f64,
    /// How many of the tokens were the most probable ones in their places.
    pub(super) hits: usize,
}

/// Reads `tokens` at the positions of `answer`, each given all before it.
pub(super) fn read(
    model: &mut (impl MaskPredictor + ?Sized),
    tokens: &[TokenId],
    answer: Range<usize>,
) -> Result<Read, ModelError> {
    let mut read = Read { nats: 0.0, hits: 0 };
    for (nats, hit) in by_token(model, tokens, answer)? {
        read.nats += nats;
        read.hits += usize::from(hit);
    }
    Ok(read)
}

/// `−ln p(xⁱ | x^{<i})` at each position of `answer`, and whether `xⁱ` was the most probable.
pub(crate) fn by_token(
    model: &mut (impl MaskPredictor + ?Sized),
    tokens: &[TokenId],
    answer: Range<usize>,
) -> Result<Vec<(f64, bool)>, ModelError> {
    Ok(by_tokens(model, &[(tokens, answer)])?.pop().unwrap_or_default())
}

/// The same of several texts, each with its answer, together.
pub(crate) fn by_tokens(
    model: &mut (impl MaskPredictor + ?Sized),
    texts: &[(&[TokenId], Range<usize>)],
) -> Result<Vec<Vec<(f64, bool)>>, ModelError> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    type Asked = (Vec<usize>, Vec<Option<TokenId>>);
    let asked = |(tokens, answer): &(&[TokenId], Range<usize>)| -> Asked {
        (answer.clone().collect(), tokens[answer.clone()].iter().copied().map(Some).collect())
    };
    let asked: Vec<Asked> = texts.iter().map(asked).collect();
    let pairs = texts.iter().zip(&asked);
    let queries: Vec<Query<'_>> = pairs
        .map(|((tokens, _), (at, targets))| Query { targets, ..Query::new(tokens, at) })
        .collect();
    let prediction = model.predict(&queries, &Ask::default())?;
    let read = |(answer, (tokens, _)): (Vec<Candidate>, &(&[TokenId], Range<usize>))| {
        let each = |candidate: Candidate| {
            let log_p = candidate.target.map_or(f64::NAN, |target| target.log_probability.into());
            (-log_p, candidate.token == tokens[candidate.position])
        };
        answer.into_iter().map(each).collect()
    };
    Ok(prediction.candidates.into_iter().zip(texts).map(read).collect())
}

/// The exact nats of an answer, its end left out, and how often its next token was the
/// most probable one.
pub(super) fn rows(
    model: &mut (impl MaskPredictor + ?Sized),
    text: &Text,
) -> Result<Vec<TextRow>, ModelError> {
    let Read { nats, hits } = read(model, &text.tokens, text.answer.clone())?;
    let row = |measure: &str, sum, unit: &str| TextRow {
        line: text.line,
        measure: measure.to_string(),
        sum,
        tokens: text.answer.len(),
        standard_error: None,
        unit: unit.to_string(),
    };
    Ok(vec![row("nats per token", nats, "nats"), row("next-token accuracy", hits as f64, "share")])
}
