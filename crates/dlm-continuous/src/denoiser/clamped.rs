//! Data predictions pulled to the nearest embeddings.

use dlm_core::{Denoiser, Latent, Levels, ModelError, Rounding, TokenId};
use serde::{Deserialize, Serialize};

/// Replaces data predictions by the embeddings of the tokens they round to, the *clamping
/// trick* (Li et al. 2022, Diffusion-LM).
///
/// `x̂₀ ↦ e(round(x̂₀))` at every position whose own time [`Clamping`] chooses; elsewhere the
/// prediction passes bit by bit.
#[derive(Clone, Debug)]
pub struct Clamped<D, R> {
    /// Whose predictions are clamped.
    pub denoiser: D,
    /// What they are clamped to.
    pub rounding: R,
    /// Where they are.
    pub when: Clamping,
}

/// The times at which a prediction is clamped; `t = 0` is data.
///
/// Step `k` of a chain of `T` is at `t = (k + 1)/T`, see [`Table`](crate::schedule::Table), so
/// a published clamp step `k` is that time: `UpTo` clamps it and the steps below it, `From` it
/// and the steps above.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Clamping {
    /// At all times (Li et al. 2022).
    Always {},
    /// Towards the end of a run, `t ≤ time` (Gong et al. 2023, DiffuSeq).
    UpTo {
        /// The last time that is clamped; below 0 is never.
        time: f64,
    },
    /// At the start of a run, `t ≥ time` (DiffuSeq's `clamp_first`).
    From {
        /// The first time that is clamped; above 1 is never.
        time: f64,
    },
}

impl Default for Clamping {
    fn default() -> Self {
        Self::Always {}
    }
}

impl Clamping {
    /// Whether a position at time `t` is clamped.
    pub fn holds(self, t: f64) -> bool {
        match self {
            Self::Always {} => true,
            Self::UpTo { time } => t <= time,
            Self::From { time } => time <= t,
        }
    }
}

impl<X: Latent, D: Denoiser<X>, R: Rounding<X>> Denoiser<X> for Clamped<D, R> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        let x0 = self.denoiser.denoise(x, levels)?;
        let clamped = |t| self.when.holds(t);
        if !levels.as_slice().iter().any(|level| clamped(level.t)) {
            return Ok(x0);
        }
        let tokens: Vec<TokenId> =
            self.rounding.round(&x0)?.iter().map(|rounded| rounded.token).collect();
        let embedded = self.rounding.embed(&tokens, &x0)?;
        let weights = levels.weights(|level| match clamped(level.t) {
            true => [0.0, 1.0],
            false => [1.0, 0.0],
        });
        Ok(X::combine(&weights, [&x0, &embedded])?)
    }

    fn evaluations(&self) -> usize {
        self.denoiser.evaluations()
    }
}
