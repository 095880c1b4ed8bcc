//! Where a run's Gaussian noise comes from.

mod brownian;
mod recorded;
mod stepwise;

use dlm_core::{LatentError, Levels};

pub use brownian::Brownian;
pub use recorded::Recorded;
pub use stepwise::Stepwise;

/// Standard normal noise for a run, named by what it is for.
///
/// Whoever implements it decides what is shared between runs: nothing, the path of one
/// Brownian motion, or somebody's recorded numbers.
pub trait Noise<X> {
    /// `z ~ N(0, I)` in the shape of `like`, independent of all other draws: where a run
    /// starts, or noise that a step adds of its own accord.
    ///
    /// # Errors
    ///
    /// Where there is no more noise, or it does not fit `like`.
    fn fresh(&mut self, like: &X) -> Result<X, NoiseError>;

    /// `z ~ N(0, I)` in the shape of `like`, for the step between two levels: the increment
    /// of the process's noise, divided by its standard deviation.
    ///
    /// # Errors
    ///
    /// Where there is no more noise, or it does not fit `like`.
    fn between(&mut self, like: &X, from: &Levels, to: &Levels) -> Result<X, NoiseError>;
}

/// Why there was no noise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// The state could not be filled.
    #[error(transparent)]
    Latent(#[from] LatentError),
    /// Not one key for every sequence.
    #[error("{keys} keys for {sequences} sequences: give each sequence its own")]
    Keys {
        /// How many keys.
        keys: usize,
        /// How many sequences.
        sequences: usize,
    },
    /// The recorded draws are used up.
    #[error("all {draws} recorded draws are used up: record more, or take fewer steps")]
    Exhausted {
        /// How many there were.
        draws: usize,
    },
}
