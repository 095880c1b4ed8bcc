//! DPM-Solver++, the multistep methods.

use dlm_core::{Denoiser, Latent, Levels, NoiseLevel, Weights};
use serde::{Deserialize, Serialize};

use crate::{Noise, SampleError, Sampler, Step, Stepped};

/// DPM-Solver++ multistep (Lu et al. 2022), one evaluation a step, order 1, 2 (2M) or 3 (3M).
///
/// The flow is exact in `x` and takes the data prediction as a polynomial in `λ` through its
/// last values `x̂₀, x̂₋₁, x̂₋₂`, at distances `h₀ = λ₀ − λ₋₁` and `h₁ = λ₋₁ − λ₋₂`. With
/// `h = λ' − λ`, `r₀ = h₀/h`, `r₁ = h₁/h` and the divided differences
///
/// ```text
/// d₀ = (x̂₀ − x̂₋₁)/r₀      D₁ = d₀ + r₀/(r₀ + r₁)·(d₀ − d₁)
/// d₁ = (x̂₋₁ − x̂₋₂)/r₁     D₂ = (d₀ − d₁)/(r₀ + r₁)
/// φ₁ = 1 − e^{−h}          φ₂ = 1 − φ₁/h          φ₃ = 1/2 − φ₂/h
///
/// order 1             x' = (σ'/σ)·x + α'·φ₁·x̂₀
/// order 2, midpoint   x' = (σ'/σ)·x + α'·φ₁·(x̂₀ + d₀/2)
/// order 2, Heun       x' = (σ'/σ)·x + α'·(φ₁·x̂₀ + φ₂·d₀)
/// order 3             x' = (σ'/σ)·x + α'·(φ₁·x̂₀ + φ₂·D₁ + 2φ₃·D₂)
/// ```
///
/// A position takes the highest order that its past allows: the first step has none, and a
/// clock that stood still has no difference to divide by. A step that ends at `σ' = 0` is of
/// order 1, so `x' = α'·x̂₀`. That first step leaves an error of order 2, which at order 3
/// shows once the steps are many; a short first step avoids it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpmSolverPp {
    /// The order: 1, 2 or 3; 2.
    pub order: u8,
    /// How a step of order 2 uses the difference.
    pub second: SecondOrder,
    /// How a step of order 3 uses the second difference.
    pub third: ThirdOrder,
    /// Whether the last step of a run of fewer than 15 is of order 1 and the last but one of
    /// order 2 at most, wherever it ends: diffusers' `lower_order_final`. Not by default: it
    /// matters to runs that stop above `σ = 0`, and to order 3.
    pub lower_order_final: bool,
}

/// How a step of order 2 uses the difference of two predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondOrder {
    /// The prediction extrapolated to the middle of the step stands for all of it.
    #[default]
    Midpoint,
    /// The extrapolated line is integrated.
    Heun,
}

/// How a step of order 3 uses the second difference `D₂`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThirdOrder {
    /// The parabola through three predictions is integrated: `2φ₃·D₂`.
    #[default]
    Exact,
    /// `φ₃·D₂`, half of it, as the authors' code has it, and diffusers after them. What is
    /// left out is of the size of an error of order 2, which this then is.
    Published,
}

impl Default for DpmSolverPp {
    fn default() -> Self {
        Self {
            order: 2,
            second: SecondOrder::default(),
            third: ThirdOrder::default(),
            lower_order_final: false,
        }
    }
}

/// What a run of [`DpmSolverPp`] remembers: the levels and data predictions of its last steps,
/// the latest first.
#[derive(Clone, Debug)]
pub struct History<X> {
    seen: Vec<(Levels, X)>,
}

impl<X> Default for History<X> {
    fn default() -> Self {
        Self { seen: Vec::new() }
    }
}

