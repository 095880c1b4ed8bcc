//! Stochastic churn: noise that a step adds before it starts.

use dlm_core::{Denoiser, Latent, NoiseLevel, Weights};
use serde::{Deserialize, Serialize};

use super::positions::levels;
use crate::{
    Noise, SampleError, Sampler, Step, Stepped,
    schedule::{NoiseSchedule, ScheduleError},
};

/// A sampler of the probability flow whose every step first adds noise (Karras et al. 2022,
/// Algorithm 2).
///
/// In `y = x/α` and `ς = σ/α`, with `γ`, `S_noise` of [`Churn`] and `z ~ N(0, I)`,
///
/// ```text
/// ς̂ = ς·(1 + γ)
/// ŷ = y + √(ς̂² − ς²)·S_noise·z
/// ```
///
/// Then `sampler` goes from `ŷ` at `ς̂` to `ς'`; with [`Heun`](super::Heun) this is the paper's
/// sampler. The forward process tells what `α` and `t` belong to `ς̂`: a network has to be told
/// the noise that it sees. Beyond the schedule's end there is no noise: `ς̂` is clipped to it.
/// A position that does not move adds none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churned<K, S> {
    /// Takes the step.
    pub sampler: K,
    /// How much noise is added, and where.
    pub churn: Churn,
    /// The forward process.
    pub schedule: S,
}

/// How much noise is added before a step, and at which levels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Churn {
    /// `γ` in `[0, √2 − 1]`, by which part the noise is raised; 0. In the paper
    /// `min(S_churn/N, √2 − 1)`, where `N` is the number of steps.
    pub gamma: f64,
    /// `S_tmin`, at least 0: below this `ς` no noise is added; 0.
    pub least: f64,
    /// `S_tmax`, at least `least`: above this `ς` no noise is added; the largest number, since
    /// files cannot say `∞`.
    pub most: f64,
    /// `S_noise`, at least 0: the standard deviation of `z`; 1. The paper goes up to 1.007, to
    /// make up for detail that networks lose.
    pub noise: f64,
}

impl Default for Churn {
    fn default() -> Self {
        Self { gamma: 0.0, least: 0.0, most: f64::MAX, noise: 1.0 }
    }
}

impl Churn {
    /// Whether the parameters make sense.
    ///
    /// # Errors
    ///
    /// [`SampleError::Parameter`] names the first that does not.
    pub fn validate(&self) -> Result<(), SampleError> {
        let most_gamma = std::f64::consts::SQRT_2 - 1.0;
        for (field, value, holds, range) in [
            ("gamma", self.gamma, (0.0..=most_gamma).contains(&self.gamma), "[0, √2 − 1]"),
            ("least", self.least, 0.0 <= self.least, "[0, ∞)"),
            ("most", self.most, self.least <= self.most, "[least, ∞]"),
            ("noise", self.noise, 0.0 <= self.noise && self.noise.is_finite(), "[0, ∞)"),
        ] {
            if !holds {
                return Err(SampleError::Parameter { field, value, range });
            }
        }
        Ok(())
    }

    /// The level at `ς̂`; the same level where no noise is added.
    fn raised(
        &self,
        schedule: &impl NoiseSchedule,
        from: NoiseLevel,
        to: NoiseLevel,
    ) -> Result<NoiseLevel, ScheduleError> {
        let within = (self.least..=self.most).contains(&from.ratio());
        if self.gamma == 0.0 || !within || from == to || from.sigma == 0.0 {
            return Ok(from);
        }
        let end = schedule.level(1.0)?;
        let raised = from.ratio() * (1.0 + self.gamma);
        match raised < end.ratio() {
            true => schedule.level_at(-raised.ln()),
            false if from.ratio() < end.ratio() => Ok(end),
            false => Ok(from),
        }
    }
}

impl<X: Latent, K: Sampler<X>, S: NoiseSchedule> Sampler<X> for Churned<K, S> {
    type Memory = K::Memory;

    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        memory: &mut K::Memory,
        denoiser: &mut dyn Denoiser<X>,
        noise: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        self.churn.validate()?;
        let raise = |from, to| self.churn.raised(&self.schedule, from, to);
        let raised = levels(step.from, step.to, raise)?;
        let positions = raised.as_slice().len();
        if (0..positions).all(|i| raised.at(i) == step.from.at(i)) {
            return self.sampler.step(x, step, memory, denoiser, noise);
        }
        let z = noise.fresh(&x)?;
        let weights = Weights::of([step.from, &raised], |[from, raised]| {
            let added = raised.ratio().powi(2) - from.ratio().powi(2);
            [raised.alpha / from.alpha, raised.alpha * self.churn.noise * added.max(0.0).sqrt()]
        });
        let x = x.moved(&weights, [&z])?;
        let step = Step { from: &raised, ..*step };
        self.sampler.step(x, &step, memory, denoiser, noise)
    }
}
