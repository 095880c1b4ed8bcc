//! Why a sampler cannot run, or had to stop.

use dlm_core::ModelError;

use crate::ParameterError;

/// A setting of a sampler that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A count that must be positive.
    #[error("{field} is 0: give at least 1")]
    Zero {
        /// The setting.
        field: &'static str,
    },
    /// A number outside its range.
    #[error("{field} is {value}: it must be {allowed}")]
    Range {
        /// The setting.
        field: &'static str,
        /// What was given.
        value: f64,
        /// What may be given.
        allowed: &'static str,
    },
    /// A clock that is none.
    #[error("clock: {0}")]
    Clock(#[from] ParameterError),
    /// Fewer steps than blocks.
    #[error(
        "{steps} steps for {blocks} blocks: every block needs one; give more steps or \
         longer blocks"
    )]
    TooFewSteps {
        /// Steps of the whole response.
        steps: usize,
        /// Blocks it is cut into.
        blocks: usize,
    },
    /// Two settings that do not go together.
    #[error("{what}")]
    Conflict {
        /// Which, why, and what to do.
        what: &'static str,
    },
    /// A setting that needs something the run was not given.
    #[error("{what}")]
    Missing {
        /// What needs what.
        what: &'static str,
    },
    /// A token outside the vocabulary.
    #[error(
        "{field} names token {token}, which the vocabulary of {vocab} does not have: give one \
         below {vocab}"
    )]
    Token {
        /// The setting.
        field: &'static str,
        /// The token.
        token: u32,
        /// The vocabulary's size.
        vocab: usize,
    },
    /// Nothing is left to draw.
    #[error("every token of the vocabulary of {vocab} is banned: lift a ban")]
    AllBanned {
        /// The vocabulary's size.
        vocab: usize,
    },
}

/// Why a run stopped before its canvases were filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The sampler cannot run as configured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model did not answer every question, or answered more.
    #[error("the model gave {found} answers where {asked} were asked for")]
    Answers {
        /// Positions asked about.
        asked: usize,
        /// Answers received.
        found: usize,
    },
    /// The model answered for another position than was asked.
    #[error(
        "the model answered for position {found} where {asked} was asked about: answers come \
         in the order of the positions"
    )]
    Misplaced {
        /// The position asked about.
        asked: usize,
        /// The position of the answer.
        found: usize,
    },
    /// The model drew the mask, or a token that it does not have.
    #[error(
        "the model drew token {token} at position {position}, which is the mask or beyond its \
         vocabulary"
    )]
    Draw {
        /// The position.
        position: usize,
        /// What was drawn.
        token: u32,
    },
    /// Not one source of randomness per canvas.
    #[error("{draws} sources of randomness for {canvases} canvases: give one each")]
    Draws {
        /// Sources.
        draws: usize,
        /// Canvases.
        canvases: usize,
    },
    /// The observer ended the run.
    #[error("the run was stopped by its observer")]
    Stopped,
}
