//! Rates of noise that grow linearly, and their square roots.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    NoiseSchedule, ParameterError, ScheduleError,
    parameter::require,
    reached, timely,
    variance::{decay_at, decayed, with_lambda},
};

/// A rate that grows linearly (Ho et al. 2020; in continuous time Song et al. 2021).
///
/// ```text
/// β(t) = β₀ + t(β₁ − β₀),  α = exp(−¼t²(β₁ − β₀) − ½tβ₀),  σ² = 1 − α²
/// ```
///
/// `σ(0) = 0`, `α(1) = exp(−¼(β₀ + β₁))`. The defaults are 1000 times the rates of
/// a chain of 1000 steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Linear {
    /// `β(0)`, above 0; 0.1.
    pub beta_min: f64,
    /// `β(1)`, at least `beta_min`; 20.
    pub beta_max: f64,
}

/// A rate whose square root grows linearly (Rombach et al. 2022).
///
/// ```text
/// √β(t) = √β₀ + t(√β₁ − √β₀),  α = exp(−½∫₀ᵗβ),  σ² = 1 − α²
/// ```
///
/// `σ(0) = 0`, `α(1) = exp(−(β₀ + √(β₀β₁) + β₁)/6)`: 0.068 with the defaults, so much
/// signal is left at `t = 1`. The defaults are 1000 times the rates of a chain of 1000 steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScaledLinear {
    /// `β(0)`, above 0; 0.85.
    pub beta_min: f64,
    /// `β(1)`, at least `beta_min`; 12.
    pub beta_max: f64,
}

/// The linear rate with as much added at every step of a chain (Li et al. 2022, Diffusion-LM:
/// `trunc_lin`).
///
/// ```text
/// β(t) = β₀ + t(β₁ − β₀) + o·T
/// ```
///
/// The noise that one step adds is what its authors fix, so in continuous time the rate
/// depends on the chain's length. `σ(0) = 0`, though the first of the chain's steps goes to
/// `σ² = β₀/T + o`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TruncatedLinear {
    /// `β₀`, above 0; 0.1.
    pub beta_min: f64,
    /// `β₁`, at least `beta_min`; 20.
    pub beta_max: f64,
    /// `o`, what every step adds, at least 0; 0.01.
    pub offset: f64,
    /// `T`, steps of the chain, at least 1; 2000.
    pub steps: u32,
}

impl Default for Linear {
    fn default() -> Self {
        Self { beta_min: 0.1, beta_max: 20.0 }
    }
}

impl Default for ScaledLinear {
    fn default() -> Self {
        Self { beta_min: 0.85, beta_max: 12.0 }
    }
}

impl Default for TruncatedLinear {
    fn default() -> Self {
        Self { beta_min: 0.1, beta_max: 20.0, offset: 0.01, steps: 2000 }
    }
}

impl NoiseSchedule for Linear {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let rise = self.beta_max - self.beta_min;
        Ok(decayed(t, t * (self.beta_min + 0.5 * t * rise)))
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        // The root of ½(β₁ − β₀)t² + β₀t = B, in the form that cancels nothing.
        let decay = decay_at(lambda);
        let root = (self.beta_min.powi(2) + 2.0 * (self.beta_max - self.beta_min) * decay).sqrt();
        let t = 2.0 * decay / (self.beta_min + root);
        Ok(with_lambda(t.min(1.0), lambda))
    }

    fn validate(&self) -> Result<(), ParameterError> {
        rates(self.beta_min, self.beta_max)
    }
}

impl NoiseSchedule for ScaledLinear {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let root = self.beta_min.sqrt();
        let rise = self.beta_max.sqrt() - root;
        Ok(decayed(t, t * (self.beta_min + t * rise * (root + t * rise / 3.0))))
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        // ∫β = (a³ − b³)/3d with a = √β(t), b = √β₀ and d = √β₁ − √β₀; then t = (a − b)/d,
        // divided by a³ − b³ = (a − b)(a² + ab + b²) so that nothing cancels.
        let decay = decay_at(lambda);
        let b = self.beta_min.sqrt();
        let a = (3.0 * (self.beta_max.sqrt() - b) * decay + b.powi(3)).cbrt();
        let t = 3.0 * decay / (a * a + a * b + b * b);
        Ok(with_lambda(t.min(1.0), lambda))
    }

    fn validate(&self) -> Result<(), ParameterError> {
        rates(self.beta_min, self.beta_max)
    }
}

impl TruncatedLinear {
    fn rates(&self) -> Linear {
        let more = self.offset * f64::from(self.steps);
        Linear { beta_min: self.beta_min + more, beta_max: self.beta_max + more }
    }
}

impl NoiseSchedule for TruncatedLinear {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        self.rates().level(t)
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        self.rates().level_at(lambda)
    }

    fn validate(&self) -> Result<(), ParameterError> {
        rates(self.beta_min, self.beta_max)?;
        require("offset", self.offset, 0.0 <= self.offset, "at least 0")?;
        require("steps", self.steps.into(), 0 < self.steps, "at least 1")?;
        let noise = self.rates().beta_max;
        require("offset", self.offset, noise <= MOST, "such that no rate is above 1000")
    }
}

/// The highest rate of noise: with more than this, `α(1)` may come to 0 in f64.
pub(super) const MOST: f64 = 1000.0;

fn rates(beta_min: f64, beta_max: f64) -> Result<(), ParameterError> {
    require("beta_min", beta_min, 0.0 < beta_min, "above 0")?;
    let inside = (beta_min..=MOST).contains(&beta_max);
    require("beta_max", beta_max, inside, "at least beta_min and at most 1000")
}
