//! Rounding by a language-model head.

use std::sync::Arc;

use dlm_core::{DenseLatent, Latent, ModelError, Real, Rounded, Rounding, TokenId};
use rayon::prelude::*;

use super::{
    Embeddings, RoundingError,
    search::{Found, search},
};

/// The token with the greatest logit, `argmax_v w_v·x + b_v`.
///
/// The whole vocabulary is searched by a matrix product in f32; what this leaves within its
/// own error of the two best is compared by logits in f64, and among equals the lowest token
/// wins. The margin is that of the two probabilities, `p₁ − p₂`, over a softmax whose sum
/// runs in f64 over logits in f32.
#[derive(Clone, Debug)]
pub struct Head {
    weights: Arc<Embeddings>,
    bias: Vec<f32>,
    embeddings: Option<Arc<Embeddings>>,
}

impl Head {
    /// A head of its own `weights`, `[vocab, dim]`, and `bias`, `[vocab]`; without a bias, of
    /// zeros. It reports no distance and cannot embed before it
    /// [knows embeddings](Self::with_embeddings).
    ///
    /// # Errors
    ///
    /// [`RoundingError::Numbers`] and [`RoundingError::NotFinite`] for the bias.
    pub fn new(
        weights: impl Into<Arc<Embeddings>>,
        bias: Option<Vec<f32>>,
    ) -> Result<Self, RoundingError> {
        let (weights, field) = (weights.into(), "bias");
        let bias = bias.unwrap_or_else(|| vec![0.0; weights.vocab()]);
        if bias.len() != weights.vocab() {
            let (given, expected) = (bias.len(), weights.vocab());
            return Err(RoundingError::Numbers { field, given, expected });
        }
        match bias.iter().position(|bias| !bias.is_finite()) {
            Some(token) => Err(RoundingError::NotFinite { field, token }),
            None => Ok(Self { weights, bias, embeddings: None }),
        }
    }

    /// A head whose weights are the embeddings themselves.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Numbers`] and [`RoundingError::NotFinite`] for the bias.
    pub fn tied(
        embeddings: impl Into<Arc<Embeddings>>,
        bias: Option<Vec<f32>>,
    ) -> Result<Self, RoundingError> {
        let embeddings = embeddings.into();
        Ok(Self { embeddings: Some(embeddings.clone()), ..Self::new(embeddings, bias)? })
    }

    /// The same head, whose tokens have these embeddings.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Numbers`] for another shape than that of the weights.
    pub fn with_embeddings(
        self,
        embeddings: impl Into<Arc<Embeddings>>,
    ) -> Result<Self, RoundingError> {
        let (embeddings, field) = (embeddings.into(), "embeddings");
        let shape = |table: &Embeddings| (table.vocab(), table.dim());
        if shape(&embeddings) != shape(&self.weights) {
            let (given, expected) = (embeddings.values().len(), self.weights.values().len());
            return Err(RoundingError::Numbers { field, given, expected });
        }
        Ok(Self { embeddings: Some(embeddings), ..self })
    }

    /// The weights, `[vocab, dim]`.
    pub fn weights(&self) -> &Arc<Embeddings> {
        &self.weights
    }

    /// The bias, `[vocab]`.
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }

    /// The embeddings, where they are known.
    pub fn embeddings(&self) -> Option<&Arc<Embeddings>> {
        self.embeddings.as_ref()
    }

    /// The most probable token of every position, row-major over `[batch, length]`.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Dimension`], [`RoundingError::State`].
    pub fn most_probable<F: Real>(
        &self,
        x: &DenseLatent<F>,
    ) -> Result<Vec<Rounded>, RoundingError> {
        let shape = x.shape();
        let (x, dim) = (self.weights.read(x)?, self.weights.dim());
        // One search a sequence: the last bits of a sum of probabilities come from products
        // in f32, and these may not depend on the rest of the batch.
        let read = |x: &[f64]| -> Vec<Rounded> {
            let found = search(x, &self.weights, &self.bias, Sum::of);
            x.chunks_exact(dim).zip(found).map(|(x, found)| self.compare(x, &found)).collect()
        };
        Ok(x.par_chunks((shape.length * dim).max(1)).flat_map_iter(read).collect())
    }

    fn compare(&self, x: &[f64], found: &Found<Sum>) -> Rounded {
        let mut best = [(f64::NEG_INFINITY, 0, 0.0); 2];
        for &(token, single) in &found.candidates {
            let logit = self.logit(x, token);
            if best[0].0 < logit {
                best = [(logit, token, single), best[0]];
            } else if best[1].0 < logit {
                best[1] = (logit, token, single);
            }
        }
        let [(most, token, single), (second, ..)] = best;
        // Sums of logits in f32 are relative to the winner's in f32, so that a sure winner's
        // share is 1 however much large logits were rounded.
        let sum: f64 = found.blocks.iter().map(|block| block.relative_to(single)).sum();
        // The two were computed anew, so the sum may miss them by a hair; and logits that
        // overflow have no sum.
        let sum = if sum.is_finite() { sum } else { 0.0 };
        let sum = sum.max(1.0 + (second - most).exp());
        let margin = match self.weights.vocab() {
            1 => f32::INFINITY,
            _ => (-(second - most).exp_m1() / sum) as f32,
        };
        let distance = |e: &Arc<Embeddings>| e.square_of_distance(x, token).sqrt() as f32;
        Rounded { token, distance: self.embeddings.as_ref().map(distance), margin }
    }

    fn logit(&self, x: &[f64], token: TokenId) -> f64 {
        let row = self.weights.row(token).unwrap_or_default();
        let product: f64 = x.iter().zip(row).map(|(&x, &w)| x * f64::from(w)).sum();
        product + self.bias.get(token as usize).map_or(0.0, |&bias| bias.into())
    }
}

impl<F: Real> Rounding<DenseLatent<F>> for Head {
    fn round(&self, x0: &DenseLatent<F>) -> Result<Vec<Rounded>, ModelError> {
        self.most_probable(x0).map_err(ModelError::new)
    }

    fn embed(
        &self,
        tokens: &[TokenId],
        like: &DenseLatent<F>,
    ) -> Result<DenseLatent<F>, ModelError> {
        let embeddings = self.embeddings.as_ref().ok_or(RoundingError::NoEmbeddings);
        embeddings.and_then(|e| e.embed(tokens, like)).map_err(ModelError::new)
    }
}

/// `Σ e^{l}` of a block, as a multiple of its greatest term.
struct Sum {
    most: f32,
    total: f64,
}

impl Sum {
    fn of(logits: &[f32]) -> Self {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // What lies below is too little for f64 to see in any vocabulary.
        let least = most - 65.0;
        let counts = logits.iter().filter(|&&logit| least < logit);
        Self { most, total: counts.map(|&logit| f64::from(logit - most).exp()).sum() }
    }

    fn relative_to(&self, logit: f32) -> f64 {
        self.total * (f64::from(self.most) - f64::from(logit)).exp()
    }
}
