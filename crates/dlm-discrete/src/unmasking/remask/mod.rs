//! Which committed tokens turn back into masks, or into other tokens.

mod path_planning;
mod remdm;

use serde::{Deserialize, Serialize};

pub(super) use path_planning::keep_best;
pub(super) use remdm::Rates;
pub use remdm::{ReMdm, Strength};

use super::ConfigError;
use crate::fieldless::nothing_else;

/// What becomes of committed tokens of the current block.
///
/// Each rule ends: the last step of a block masks nothing, and no rule adds steps but
/// [`Remasking::Edit`], which says how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Remasking {
    /// They stay.
    #[default]
    #[serde(deserialize_with = "nothing_else")]
    None,
    /// Each is masked again by chance (ReMDM, Wang et al. 2025).
    ReMdm(ReMdm),
    /// Each is predicted once more as if it were masked, and masked if the network then
    /// gives it too little (WINO, Hong et al. 2025): a "shadow" of the token in the same
    /// evaluation. At most one fewer than the step commits, so every step gains; the
    /// published code allows one fewer than the step before committed, caps how many come in
    /// a step, and lets the shadows see each other.
    Verify {
        /// The probability that it must reach; 0.9 in the source's script.
        below: f64,
    },
    /// Masked candidates and committed tokens compete for the places that are kept (P2,
    /// Peng et al. 2025): a candidate scores `ln p(x₀)`, a committed token `η·ln p` of
    /// itself as the network sees it in place. The commit rule says how many places come
    /// free. A network that repeats the tokens it sees, as MDLM's does, keeps them all.
    PathPlanning {
        /// `η`: 0 keeps what is committed, 1 plans greedily by `ln p`.
        eta: f64,
    },
    /// A committed token is replaced where the network, seeing it, prefers another by a
    /// probability above a limit (LLaDA2.1's joint threshold). A network that repeats the
    /// tokens it sees, as MDLM's does, replaces none.
    Edit {
        /// The limit.
        above: f64,
        /// Evaluations a block may add, once it holds no mask, until nothing is replaced.
        extra_steps: usize,
    },
}

impl Remasking {
    /// Whether committed tokens are asked about in place.
    pub(super) fn sees_committed(self) -> bool {
        matches!(self, Self::PathPlanning { .. } | Self::Edit { .. })
    }

    pub(super) fn validate(self) -> Result<(), ConfigError> {
        let range = |field, value: f64, holds: bool, allowed| match holds {
            true => Ok(()),
            false => Err(ConfigError::Range { field, value, allowed }),
        };
        match self {
            Self::None => Ok(()),
            Self::ReMdm(rule) => rule.validate(),
            Self::Verify { below } => range("below", below, !below.is_nan(), "a number"),
            Self::PathPlanning { eta } => {
                range("eta", eta, 0.0 <= eta && eta.is_finite(), "0 or above")
            }
            Self::Edit { above, .. } => range("above", above, !above.is_nan(), "a number"),
        }
    }
}
