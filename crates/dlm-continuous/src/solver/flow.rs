//! The probability flow by a classical Runge-Kutta method.

use dlm_core::{Denoiser, Latent, Weights};
use serde::{Deserialize, Serialize};

use super::positions::{any_curved, halfway};
use crate::{Noise, SampleError, Sampler, Step, Stepped, schedule::NoiseSchedule};

/// The probability flow (Song et al. 2021) by the classical Runge-Kutta method, four
/// evaluations a step, order 4: a reference for others to be compared with.
///
/// In `y = x/α` and `ℓ = −λ = ln(σ/α)` the flow is `dy/dℓ = f(y, ℓ) = y − x̂₀(α·y, ℓ)`. With
/// `Δ = ℓ' − ℓ`, which is below 0,
///
/// ```text
/// y₂ = y + Δ/2·f(y, ℓ)
/// y₃ = y + Δ/2·f(y₂, ℓ + Δ/2)
/// y₄ = y + Δ·f(y₃, ℓ + Δ/2)
/// y' = (−y + y₂ + 2·y₃ + y₄)/3 + Δ/6·f(y₄, ℓ')
/// ```
///
/// A step that ends at `σ' = 0` is infinitely long: there `x' = α'·x̂₀`, with one evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbabilityFlow<S> {
    /// The forward process, which knows the level in the middle.
    pub schedule: S,
}

impl<X: Latent, S: NoiseSchedule> Sampler<X> for ProbabilityFlow<S> {
    type Memory = ();

    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        (): &mut (),
        denoiser: &mut dyn Denoiser<X>,
        _: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        let Step { from, to, .. } = *step;
        let x0 = step.denoise(denoiser, &x, from)?;
        if !any_curved(from, to) {
            let x = x.moved(&from.weights_to(to, |_, to| [0.0, to.alpha]), [&x0])?;
            return Ok(Stepped { x, x0 });
        }
        let middle = &halfway(&self.schedule, from, to)?;

        let from_start = from.weights_to(middle, |from, middle| {
            let delta = from.lambda() - middle.lambda();
            [middle.alpha / from.alpha * (1.0 + delta), -middle.alpha * delta]
        });
        let x_2 = X::combine(&from_start, [&x, &x0])?;
        let x0_2 = step.denoise(denoiser, &x_2, middle)?;

        let from_middle = from.weights_to(middle, |from, middle| {
            let delta = from.lambda() - middle.lambda();
            [middle.alpha / from.alpha, delta, -middle.alpha * delta]
        });
        let x_3 = X::combine(&from_middle, [&x, &x_2, &x0_2])?;
        let x0_3 = step.denoise(denoiser, &x_3, middle)?;

        let whole = Weights::of([from, middle, to], |[from, middle, to]| {
            if from == to || from.sigma == 0.0 {
                return [to.alpha / from.alpha, 0.0, 0.0];
            }
            if to.sigma == 0.0 {
                return [0.0, 0.0, to.alpha];
            }
            let delta = from.lambda() - to.lambda();
            [to.alpha / from.alpha, to.alpha / middle.alpha * delta, -to.alpha * delta]
        });
        let x_4 = X::combine(&whole, [&x, &x_3, &x0_3])?;
        let x0_4 = step.denoise(denoiser, &x_4, to)?;

        let sum = Weights::of([from, middle, to], |[from, middle, to]| {
            if from == to || from.sigma == 0.0 || to.sigma == 0.0 {
                // Such a position has arrived.
                return [1.0, 0.0, 0.0, 0.0, 0.0];
            }
            let sixth = (from.lambda() - to.lambda()) / 6.0;
            let third = to.alpha / 3.0;
            [
                1.0 / 3.0 + sixth,
                -third / from.alpha,
                third / middle.alpha,
                2.0 * third / middle.alpha,
                -to.alpha * sixth,
            ]
        });
        let x = x_4.moved(&sum, [&x, &x_2, &x_3, &x0_4])?;
        Ok(Stepped { x, x0 })
    }
}
