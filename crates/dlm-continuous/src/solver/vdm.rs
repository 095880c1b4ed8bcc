//! Ancestral sampling of variational diffusion models.

use dlm_core::{Denoiser, Latent};
use serde::{Deserialize, Serialize};

use super::stochastic::finish;
use crate::{Noise, SampleError, Sampler, Step, Stepped, forward::posterior};

/// Ancestral sampling in the letters of variational diffusion models (Kingma et al. 2021),
/// as Plaid has it (Gulrajani & Hashimoto 2023): one evaluation a step, weak order 1.
///
/// With `γ = −2λ = ln(σ²/α²)` and `z ~ N(0, I)`,
///
/// ```text
/// c  = −expm1(γ' − γ)
/// x' = (α'/α)·(1 − c)·x + α'·c·x̂₀ + √c·σ'·z
/// ```
///
/// This is [`Ddpm`](super::Ddpm) with its small variance, and a draw of
/// [`posterior`](crate::forward::posterior) at `x₀ = x̂₀`. There `γ' − γ` is the logarithm of
/// one ratio: between levels that differ in their last bits, the difference of two logarithms
/// may have the wrong sign, and `√c` is then no number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vdm {}

impl<X: Latent> Sampler<X> for Vdm {
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
        let weights = step.from.weights_to(step.to, posterior);
        finish(x, step, &weights, x0, noise)
    }
}
