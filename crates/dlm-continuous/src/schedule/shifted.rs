//! A schedule moved towards data or towards noise.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    NoiseSchedule, ParameterError, Schedule, ScheduleError, parameter::require, timely,
    variance::with_lambda,
};

/// Another schedule whose noise is divided by a factor (Hoogeboom et al. 2023, simple
/// diffusion; for text Lovelace et al. 2023, LD4LG, with factors below 1: more noise).
///
/// ```text
/// λ(t) = λ'(t) + ln scale,  α² = sigmoid(2λ),  σ² = sigmoid(−2λ)
/// ```
///
/// It keeps the variance, whatever the schedule does that it moves. The ends are those of
/// the schedule, as much further on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shifted {
    /// The factor, above 0; below 1 for more noise.
    pub scale: f64,
    /// The schedule that is moved.
    pub schedule: Box<Schedule>,
}

impl NoiseSchedule for Shifted {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let level = self.schedule.level(t)?;
        Ok(with_lambda(t, level.lambda() + self.scale.ln()))
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        let shift = self.scale.ln();
        match self.schedule.level_at(lambda - shift) {
            Ok(level) => Ok(with_lambda(level.t, lambda)),
            Err(ScheduleError::Lambda { least, most, .. }) => {
                Err(ScheduleError::Lambda { lambda, least: least + shift, most: most + shift })
            }
            Err(other) => Err(other),
        }
    }

    fn validate(&self) -> Result<(), ParameterError> {
        require("scale", self.scale, 0.0 < self.scale, "above 0")?;
        self.schedule.validate()
    }
}
