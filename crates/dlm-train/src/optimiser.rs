//! AdamW on one row of numbers, its learning rate and its average.

use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad};

use crate::{Error, recipe::require};

/// How a row of numbers follows its gradients: AdamW (Loshchilov and Hutter 2019).
///
/// ```text
/// g ← g·min(1, clip/‖g‖)
/// m ← β₁m + (1 − β₁)g        v ← β₂v + (1 − β₂)g²
/// θ ← θ − η·(m/(1 − β₁ᵏ)/(√(v/(1 − β₂ᵏ)) + ε) + decay·θ)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// The largest learning rate `η`, above 0.
    pub rate: f64,
    /// `β₁` and `β₂`, in `[0, 1)`.
    pub betas: [f64; 2],
    /// `ε`, above 0.
    pub eps: f64,
    /// Decoupled decay, at least 0.
    pub decay: f64,
    /// The norm that a gradient is cut to, above 0.
    pub clip: f64,
    /// Steps over which the rate grows from 0.
    pub warm_up: u64,
    /// How the rate falls.
    pub fall: Fall,
    /// Share of the old in the running average of θ, in `[0, 1)`; 0 keeps none. After `k`
    /// steps it is at most `k/(10 + k)`.
    pub average: f64,
}

/// How a learning rate falls after its warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fall {
    /// Stays.
    Constant,
    /// Constant for the first half of the steps, then straight to 0.
    Linear,
    /// Half a cosine from the first step, warm-up and all, to the last.
    Cosine,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            rate: 6e-4,
            betas: [0.9, 0.99],
            eps: 1e-8,
            decay: 0.0,
            clip: 1.0,
            warm_up: 50,
            fall: Fall::Linear,
            average: 0.999,
        }
    }
}

impl AdamW {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] names the first that does not.
    pub fn validate(&self) -> Result<(), Error> {
        let above = |x: f64| x.is_finite() && 0.0 < x;
        let share = |x: f64| (0.0..1.0).contains(&x);
        require("optimiser.rate", self.rate, above(self.rate), "above 0")?;
        for beta in self.betas {
            require("optimiser.betas", beta, share(beta), "in [0, 1)")?;
        }
        require("optimiser.eps", self.eps, above(self.eps), "above 0")?;
        let fine = self.decay.is_finite() && 0.0 <= self.decay;
        require("optimiser.decay", self.decay, fine, "at least 0")?;
        require("optimiser.clip", self.clip, above(self.clip), "above 0")?;
        require("optimiser.average", self.average, share(self.average), "in [0, 1)")
    }

    /// The learning rate of step `step` (from 0) of `steps`, before which the optimiser made
    /// `remembered` steps since it began without memory: all, but in a training that went on
    /// from an adapter, which warms up again.
    pub fn rate_at(&self, step: u64, steps: u64, remembered: u64) -> f64 {
        let warm = (remembered + 1) as f64 / self.warm_up.max(1) as f64;
        let done = (step as f64 / steps.max(1) as f64).min(1.0);
        let left = match self.fall {
            Fall::Constant => 1.0,
            Fall::Linear => (2.0 * (1.0 - done)).min(1.0),
            Fall::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        };
        self.rate * left * warm.min(1.0)
    }
}

/// What an optimiser remembers from step to step.
#[derive(Debug)]
pub(crate) struct Momentum {
    /// Steps of the training so far, which the average is about.
    pub(crate) steps: u64,
    /// Those among them that the means are about.
    pub(crate) remembered: u64,
    /// Running mean of the gradient.
    pub(crate) m: Tensor,
    /// Running mean of its square.
    pub(crate) v: Tensor,
    /// Running average of θ.
    pub(crate) average: Tensor,
}

impl Momentum {
    /// No memory of a training of `steps` steps, whose average is `theta`.
    pub(crate) fn new(theta: &Tensor, steps: u64) -> Result<Self, Error> {
        let zeros = || theta.f_detach()?.f_zeros_like();
        Ok(Self { steps, remembered: 0, m: zeros()?, v: zeros()?, average: theta.f_detach_copy()? })
    }