impl<X: Latent> Sampler<X> for DpmSolverPp {
    type Memory = History<X>;

    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        History { seen }: &mut History<X>,
        denoiser: &mut dyn Denoiser<X>,
        _: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        if !(1..=3).contains(&self.order) {
            let value = f64::from(self.order);
            return Err(SampleError::Parameter { field: "order", value, range: "[1, 3]" });
        }
        let Step { from, to, .. } = *step;
        let x0 = step.denoise(denoiser, &x, from)?;
        let x = match &seen[..seen.len().min(self.highest(step.index, step.steps) - 1)] {
            [] => {
                let weights = Weights::of([to, from], |levels| self.coefficients(levels));
                x.moved(&weights, [&x0])?
            }
            [(last, x1)] => {
                let weights = Weights::of([to, from, last], |levels| self.coefficients(levels));
                x.moved(&weights, [&x0, x1])?
            }
            [(last, x1), (before, x2), ..] => {
                let levels = [to, from, last, before];
                let weights = Weights::of(levels, |levels| self.coefficients(levels));
                x.moved(&weights, [&x0, x1, x2])?
            }
        };
        let kept = X::combine(&Weights::Shared([1.0]), [&x0])?;
        seen.insert(0, (from.clone(), kept));
        seen.truncate(usize::from(self.order) - 1);
        Ok(Stepped { x, x0 })
    }
}

/// From how many steps on the end of a run needs no care.
const LONG: usize = 15;

impl DpmSolverPp {
    /// The highest order that the step of this index may have, in a run of so many.
    fn highest(&self, index: usize, steps: usize) -> usize {
        let order = usize::from(self.order);
        match self.lower_order_final && steps < LONG {
            true => order.min(steps.saturating_sub(index).max(1)),
            false => order,
        }
    }

    /// The weights of the state and of the `N − 1` latest predictions, from the level where
    /// the step ends and the `N − 1` latest levels.
    fn coefficients<const N: usize>(&self, levels: [NoiseLevel; N]) -> [f64; N] {
        let (to, from) = (levels[0], levels[1]);
        let first = |c: [f64; 4]| std::array::from_fn(|term| c[term]);
        if from.sigma == 0.0 {
            return first([to.alpha / from.alpha, 0.0, 0.0, 0.0]);
        }
        let kept = to.sigma / from.sigma;
        // Prediction k was made at the level one entry later.
        let lambda = |k: usize| levels[k + 1].lambda();
        let h = to.lambda() - from.lambda();
        let phi_1 = -(-h).exp_m1();
        // Distances in λ to the prediction before and to the one before that, in steps.
        let r = |k: usize| (k + 2 < N).then(|| (lambda(k) - lambda(k + 1)) / h);
        // Neither a step nor a past without length has a usable one, nor has a step to σ' = 0.
        let usable = |r: &f64| 0.0 < *r && r.is_finite();
        let r_0 = r(0).filter(usable);
        let r_1 = r_0.and(r(1)).filter(usable);
        let phi_2 = 1.0 - phi_1 / h;
        // What the differences d₀ and d₁ weigh.
        let (d_0, d_1) = match (r_0, r_1) {
            (Some(r_0), Some(r_1)) => {
                let half = 0.5 - phi_2 / h;
                let of_parabola = match self.third {
                    ThirdOrder::Exact => 2.0 * half,
                    ThirdOrder::Published => half,
                };
                let d_1 = -(r_0 * phi_2 + of_parabola) / (r_0 + r_1);
                ((phi_2 - d_1) / r_0, d_1 / r_1)
            }
            (Some(r_0), None) => match self.second {
                SecondOrder::Midpoint => (0.5 * phi_1 / r_0, 0.0),
                SecondOrder::Heun => (phi_2 / r_0, 0.0),
            },
            _ => (0.0, 0.0),
        };
        let alpha = to.alpha;
        first([kept, alpha * (phi_1 + d_0), alpha * (d_1 - d_0), -alpha * d_1])
    }
}
