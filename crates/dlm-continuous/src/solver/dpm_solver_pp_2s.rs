//! DPM-Solver++, the singlestep method.

use dlm_core::{Denoiser, Latent, NoiseLevel};
use serde::{Deserialize, Serialize};

use super::positions::{any_curved, halfway};
use crate::{Noise, SampleError, Sampler, Step, Stepped, schedule::NoiseSchedule};

/// DPM-Solver++(2S) (Lu et al. 2022), two evaluations a step, order 2.
///
/// With `h = λ' − λ` and the level `(αₘ, σₘ)` at `λ + h/2` (the paper's `r₁ = 1/2`), the data
/// prediction of the middle stands for that of the whole step:
///
/// ```text
/// u  = (σₘ/σ)·x + αₘ·(1 − e^{−h/2})·x̂₀(x, λ)
/// x' = (σ'/σ)·x + α'·(1 − e^{−h})·x̂₀(u, λ + h/2)
/// ```
///
/// A step that ends at `σ' = 0` has no middle: there `x' = α'·x̂₀(x, λ)`, with one evaluation.
/// A position that ends there while others go on waits at its own level for the middle, and
/// takes the later prediction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DpmSolverPp2S<S> {
    /// The forward process, which knows the level in the middle.
    pub schedule: S,
}

impl<X: Latent, S: NoiseSchedule> Sampler<X> for DpmSolverPp2S<S> {
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
        let of_middle = match any_curved(step.from, step.to) {
            true => Some(self.look_ahead(&x, step, &x0, denoiser)?),
            false => None,
        };
        let whole = step.from.weights_to(step.to, exponential);
        let x = x.moved(&whole, [of_middle.as_ref().unwrap_or(&x0)])?;
        Ok(Stepped { x, x0 })
    }
}

impl<S: NoiseSchedule> DpmSolverPp2S<S> {
    /// The data prediction in the middle of the step.
    fn look_ahead<X: Latent>(
        &self,
        x: &X,
        step: &Step<'_>,
        x0: &X,
        denoiser: &mut dyn Denoiser<X>,
    ) -> Result<X, SampleError> {
        let middle = halfway(&self.schedule, step.from, step.to)?;
        let u = X::combine(&step.from.weights_to(&middle, exponential), [x, x0])?;
        step.denoise(denoiser, &u, &middle)
    }
}

/// `(σ'/σ)·x + α'·(1 − e^{−h})·x̂₀`.
fn exponential(from: NoiseLevel, to: NoiseLevel) -> [f64; 2] {
    let h = to.lambda() - from.lambda();
    [to.sigma / from.sigma, -to.alpha * (-h).exp_m1()]
}
