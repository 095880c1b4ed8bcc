//! A derivative for denoisers that have none of their own.

use dlm_core::{Denoiser, Differentiable, Latent, Levels, ModelError, Weights};

use super::LikelihoodError;

/// A denoiser with the derivative of central differences:
///
/// ```text
/// J·v ≈ (x̂₀(x + h·v) − x̂₀(x − h·v))/2h      h = step·(least σ above 0)
/// ```
///
/// A product costs two evaluations. Its error is `O(h²)` of truncation and the arithmetic's
/// precision divided by `h`, and denoisers vary over distances of about `σ`: a step of 10⁻³
/// suits f64, one of 10⁻¹ to 10⁻² f32.
#[derive(Clone, Debug)]
pub struct FiniteDifference<D> {
    denoiser: D,
    step: f64,
}

impl<D> FiniteDifference<D> {
    /// Differences of `denoiser` over `step`, finite and above 0, in units of the noise.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Setting`] for another step.
    pub fn new(denoiser: D, step: f64) -> Result<Self, LikelihoodError> {
        match step.is_finite() && 0.0 < step {
            true => Ok(Self { denoiser, step }),
            false => Err(LikelihoodError::Setting { field: "step", value: step, range: "above 0" }),
        }
    }
}

impl<X, D: Denoiser<X>> Denoiser<X> for FiniteDifference<D> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        self.denoiser.denoise(x, levels)
    }
}

impl<X: Latent, D: Denoiser<X>> Differentiable<X> for FiniteDifference<D> {
    fn jacobian_product(&mut self, x: &X, levels: &Levels, v: &X) -> Result<X, ModelError> {
        let noisy = levels.as_slice().iter().map(|level| level.sigma).filter(|&sigma| 0.0 < sigma);
        let least = noisy.fold(f64::INFINITY, f64::min);
        // Without any noise the prediction is linear, and every step is as good.
        let h = if least.is_finite() { self.step * least } else { self.step };
        let mut ahead_by = |h: f64| {
            let moved = X::combine(&Weights::Shared([1.0, h]), [x, v])?;
            self.denoiser.denoise(&moved, levels)
        };
        let (ahead, behind) = (ahead_by(h)?, ahead_by(-h)?);
        Ok(X::combine(&Weights::Shared([0.5 / h, -0.5 / h]), [&ahead, &behind])?)
    }
}
