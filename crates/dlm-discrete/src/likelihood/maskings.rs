//! Where the masked sets of an estimate come from.

use super::Answer;

/// Some of an answer's tokens masked, and what their log-probabilities count.
///
/// It contributes `Σᵢ weightᵢ · ln p(xⁱ | what is not masked)` over its positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Masking {
    /// Positions that are masked, all of them of the answer; everything else is known.
    pub positions: Vec<usize>,
    /// One weight per position.
    pub weights: Vec<f64>,
    /// Diffusion time in `[0, 1]`, for networks that are told it.
    pub time: Option<f64>,
}

/// A source of replicates: sets of maskings whose contributions add up to one unbiased
/// estimate each.
///
/// Replicates have to be independent of each other, since their spread is what the
/// standard error is computed from; the maskings within one need not be. Maskings that
/// were recorded elsewhere are a source too: a `Vec` of replicates.
pub trait Maskings {
    /// The maskings of the replicate `index`, counted from 0; none beyond the last.
    fn replicate(&self, answer: &Answer, index: u64) -> Option<Vec<Masking>>;
}

impl Maskings for Vec<Vec<Masking>> {
    fn replicate(&self, _: &Answer, index: u64) -> Option<Vec<Masking>> {
        self.get(index as usize).cloned()
    }
}
