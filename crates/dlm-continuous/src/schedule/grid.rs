//! Where the steps of a run lie on a schedule.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{NoiseSchedule, ScheduleError, parameter::require};

/// The levels that a run walks down: a list, in which every step ends where the next begins.
///
/// A list leaves no room for a step whose width is computed beside the grid and does not
/// fit it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Steps of the run, 1 to 1 000 000: the list has one level more.
    pub steps: usize,
    /// In what the noisy levels are equally spaced; time.
    #[serde(default)]
    pub spacing: Spacing,
    /// Where the run ends; at `t = 0`.
    #[serde(default)]
    pub end: End,
}

/// What falls by as much with every step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Spacing {
    /// Time `t`.
    Time {},
    /// Half the logarithm of the signal-to-noise ratio, `λ`, which rises (Lu et al. 2022).
    Lambda {},
    /// `(σ/α)^{1/ρ}` (Karras et al. 2022).
    Karras {
        /// `ρ`, above 0; 7.
        #[serde(default = "seven")]
        rho: f64,
    },
}

/// Where a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// At the schedule's level of this time, in `[0, 1)`: with the noise that it has there.
    Time(f64),
    /// At data, `σ = 0`, coming from the schedule's level of this time: the last of the
    /// steps is the one from there to data. A run of one step goes there from `t = 1`.
    CleanAfter(f64),
}

impl Default for Spacing {
    fn default() -> Self {
        Self::Time {}
    }
}

impl Default for End {
    fn default() -> Self {
        Self::Time(0.0)
    }
}

/// The most steps of a run or a chain: more than any needs, and a list that fits into memory.
pub(super) const MOST_STEPS: usize = 1_000_000;
const STEPS: &str = "1 to 1000000";

impl Grid {
    /// So many steps, equally spaced in time from 1 to 0.
    pub fn uniform(steps: usize) -> Self {
        Self { steps, spacing: Spacing::Time {}, end: End::default() }
    }

    /// The `steps + 1` levels from `t = 1` to the end.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Parameter`] for too few or too many steps, for an end outside `[0, 1)`, for `ρ` not
    /// above 0, for an invalid schedule, and where the end has no noise though the
    /// spacing or a last step to data needs some.
    pub fn levels<S: NoiseSchedule + ?Sized>(
        &self,
        schedule: &S,
    ) -> Result<Vec<NoiseLevel>, ScheduleError> {
        schedule.validate()?;
        require("steps", self.steps as f64, (1..=MOST_STEPS).contains(&self.steps), STEPS)?;
        let (end, moves) = match self.end {
            End::Time(end) => (end, self.steps),
            End::CleanAfter(end) => (end, self.steps - 1),
        };
        require("end", end, (0.0..1.0).contains(&end), "in [0, 1)")?;
        let (first, last) = (schedule.level(1.0)?, schedule.level(end)?);
        let to_data = matches!(self.end, End::CleanAfter(_));
        if to_data || self.spacing != (Spacing::Time {}) {
            let noise = "a time at which the schedule has noise";
            require("end", end, 0.0 < last.sigma, noise)?;
        }
        if let Spacing::Karras { rho } = self.spacing {
            require("rho", rho, 0.0 < rho, "above 0")?;
        }
        let at = |k: usize| match self.spacing {
            Spacing::Time {} => schedule.level(line(1.0, end, k, moves)),
            Spacing::Lambda {} => schedule.level_at(line(first.lambda(), last.lambda(), k, moves)),
            Spacing::Karras { rho } => {
                schedule.level_at(-curve(first.ratio(), last.ratio(), k, moves, rho).ln())
            }
        };
        let mut levels = Vec::with_capacity(self.steps + 1);
        for k in 0..=moves {
            // The ends are the schedule's own, without the rounding of a way there and back.
            levels.push(match k {
                0 => first,
                _ if k == moves => last,
                _ => at(k)?,
            });
        }
        if to_data {
            levels.push(NoiseLevel::CLEAN);
        }
        Ok(levels)
    }
}

/// `n` numbers from `most` to `least` whose `ρ`-th root falls evenly.
pub(super) fn karras(most: f64, least: f64, n: usize, rho: f64) -> Vec<f64> {
    (0..n).map(|k| curve(most, least, k, n - 1, rho)).collect()
}

/// The number `k` of `n` moves from `from` to `to` on the line of the `ρ`-th roots.
fn curve(from: f64, to: f64, k: usize, n: usize, rho: f64) -> f64 {
    line(from.powf(1.0 / rho), to.powf(1.0 / rho), k, n).powf(rho)
}

/// The number `k` of `n` moves from `from` to `to`; both ends are exact.
fn line(from: f64, to: f64, k: usize, n: usize) -> f64 {
    let (done, left) = (k as f64 / n as f64, (n - k) as f64 / n as f64);
    left * from + done * to
}

fn seven() -> f64 {
    7.0
}
