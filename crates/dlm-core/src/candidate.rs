//! What a network says about one masked position.

use crate::TokenId;

/// The answer for one position: a few numbers in place of a row of logits.
///
/// All statistics are those of the shaped, *untempered* distribution `p`, whatever the
/// temperature or the transition the token was drawn with. LLaDA calls `probability` confidence and
/// Dream calls `margin` or `−entropy` so; here each has its own name.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Index into the sequence.
    pub position: usize,
    /// The drawn token, or the most probable one at temperature 0. A transition may
    /// leave the current token in place, even the mask.
    pub token: TokenId,
    /// `ln p(token)`; `−∞` for a token that `p` rules out.
    pub log_probability: f32,
    /// `p₁ − p₂`, the lead of the most probable token over the next.
    pub margin: f32,
    /// Shannon entropy `−Σ p ln p`, nats, in `[0, ln V]`.
    pub entropy: f32,
    /// The most probable tokens, best first, equals in order of their ids. Where the
    /// last place is a tie, which of the equals takes it is the device's choice.
    pub top: Vec<Ranked>,
    /// `Σᵥ p(v)·w(v)` for each asked weight vector, in order.
    pub expectations: Vec<f32>,
    /// Jensen–Shannon divergence to the next asked position, nats, in
    /// `[0, ln 2]`; absent at the last one.
    pub next_divergence: Option<f32>,
    /// Where the right token stands; absent where none is known.
    pub target: Option<Target>,
    /// `ln p` of each watched token, in order.
    pub watched: Vec<f32>,
    /// `KL(p ‖ p')` from the earlier prediction `p'` of the same position, nats; absent
    /// where there is none.
    pub divergence: Option<f32>,
}

impl Candidate {
    /// `p(token)`, in `[0, 1]`.
    pub fn probability(&self) -> f32 {
        self.log_probability.exp()
    }
}

/// One of the most probable tokens of a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The token.
    pub token: TokenId,
    /// `ln p(token)`.
    pub log_probability: f32,
}

/// How a distribution treats the token that belongs there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// How many tokens are strictly more probable; 0 is best.
    pub rank: u32,
    /// `ln p(target)`.
    pub log_probability: f32,
}
