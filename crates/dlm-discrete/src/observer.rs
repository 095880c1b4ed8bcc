//! Who watches a run.

use std::ops::ControlFlow;

use dlm_core::{Canvas, TokenId};
use serde::Serialize;

use crate::Outcome;

/// Watches a run; it may stop it, never change it.
pub trait Observer {
    /// Called after every step of every row that changed or asked anything.
    fn observe(&mut self, step: &Step<'_>) -> ControlFlow<()>;

    /// Called when a row is done, with its canvas.
    fn finished(&mut self, _row: usize, _canvas: &Canvas, _outcome: &Outcome) {}
}

/// What one step did to one row.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Index of the row among the canvases.
    pub row: usize,
    /// Step of the row, counted over its blocks from 0.
    pub step: usize,
    /// Block of the row; 0 where there are none.
    pub block: usize,
    /// Network evaluations the row has cost so far.
    pub nfe: usize,
    /// What was committed: best first, or in order of the positions where all may jump.
    pub committed: &'a [Commitment],
    /// Positions that were masked again.
    pub remasked: &'a [usize],
    /// The row afterwards.
    pub canvas: &'a Canvas,
}

/// One committed token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Commitment {
    /// Index into the sequence.
    pub position: usize,
    /// The token.
    pub token: TokenId,
    /// `p(token)` when it was committed, in `[0, 1]`; of a network of scores, the token's
    /// share of them.
    pub probability: f32,
    /// Entropy of the position then, nats.
    pub entropy: f32,
}

/// Watches nothing.
impl Observer for () {
    fn observe(&mut self, _: &Step<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Step<'_>) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        self(step)
    }
}
