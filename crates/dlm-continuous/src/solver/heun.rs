//! Heun's method on the probability flow.

use dlm_core::{Denoiser, Latent, Weights};
use serde::{Deserialize, Serialize};

use super::euler::slope;
use super::positions::{any_curved, is_curved};
use crate::{Noise, SampleError, Sampler, Step, Stepped};

/// Heun's method on the probability flow (Karras et al. 2022), two evaluations a step,
/// order 2.
///
/// In `y = x/α` and `ς = σ/α` an [`Euler`](super::Euler) step to `yₑ` is made, then made
/// again with the mean of the slopes at its ends:
///
/// ```text
/// d  = (y − x̂₀)/ς
/// yₑ = y + (ς' − ς)·d
/// dₑ = (yₑ − x̂₀(yₑ, ς'))/ς'
/// y' = y + (ς' − ς)·(d + dₑ)/2 = (y + yₑ)/2 + (ς' − ς)/2·dₑ
/// ```
///
/// There is no slope at `ς' = 0`: such a step stays Euler's, with one evaluation.
/// [`Churned`](super::Churned) adds the noise of the paper's stochastic sampler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heun {}

impl<X: Latent> Sampler<X> for Heun {
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
        if !any_curved(step.from, step.to) {
            let x = x.moved(&slope(step), [&x0])?;
            return Ok(Stepped { x, x0 });
        }
        let tried = X::combine(&slope(step), [&x, &x0])?;
        let x0_tried = step.denoise(denoiser, &tried, step.to)?;
        let weights = Weights::of([step.from, step.to], |[from, to]| {
            if !is_curved(from, to) {
                // Such a position has arrived.
                return [1.0, 0.0, 0.0];
            }
            // Half the step over ς', of which dₑ is what remains.
            let half = 0.5 * (1.0 - from.ratio() / to.ratio());
            [0.5 + half, 0.5 * to.alpha / from.alpha, -to.alpha * half]
        });
        let x = tried.moved(&weights, [&x, &x0_tried])?;
        Ok(Stepped { x, x0 })
    }
}
