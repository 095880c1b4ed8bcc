//! Time in which the loss grows evenly.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    Interpolation::Linear, Knots, NoiseSchedule, ParameterError, ScheduleError, parameter::require,
    reached, timely,
};

/// Time through a learned distribution function of the loss (Dieleman et al. 2022, CDCD).
///
/// ```text
/// α = 1,  σ(t) = F⁻¹(t),  F(σ) = the loss up to σ, as a share of all
/// ```
///
/// So [`level`](NoiseSchedule::level) of a uniform time is a draw of `σ` by `F`: training
/// spends as much on every nat of loss, and sampling steps by as much loss each time. `F` is
/// linear between knots. `σ(0)` and `σ(1)` are the first and the last knot's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeWarp {
    /// `[σ, F]`, both strictly rising, `σ` from above 0, `F` from 0 to 1; straight from
    /// `σ = 2` to 300, which is where CDCD's training starts. These are values for
    /// embeddings of squared length 256.
    pub knots: Knots,
}

impl Default for TimeWarp {
    fn default() -> Self {
        Self { knots: Knots::straight([2.0, 0.0], [300.0, 1.0]) }
    }
}

/// The share of a uniform distribution in a fitted one. It lets `F` rise where the measured
/// loss does not, and keeps every noise level in training.
const UNIFORM: f64 = 1e-3;

impl TimeWarp {
    /// The warp for losses measured at some noises, `[σ, loss]` in any order.
    ///
    /// The measurements are put in order of `σ`, averaged in `bins` groups of equal size
    /// (CDCD has 100 bins), and made rising by pooling neighbours that fall; the first and
    /// the last piece reach to the ends. One thousandth of a uniform distribution is mixed in.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for ends that are no range, no bins, measurements outside the ends
    /// or not finite, fewer than two different noises, and losses that do not rise at all.
    pub fn fit(
        sigma_min: f64,
        sigma_max: f64,
        bins: usize,
        measured: &[[f64; 2]],
    ) -> Result<Self, ParameterError> {
        require("sigma_min", sigma_min, 0.0 < sigma_min, "above 0")?;
        require("sigma_max", sigma_max, sigma_min < sigma_max, "above sigma_min")?;
        require("bins", bins as f64, 0 < bins, "at least 1")?;
        for &[sigma, loss] in measured {
            let inside = (sigma_min..=sigma_max).contains(&sigma);
            require("measured σ", sigma, inside, "between sigma_min and sigma_max")?;
            require("measured loss", loss, true, "a number")?;
        }
        let curve = rising(means(measured, bins));
        let Some((first, last)) = extended(&curve, sigma_min, sigma_max) else {
            return Err(ParameterError::TooFewKnots(curve.len()));
        };
        require("measured loss", last - first, first < last, "losses that rise with σ")?;
        let share = |[sigma, loss]: [f64; 2]| {
            let uniform = (sigma - sigma_min) / (sigma_max - sigma_min);
            let measured = (loss - first) / (last - first);
            [sigma, UNIFORM * uniform + (1.0 - UNIFORM) * measured]
        };
        let between = curve.iter().map(|group| group.point()).map(share);
        let between = between.filter(|&[sigma, _]| sigma_min < sigma && sigma < sigma_max);
        let ends = [[sigma_min, 0.0], [sigma_max, 1.0]];
        Knots::new([ends[0]].into_iter().chain(between).chain([ends[1]]).collect())
            .map(|knots| Self { knots })
    }
}

impl NoiseSchedule for TimeWarp {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        Ok(NoiseLevel { t, alpha: 1.0, sigma: self.knots.x_at(t, Linear) })
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let sigma = (-lambda).exp();
        Ok(NoiseLevel { t: self.knots.at(sigma, Linear), alpha: 1.0, sigma })
    }

    fn validate(&self) -> Result<(), ParameterError> {
        let ([sigma_min, first], [_, last]) = self.knots.ends();
        require("knots: first σ", sigma_min, 0.0 < sigma_min, "above 0")?;
        require("knots: first F", first, first == 0.0, "0")?;
        require("knots: last F", last, last == 1.0, "1")
    }
}

/// Measurements taken together.
#[derive(Clone, Copy)]
struct Group {
    sigma: f64,
    loss: f64,
    count: f64,
}

impl Group {
    fn point(&self) -> [f64; 2] {
        [self.sigma, self.loss]
    }
}

/// The means of groups of equal size, in order of `σ`. Groups at one and the same `σ`
/// are one.
fn means(measured: &[[f64; 2]], bins: usize) -> Vec<Group> {
    let mut sorted = measured.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut groups: Vec<Group> = Vec::new();
    for chunk in sorted.chunks(sorted.len().div_ceil(bins).max(1)) {
        let count = chunk.len() as f64;
        let mean = |k: usize| chunk.iter().map(|point| point[k]).sum::<f64>() / count;
        let group = Group { sigma: mean(0), loss: mean(1), count };
        match groups.last_mut() {
            Some(last) if group.sigma <= last.sigma => {
                let total = last.count + count;
                last.loss = (last.loss * last.count + group.loss * count) / total;
                last.count = total;
            }
            _ => groups.push(group),
        }
    }
    groups
}

/// The nearest losses that nowhere fall: neighbours that do share their mean (pool adjacent
/// violators, Ayer et al. 1955). The noises stay where they are.
fn rising(groups: Vec<Group>) -> Vec<Group> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for group in &groups {
        let mut pool = (group.loss, group.count, 1);
        while let Some(&(loss, count, members)) = pools.last().filter(|last| pool.0 < last.0) {
            let total = count + pool.1;
            pool = ((loss * count + pool.0 * pool.1) / total, total, members + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    let losses = pools.iter().flat_map(|&(loss, _, members)| std::iter::repeat_n(loss, members));
    groups.iter().zip(losses).map(|(group, loss)| Group { loss, ..*group }).collect()
}

/// The losses at both ends, on the line of the first two groups and of the last two.
fn extended(groups: &[Group], sigma_min: f64, sigma_max: f64) -> Option<(f64, f64)> {
    let line = |a: &Group, b: &Group, sigma: f64| {
        a.loss + (b.loss - a.loss) * (sigma - a.sigma) / (b.sigma - a.sigma)
    };
    let [[first, second], [before, last]] = [groups.first_chunk::<2>()?, groups.last_chunk()?];
    Some((line(first, second, sigma_min), line(before, last, sigma_max)))
}
