//! Chains in discrete time, as published, and a schedule from each.

use dlm_core::NoiseLevel;

use super::{
    Betas, NoiseSchedule, ParameterError, ScheduleError, parameter::require, timely,
    variance::variance_preserving,
};

/// A chain `x_k = √(1 − β_k)·x_{k−1} + √β_k·z` of `T` steps, tabulated (Ho et al. 2020).
///
/// ```text
/// ᾱ_k = Π_{j ≤ k} (1 − β_j),  α = √ᾱ_k,  σ = √(1 − ᾱ_k)
/// t = (k + 1)/T
/// ```
///
/// Step `k` is the state after `k + 1` additions of noise, so data is at `t = 0` and the last
/// step at `t = 1`. A network trained on steps is told `k = t·T − 1`.
///
/// As a schedule, a table is read between its steps: `σ/α` is linear in `t`, from 0 for data,
/// which is how diffusers reads its tables at fractional steps.
///
/// ```
/// use dlm_continuous::schedule::{Betas, Table};
///
/// let table = Table::published(Betas::Sqrt { offset: 1e-4 }, 2000)?;
/// let fewer = table.respaced(&table.evenly(200))?;
/// assert_eq!(fewer.alpha_bars()[199], table.alpha_bars()[1999]);
/// # Ok::<(), dlm_continuous::schedule::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    betas: Vec<f64>,
    alpha_bars: Vec<f64>,
    /// The level after each step.
    levels: Vec<NoiseLevel>,
    /// The step of the whole chain that each of these steps is.
    kept: Vec<usize>,
}

impl Table {
    /// The chain of these `β`, each in `(0, 1)`.
    ///
    /// # Errors
    ///
    /// [`ParameterError::OutOfRange`] for no steps, for a `β` outside, and for steps with
    /// which `ᾱ` does not fall any more in f64.
    pub fn new(betas: Vec<f64>) -> Result<Self, ParameterError> {
        require("steps", betas.len() as f64, !betas.is_empty(), "at least 1")?;
        let mut alpha_bars = Vec::with_capacity(betas.len());
        let mut alpha_bar = 1.0;
        for &beta in &betas {
            require("β of a step", beta, 0.0 < beta && beta < 1.0, "in (0, 1)")?;
            let next = alpha_bar * (1.0 - beta);
            require("ᾱ of a step", next, 0.0 < next && next < alpha_bar, "β that make it fall")?;
            alpha_bar = next;
            alpha_bars.push(next);
        }
        let level = |(k, &alpha_bar): (usize, &f64)| {
            let t = (k + 1) as f64 / betas.len() as f64;
            NoiseLevel { t, alpha: alpha_bar.sqrt(), sigma: (1.0 - alpha_bar).sqrt() }
        };
        let levels = alpha_bars.iter().enumerate().map(level).collect();
        Ok(Self { levels, kept: (0..betas.len()).collect(), betas, alpha_bars })
    }

    /// The published chain of so many steps.
    ///
    /// # Errors
    ///
    /// Those of [`Betas::of`] and [`Table::new`].
    pub fn published(betas: Betas, steps: usize) -> Result<Self, ParameterError> {
        Self::new(betas.of(steps)?)
    }

    /// `count` of the steps at equal distances, first and last among them, rounded (Nichol &
    /// Dhariwal 2021); the first alone for one, all for more than there are.
    pub fn evenly(&self, count: usize) -> Vec<usize> {
        let (last, count) = (self.steps() - 1, count.min(self.steps()));
        let stride = if count < 2 { 1.0 } else { last as f64 / (count - 1) as f64 };
        let mut at = 0.0;
        let mut next = |_| {
            let step = f64::round_ties_even(at) as usize;
            // Added up, because the published steps are: a product rounds elsewhere.
            at += stride;
            step.min(last)
        };
        (0..count).map(&mut next).collect()
    }

    /// The chain that stops at these steps alone, with the noise between them added at once:
    /// `β_i = 1 − ᾱ_{kept i}/ᾱ_{kept i−1}` (Nichol & Dhariwal 2021).
    ///
    /// Its levels have the times of the whole chain, as the network was told them.
    ///
    /// # Errors
    ///
    /// [`ParameterError::OutOfRange`] for no steps, for steps that do not rise strictly, and
    /// for one that the table does not have.
    pub fn respaced(&self, kept: &[usize]) -> Result<Self, ParameterError> {
        require("kept steps", kept.len() as f64, !kept.is_empty(), "at least 1")?;
        kept.windows(2).try_for_each(|pair| {
            require("kept step", pair[1] as f64, pair[0] < pair[1], "above the one before")
        })?;
        let last = kept[kept.len() - 1];
        require("kept step", last as f64, last < self.steps(), "one that the table has")?;
        let alpha_bars: Vec<f64> = kept.iter().map(|&step| self.alpha_bars[step]).collect();
        let before = std::iter::once(&1.0).chain(&alpha_bars);
        Ok(Self {
            betas: before.zip(&alpha_bars).map(|(before, here)| 1.0 - here / before).collect(),
            levels: kept.iter().map(|&step| self.levels[step]).collect(),
            kept: kept.iter().map(|&step| self.kept[step]).collect(),
            alpha_bars,
        })
    }

    /// Steps of this chain, at least 1.
    pub fn steps(&self) -> usize {
        self.betas.len()
    }

