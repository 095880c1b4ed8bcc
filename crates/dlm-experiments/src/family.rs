//! The families of language models.

use std::fmt;

use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use crate::Error;

/// How a model makes text, which decides what can be measured of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// From left to right.
    Autoregressive,
    /// From masks, in any order.
    Masked,
    /// From Gaussian noise on vectors, all positions at once.
    Gaussian,
}

impl Family {
    /// The family of `model`.
    ///
    /// # Errors
    ///
    /// Where it sees both sides of a position and names no mask.
    pub fn of(model: &Model) -> Result<Self, Error> {
        match (model.description().causal, model.is_gaussian()) {
            (true, _) => Ok(Self::Autoregressive),
            (false, true) => Ok(Self::Gaussian),
            (false, false) => Ok(model.mask().map(|_| Self::Masked)?),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Autoregressive => "autoregressive",
            Self::Masked => "masked",
            Self::Gaussian => "gaussian",
        })
    }
}
