//! Samplers in which every position may jump at every step.
//!
//! A step asks the network once about the positions that can change, and hands it the
//! six coefficients of a [`Transition`](dlm_core::Transition) for each: the device draws
//! the next token, and no row of the vocabulary comes back. What the coefficients are
//! follows from the [`Rule`], the noise, the clock, the two times of the step and the token
//! that stands there ([`JumpSampler::moves`]); [`Filling`] owns the loop, and
//! [`presets`] names what was published.

mod coefficients;
mod error;
mod filling;
mod kappa;
mod moves;
pub mod presets;
mod row;
mod step;
mod tally;

pub use error::JumpError;
pub use filling::Filling;
pub use kappa::{Ceiling, Kappa};
pub use moves::Move;
pub use step::Change;

use dlm_core::Measure;
use serde::{Deserialize, Serialize};

use crate::fieldless::nothing_else;
use crate::forward::{Noise, Reverse};
use crate::schedule::require;
use crate::{Clock, Grid, ParameterError};

/// A sampler that steps along a grid of times from pure noise to data.
///
/// ```
/// use dlm_core::Canvas;
/// use dlm_discrete::jump::JumpSampler;
/// use dlm_rng::Key;
/// use dlm_testkit::Tabular;
///
/// // Two tokens that always agree.
/// let mut model = Tabular::new(2, 2, vec![0.5, 0.0, 0.0, 0.5])?;
/// let mut canvases = vec![Canvas::infill(vec![2, 2], 2)?];
/// JumpSampler::mdlm(1000).fill(&mut model, &mut canvases, &[Key::new(1)], &mut ())?;
/// assert_eq!(canvases[0].tokens()[0], canvases[0].tokens()[1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpSampler {
    /// How a position moves.
    pub rule: Rule,
    /// What its noise is: absorbing samplers start from masks, uniform ones from random
    /// tokens.
    pub noise: Noise,
    /// How fast each position's tokens turn into noise.
    pub clock: Clock,
    /// How many steps, at least 1; the last denoising is not counted.
    pub steps: usize,
    /// How their times are spaced.
    #[serde(default)]
    pub grid: Grid,
    /// The last time of the grid, in `[0, 1)`; 0. The authors of score entropy and of
    /// MDLM stop at 10⁻⁵.
    #[serde(default)]
    pub end: f64,
    /// Whether a last evaluation takes the noise of [`JumpSampler::end`] away; true.
    /// Masks that are left are filled in any case.
    #[serde(default = "yes")]
    pub denoise: bool,
    /// Only the most probable tokens up to this mass are drawn from, the one that crosses
    /// it included; in `(0, 1]`, absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
}

/// How a position moves from time `t` to `s < t`.
///
/// [`Rule::Euler`] and [`Rule::Analytic`] read the network's logits as `ln p_t(v)/p_t(x)`,
/// where that of the current token `x` does not matter; the others read `p(x₀)`. With an
/// exact network and steps of width `h`, what is written is off by a multiple of `h`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// Draws from the reverse of the forward process, its `x₀` predicted: ancestral
    /// sampling.
    ///
    /// Absorbing noise: a mask turns into `v` with `(α_s − α_t)/(1 − α_t)·p(v)`, or stays;
    /// tokens stay (Austin et al. 2021; Shi et al. 2024; Sahoo et al. 2024, whose cached
    /// sampler is this one with the linear schedule, whose plain one has the log-linear).
    /// Uniform noise: D3PM, and Duo (Sahoo et al. 2025).
    Posterior {
        /// What the prediction is taken to know; for uniform noise only.
        #[serde(default)]
        reverse: Reverse,
    },
    /// With chance `κ` as [`Rule::Posterior`], otherwise anew: `x₀` from the prediction,
    /// then noise up to time `s`, `α_s p(v) + (1 − α_s)π(v)` (Deschenaux et al. 2026, Ψ).
    /// Under absorbing noise a token may turn back into a mask, and with the `κ` of
    /// ReMDM does so by its rule (Wang et al. 2025).
    Psi {
        /// `κ`.
        kappa: Kappa,
        /// What the posterior's prediction is taken to know; for uniform noise only.
        #[serde(default)]
        reverse: Reverse,
    },
    /// One Euler step of the reverse jump process that the ratios give (Lou et al. 2024).
    #[serde(deserialize_with = "nothing_else")]
    Euler,
    /// Ratios carried back to `s`, times the forward transition (Lou et al. 2024, "Tweedie
    /// τ-leaping").
    #[serde(deserialize_with = "nothing_else")]
    Analytic,
    /// With chance `1 − exp(−(t − s)·κ′/(1 − κ))`, where `κ = α(t)` rises towards the
    /// data, the position takes a token drawn from `p` (Gat et al. 2024, discrete flow
    /// matching, without a divergence-free part); with certainty where `α_s = 1`.
    /// Under uniform noise an exact network's steps of width `h` are off by a multiple of
    /// `h ln(1/h)`, and `p` knows the position's own token, as for [`Reverse::Mixture`].
    #[serde(deserialize_with = "nothing_else")]
    Flow,
}

impl JumpSampler {
    /// Whether the parameters give a sampler.
    ///
    /// # Errors
    ///
    /// Where a parameter lies outside its range, or a rule on ratios meets a schedule whose
    /// `σ(1)` is infinite.
    pub fn validate(&self) -> Result<(), ParameterError> {
        self.clock.validate()?;
        require("steps", self.steps as f64, 1 <= self.steps, "at least 1")?;
        require("end", self.end, (0.0..1.0).contains(&self.end), "in [0, 1)")?;
        if let Some(top_p) = self.top_p {
            require("top_p", top_p, 0.0 < top_p && top_p <= 1.0, "in (0, 1]")?;
        }
        match self.rule {
            Rule::Psi { kappa, .. } => kappa.validate(),
            Rule::Euler | Rule::Analytic => self.finite_noise(),
            Rule::Posterior { .. } | Rule::Flow => Ok(()),
        }
    }

    /// What the network's output has to be: Euler and analytic steps read scores.
    pub fn measure(&self) -> Measure {
        match self.rule {
            Rule::Euler | Rule::Analytic => Measure::Score,
            Rule::Posterior { .. } | Rule::Psi { .. } | Rule::Flow => Measure::Probability,
        }
    }

    fn finite_noise(&self) -> Result<(), ParameterError> {
        let finite = |schedule: &crate::Schedule| {
            let alpha = schedule.alpha(1.0);
            require("alpha(1)", alpha, 0.0 < alpha, "a schedule with a floor, as log-linear")
        };
        match &self.clock {
            Clock::Shared(schedule) => finite(schedule),
            Clock::PerPosition(schedules) => schedules.iter().try_for_each(finite),
        }
    }
}

fn yes() -> bool {
    true
}
