//! A sigmoid from data to noise.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    NoiseSchedule, ParameterError, ScheduleError,
    parameter::require,
    reached, timely,
    variance::{sigmoid, with_lambda},
};

/// Noise along a sigmoid (Jabri et al. 2023; for text Lovelace et al. 2023, LD4LG).
///
/// ```text
/// u(t) = (sigmoid(x(t)) − sigmoid(x(0)))/(sigmoid(x(1)) − sigmoid(x(0)))
/// x(t) = (start + t(end − start))/temperature
/// α² = (1 − u)·sigmoid(log_snr_max) + u·sigmoid(log_snr_min),  σ² = 1 − α²
/// ```
///
/// LD4LG clamps `ln(α²/σ²) = 2λ` to `[log_snr_min, log_snr_max]`, where `λ` would stand
/// still; here the same two values are the ends, and `α²` differs by less than 4·10⁻⁷ on the
/// way. LD4LG's shift is [`Shifted`](super::Shifted).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sigmoid {
    /// Where on the sigmoid data lies; −3.
    pub start: f64,
    /// Where on the sigmoid noise lies, above `start`; 3.
    pub end: f64,
    /// How flat the sigmoid is, above 0; 1.
    pub temperature: f64,
    /// `2λ(1)`, nats, at least −600; −15.
    pub log_snr_min: f64,
    /// `2λ(0)`, nats, above `log_snr_min` and at most 600; 20.
    pub log_snr_max: f64,
}

impl Default for Sigmoid {
    fn default() -> Self {
        Self { start: -3.0, end: 3.0, temperature: 1.0, log_snr_min: -15.0, log_snr_max: 20.0 }
    }
}

impl Sigmoid {
    /// `sigmoid(x(0))` and `sigmoid(x(1))`.
    fn ends(&self) -> (f64, f64) {
        (sigmoid(self.start / self.temperature), sigmoid(self.end / self.temperature))
    }
}

impl NoiseSchedule for Sigmoid {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let (first, last) = self.ends();
        let x = ((1.0 - t) * self.start + t * self.end) / self.temperature;
        // Both shares by a difference of their own, so that neither end loses digits.
        let noisy = (sigmoid(x) - first) / (last - first);
        let clean = (last - sigmoid(x)) / (last - first);
        let mix = |sign: f64| {
            let (most, least) = (sign * self.log_snr_max, sign * self.log_snr_min);
            (clean * sigmoid(most) + noisy * sigmoid(least)).sqrt()
        };
        Ok(NoiseLevel { t, alpha: mix(1.0), sigma: mix(-1.0) })
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let (first, last) = self.ends();
        let span = sigmoid(self.log_snr_max) - sigmoid(self.log_snr_min);
        // The share of noise, from whichever of α² and σ² is the smaller.
        let noisy = match 0.0 < lambda {
            true => (sigmoid(-2.0 * lambda) - sigmoid(-self.log_snr_max)) / span,
            false => (sigmoid(self.log_snr_max) - sigmoid(2.0 * lambda)) / span,
        };
        let y = first + noisy * (last - first);
        let x = self.temperature * (y / (1.0 - y)).ln();
        let t = (x - self.start) / (self.end - self.start);
        Ok(with_lambda(t.clamp(0.0, 1.0), lambda))
    }

    fn validate(&self) -> Result<(), ParameterError> {
        require("start", self.start, true, "a number")?;
        require("end", self.end, self.start < self.end, "above start")?;
        require("temperature", self.temperature, 0.0 < self.temperature, "above 0")?;
        let (first, last) = self.ends();
        require("temperature", self.temperature, first < last, "one that tells the ends apart")?;
        require("log_snr_min", self.log_snr_min, -600.0 <= self.log_snr_min, "at least −600")?;
        let inside = self.log_snr_min < self.log_snr_max && self.log_snr_max <= 600.0;
        require("log_snr_max", self.log_snr_max, inside, "above log_snr_min and at most 600")
    }
}
