//! Data whose law is known, and a process that blurs it.
#![allow(dead_code, reason = "every test file opens it, none needs all of it")]

use dlm_continuous::schedule::{NoiseSchedule, ScheduleError};
use dlm_core::{DenseLatent, Levels, NoiseLevel, Shape};
use dlm_testkit::{Component, GaussianMixture};

/// `α = cos(0.98·πt/2)`, `σ = sin(0.98·πt/2)`, data at `t = 0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blur;

impl NoiseSchedule for Blur {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        if !(0.0..=1.0).contains(&t) {
            return Err(ScheduleError::Time(t));
        }
        let (sigma, alpha) = (0.98 * std::f64::consts::FRAC_PI_2 * t).sin_cos();
        Ok(NoiseLevel { t, alpha, sigma })
    }
}

/// `α = 1`, `σ = e^{6t − 3}`: the variance grows, and there is no data at `t = 0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread;

impl NoiseSchedule for Spread {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        Ok(NoiseLevel { t, alpha: 1.0, sigma: (6.0 * t - 3.0).exp() })
    }
}

/// Two unequal Gaussians in one dimension.
pub(crate) fn mixture() -> GaussianMixture {
    let part = |weight, mean, std| Component { weight, mean: vec![mean], std };
    GaussianMixture::new(vec![part(0.35, -1.0, 0.4), part(0.65, 0.8, 0.6)]).unwrap()
}

/// `n + 1` times from `start` down to `end`, equally far apart.
pub(crate) fn times(start: f64, end: f64, n: usize) -> Vec<f64> {
    (0..=n).map(|i| start + (end - start) * i as f64 / n as f64).collect()
}

/// The levels at these times, the same for all positions.
pub(crate) fn levels(schedule: &impl NoiseSchedule, times: &[f64]) -> Vec<Levels> {
    times.iter().map(|&t| schedule.level(t).unwrap().into()).collect()
}

/// One sequence of numbers.
pub(crate) fn row(values: Vec<f64>) -> DenseLatent {
    let shape = Shape { batch: 1, length: values.len(), dim: 1 };
    DenseLatent::new(shape, values).unwrap()
}
