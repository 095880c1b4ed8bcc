//! Why a likelihood cannot be computed.

use dlm_core::{LatentError, ModelError, TokenId};

use crate::{LevelsError, schedule::ScheduleError};

/// Why a likelihood cannot be computed, and what to give instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LikelihoodError {
    /// A setting lies outside the range in which it has a meaning.
    #[error("{field} is {value}: give a number {range}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What was given.
        value: f64,
        /// The range, in words.
        range: &'static str,
    },
    /// The levels lead nowhere.
    #[error(transparent)]
    Levels(#[from] LevelsError),
    /// The signal-to-noise ratio of data without noise is infinite.
    #[error(
        "position {position} loses all its noise, where densities are infinite: end at a small \
         σ above 0, or keep the position clean from the first level on"
    )]
    Infinite {
        /// Entry of the list of levels; 0 where the level is shared.
        position: usize,
    },
    /// A condition is known, or it is none.
    #[error(
        "position {position} stays at σ = {sigma}: give a condition without noise, or let the \
         position get cleaner"
    )]
    Still {
        /// Entry of the list of levels; 0 where the level is shared.
        position: usize,
        /// Its noise.
        sigma: f64,
    },
    /// Names or values that are not one for each sequence.
    #[error("{given} {what} for {batch} sequences: give one for each")]
    Sequences {
        /// What there are too few or too many of.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// Sequences of the batch.
        batch: usize,
    },
    /// The embeddings are no matrix of one row per token.
    #[error(
        "{given} numbers are no embeddings of {dim} dimensions: give at least one row of {dim}, \
         at least 1, all finite"
    )]
    Embeddings {
        /// Numbers given.
        given: usize,
        /// Numbers of an embedding.
        dim: usize,
    },
    /// A token without embedding.
    #[error("token {token} at position {position}: give tokens below {vocab}")]
    Token {
        /// Where, row-major over `[batch, length]`.
        position: usize,
        /// The token.
        token: TokenId,
        /// Embeddings.
        vocab: usize,
    },
    /// The latent does not fit the tokens to be read from it.
    #[error("{given} {what}, not {expected}: give tokens and embeddings that fit the latent")]
    Fit {
        /// What there are too few or too many of.
        what: &'static str,
        /// How many the latent has.
        given: usize,
        /// How many it should have.
        expected: usize,
    },
    /// What was given to be probable is not a number.
    #[error("the data of sequence {sequence} are not finite: give them without NaN and infinities")]
    Data {
        /// The sequence of the batch.
        sequence: usize,
    },
    /// A draw of the bound is not a number.
    #[error(
        "draw {draw}: the bound of sequence {sequence} is not finite: look at what the denoiser \
         and the reconstruction answer there"
    )]
    Draw {
        /// The draw, from 0.
        draw: u64,
        /// The sequence of the batch.
        sequence: usize,
    },
    /// The flow left the numbers.
    #[error(
        "step {step}: state or trace of sequence {sequence} is not finite: look at what the \
         denoiser predicts at this noise, or take more steps"
    )]
    NotFinite {
        /// The step, from 0, counted from data.
        step: usize,
        /// The sequence of the batch.
        sequence: usize,
    },
    /// Denoiser or reconstruction failed.
    #[error("the likelihood needs a prediction")]
    Model(#[from] ModelError),
    /// States could not be combined.
    #[error(transparent)]
    Latent(#[from] LatentError),
    /// The schedule has no such level.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}
