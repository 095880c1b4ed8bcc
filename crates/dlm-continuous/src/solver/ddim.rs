//! Denoising diffusion implicit models.

use dlm_core::{Denoiser, Latent};
use serde::{Deserialize, Serialize};

use super::stochastic::finish;
use crate::{Noise, SampleError, Sampler, Step, Stepped};

/// Denoising diffusion implicit models (Song et al. 2021, DDIM), one evaluation a step,
/// order 1.
///
/// With `ε̂ = (x − α·x̂₀)/σ`, `q = (σ'/α')/(σ/α)` and `z ~ N(0, I)`,
///
/// ```text
/// s² = η²·σ'²·(1 − q²)
/// x' = α'·x̂₀ + √(σ'² − s²)·ε̂ + s·z
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ddim {
    /// `η` in `[0, 1]`, how much of the ancestral noise is drawn anew: at 0, the default, the
    /// sampler is deterministic, at 1 it is [`Ddpm`](super::Ddpm) with its small variance.
    pub eta: f64,
}

impl<X: Latent> Sampler<X> for Ddim {
    type Memory = ();

    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        (): &mut (),
        denoiser: &mut dyn Denoiser<X>,
        noise: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        if !(0.0..=1.0).contains(&self.eta) {
            let range = "[0, 1]";
            return Err(SampleError::Parameter { field: "eta", value: self.eta, range });
        }
        let x0 = step.denoise(denoiser, &x, step.from)?;
        let weights = step.from.weights_to(step.to, |from, to| {
            let q = to.ratio() / from.ratio();
            let renewed = self.eta * self.eta * (1.0 - q) * (1.0 + q);
            let kept = to.sigma / from.sigma * (1.0 - renewed).sqrt();
            [kept, to.alpha - from.alpha * kept, to.sigma * renewed.sqrt()]
        });
        finish(x, step, &weights, x0, noise)
    }
}
