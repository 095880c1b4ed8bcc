//! Ancestral sampling.

use dlm_core::{Denoiser, Latent};
use serde::{Deserialize, Serialize};

use super::stochastic::finish;
use crate::{Noise, SampleError, Sampler, Step, Stepped};

/// Ancestral sampling (Ho et al. 2020, DDPM), one evaluation a step, weak order 1.
///
/// A step draws from the posterior `q(x' | x, x₀ = x̂₀)`. With `q = (σ'/α')/(σ/α)`, the share
/// of the noise-to-signal ratio that is left, and `z ~ N(0, I)`,
///
/// ```text
/// x' = (α'/α)·q²·x + α'·(1 − q²)·x̂₀ + s·z
/// s² = σ'²·(1 − q²)     fixed small, the posterior's own variance β̃
/// s² = σ²·(1 − q²)      fixed large, the forward step's variance β
/// ```
///
/// A step that ends at `σ' = 0` adds no noise, whatever the variance. Diffusion-LM's code (Li
/// et al. 2022) comes to the same: it puts the second step's `β̃` in place of the first one's,
/// whose logarithm it could not take, draws the noise, and multiplies it by 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ddpm {
    /// How much noise a step adds.
    pub variance: Variance,
}

/// The variance of the noise that an ancestral step adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variance {
    /// `β̃`, right where the data is one point.
    #[default]
    FixedSmall,
    /// `β`, right where the data is standard normal.
    FixedLarge,
}

impl<X: Latent> Sampler<X> for Ddpm {
    type Memory = ();

    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        (): &mut (),
        denoiser: &mut dyn Denoiser<X>,
        noise: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        let x0 = step.denoise(denoiser, &x, step.from)?;
        let weights = step.from.weights_to(step.to, |from, to| {
            let q = to.ratio() / from.ratio();
            let freed = (1.0 - q) * (1.0 + q);
            let sigma = match self.variance {
                Variance::FixedLarge if 0.0 < to.sigma => from.sigma,
                _ => to.sigma,
            };
            [to.alpha / from.alpha * q * q, to.alpha * freed, sigma * freed.sqrt()]
        });
        finish(x, step, &weights, x0, noise)
    }
}
