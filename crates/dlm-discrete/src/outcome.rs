//! What filling a canvas cost, and when each token came.

use serde::Serialize;

/// The account of one filled canvas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Steps made, those included that needed no evaluation.
    pub steps: usize,
    /// Network evaluations: one a step that asks, two with guidance, and one more each time
    /// that a draw has to be repeated.
    pub nfe: usize,
    /// Tokens committed, those included that were masked again later.
    pub commits: usize,
    /// Tokens masked again.
    pub remasks: usize,
    /// Tokens replaced in place.
    pub edits: usize,
    /// For each position of the response, in order, the step at which its final token was
    /// committed; absent for what truncation filled in, and for noise that stayed.
    pub step_map: Vec<Option<usize>>,
    /// Positions of the response after the first end-of-sequence token: computed for
    /// nothing.
    pub wasted_positions: usize,
    /// Evaluations made after the text up to its first end was settled.
    pub wasted_nfe: usize,
}

impl Outcome {
    /// Tokens of the response for each network evaluation.
    pub fn tokens_per_forward(&self) -> f64 {
        self.step_map.len() as f64 / self.nfe.max(1) as f64
    }
}
