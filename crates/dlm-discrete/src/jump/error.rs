//! Why canvases could not be filled.

use dlm_core::ModelError;

use crate::{BatchError, ParameterError};

/// Why canvases could not be filled. They are then left as the last whole step had them.
#[derive(Debug, thiserror::Error)]
pub enum JumpError {
    /// A parameter lies outside its range.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The canvases, the keys and the model do not belong together.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// All weight lies on the mask, which is no state of uniform noise.
    #[error("position {position} draws nothing but the mask: the model rules out every token")]
    OnlyTheMask {
        /// Where.
        position: usize,
    },
    /// The model did not answer what it was asked.
    #[error("{found} answers to {asked} questions: the model breaks its contract")]
    Answers {
        /// How many were given.
        found: usize,
        /// How many were due.
        asked: usize,
    },
    /// No canvas may be evaluated.
    #[error("batch is 0: evaluate at least 1 canvas at a time")]
    NoBatch,
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The observer ended the run.
    #[error("the run was stopped by its observer")]
    Stopped,
}
