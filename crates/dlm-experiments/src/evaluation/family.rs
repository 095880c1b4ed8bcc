//! The families of language models, and what is measured of each.

use std::fmt;

use dlm_rng::Key;
use dlm_runtime::Model;
use serde::Serialize;

use super::{EvaluationRun, causal, gaussian, masked, rows::TextRow, texts::Texts};
use crate::{Error, generation::noise_schedule};

/// How a model makes text, which decides what can be measured of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

    /// All that the text at `place` adds to this family's measures.
    pub(super) fn measure(
        self,
        model: &mut Model,
        texts: &Texts,
        place: usize,
        run: &EvaluationRun,
    ) -> Result<Vec<TextRow>, Error> {
        let text = &texts.list[place];
        // A text's randomness is its line's, whatever else is measured.
        let key = Key::new(run.seed).sequence(text.line as u64 - 1);
        match self {
            Self::Autoregressive => Ok(causal::rows(model, text)?),
            Self::Gaussian => {
                let schedule = noise_schedule(model)?;
                let mut rows = gaussian::rows(model, &schedule, text, key)?;
                rows.push(gaussian::bound(model, &schedule, text, key, run.bound_samples)?);
                Ok(rows)
            }
            Self::Masked => {
                let mask = model.mask()?;
                let mut rows = masked::rows(model, text, mask, key)?;
                let bound = masked::bound(model, text, mask, key, run.bound_samples);
                rows.push(bound.map_err(|source| Error::Likelihood {
                    path: texts.record().origin,
                    index: place,
                    source,
                })?);
                Ok(rows)
            }
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
