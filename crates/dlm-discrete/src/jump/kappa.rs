//! How often a Ψ-sampler keeps to the posterior.

use serde::{Deserialize, Serialize};

use crate::ParameterError;
use crate::schedule::require;

/// `κ` in `[0, 1]`, the chance that a Ψ-step follows the posterior.
///
/// Those of ReMDM (Wang et al. 2025) are given by the chance `σ` that a token turns back
/// into a mask, at most `σ_max = min(1, (1 − α_s)/α_t)`:
///
/// ```text
/// κ = 1 − σ/(1 − α_s), clipped to [0, 1]
/// ```
///
/// The clipping means that a Ψ-step masks no token with more than `1 − α_s`, the noise of
/// time `s`, where ReMDM's own step may go up to `σ_max`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kappa {
    /// The same at all times; 1 is the posterior.
    Constant {
        /// `κ`, in `[0, 1]`.
        value: f64,
    },
    /// `σ = min(η, σ_max)`.
    MaxCapped {
        /// `η`, in `[0, 1]`.
        eta: f64,
    },
    /// `σ = η·min(c, (1 − α_s)/α_t)`, with the ceiling `c = 1`, which makes it `η σ_max`.
    MaxRescaled {
        /// `η`, in `[0, 1]`.
        eta: f64,
        /// `c`.
        #[serde(default)]
        ceiling: Ceiling,
    },
}

/// What bounds the ratio `(1 − α_s)/α_t` that ReMDM rescales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ceiling {
    /// 1, as published and in ReMDM's code: `σ ≤ η`.
    #[default]
    One,
    /// `η` once more, as in Duo's code: `σ ≤ η²`.
    Eta,
}

impl Kappa {
    /// `κ` of a step from `α_t` to `α_s ≥ α_t`.
    pub fn at(self, alpha_s: f64, alpha_t: f64) -> f64 {
        let ratio = if 0.0 < alpha_t { (1.0 - alpha_s) / alpha_t } else { f64::INFINITY };
        let sigma = match self {
            Self::Constant { value } => return value,
            Self::MaxCapped { eta } => eta.min(ratio),
            Self::MaxRescaled { eta, ceiling: Ceiling::One } => eta * ratio.min(1.0),
            Self::MaxRescaled { eta, ceiling: Ceiling::Eta } => eta * ratio.min(eta),
        };
        // At the end, where α_s is 1, nothing can turn to noise any more.
        if alpha_s < 1.0 { (1.0 - sigma / (1.0 - alpha_s)).clamp(0.0, 1.0) } else { 1.0 }
    }

    pub(super) fn validate(self) -> Result<(), ParameterError> {
        let (field, value) = match self {
            Self::Constant { value } => ("kappa", value),
            Self::MaxCapped { eta } | Self::MaxRescaled { eta, .. } => ("eta", eta),
        };
        require(field, value, (0.0..=1.0).contains(&value), "in [0, 1]")
    }
}