    /// `β_k`, `[steps]`.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// `ᾱ_k`, `[steps]`.
    pub fn alpha_bars(&self) -> &[f64] {
        &self.alpha_bars
    }

    /// The step of the whole chain that each step is, `[steps]`: what a network is told.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// The weights of `x₀` and `x_k` in the mean of `q(x_{k−1} | x_k, x₀)`, `[steps]`:
    ///
    /// ```text
    /// [√ᾱ_{k−1}·β_k/(1 − ᾱ_k), √(1 − β_k)·(1 − ᾱ_{k−1})/(1 − ᾱ_k)],  ᾱ_{−1} = 1
    /// ```
    pub fn posterior_means(&self) -> Vec<[f64; 2]> {
        self.rows(|beta, before, alpha_bar| {
            let noise = 1.0 - alpha_bar;
            [before.sqrt() * beta / noise, (1.0 - beta).sqrt() * (1.0 - before) / noise]
        })
    }

    /// `β_k(1 − ᾱ_{k−1})/(1 − ᾱ_k)`, the variance of `q(x_{k−1} | x_k, x₀)`, `[steps]`; 0 at
    /// the first step, which leads to data.
    pub fn posterior_variances(&self) -> Vec<f64> {
        self.rows(|beta, before, alpha_bar| beta * (1.0 - before) / (1.0 - alpha_bar))
    }

    /// The logarithms of [`Table::posterior_variances`], where the first, which would be
    /// `−∞`, is that of the second step (Ho et al. 2020); it stays `−∞` in a table of one.
    pub fn posterior_log_variances(&self) -> Vec<f64> {
        let mut logs: Vec<f64> = self.posterior_variances().into_iter().map(f64::ln).collect();
        logs[0] = logs[1.min(logs.len() - 1)];
        logs
    }

    /// The level at a step `k` from 0 to `steps − 1`, which may lie between two: there `σ/α`
    /// and `t` are on the line between their levels.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Step`] for a step that the table does not have.
    pub fn level_of(&self, step: f64) -> Result<NoiseLevel, ScheduleError> {
        let last = self.steps() - 1;
        if !(0.0..=last as f64).contains(&step) {
            return Err(ScheduleError::Step { step, last });
        }
        let (k, share) = (step.floor() as usize, step.fract());
        Ok(match share {
            0.0 => self.levels[k],
            _ => between(self.levels[k], self.levels[k + 1], share),
        })
    }

    /// The step, mostly between two, whose `σ/α` this is; the first or the last beyond them.
    ///
    /// Between two steps `ln(σ/α)` is on a line, as diffusers has it for the steps that a
    /// network is told with Karras' noises. That is not quite the inverse of
    /// [`Table::level_of`], which has `σ/α` on a line.
    pub fn step_at(&self, ratio: f64) -> f64 {
        let last = self.steps() - 1;
        let above = self.levels.partition_point(|level| level.ratio() <= ratio);
        if above == 0 || last < above {
            return above.min(last) as f64;
        }
        let (low, high) = (self.levels[above - 1].ratio().ln(), self.levels[above].ratio().ln());
        (above - 1) as f64 + (ratio.ln() - low) / (high - low)
    }

    /// A number for each step from its `β_k`, `ᾱ_{k−1}` and `ᾱ_k`.
    fn rows<R>(&self, row: impl Fn(f64, f64, f64) -> R) -> Vec<R> {
        let before = std::iter::once(&1.0).chain(&self.alpha_bars);
        let rows = self.betas.iter().zip(before).zip(&self.alpha_bars);
        rows.map(|((&beta, &before), &alpha_bar)| row(beta, before, alpha_bar)).collect()
    }

    /// The level on the line between the two that `key` puts `value` between, where data
    /// stands before the first step.
    fn found(&self, key: impl Fn(NoiseLevel) -> f64, value: f64) -> NoiseLevel {
        let above = self.levels.partition_point(|&level| key(level) <= value);
        let from = above.checked_sub(1).map_or(NoiseLevel::CLEAN, |k| self.levels[k]);
        match self.levels.get(above) {
            Some(&to) if key(from) < value => {
                between(from, to, (value - key(from)) / (key(to) - key(from)))
            }
            _ => from,
        }
    }

    /// The last and noisiest level.
    fn noisiest(&self) -> NoiseLevel {
        self.levels[self.steps() - 1]
    }
}

/// `t` in `[0, 1]`; of a respaced table, from 0 to the time of its last step.
impl NoiseSchedule for Table {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let last = self.noisiest().t;
        match t <= last {
            true => Ok(NoiseLevel { t, ..self.found(|level| level.t, t) }),
            false => Err(ScheduleError::Late { t, last }),
        }
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        let least = self.noisiest().lambda();
        if !(least..=f64::INFINITY).contains(&lambda) {
            return Err(ScheduleError::Lambda { lambda, least, most: f64::INFINITY });
        }
        Ok(self.found(NoiseLevel::ratio, (-lambda).exp()))
    }
}

/// The level at this share of the way, `σ/α` and `t` on a line.
fn between(from: NoiseLevel, to: NoiseLevel, share: f64) -> NoiseLevel {
    let line = |from: f64, to: f64| (1.0 - share) * from + share * to;
    let (t, sigma) = (line(from.t, to.t), line(from.ratio(), to.ratio()));
    variance_preserving(NoiseLevel { t, alpha: 1.0, sigma })
}
