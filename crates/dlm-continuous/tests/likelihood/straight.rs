//! The simplest schedule, and latents of a few numbers.

use dlm_continuous::schedule::{NoiseSchedule, ScheduleError};
use dlm_core::{DenseLatent, NoiseLevel, Shape};

/// `λ` falls in a straight line from `most` to `least`; the variance is kept at 1 (VP), or the
/// signal is (VE).
pub(crate) struct Straight {
    pub(crate) most: f64,
    pub(crate) least: f64,
    pub(crate) keeps_variance: bool,
}

impl Straight {
    pub(crate) fn new(most: f64, least: f64) -> Self {
        Self { most, least, keeps_variance: true }
    }
}

impl NoiseSchedule for Straight {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        match (0.0..=1.0).contains(&t) {
            true => self.level_at(self.most - t * (self.most - self.least)),
            false => Err(ScheduleError::Time(t)),
        }
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        let (least, most) = (self.least, self.most);
        if !(least..=most).contains(&lambda) {
            return Err(ScheduleError::Lambda { lambda, least, most });
        }
        let t = (most - lambda) / (most - least);
        let scale = if self.keeps_variance { (1.0 + (-2.0 * lambda).exp()).sqrt() } else { 1.0 };
        Ok(NoiseLevel { t, alpha: 1.0 / scale, sigma: (-lambda).exp() / scale })
    }
}

/// Sequences of one position each, of one number.
pub(crate) fn numbers(values: Vec<f64>) -> DenseLatent {
    sequences([values.len(), 1, 1], values)
}

/// `[batch, length, dim]`.
pub(crate) fn sequences([batch, length, dim]: [usize; 3], values: Vec<f64>) -> DenseLatent {
    DenseLatent::new(Shape { batch, length, dim }, values).unwrap()
}
