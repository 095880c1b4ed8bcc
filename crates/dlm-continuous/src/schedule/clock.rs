//! The times of a sequence's positions.

use std::ops::Range;

use dlm_core::{Levels, NoiseLevel};
use serde::{Deserialize, Serialize};

use super::{NoiseSchedule, ParameterError, ScheduleError, parameter::require};

/// The time of each position as a function of the run's time `τ`, which falls from 1 to 0.
///
/// ```text
/// t_i(τ) = clamp((1 + L)τ − (max lag − lag_i), 0, 1),  L = max lag − min lag
/// ```
///
/// Every position is noise at `τ = 1` and data at `τ = 0`. One that lags stays noise for
/// longer and arrives later, so that later words may follow earlier ones (Wu et al. 2023,
/// AR-Diffusion). A frozen position, such as a prompt's, is data all the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// The lag of each position of a sequence, at least 0, in units of the time that it takes
    /// from noise to data; nothing for a frozen position.
    pub lags: Vec<Option<f64>>,
}

impl Clock {
    /// One time for all of a sequence's positions.
    pub fn shared(length: usize) -> Self {
        Self { lags: vec![Some(0.0); length] }
    }

    /// Every position lags behind its left neighbour by as much.
    ///
    /// With a lag of 1 a position begins when its neighbour has arrived: left to right.
    pub fn staggered(length: usize, lag: f64) -> Self {
        Self { lags: (0..length).map(|position| Some(lag * position as f64)).collect() }
    }

    /// The same clock with these positions frozen; those beyond its length are passed over.
    #[must_use]
    pub fn freeze(mut self, positions: Range<usize>) -> Self {
        let frozen = |(position, _): &(usize, _)| positions.contains(position);
        self.lags.iter_mut().enumerate().filter(frozen).for_each(|(_, lag)| *lag = None);
        self
    }

    /// `t_i(τ)` of each position; nothing for a frozen one.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Time`] for `τ` outside `[0, 1]`, and [`ScheduleError::Parameter`] for
    /// a clock without positions and for a lag below 0.
    pub fn times(&self, tau: f64) -> Result<Vec<Option<f64>>, ScheduleError> {
        super::timely(tau)?;
        self.validate()?;
        let lags = || self.lags.iter().flatten().copied();
        let most = lags().fold(0.0, f64::max);
        let span = most - lags().fold(most, f64::min);
        let time = |lag: f64| ((1.0 + span) * tau - (most - lag)).clamp(0.0, 1.0);
        Ok(self.lags.iter().map(|lag| lag.map(time)).collect())
    }

    /// The levels of every position for each level of a grid.
    ///
    /// The grid's times are the run's, and a position is at the schedule's level of its own
    /// time; where that is the run's time it is the grid's level itself. At a level of the
    /// grid without noise nothing has any. Where all positions agree there is one level.
    ///
    /// # Errors
    ///
    /// Those of [`Clock::times`] and of the schedule, which may be invalid.
    pub fn levels<S: NoiseSchedule + ?Sized>(
        &self,
        grid: &[NoiseLevel],
        schedule: &S,
    ) -> Result<Vec<Levels>, ScheduleError> {
        schedule.validate()?;
        self.validate()?;
        let at = |run: &NoiseLevel| -> Result<Levels, ScheduleError> {
            let level = |t: Option<f64>| match t {
                None => Ok(NoiseLevel::CLEAN),
                Some(t) if t == run.t || run.sigma == 0.0 => Ok(*run),
                Some(t) => schedule.level(t),
            };
            let times = self.times(run.t)?.into_iter();
            let each: Vec<NoiseLevel> = times.map(level).collect::<Result<_, _>>()?;
            Ok(match each.windows(2).all(|pair| pair[0] == pair[1]) {
                true => Levels::Shared(each[0]),
                false => Levels::PerPosition(each),
            })
        };
        grid.iter().map(at).collect()
    }

    /// Whether there are positions, and each lag is at least 0.
    ///
    /// # Errors
    ///
    /// [`ParameterError::OutOfRange`].
    pub fn validate(&self) -> Result<(), ParameterError> {
        require("positions", self.lags.len() as f64, !self.lags.is_empty(), "at least 1")?;
        self.lags
            .iter()
            .flatten()
            .try_for_each(|&lag| require("lag", lag, 0.0 <= lag, "at least 0"))
    }
}
