//! Euler's method on the probability flow.

use dlm_core::{Denoiser, Latent, Weights};
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
        x: X,
        step: &Step<'_>,
        (): &mut (),
        denoiser: &mut dyn Denoiser<X>,
        _: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        let x0 = step.denoise(denoiser, &x, step.from)?;
        let x = x.moved(&slope(step), [&x0])?;
        Ok(Stepped { x, x0 })
    }
}

/// The weights of `x` and `x̂₀` in `x' = α'·y'`.
pub(super) fn slope(step: &Step<'_>) -> Weights<2> {
    step.from.weights_to(step.to, |from, to| {
        let q = to.ratio() / from.ratio();
        [to.alpha / from.alpha * q, to.alpha * (1.0 - q)]
    })
}
