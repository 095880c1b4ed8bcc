//! Every schedule there is, as a value to read from a file.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    Cosine, Karras, Learned, Linear, NoiseSchedule, ParameterError, PiecewiseLinear, Published,
    ScaledLinear, ScheduleError, Shifted, Sigmoid, Sqrt, TimeWarp, TruncatedCosine,
    TruncatedLinear,
};

/// One of the published schedules.
///
/// In a file a schedule is a table with its `kind`; every other field has the value its
/// authors use where it is left out. [`NoiseSchedule::validate`] says whether what was read
/// is a schedule:
///
/// ```
/// use dlm_continuous::schedule::{NoiseSchedule, Schedule};
///
/// let schedule: Schedule = serde_json::from_str(r#"{"kind": "karras", "rho": 5}"#)?;
/// schedule.validate()?;
/// assert_eq!(schedule.level(1.0)?.sigma, 80.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Schedule {
    /// A rate that grows linearly.
    Linear(Linear),
    /// A rate whose square root grows linearly.
    ScaledLinear(ScaledLinear),
    /// The squared cosine.
    Cosine(Cosine),
    /// Diffusion-LM's square root of time.
    Sqrt(Sqrt),
    /// The squared cosine that begins with noise.
    TruncatedCosine(TruncatedCosine),
    /// The linear rate with as much added at every step.
    TruncatedLinear(TruncatedLinear),
    /// A rate that is linear between knots.
    PiecewiseLinear(PiecewiseLinear),
    /// Noise along a sigmoid.
    Sigmoid(Sigmoid),
    /// Noise whose `ρ`-th root grows linearly, at constant signal.
    Karras(Karras),
    /// A learned monotone schedule.
    Learned(Learned),
    /// Time in which the loss grows evenly.
    TimeWarp(TimeWarp),
    /// Another schedule with its noise divided by a factor.
    Shifted(Shifted),
    /// A published chain in discrete time.
    Published(Published),
}

impl Schedule {
    fn chosen(&self) -> &dyn NoiseSchedule {
        match self {
            Self::Linear(schedule) => schedule,
            Self::ScaledLinear(schedule) => schedule,
            Self::Cosine(schedule) => schedule,
            Self::Sqrt(schedule) => schedule,
            Self::TruncatedCosine(schedule) => schedule,
            Self::TruncatedLinear(schedule) => schedule,
            Self::PiecewiseLinear(schedule) => schedule,
            Self::Sigmoid(schedule) => schedule,
            Self::Karras(schedule) => schedule,
            Self::Learned(schedule) => schedule,
            Self::TimeWarp(schedule) => schedule,
            Self::Shifted(schedule) => schedule,
            Self::Published(schedule) => schedule,
        }
    }
}

impl NoiseSchedule for Schedule {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        self.chosen().level(t)
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        self.chosen().level_at(lambda)
    }

    fn validate(&self) -> Result<(), ParameterError> {
        self.chosen().validate()
    }
}
