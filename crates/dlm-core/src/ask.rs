//! What is asked of a network: where, and what about it.

use crate::TokenId;

/// One sequence and the positions somebody wants to know about.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The whole sequence, masks included.
    pub tokens: &'a [TokenId],
    /// Indices into `tokens`, in the order the answers are wanted.
    pub positions: &'a [usize],
    /// One number in `[0, 1)` per position, from which its token is drawn;
    /// empty where [`Ask::temperature`] is 0.
    pub uniforms: &'a [f64],
    /// The token that belongs at each position, where that is known; empty, or
    /// one entry per position.
    pub targets: &'a [Option<TokenId>],
}

impl<'a> Query<'a> {
    /// A query that draws nothing and knows no right answer.
    pub fn new(tokens: &'a [TokenId], positions: &'a [usize]) -> Self {
        Self { tokens, positions, uniforms: &[], targets: &[] }
    }
}

/// What is asked about every position of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// Softmax temperature of the draw; 0 takes the most probable token. All
    /// other statistics are those of the untempered distribution.
    pub temperature: f64,
    /// How many of the most probable tokens to list, `0 ≤ k ≤ V`.
    pub top_k: usize,
    /// Weight vectors `w` of length `V`, for each of which `Σᵥ p(v)·w(v)` is
    /// wanted: an indicator gives the mass of a set of tokens, `−ln u` the
    /// cross-entropy with `u`.
    pub expectations: &'a [Vec<f32>],
    /// Whether the Jensen–Shannon divergence to the next asked position is wanted.
    pub neighbours: bool,
    /// Whether the sum of the distributions over the queries is wanted, ordinal
    /// by ordinal; every query then asks for equally many positions.
    pub mixture: bool,
}
