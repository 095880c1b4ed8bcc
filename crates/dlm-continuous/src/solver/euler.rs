//! Euler's method on the probability flow.

use dlm_core::{Denoiser, Latent};
use serde::{Deserialize, Serialize};

use crate::{Noise, SampleError, Sampler, Step, Stepped};

/// Euler's method on the probability flow (Karras et al. 2022), one evaluation a step,
/// order 1.
///
/// In `y = x/α` and `ς = σ/α` the flow is `dy/dς = (y − x̂₀)/ς`, whatever the process:
///
/// ```text
/// y' = y + (ς' − ς)·(y − x̂₀)/ς
/// ```
///
/// The step is that of [`Ddim`](super::Ddim) without noise. [`Churned`](super::Churned) adds
/// the noise of the paper's stochastic sampler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Euler {}

impl<X: Latent> Sampler<X> for Euler {
    type Memory = ();

    fn step(
        &self,
        step: &Step<'_, X>,
        (): &mut (),
        denoiser: &mut dyn Denoiser<X>,
        _: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        let x0 = step.denoise(denoiser, step.x, step.from)?;
        let x = euler(step, &x0)?;
        Ok(Stepped { x, x0 })
    }
}

/// `x' = α'·y'`, where the slope is that of `x0`.
pub(super) fn euler<X: Latent>(step: &Step<'_, X>, x0: &X) -> Result<X, SampleError> {
    let weights = step.from.weights_to(step.to, |from, to| {
        let q = to.ratio() / from.ratio();
        [to.alpha / from.alpha * q, to.alpha * (1.0 - q)]
    });
    Ok(X::combine(&weights, [step.x, x0])?)
}
