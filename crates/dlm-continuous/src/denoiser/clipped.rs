//! Data predictions kept within bounds.

use dlm_core::{Denoiser, Latent, Levels, ModelError};

use crate::SampleError;

/// A denoiser whose every number is clipped: `x̂₀ ← min(max(x̂₀, −r), r)`.
///
/// For data that is known to lie within `[−r, r]` (Ho et al. 2020, whose pictures do). It has
/// to stand outermost, around what turns a network's target into data. A prediction of NaN
/// stays NaN, so that the run notices.
#[derive(Clone, Debug)]
pub struct Clipped<D> {
    denoiser: D,
    radius: f64,
}

impl<D> Clipped<D> {
    /// Clips the predictions of `denoiser` to `[−radius, radius]`.
    ///
    /// # Errors
    ///
    /// [`SampleError::Parameter`] for a radius that is not above 0.
    pub fn new(denoiser: D, radius: f64) -> Result<Self, SampleError> {
        match 0.0 < radius {
            true => Ok(Self { denoiser, radius }),
            false => {
                Err(SampleError::Parameter { field: "radius", value: radius, range: "(0, ∞]" })
            }
        }
    }

    /// The largest size of a number of a prediction, `r`, in units of the data.
    pub fn radius(&self) -> f64 {
        self.radius
    }
}

impl<X: Latent, D: Denoiser<X>> Denoiser<X> for Clipped<D> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        let x0 = self.denoiser.denoise(x, levels)?;
        let clip = |value: &mut f64| *value = value.clamp(-self.radius, self.radius);
        Ok(x0.map_positions(&|_, row| row.iter_mut().for_each(clip))?)
    }

    fn evaluations(&self) -> usize {
        self.denoiser.evaluations()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlm_core::{DenseLatent, NoiseLevel, Shape};

    #[test]
    fn a_prediction_is_clipped_and_no_number_is_left_alone() {
        let shape = Shape { batch: 1, length: 2, dim: 2 };
        let x = DenseLatent::new(shape, vec![-3.0, 0.5, 2.5, f64::NAN]).unwrap();
        let itself = |x: &DenseLatent, _: &Levels| Ok(x.clone());
        let mut clipped = Clipped::new(itself, 2.0).unwrap();
        let x0 = clipped.denoise(&x, &NoiseLevel::CLEAN.into()).unwrap();
        assert_eq!(x0.values()[..3], [-2.0, 0.5, 2.0]);
        assert!(x0.values()[3].is_nan());
    }

    #[test]
    fn a_radius_is_above_zero() {
        for radius in [0.0, -1.0, f64::NAN] {
            let refused = Clipped::new((), radius).unwrap_err().to_string();
            assert_eq!(refused, format!("radius = {radius} is outside (0, ∞]"));
        }
    }
}
