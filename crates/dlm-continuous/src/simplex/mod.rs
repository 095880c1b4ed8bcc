//! Diffusion on the simplex of a vocabulary.
//!
//! A token is a vector with one number for each word of the vocabulary, `+K` at its own and
//! `−K` elsewhere ([`OneHot`]), and noise is Gaussian in units of `K`:
//!
//! ```text
//! w_t = α·w₀ + σ·K·z,  z ~ N(0, I)
//! ```
//!
//! Levels are those of the published schedules, `α² + σ² = 1`: the `σ` of a
//! [`NoiseLevel`](dlm_core::NoiseLevel) counts in units of `K` here.
//!
//! The network does not predict data but [`TokenLogits`](crate::denoiser::TokenLogits). A [`Projection`] makes data of them,
//! [`Projected`] puts the two together into a [`Denoiser`](dlm_core::Denoiser), and
//! [`Renoise`] is the step. [`SimplexSettings`] holds the settings of SSD-LM and TESS, and
//! [`Filling`] writes texts with them.

mod denoiser;
mod filling;
mod one_hot;
mod projection;
mod renoise;
mod settings;

use dlm_core::{LatentError, ModelError, TokenId};

use crate::schedule::ScheduleError;
use crate::{NoiseError, SampleError};

pub use denoiser::Projected;
pub use filling::Filling;
pub use one_hot::OneHot;
pub use projection::Projection;
pub use renoise::Renoise;
pub use settings::SimplexSettings;

/// Why there is no diffusion on this simplex.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimplexError {
    /// There is nothing to choose from.
    #[error("the vocabulary is empty: give at least one token")]
    Vocabulary,
    /// A setting outside its range.
    #[error("{field} = {value} is outside {range}")]
    Parameter {
        /// The setting.
        field: &'static str,
        /// What it was.
        value: f64,
        /// Where it has to lie.
        range: &'static str,
    },
    /// Vectors that are not of the vocabulary.
    #[error("vectors of {found} numbers for a vocabulary of {vocab}: give one number a token")]
    Dimension {
        /// Numbers of a position.
        found: usize,
        /// The vocabulary's size.
        vocab: usize,
    },
    /// Logits that make no distribution.
    #[error(
        "the logits of sequence {sequence}, position {position} make no distribution: they must \
         be numbers or −∞, and not all of them −∞"
    )]
    Logits {
        /// The sequence of the batch.
        sequence: usize,
        /// The position in it.
        position: usize,
    },
    /// A state that is not finite.
    #[error(
        "the state of sequence {sequence}, position {position} is not finite: look at what the network predicts there"
    )]
    State {
        /// The sequence of the batch.
        sequence: usize,
        /// The position in it.
        position: usize,
    },
    /// Not one token for every position.
    #[error("{tokens} tokens for {positions} positions: give one each")]
    Tokens {
        /// How many tokens.
        tokens: usize,
        /// How many positions.
        positions: usize,
    },
    /// A token outside the vocabulary.
    #[error("token {token} is not in the vocabulary of {vocab}: give one below {vocab}")]
    Token {
        /// The token.
        token: TokenId,
        /// The vocabulary's size.
        vocab: usize,
    },
    /// Prompts of different lengths in one batch.
    #[error(
        "prompt {index} has {found} tokens, the first has {length}: fill prompts of one length \
         together"
    )]
    Prompts {
        /// The prompt.
        index: usize,
        /// Its length.
        found: usize,
        /// The length of the first.
        length: usize,
    },
    /// States could not be made or combined.
    #[error(transparent)]
    Latent(#[from] LatentError),
    /// There was no noise.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The schedule has no such level.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A run stopped before its end.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A state could not be read, or a token not be placed.
    #[error(transparent)]
    Model(#[from] ModelError),
}
