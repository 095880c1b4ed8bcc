//! A schedule that was learned with its network.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    Interpolation, Knots, NoiseSchedule, ParameterError, ScheduleError, parameter::require,
    reached, timely, variance::with_lambda,
};

/// A learned monotone schedule (Kingma et al. 2021, VDM; for text Gulrajani & Hashimoto 2023,
/// Plaid).
///
/// ```text
/// γ(t) = γ₀ + (γ₁ − γ₀)·g(t),  α² = sigmoid(−γ),  σ² = sigmoid(γ)
/// ```
///
/// `g` is the monotone network, given by what it says at some times and scaled to run from 0
/// to 1. Both ends carry noise and signal: `γ = −2λ` runs from `gamma_min` to `gamma_max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Learned {
    /// `γ₀`, nats, at least −600; −3.
    pub gamma_min: f64,
    /// `γ₁`, nats, above `gamma_min` and at most 600; 6.
    pub gamma_max: f64,
    /// `[t, g]`, both strictly rising, `t` from 0 to 1; straight from 0 to 1.
    pub knots: Knots,
    /// How `g` goes from knot to knot; straight.
    pub interpolation: Interpolation,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            gamma_min: -3.0,
            gamma_max: 6.0,
            knots: Knots::straight([0.0, 0.0], [1.0, 1.0]),
            interpolation: Interpolation::Linear,
        }
    }
}

impl NoiseSchedule for Learned {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let ([_, first], [_, last]) = self.knots.ends();
        let g = (self.knots.at(t, self.interpolation) - first) / (last - first);
        let gamma = (1.0 - g) * self.gamma_min + g * self.gamma_max;
        Ok(with_lambda(t, -0.5 * gamma))
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let ([_, first], [_, last]) = self.knots.ends();
        let g = (-2.0 * lambda - self.gamma_min) / (self.gamma_max - self.gamma_min);
        let y = first + g * (last - first);
        Ok(with_lambda(self.knots.x_at(y, self.interpolation), lambda))
    }

    fn validate(&self) -> Result<(), ParameterError> {
        require("gamma_min", self.gamma_min, -600.0 <= self.gamma_min, "at least −600")?;
        let inside = self.gamma_min < self.gamma_max && self.gamma_max <= 600.0;
        require("gamma_max", self.gamma_max, inside, "above gamma_min and at most 600")?;
        let ([first, _], [last, _]) = self.knots.ends();
        require("knots: first t", first, first == 0.0, "0")?;
        require("knots: last t", last, last == 1.0, "1")
    }
}
