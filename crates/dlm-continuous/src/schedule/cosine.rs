//! A quarter turn from data to noise.

use std::f64::consts::FRAC_PI_2;

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    NoiseSchedule, ParameterError, ScheduleError, parameter::require, reached, timely,
    variance::with_lambda,
};

/// The squared cosine (Nichol & Dhariwal 2021).
///
/// ```text
/// α = cos θ(t)/cos θ(0),  σ² = 1 − α²,  θ(t) from π/2·s/(1 + s) towards π/2
/// ```
///
/// `σ(0) = 0`. At the end of the quarter turn no signal would be left, so the turn stops
/// where `α(1) = alpha_min`; with the default that moves no time by more than 7·10⁻⁵ against
/// the authors' formula. The authors cap the last step of a chain instead, which is what
/// [`Betas::SquaredCosine`](super::Betas) does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cosine {
    /// `s`, at least 0, which keeps the first steps from being too small; 0.008.
    pub offset: f64,
    /// `α(1)`, in `(0, 1)`; 0.0001.
    pub alpha_min: f64,
}

/// The squared cosine that begins with noise (Li et al. 2022, Diffusion-LM: `trunc_cos`).
///
/// ```text
/// α = cos θ(t),  σ = sin θ(t),  θ(t) from π/2·o/(1 + o) towards π/2
/// ```
///
/// `σ(0) = sin θ(0)`, 0.142 with the default offset; `α(1) = alpha_min`, as in [`Cosine`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TruncatedCosine {
    /// `o`, at least 0; 0.1. With 0 the first level is data.
    pub offset: f64,
    /// `α(1)`, in `(0, cos θ(0))`; 0.0001.
    pub alpha_min: f64,
}

impl Default for Cosine {
    fn default() -> Self {
        Self { offset: 0.008, alpha_min: 1e-4 }
    }
}

impl Default for TruncatedCosine {
    fn default() -> Self {
        Self { offset: 0.1, alpha_min: 1e-4 }
    }
}

impl Cosine {
    /// `θ(0)` and `θ(1)`.
    fn ends(&self) -> (f64, f64) {
        let first = angle(self.offset);
        (first, (self.alpha_min * first.cos()).acos())
    }
}

impl NoiseSchedule for Cosine {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let (first, last) = self.ends();
        let turned = t * (last - first);
        let alpha = (first + turned).cos() / first.cos();
        // 1 − α² without cancellation: cos²a − cos²b = sin(b − a)·sin(b + a).
        let sigma = (turned.sin() * (turned + 2.0 * first).sin()).sqrt() / first.cos();
        Ok(NoiseLevel { t, alpha, sigma })
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let (first, last) = self.ends();
        let level = with_lambda(0.0, lambda);
        // sin²θ = sin²θ(0) + σ²·cos²θ(0), and cos θ = α·cos θ(0).
        let sine = first.sin().hypot(level.sigma * first.cos());
        let theta = sine.atan2(level.alpha * first.cos());
        Ok(NoiseLevel { t: ((theta - first) / (last - first)).clamp(0.0, 1.0), ..level })
    }

    fn validate(&self) -> Result<(), ParameterError> {
        require("offset", self.offset, 0.0 <= self.offset, "at least 0")?;
        let inside = 0.0 < self.alpha_min && self.alpha_min < 1.0;
        require("alpha_min", self.alpha_min, inside, "in (0, 1)")
    }
}

impl NoiseSchedule for TruncatedCosine {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let first = angle(self.offset);
        let theta = first + t * (self.alpha_min.acos() - first);
        Ok(NoiseLevel { t, alpha: theta.cos(), sigma: theta.sin() })
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let first = angle(self.offset);
        let theta = (-lambda).exp().atan();
        let t = (theta - first) / (self.alpha_min.acos() - first);
        Ok(with_lambda(t.clamp(0.0, 1.0), lambda))
    }

    fn validate(&self) -> Result<(), ParameterError> {
        require("offset", self.offset, 0.0 <= self.offset, "at least 0")?;
        let inside = 0.0 < self.alpha_min && self.alpha_min < angle(self.offset).cos();
        require("alpha_min", self.alpha_min, inside, "above 0 and below α(0)")
    }
}

/// `π/2·s/(1 + s)`.
fn angle(offset: f64) -> f64 {
    FRAC_PI_2 * offset / (1.0 + offset)
}
