//! Counts the network evaluations of whoever asks.

use dlm_core::{Ask, MaskPredictor, ModelError, Prediction, Query};

/// A predictor that counts: NFE is the axis that samplers are compared along.
#[derive(Clone, Debug, Default)]
pub struct Counted<M> {
    /// The predictor.
    pub model: M,
    /// Sequences evaluated so far.
    pub nfe: usize,
}

impl<M> Counted<M> {
    /// Starts at zero.
    pub fn new(model: M) -> Self {
        Self { model, nfe: 0 }
    }
}

impl<M: MaskPredictor> MaskPredictor for Counted<M> {
    fn vocab(&self) -> usize {
        self.model.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        self.nfe += queries.len();
        self.model.predict(queries, ask)
    }
}
