//! A model that predicts for a sampler and speaks for those who watch it.

use std::{
    cell::{Cell, Ref, RefCell},
    ops::Deref,
    time::Instant,
};

use dlm_core::{Ask, MaskPredictor, ModelError, Prediction, Query};
use dlm_runtime::Model;

use super::sampler::Lent;

/// A sampler borrows its network for a whole run, and whoever watches the run wants the
/// same model's tokenizer between two predictions.
pub(super) struct SharedModel<'a> {
    model: RefCell<&'a mut Model>,
    asked: Cell<Instant>,
}

impl<'a> SharedModel<'a> {
    pub(super) fn new(model: &'a mut Model) -> Self {
        Self { model: RefCell::new(model), asked: Cell::new(Instant::now()) }
    }

    /// The model, between two predictions.
    pub(super) fn model(&self) -> Ref<'_, &'a mut Model> {
        self.model.borrow()
    }

    /// When the last prediction was asked for.
    pub(super) fn asked(&self) -> Instant {
        self.asked.get()
    }
}

impl Lent for &SharedModel<'_> {
    fn lend(&self) -> Box<dyn Deref<Target = Model> + '_> {
        self.asked.set(Instant::now());
        Box::new(Ref::map(self.model(), |model| &**model))
    }
}

impl MaskPredictor for &SharedModel<'_> {
    fn vocab(&self) -> usize {
        self.model().vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        self.asked.set(Instant::now());
        self.model.borrow_mut().predict(queries, ask)
    }
}
