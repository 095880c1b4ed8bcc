//! The forward process in time: `t ↦ (α, σ)`, and the levels at which a run stops to look.
//!
//! A [`Schedule`] is read from a file or written down, a [`Grid`] says at which of its levels
//! a run stops, and a [`Clock`] gives every position a time of its own:
//!
//! ```
//! use dlm_continuous::schedule::{Clock, Grid, Schedule};
//!
//! let schedule: Schedule = serde_json::from_str(r#"{"kind": "cosine"}"#)?;
//! let grid = Grid::uniform(50).levels(&schedule)?;
//! // Twenty positions, of which the first four are a prompt.
//! let levels = Clock::shared(20).freeze(0..4).levels(&grid, &schedule)?;
//! assert_eq!(levels.len(), 51);
//! assert_eq!(levels[0].at(3).sigma, 0.0);
//! assert!(0.999 < levels[0].at(4).sigma);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Published chains in discrete time are a [`Table`], which is a schedule too; [`Published`]
//! is one that a file can name.

mod betas;
mod choice;
mod clock;
mod cosine;
mod grid;
mod karras;
mod knots;
mod learned;
mod linear;
mod parameter;
mod piecewise;
mod published;
mod shifted;
mod sigmoid;
mod sqrt;
mod table;
mod time_warp;
mod timesteps;
mod variance;

pub use betas::Betas;
pub use choice::Schedule;
pub use clock::Clock;
pub use cosine::{Cosine, TruncatedCosine};
pub use grid::{End, Grid, Spacing};
pub use karras::Karras;
pub use knots::{Interpolation, Knots};
pub use learned::Learned;
pub use linear::{Linear, ScaledLinear, TruncatedLinear};
pub use parameter::ParameterError;
pub use piecewise::PiecewiseLinear;
pub use published::Published;
pub use shifted::Shifted;
pub use sigmoid::Sigmoid;
pub use sqrt::Sqrt;
pub use table::Table;
pub use time_warp::TimeWarp;
pub use timesteps::{Last, Picking, Timesteps};
pub use variance::{variance_exploding, variance_preserving};

use dlm_core::NoiseLevel;

/// The Gaussian forward process `x_t = α(t)·x₀ + σ(t)·ε` as a function of time.
///
/// `λ(t) = ln(α/σ)` falls strictly from data at `t = 0` to noise at `t = 1`.
pub trait NoiseSchedule {
    /// The level at time `t` in `[0, 1]`.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Time`] for a time outside.
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError>;

    /// The level whose half log signal-to-noise ratio is `lambda`.
    ///
    /// By bisection in time, to the last bits, unless a schedule knows better.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Lambda`] where the schedule does not reach it.
    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let (mut clean, mut noisy) = (0.0, 1.0);
        loop {
            let middle = 0.5 * (clean + noisy);
            if middle <= clean || noisy <= middle {
                return self.level(middle);
            }
            match lambda < self.level(middle)?.lambda() {
                true => clean = middle,
                false => noisy = middle,
            }
        }
    }

    /// Whether the parameters give a schedule; always, unless a schedule has some.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] names the first that does not.
    fn validate(&self) -> Result<(), ParameterError> {
        Ok(())
    }
}

impl<S: NoiseSchedule + ?Sized> NoiseSchedule for &S {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        (**self).level(t)
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        (**self).level_at(lambda)
    }

    fn validate(&self) -> Result<(), ParameterError> {
        (**self).validate()
    }
}

/// Why a schedule has no such level.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// An invalid time.
    #[error("t = {0} is an invalid diffusion time: give one in [0, 1], where 0 is data")]
    Time(f64),
    /// A signal-to-noise ratio that the schedule does not reach.
    #[error("λ = {lambda} is outside the schedule's range [{least}, {most}]: choose one within")]
    Lambda {
        /// What was asked for, nats.
        lambda: f64,
        /// `λ(1)`.
        least: f64,
        /// `λ(0)`.
        most: f64,
    },
    /// A step that a table does not have.
    #[error("step {step} is not in the table: choose one from 0 to {last}")]
    Step {
        /// What was asked for.
        step: f64,
        /// The last step of the table.
        last: usize,
    },
    /// A time after the last step of a table that leaves out the end of its chain.
    #[error(
        "t = {t} is after the last step that the table keeps, at t = {last}: choose an earlier one"
    )]
    Late {
        /// What was asked for.
        t: f64,
        /// The time of the last step.
        last: f64,
    },
    /// Steps that do not go from noise to data.
    #[error("step {from} is followed by {to}: list falling steps, no more than the table has")]
    Standing {
        /// A step.
        from: f64,
        /// The one listed after it.
        to: f64,
    },
    /// A parameter lies outside its range.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// An error for a time outside `[0, 1]`.
fn timely(t: f64) -> Result<(), ScheduleError> {
    match (0.0..=1.0).contains(&t) {
        true => Ok(()),
        false => Err(ScheduleError::Time(t)),
    }
}

/// An error for a `λ` that the schedule does not reach.
fn reached<S: NoiseSchedule + ?Sized>(schedule: &S, lambda: f64) -> Result<(), ScheduleError> {
    let (most, least) = (schedule.level(0.0)?.lambda(), schedule.level(1.0)?.lambda());
    match (least..=most).contains(&lambda) {
        true => Ok(()),
        false => Err(ScheduleError::Lambda { lambda, least, most }),
    }
}
