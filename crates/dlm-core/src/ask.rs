//! What is asked of a network: where, and what about it.

use crate::{Memory, TokenId, Transition};

/// One sequence and the positions somebody wants to know about.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The whole sequence, masks included.
    pub tokens: &'a [TokenId],
    /// Indices into `tokens`, in the order the answers are wanted.
    pub positions: &'a [usize],
    /// Known positions that are asked about as if their own token were masked; their
    /// answers follow those of `positions`, with that token as the target.
    pub shadows: &'a [usize],
    /// One number in `[0, 1)` per position, from which its token is drawn; empty where
    /// nothing is drawn: [`Ask::temperature`] is 0 and there are no `transitions`.
    pub uniforms: &'a [f64],
    /// The token that belongs at each position, where that is known; empty, or
    /// one entry per position.
    pub targets: &'a [Option<TokenId>],
    /// Tokens whose probabilities are wanted; empty, or one list per position.
    pub watched: &'a [Vec<TokenId>],
    /// From which weights each position draws its token; empty (from `p`), or one
    /// entry per position.
    pub transitions: &'a [Transition],
    /// The same sequence without its condition, as long as `tokens`: what
    /// [`Shaping::guidance`] leads away from.
    pub unconditional: Option<&'a [TokenId]>,
    /// Diffusion time in `[0, 1]`, for networks that are told it.
    pub time: Option<f64>,
    /// What an earlier prediction of the same sequence left behind, for
    /// [`Candidate::divergence`](crate::Candidate::divergence).
    pub earlier: Option<&'a Memory>,
}

impl<'a> Query<'a> {
    /// A query that draws nothing and knows no right answer.
    pub fn new(tokens: &'a [TokenId], positions: &'a [usize]) -> Self {
        Self {
            tokens,
            positions,
            shadows: &[],
            uniforms: &[],
            targets: &[],
            watched: &[],
            transitions: &[],
            unconditional: None,
            time: None,
            earlier: None,
        }
    }

    /// The positions, then the shadows: what the answers are about, in order.
    pub fn answered(&self) -> impl Iterator<Item = usize> + use<'a> {
        self.positions.iter().chain(self.shadows).copied()
    }
}

/// What is asked about every position of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// Softmax temperature of the draw; 0 takes the most probable token. All
    /// other statistics are those of the untempered distribution.
    pub temperature: f64,
    /// How the logits become the distribution `p` that everything is about.
    pub shaping: Shaping<'a>,
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
    /// Whether every query's distributions are wanted as a [`Memory`].
    pub remember: bool,
}

/// From logits to the distribution `p`: guidance, then biases, then top-k, then top-p.
///
/// Everything said about a position is said about `p`, the shaped distribution; the
/// temperature acts on it last and on the draw alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shaping<'a> {
    /// Classifier-free guidance `w` (Ho & Salimans 2022, in the sign of Nie et al. 2025):
    /// `l = l_u + (w + 1)(l_c − l_u)`; 0 is off. Acts on queries that have an
    /// unconditional sequence.
    pub guidance: f64,
    /// Added to the logits of single tokens; `−∞` bans a token.
    pub biases: &'a [(TokenId, f32)],
    /// Only the `k` most probable tokens keep their mass (Fan et al. 2018); equals in
    /// order of their ids.
    pub top_k: Option<usize>,
    /// Only the most probable tokens up to a total mass keep theirs.
    pub top_p: Option<TopP>,
}

/// Nucleus truncation (Holtzman et al. 2020).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopP {
    /// The mass, in `(0, 1]`.
    pub mass: f64,
    /// What becomes of the token with which the sum passes `mass`.
    pub crossing: Crossing,
}

/// The token with which the cumulative probability passes the nucleus's mass.
///
/// Implementations disagree; the first token always stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crossing {
    /// It stays: a token is in if the mass before it is below the limit.
    #[default]
    Kept,
    /// It goes: a token is in if the mass up to it does not exceed the limit
    /// (ReMDM's reference code).
    Dropped,
}
