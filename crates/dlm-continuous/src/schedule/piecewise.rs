//! Rates of noise that are linear in pieces.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{
    NoiseSchedule, ParameterError, ScheduleError,
    linear::MOST,
    parameter::require,
    reached, timely,
    variance::{decay_at, decayed, with_lambda},
};

/// A rate that is linear between knots (Li et al. 2022, Diffusion-LM: `pw_lin`).
///
/// ```text
/// β(t) = the line through the knots around t,  α = exp(−½∫₀ᵗβ),  σ² = 1 − α²
/// ```
///
/// `σ(0) = 0`. The default is Diffusion-LM's chain of 2000 steps: the first ten add noise
/// at rates that fall from 20.1 to 0.1, the others at rates that rise to 20.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PiecewiseLinear {
    /// `[t, β]`: times that rise strictly from 0 to 1, and rates in `(0, 1000]`.
    pub knots: Vec<[f64; 2]>,
}

impl Default for PiecewiseLinear {
    fn default() -> Self {
        Self { knots: vec![[0.0, 20.1], [0.005, 0.1], [1.0, 20.0]] }
    }
}

impl NoiseSchedule for PiecewiseLinear {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        timely(t)?;
        let mut decay = 0.0;
        for pair in self.knots.windows(2) {
            let ([from, first], [to, last]) = (pair[0], pair[1]);
            let width = t.min(to) - from;
            if width <= 0.0 {
                break;
            }
            let slope = (last - first) / (to - from);
            decay += width * (first + 0.5 * width * slope);
        }
        Ok(decayed(t, decay))
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        reached(self, lambda)?;
        let mut left = decay_at(lambda);
        for pair in self.knots.windows(2) {
            let ([from, first], [to, last]) = (pair[0], pair[1]);
            let piece = 0.5 * (to - from) * (first + last);
            if left <= piece {
                // The root of ½·slope·w² + first·w = left, in the form that cancels nothing.
                let slope = (last - first) / (to - from);
                let root = (first * first + 2.0 * slope * left).max(0.0).sqrt();
                let t = from + 2.0 * left / (first + root);
                return Ok(with_lambda(t.min(to), lambda));
            }
            left -= piece;
        }
        Ok(with_lambda(1.0, lambda))
    }

    fn validate(&self) -> Result<(), ParameterError> {
        let [Some(first), Some(last)] = [self.knots.first(), self.knots.last()] else {
            return Err(ParameterError::TooFewKnots(0));
        };
        require("knots: first t", first[0], first[0] == 0.0, "0")?;
        require("knots: last t", last[0], last[0] == 1.0, "1")?;
        let rises = |pair: &[[f64; 2]]| pair[0][0] < pair[1][0];
        if let Some(index) = self.knots.windows(2).position(|pair| !rises(pair)) {
            let [x, y] = self.knots[index + 1];
            return Err(ParameterError::NotRising { knot: index + 1, x, y });
        }
        self.knots.iter().try_for_each(|&[_, rate]| {
            require("knots: β", rate, 0.0 < rate && rate <= MOST, "in (0, 1000]")
        })
    }
}
