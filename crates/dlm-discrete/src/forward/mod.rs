//! Forward processes: how clean tokens become noise.
//!
//! [`Process`] is absorbing or uniform diffusion in closed form, for vocabularies of any
//! size. [`Chain`] is any process that can be written as a matrix for each step, for
//! vocabularies small enough to write it. Where both describe the same process they
//! agree, and the tests say so.

mod chain;
mod process;
mod spiked;

pub use chain::Chain;
pub use process::Process;
pub use spiked::Spiked;

use dlm_core::TokenId;
use serde::{Deserialize, Serialize};

use crate::ParameterError;

/// What a token turns into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// The mask, for good (Austin et al. 2021).
    Absorbing,
    /// Any token but the mask, all equally likely, itself among them (Hoogeboom et al.
    /// 2021).
    Uniform,
}

/// How a prediction `p(x₀)` at a position becomes a distribution of its token at an
/// earlier time. For absorbing noise both are one.
///
/// They differ in what `p` may know. The exact reverse step is [`Reverse::Joint`] if `p`
/// is the law of `x₀` given the *other* positions, and [`Reverse::Mixture`] if `p` knows
/// the position's own noisy token as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reverse {
    /// `p(x_s | x_t) ∝ q(x_t | x_s) Σ_{x₀} p(x₀) q(x_s | x₀)` (Austin et al. 2021, eq. 4;
    /// Sahoo et al. 2025, Duo).
    #[default]
    Joint,
    /// `p(x_s | x_t) = Σ_{x₀} p(x₀) q(x_s | x_t, x₀)`, over the `x₀` that `x_t` leaves
    /// possible.
    Mixture,
}

/// Why a forward process, or something about it, is not to be had.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ForwardError {
    /// The clock's parameters give no clock.
    #[error(transparent)]
    Schedule(#[from] ParameterError),
    /// Nothing is left of the vocabulary.
    #[error("a vocabulary of {vocab} with the mask {mask} holds no token: enlarge `vocab`")]
    NoTokens {
        /// The size given.
        vocab: usize,
        /// The mask id.
        mask: TokenId,
    },
    /// A token is not one of the process's states.
    #[error("token {token} is no state of the process: give one of its {states} states")]
    NotAState {
        /// The token.
        token: usize,
        /// How many states there are.
        states: usize,
    },
    /// No path of the process leads from the clean token, or any that `p` holds possible,
    /// to the noisy one.
    #[error("nothing that was given as clean turns into token {x_t}: check tokens and times")]
    Impossible {
        /// Where it should arrive.
        x_t: usize,
    },
    /// A matrix is not one of transition probabilities.
    #[error("step {step}, row {row}: {problem}")]
    NotStochastic {
        /// Counted from 1.
        step: usize,
        /// Counted from 0.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A step outside the chain.
    #[error("step {step} lies outside the chain: choose 0 ≤ s ≤ t ≤ {steps}")]
    NoSuchStep {
        /// The step.
        step: usize,
        /// How many there are.
        steps: usize,
    },
}
