//! Predictions from a sharper or flatter score.

use dlm_core::{Denoiser, Latent, Levels, ModelError};

use crate::SampleError;

/// Divides the predicted noise by a temperature, the *score temperature* (Gulrajani &
/// Hashimoto 2023, Plaid, who take 0.9).
///
/// `ε̂ ↦ ε̂/τ` with `ε̂ = (x − α·x̂₀)/σ`, which is to say
///
/// ```text
/// x̂₀ ↦ x̂₀/τ + (1 − 1/τ)·x/α
/// ```
///
/// Below 1 the score is exaggerated and samples move to where data are dense; 1 changes
/// nothing.
#[derive(Clone, Debug)]
pub struct Tempered<D> {
    denoiser: D,
    temperature: f64,
}

impl<D> Tempered<D> {
    /// The denoiser at temperature `τ`.
    ///
    /// # Errors
    ///
    /// [`SampleError::Parameter`] for a temperature that is not finite and above 0, or so
    /// small that its inverse is not finite.
    pub fn new(denoiser: D, temperature: f64) -> Result<Self, SampleError> {
        let good = 0.0 < temperature && temperature.is_finite() && temperature.recip().is_finite();
        match good {
            true => Ok(Self { denoiser, temperature }),
            false => Err(SampleError::Parameter {
                field: "temperature",
                value: temperature,
                range: "(0, ∞)",
            }),
        }
    }
}

impl<X: Latent, D: Denoiser<X>> Denoiser<X> for Tempered<D> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        let x0 = self.denoiser.denoise(x, levels)?;
        let share = self.temperature.recip();
        let weights = levels.weights(|level| [share, (1.0 - share) / level.alpha]);
        Ok(X::combine(&weights, [&x0, x])?)
    }

    fn evaluations(&self) -> usize {
        self.denoiser.evaluations()
    }
}
