//! An observer that writes everything down.

use std::ops::ControlFlow;

use dlm_core::TokenId;
use dlm_discrete::unmasking::{Commitment, Observer, Step};

/// One step of one row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) row: usize,
    pub(crate) step: usize,
    pub(crate) block: usize,
    pub(crate) nfe: usize,
    pub(crate) committed: Vec<Commitment>,
    pub(crate) remasked: Vec<usize>,
    pub(crate) tokens: Vec<TokenId>,
}

/// All steps of all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Journal(pub(crate) Vec<Entry>);

impl Observer for Journal {
    fn observe(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        self.0.push(Entry {
            row: step.row,
            step: step.step,
            block: step.block,
            nfe: step.nfe,
            committed: step.committed.to_vec(),
            remasked: step.remasked.to_vec(),
            tokens: step.canvas.tokens().to_vec(),
        });
        ControlFlow::Continue(())
    }
}
