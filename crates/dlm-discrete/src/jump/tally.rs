//! The account of one canvas while it is filled.

use dlm_core::{Canvas, TokenId};

use super::Change;
use crate::Outcome;

/// What a canvas has cost, and when each token came.
pub(super) struct Tally {
    outcome: Outcome,
    /// For each position of the response, what the canvas had cost when it last changed.
    cost: Vec<usize>,
    /// Whether each position of the response holds a token.
    known: Vec<bool>,
}

impl Tally {
    /// Of a canvas of noise.
    pub(super) fn new(canvas: &Canvas) -> Self {
        let response = canvas.response();
        let outcome = Outcome { step_map: vec![None; response.len()], ..Outcome::default() };
        let known = response.iter().map(|&position| !canvas.is_masked(position)).collect();
        Self { outcome, cost: vec![0; response.len()], known }
    }

    /// Evaluations so far.
    pub(super) fn nfe(&self) -> usize {
        self.outcome.nfe
    }

    /// Counts a step, after which the canvas is as given.
    pub(super) fn add(&mut self, canvas: &Canvas, step: usize, change: &Change) {
        self.outcome.steps += 1;
        self.outcome.nfe += change.evaluations;
        self.outcome.remasks += change.remasked.len();
        for &position in &change.remasked {
            self.set(canvas, position, None);
        }
        for new in &change.committed {
            match self.set(canvas, new.position, Some(step)) {
                true => self.outcome.edits += 1,
                false => self.outcome.commits += 1,
            }
        }
    }

    /// The whole account; a text ends at its first token of `ends`.
    pub(super) fn finish(mut self, canvas: &Canvas, ends: &[TokenId]) -> Outcome {
        let tokens = canvas.tokens();
        let end = canvas.response().iter().position(|&position| ends.contains(&tokens[position]));
        if let Some(end) = end {
            let settled = self.cost[..=end].iter().max().copied().unwrap_or(0);
            self.outcome.wasted_positions = self.cost.len() - end - 1;
            self.outcome.wasted_nfe = self.outcome.nfe - settled;
        }
        self.outcome
    }

    /// Notes that a position got its token in `step`, or a mask; whether it held a token.
    fn set(&mut self, canvas: &Canvas, position: usize, step: Option<usize>) -> bool {
        let Ok(ordinal) = canvas.response().binary_search(&position) else { return false };
        self.outcome.step_map[ordinal] = step;
        self.cost[ordinal] = self.outcome.nfe;
        std::mem::replace(&mut self.known[ordinal], step.is_some())
    }
}