    /// Moves `theta` along `gradient`, whose norm is `norm`.
    pub(crate) fn step(
        &mut self,
        rule: &AdamW,
        theta: &Tensor,
        gradient: &Tensor,
        norm: f64,
        rate: f64,
    ) -> Result<(), Error> {
        no_grad(|| {
            let g = gradient.f_mul_scalar((rule.clip / norm.max(1e-12)).min(1.0))?;
            let [first, second] = rule.betas;
            self.steps += 1;
            self.remembered += 1;
            let count = self.remembered as f64;
            self.m = self.m.f_mul_scalar_(first)?.f_add_(&g.f_mul_scalar(1.0 - first)?)?;
            let square = g.f_square()?.f_mul_scalar_(1.0 - second)?;
            self.v = self.v.f_mul_scalar_(second)?.f_add_(&square)?;
            let root = self.v.f_div_scalar(1.0 - second.powf(count))?.f_sqrt_()?;
            let mut change = self.m.f_div(&root.f_add_scalar(rule.eps)?)?;
            change = change.f_mul_scalar_(rate / (1.0 - first.powf(count)))?;
            let mut theta = theta.f_detach()?;
            theta = theta.f_mul_scalar_(1.0 - rate * rule.decay)?.f_sub_(&change)?;
            // A young average follows faster, or it would remember the start for long.
            let age = self.steps as f64;
            let keep = rule.average.min(age / (10.0 + age));
            let fresh = theta.f_mul_scalar(1.0 - keep)?;
            self.average = self.average.f_mul_scalar_(keep)?.f_add_(&fresh)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6 * expected.abs().max(1e-3), "{found} {expected}");
    }

    #[test]
    fn rates_rise_and_fall_as_they_are_described() {
        let rule = |fall| AdamW { rate: 0.5, warm_up: 10, fall, ..AdamW::default() };
        let at = |fall, step| rule(fall).rate_at(step, 100, step);
        for fall in [Fall::Constant, Fall::Linear] {
            close(at(fall, 0), 0.05);
            close(at(fall, 9), 0.5);
            close(at(fall, 50), 0.5);
        }
        close(at(Fall::Constant, 99), 0.5);
        close(at(Fall::Linear, 75), 0.25);
        close(at(Fall::Linear, 99), 0.01);
        close(at(Fall::Cosine, 25), 0.25 * (1.0 + 0.5f64.sqrt()));
        close(at(Fall::Cosine, 50), 0.25);
        close(at(Fall::Cosine, 4), 0.125 * (1.0 + (0.04 * std::f64::consts::PI).cos()));
        close(AdamW { warm_up: 0, ..rule(Fall::Constant) }.rate_at(0, 100, 0), 0.5);
        // Without memory in the middle it warms up again.
        close(rule(Fall::Linear).rate_at(75, 100, 4), 0.125);
    }

    /// The formula of [`AdamW`] on one number, in f64.
    fn by_hand(rule: &AdamW, start: f64, gradients: &[f64], rate: f64) -> (f64, f64) {
        let ([first, second], mut theta) = (rule.betas, start);
        let (mut m, mut v, mut average) = (0.0, 0.0, start);
        for (k, gradient) in (1..).zip(gradients) {
            let g = gradient * (rule.clip / gradient.abs()).min(1.0);
            m = first * m + (1.0 - first) * g;
            v = second * v + (1.0 - second) * g * g;
            let (m, v) = (m / (1.0 - first.powi(k)), v / (1.0 - second.powi(k)));
            theta -= rate * (m / (v.sqrt() + rule.eps) + rule.decay * theta);
            let keep = rule.average.min(f64::from(k) / (10.0 + f64::from(k)));
            average = keep * average + (1.0 - keep) * theta;
        }
        (theta, average)
    }

    #[test]
    fn a_step_is_the_formula_with_clipping_decay_and_average() {
        let rule = AdamW { clip: 1.5, decay: 0.1, average: 0.2, eps: 1e-3, ..AdamW::default() };
        let (start, gradients, rate) = (2.0, [0.5, -4.0, 1.0, 0.25], 0.05);
        let theta = Tensor::from_slice(&[start as f32]).set_requires_grad(true);
        let mut momentum = Momentum::new(&theta, 0).unwrap();
        for gradient in gradients {
            let norm = f64::abs(gradient);
            let gradient = Tensor::from_slice(&[gradient as f32]);
            momentum.step(&rule, &theta, &gradient, norm, rate).unwrap();
        }
        let (expected, average) = by_hand(&rule, start, &gradients, rate);
        close(theta.double_value(&[0]), expected);
        close(momentum.average.double_value(&[0]), average);
    }

    #[test]
    fn decay_shrinks_what_has_no_gradient_and_nothing_else_does() {
        for decay in [0.0, 0.5] {
            let rule = AdamW { decay, ..AdamW::default() };
            let theta = Tensor::from_slice(&[3.0f32]);
            let mut momentum = Momentum::new(&theta, 0).unwrap();
            momentum.step(&rule, &theta, &theta.zeros_like(), 0.0, 0.1).unwrap();
            close(theta.double_value(&[0]), 3.0 * (1.0 - 0.1 * decay));
        }
    }
}
