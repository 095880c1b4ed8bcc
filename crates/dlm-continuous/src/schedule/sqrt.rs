//! Noise that grows with the square root of time.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    NoiseSchedule, ParameterError, ScheduleError, parameter::require, reached, timely,
    variance::with_lambda,
};

/// Diffusion-LM's schedule: much noise at once, then ever less (Li et al. 2022).
///
/// ```text
/// α² = 1 − √v(t),  σ² = √v(t),  v(t) from s to (1 − α(1)²)²
/// ```
///
/// `σ(0)² = √s`: 0.01 with the default, because a word's embedding withstands that much.
/// The authors' `v = t + s` leaves no signal shortly before `t = 1`, so here `v` stops where
/// `α(1) = alpha_min`; that moves `α²` by less than 6·10⁻⁵. The authors cap the last step of
/// a chain instead, which is what [`Betas::Sqrt`](super::Betas) does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sqrt {
    /// `s`, in `[0, (1 − α(1)²)²)`; 0.0001.
    pub offset: f64,
    /// `α(1)`, in `(0, 1)`; 0.0001.
    pub alpha_min: f64,
}

impl Default for Sqrt {
    fn default() -> Self {
        Self { offset: 1e-4, alpha_min: 1e-4 }
    }
}

impl Sqrt {
    /// `v(1)`.
    fn last(&self) -> f64 {
        (1.0 - self.alpha_min.powi(2)).powi(2)
    }
}

impl NoiseSchedule for Sqrt {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let v = (1.0 - t) * self.offset + t * self.last();
        // 1 − √v = (1 − v)/(1 + √v), with 1 − v from its own ends, keeps the digits of α.
        let end = self.alpha_min.powi(2) * (2.0 - self.alpha_min.powi(2));
        let rest = (1.0 - t) * (1.0 - self.offset) + t * end;
        let alpha = (rest / (1.0 + v.sqrt())).sqrt();
        Ok(NoiseLevel { t, alpha, sigma: v.sqrt().sqrt() })
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let level = with_lambda(0.0, lambda);
        let t = (level.sigma.powi(4) - self.offset) / (self.last() - self.offset);
        Ok(NoiseLevel { t: t.clamp(0.0, 1.0), ..level })
    }

    fn validate(&self) -> Result<(), ParameterError> {
        let inside = 0.0 < self.alpha_min && self.alpha_min < 1.0;
        require("alpha_min", self.alpha_min, inside, "in (0, 1)")?;
        let inside = (0.0..self.last()).contains(&self.offset);
        require("offset", self.offset, inside, "at least 0 and below (1 − alpha_min²)²")
    }
}
