//! Which steps of a chain a run stops at, and the levels there.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    ParameterError, ScheduleError, Table,
    grid::{MOST_STEPS, karras},
    parameter::require,
};

/// How a run of `n` steps picks from a chain of `T` (diffusers' `timestep_spacing`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picking {
    /// From `T − 1` to 0 at equal distances, both among them.
    #[default]
    Linspace,
    /// `k·⌊T/n⌋` for `k = n − 1, …, 0`: ends on 0 and starts short of `T − 1`.
    Leading,
    /// `T − k·T/n − 1` for `k = 0, …, n − 1`, rounded: starts at `T − 1` and ends above 0.
    Trailing,
}

/// The steps of a chain that a run stops at, as diffusers' schedulers choose them.
///
/// The default is that of its Euler and Heun schedulers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timesteps {
    /// How they are picked.
    pub picking: Picking,
    /// Added to every step of [`Picking::Leading`] (diffusers' `steps_offset`), at most
    /// 1 000 000.
    pub offset: usize,
    /// Whether [`Picking::Linspace`] is rounded to whole steps, ties to even, as the DDPM,
    /// DDIM and DPM-Solver schedulers do.
    pub whole: bool,
    /// Whether one step more is picked and the last left out, as the DPM-Solver scheduler
    /// does for [`Picking::Linspace`] and [`Picking::Leading`].
    pub spare: bool,
}

/// What follows the last of the steps that were picked (diffusers' `final_sigmas_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Last {
    /// Data, `σ = 0`.
    #[default]
    Clean,
    /// The chain's first step, `σ_min`; nothing where the run has come to it already.
    First,
    /// Nothing: a run of `n` steps has `n − 1` moves.
    Given,
}

impl Timesteps {
    /// The `n` steps, from the noisiest, of a chain of `steps`.
    ///
    /// They are what is published, sensible or not: with [`Picking::Leading`] and more steps
    /// than the chain has they do not move, and an offset may lead beyond the chain. Where
    /// that is so, [`Table::levels`] refuses them.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for an offset, a chain or a run of more than 1 000 000 steps.
    pub fn of(&self, steps: usize, n: usize) -> Result<Vec<f64>, ParameterError> {
        for (field, value) in [("offset", self.offset), ("steps", steps), ("n", n)] {
            require(field, value as f64, value <= MOST_STEPS, "at most 1000000")?;
        }
        let picked = n + usize::from(self.spare && self.picking != Picking::Trailing);
        let pick = |k: usize| match self.picking {
            Picking::Linspace => {
                let stride = (steps.max(1) - 1) as f64 / (picked.max(2) - 1) as f64;
                let step = (picked - 1 - k) as f64 * stride;
                if self.whole { step.round_ties_even() } else { step }
            }
            Picking::Leading => ((picked - 1 - k) * (steps / picked) + self.offset) as f64,
            Picking::Trailing => {
                let back = k as f64 * (steps as f64 / picked as f64);
                (steps as f64 - back).round_ties_even() - 1.0
            }
        };
        Ok((0..n).map(pick).collect())
    }
}

impl Table {
    /// The levels at these steps, from the noisiest, and at what follows.
    ///
    /// They keep the variance; [`variance_exploding`](super::variance_exploding) has them as
    /// Euler's and Heun's schedulers do.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Step`] for a step that the table does not have, and
    /// [`ScheduleError::Standing`] for steps that do not fall strictly.
    pub fn levels(&self, steps: &[f64], last: Last) -> Result<Vec<NoiseLevel>, ScheduleError> {
        if let Some(at) = steps.windows(2).position(|pair| pair[0] <= pair[1]) {
            return Err(ScheduleError::Standing { from: steps[at], to: steps[at + 1] });
        }
        let levels: Result<Vec<_>, _> = steps.iter().map(|&step| self.level_of(step)).collect();
        let mut levels = levels?;
        match last {
            Last::Clean => levels.push(NoiseLevel::CLEAN),
            Last::First if steps.last() != Some(&0.0) => levels.push(self.level_of(0.0)?),
            Last::First | Last::Given => {}
        }
        Ok(levels)
    }

    /// `n` levels whose `(σ/α)^{1/ρ}` falls evenly from the table's last step to its first
    /// (Karras et al. 2022), and what follows.
    ///
    /// Their times are those of [`Table::step_at`], mostly between two steps.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Parameter`] for fewer than two levels or more than 1 000 000, and for `ρ` not above 0.
    pub fn karras_levels(
        &self,
        n: usize,
        rho: f64,
        last: Last,
    ) -> Result<Vec<NoiseLevel>, ScheduleError> {
        require("n", n as f64, (2..=MOST_STEPS).contains(&n), "2 to 1000000")?;
        require("rho", rho, 0.0 < rho, "above 0")?;
        let [first, noisiest] = [0, self.steps() - 1].map(|k| self.level_of(k as f64));
        let level = |ratio: f64| {
            let told = self.level_of(self.step_at(ratio))?;
            let exact = NoiseLevel { t: told.t, alpha: 1.0, sigma: ratio };
            Ok(super::variance_preserving(exact))
        };
        let first = first?;
        let ratios = karras(noisiest?.ratio(), first.ratio(), n, rho);
        let mut levels: Vec<NoiseLevel> =
            ratios.into_iter().map(level).collect::<Result<_, ScheduleError>>()?;
        // The last of them is the first step itself, so that nothing has to follow it there.
        levels[n - 1] = first;
        if last == Last::Clean {
            levels.push(NoiseLevel::CLEAN);
        }
        Ok(levels)
    }
}
