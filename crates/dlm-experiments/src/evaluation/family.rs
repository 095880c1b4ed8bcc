//! What is measured of each family.

use dlm_rng::Key;
use dlm_runtime::Model;

use super::{EvaluationRun, causal, gaussian, masked, rows::TextRow, texts::Texts};
use crate::{Error, Family, generation::noise_schedule};

impl Family {
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
