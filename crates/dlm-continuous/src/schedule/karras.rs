//! Noise on the curve of Karras et al.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{NoiseSchedule, ParameterError, ScheduleError, parameter::require, reached, timely};

/// Noise whose `ρ`-th root grows linearly, on data that keeps its size (Karras et al. 2022).
///
/// ```text
/// α = 1,  σ(t) = (σ_min^{1/ρ} + t(σ_max^{1/ρ} − σ_min^{1/ρ}))^ρ
/// ```
///
/// `σ(0) = σ_min`, `σ(1) = σ_max`. The state's variance grows with time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Karras {
    /// `σ(0)`, above 0; 0.002.
    pub sigma_min: f64,
    /// `σ(1)`, above `sigma_min`; 80.
    pub sigma_max: f64,
    /// `ρ`, above 0; 7. The larger, the shorter the steps at little noise.
    pub rho: f64,
}

impl Default for Karras {
    fn default() -> Self {
        Self { sigma_min: 0.002, sigma_max: 80.0, rho: 7.0 }
    }
}

impl Karras {
    /// `σ_min^{1/ρ}` and `σ_max^{1/ρ}`.
    fn ends(&self) -> (f64, f64) {
        (self.sigma_min.powf(1.0 / self.rho), self.sigma_max.powf(1.0 / self.rho))
    }
}

impl NoiseSchedule for Karras {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let (first, last) = self.ends();
        let root = (1.0 - t) * first + t * last;
        // The ends are given numbers; a power of a root would miss them by a rounding.
        let sigma = match t {
            0.0 => self.sigma_min,
            1.0 => self.sigma_max,
            _ => root.powf(self.rho),
        };
        Ok(NoiseLevel { t, alpha: 1.0, sigma })
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let (first, last) = self.ends();
        let sigma = (-lambda).exp();
        let t = (sigma.powf(1.0 / self.rho) - first) / (last - first);
        Ok(NoiseLevel { t: t.clamp(0.0, 1.0), alpha: 1.0, sigma })
    }

    fn validate(&self) -> Result<(), ParameterError> {
        require("sigma_min", self.sigma_min, 0.0 < self.sigma_min, "above 0")?;
        let rises = self.sigma_min < self.sigma_max;
        require("sigma_max", self.sigma_max, rises, "above sigma_min")?;
        require("rho", self.rho, 0.0 < self.rho, "above 0")?;
        let (first, last) = self.ends();
        let apart = 0.0 < first && first < last && last.is_finite();
        require("rho", self.rho, apart, "one that tells the roots of the ends apart")
    }
}
