//! Rounding to the nearest embedding.

use std::sync::Arc;

use dlm_core::{DenseLatent, ModelError, Real, Rounded, Rounding, TokenId};
use rayon::prelude::*;

use super::{Embeddings, RoundingError, embeddings::square, search::search};

/// The token whose embedding is nearest: `argmin_v ‖x − e_v‖`.
///
/// The whole vocabulary is searched by a matrix product, `‖x − e‖² = ‖x‖² − 2x·e + ‖e‖²`, in
/// f32. Whatever this leaves within its own error of the two best is compared by distances in
/// f64, and among equal distances the lowest token wins. So the answer, with its distance and
/// its margin `d₂ − d₁`, is that of a search in f64, for any batch, order and number of
/// threads.
#[derive(Clone, Debug)]
pub struct NearestEmbedding {
    embeddings: Arc<Embeddings>,
    /// `−‖e‖²/2`.
    offsets: Vec<f32>,
}

impl NearestEmbedding {
    /// Rounding to these embeddings.
    pub fn new(embeddings: impl Into<Arc<Embeddings>>) -> Self {
        let embeddings = embeddings.into();
        let offsets = embeddings.rows().map(|row| (-0.5 * square(row)) as f32).collect();
        Self { embeddings, offsets }
    }

    /// The embeddings.
    pub fn embeddings(&self) -> &Arc<Embeddings> {
        &self.embeddings
    }

    /// The nearest token of every position, row-major over `[batch, length]`.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Dimension`], [`RoundingError::State`].
    pub fn nearest<F: Real>(&self, x: &DenseLatent<F>) -> Result<Vec<Rounded>, RoundingError> {
        let x = self.embeddings.read(x)?;
        let found = search(&x, &self.embeddings, &self.offsets, |_| ());
        let rows = x.par_chunks_exact(self.embeddings.dim()).zip(found);
        Ok(rows.map(|(x, found)| self.compare(x, &found.candidates)).collect())
    }

    /// The nearest of `candidates`, which come in order, so that of two equals the lower one
    /// is seen first.
    fn compare(&self, x: &[f64], candidates: &[(TokenId, f32)]) -> Rounded {
        let mut best = [(f64::INFINITY, 0); 2];
        for &(token, _) in candidates {
            let square = self.embeddings.square_of_distance(x, token);
            if square < best[0].0 {
                best = [(square, token), best[0]];
            } else if square < best[1].0 {
                best[1] = (square, token);
            }
        }
        let [(square, token), (second, _)] = best;
        let distance = square.sqrt();
        let margin = (second.sqrt() - distance) as f32;
        Rounded { token, distance: Some(distance as f32), margin }
    }
}

impl<F: Real> Rounding<DenseLatent<F>> for NearestEmbedding {
    fn round(&self, x0: &DenseLatent<F>) -> Result<Vec<Rounded>, ModelError> {
        self.nearest(x0).map_err(ModelError::new)
    }

    fn embed(
        &self,
        tokens: &[TokenId],
        like: &DenseLatent<F>,
    ) -> Result<DenseLatent<F>, ModelError> {
        self.embeddings.embed(tokens, like).map_err(ModelError::new)
    }
}
