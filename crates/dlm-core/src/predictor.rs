//! A mask predictor: one forward pass gives `p(x₀ⁱ | x_t)` everywhere.

use crate::{Ask, Candidate, Memory, ModelError, Query};

/// A masked-diffusion network as whoever asks it sees it.
///
/// `&mut self`, because a network may keep buffers and because device tensors
/// may move between threads but not be shared by them.
pub trait MaskPredictor {
    /// How many tokens its distributions range over, `V`.
    fn vocab(&self) -> usize;

    /// Runs the network once on every sequence and answers at the asked positions.
    ///
    /// Sequences may differ in length. An answer does not depend on what else is
    /// in the batch, up to the network's own floating-point error.
    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError>;
}

/// The answers to a batch of queries.
#[derive(Clone, Debug, Default)]
pub struct Prediction {
    /// One list per query, one entry per asked position and then per shadow, in the
    /// order asked.
    pub candidates: Vec<Vec<Candidate>>,
    /// The summed distributions, where [`Ask::mixture`] wanted them.
    pub mixture: Option<Mixture>,
    /// One per query, where [`Ask::remember`] wanted them; otherwise none.
    pub memories: Vec<Memory>,
}

/// Distributions summed over queries, ordinal by ordinal.
///
/// Its mean is the prediction of somebody who does not know the prompt. How far
/// the single predictions lie from it is what they know of their prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// `Σ_queries p(·)`, row-major `[ordinal, vocab]`.
    pub sum: Vec<f32>,
    /// Size of the vocabulary, `V`.
    pub vocab: usize,
    /// How many queries were summed.
    pub queries: usize,
}
