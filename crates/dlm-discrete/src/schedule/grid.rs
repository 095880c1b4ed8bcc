//! The times between which a sampler steps.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

/// Where the times of a sampler's steps lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grid {
    /// Equally spaced.
    #[default]
    Uniform,
    /// `t = cos(π/2·(1 − τ))` with `τ` equally spaced: short steps near pure noise, where
    /// a masking schedule of the linear kind reveals the first tokens (Shi et al. 2024).
    Cosine,
}

impl Grid {
    /// The `steps + 1` times `1 = t₀ > t₁ > … > t_steps = end`; step `k` goes from `t_k`
    /// to `t_{k+1}`.
    ///
    /// A list of times leaves no room for a step that ends where the next does not begin,
    /// as happens where a step's width is computed beside the grid. `steps` is at least
    /// 1 and `end` lies in `[0, 1)`.
    pub fn times(self, steps: usize, end: f64) -> Vec<f64> {
        (0..=steps).map(|k| self.time(k, steps, end)).collect()
    }

    /// `t_k` of [`Grid::times`], `k` at most `steps`.
    pub fn time(self, k: usize, steps: usize, end: f64) -> f64 {
        let left = steps.saturating_sub(k) as f64 / steps as f64;
        let place = match self {
            Self::Uniform => left,
            // cos(π/2·(1 − τ)), and exactly 0 and 1 at the ends.
            Self::Cosine => (FRAC_PI_2 * left).sin(),
        };
        end + (1.0 - end) * place
    }
}
