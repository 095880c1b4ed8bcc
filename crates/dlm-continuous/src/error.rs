//! Why a run stopped before its end.

use dlm_core::{LatentError, ModelError};

use crate::{LevelsError, NoiseError, schedule::ScheduleError};

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The levels of the run make none.
    #[error(transparent)]
    Levels(#[from] LevelsError),
    /// A run began with a state that is not finite.
    #[error(
        "the state of sequence {sequence} is not finite before the first step: give one without \
         NaN and infinities"
    )]
    Start {
        /// The sequence of the batch.
        sequence: usize,
    },
    /// A number of the state is no longer finite.
    #[error(
        "step {step}: the state of sequence {sequence} is not finite: look at what the \
         denoiser predicts at this noise, or take more steps"
    )]
    NotFinite {
        /// The step, from 0, whose result it is.
        step: usize,
        /// The sequence of the batch.
        sequence: usize,
    },
    /// A parameter of the sampler lies outside its range.
    #[error("{field} = {value} is outside {range}")]
    Parameter {
        /// The parameter.
        field: &'static str,
        /// What it was.
        value: f64,
        /// Where it has to lie.
        range: &'static str,
    },
    /// The denoiser failed.
    #[error("step {step}: the denoiser failed")]
    Model {
        /// The step, from 0.
        step: usize,
        /// Why.
        source: ModelError,
    },
    /// States of the run could not be combined.
    #[error(transparent)]
    Latent(#[from] LatentError),
    /// There was no noise to add.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The schedule has no such level.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}
