//! How probable data are once a latent is nearly clean.

use std::sync::OnceLock;

use dlm_core::{Latent, Levels, ModelError, TokenId};

use super::LikelihoodError;

/// The last term of a bound: what it costs to name the data, given the cleanest latent.
pub trait Reconstruction<X> {
    /// `−ln p(data | x)` of each sequence, nats, `[batch]`, where `x` is at `levels`. Positions
    /// at `σ = 0` are conditions and cost nothing.
    ///
    /// # Errors
    ///
    /// Whatever keeps the data from being read.
    fn nats(&mut self, x: &X, levels: &Levels) -> Result<Vec<f64>, ModelError>;
}

impl<X, F> Reconstruction<X> for F
where
    F: FnMut(&X, &Levels) -> Result<Vec<f64>, ModelError>,
{
    fn nats(&mut self, x: &X, levels: &Levels) -> Result<Vec<f64>, ModelError> {
        self(x, levels)
    }
}

/// Tokens read from a latent by the forward process itself, turned round by Bayes' rule under
/// a uniform law of tokens (Kingma et al. 2021, section 3.3, for pixels):
///
/// ```text
/// p(v | x) ∝ N(x; α·e_v, σ²·I)
/// ```
///
/// The cleaner the latent, the closer this is to naming the nearest embedding, at no cost.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingSoftmax {
    dim: usize,
    embeddings: Vec<f64>,
    tokens: Vec<TokenId>,
}

impl EmbeddingSoftmax {
    /// The `tokens` of all positions, row-major over `[batch, length]`, under `embeddings`,
    /// row-major `[vocab, dim]`.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Embeddings`] and [`LikelihoodError::Token`].
    pub fn new(
        embeddings: Vec<f64>,
        dim: usize,
        tokens: Vec<TokenId>,
    ) -> Result<Self, LikelihoodError> {
        let given = embeddings.len();
        let finite = embeddings.iter().all(|number| number.is_finite());
        if dim == 0 || given == 0 || !given.is_multiple_of(dim) || !finite {
            return Err(LikelihoodError::Embeddings { given, dim });
        }
        let vocab = given / dim;
        match tokens.iter().position(|&token| vocab <= token as usize) {
            Some(position) => {
                Err(LikelihoodError::Token { position, token: tokens[position], vocab })
            }
            None => Ok(Self { dim, embeddings, tokens }),
        }
    }
}

impl<X: Latent> Reconstruction<X> for EmbeddingSoftmax {
    fn nats(&mut self, x: &X, levels: &Levels) -> Result<Vec<f64>, ModelError> {
        let shape = x.shape();
        for (what, given, expected) in [
            ("positions", shape.positions(), self.tokens.len()),
            ("numbers of a position", shape.dim, self.dim),
        ] {
            if given != expected {
                return Err(ModelError::new(LikelihoodError::Fit { what, given, expected }));
            }
        }
        // Positions are visited from any thread, each once.
        let each: Vec<OnceLock<f64>> = vec![OnceLock::new(); shape.positions()];
        x.map_positions(&|position, row| {
            let level = levels.at(position);
            let square = |e: &[f64]| -> f64 {
                row.iter().zip(e).map(|(x, e)| (x - level.alpha * e).powi(2)).sum()
            };
            each[position].get_or_init(|| match level.sigma {
                0.0 => 0.0,
                sigma => {
                    let logits = self.embeddings.chunks_exact(self.dim);
                    let logits = logits.map(|e| -0.5 * square(e) / sigma.powi(2)).collect();
                    surprise(logits, self.tokens[position] as usize)
                }
            });
        })?;
        let nats: Vec<f64> =
            each.into_iter().map(|nats| nats.into_inner().unwrap_or(0.0)).collect();
        let of = |sequence: usize| nats[sequence * shape.length..][..shape.length].iter().sum();
        Ok((0..shape.batch).map(of).collect())
    }
}

/// `−ln softmax(logits)_token`.
fn surprise(logits: Vec<f64>, token: usize) -> f64 {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - most).exp()).sum();
    most + sum.ln() - logits[token]
}
