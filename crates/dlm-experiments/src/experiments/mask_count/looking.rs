//! One prompt under every number of masks.

use dlm_core::{Ask, MaskPredictor, Query};
use dlm_runtime::Model;
use dlm_stats::total_variation;

use super::{MaskRow, Settings};
use crate::{Error, Prompts};

/// A prompt to be looked at.
pub(super) struct Looking<'a> {
    pub(super) prompts: &'a Prompts,
    pub(super) unit: usize,
    pub(super) settings: &'a Settings,
}

/// A whole prediction, and the number of masks it was made under.
struct Reference {
    masks: usize,
    p: Vec<f32>,
}

impl Looking<'_> {
    /// The rows of the prompt, by number of masks and position.
    ///
    /// # Errors
    ///
    /// Where the prompt cannot be used with so many masks, or the network fails.
    pub(super) fn rows(&self, model: &mut Model) -> Result<Vec<MaskRow>, Error> {
        let Self { prompts, unit, settings } = self;
        let ends = indicator(&model.ends(), model.vocab());
        let mut references: Vec<Reference> = Vec::new();
        let mut rows = Vec::new();
        for &masks in &settings.masks {
            let canvas = prompts.canvas(*unit, model, masks)?;
            let positions = canvas.masked();
            let query = Query::new(canvas.tokens(), &positions);
            let ask = Ask { expectations: &ends, ..Ask::default() };
            let seen = model.predict(&[query], &ask)?.candidates;

            // The sum over one query is the prediction itself; only the few positions that
            // are compared leave the device whole.
            let near = &positions[..settings.near.min(positions.len())];
            let ask = Ask { mixture: true, ..Ask::default() };
            let whole = model.predict(&[Query::new(canvas.tokens(), near)], &ask)?.mixture;
            let whole = whole.map_or(Vec::new(), |mixture| mixture.sum);
            let mut compared = whole.chunks_exact(model.vocab());

            for (position, candidate) in seen.iter().flatten().enumerate() {
                let p = compared.next().filter(|_| position < near.len());
                if let Some(p) = p.filter(|_| references.len() <= position) {
                    references.push(Reference { masks, p: p.to_vec() });
                }
                let reference = references.get(position).filter(|_| p.is_some());
                let tv = reference.zip(p).map(|(reference, p)| total_variation(p, &reference.p));
                let named = |source| Error::Estimate { name: "tv".to_string(), source };
                rows.push(MaskRow {
                    prompt: *unit,
                    masks,
                    position,
                    top1_token: candidate.token,
                    top1_prob: candidate.probability().into(),
                    entropy: candidate.entropy.into(),
                    eos_mass: candidate.expectations.first().map(|&mass| mass.into()),
                    reference: reference.map(|reference| reference.masks),
                    tv: tv.transpose().map_err(named)?,
                });
            }
        }
        Ok(rows)
    }
}

/// The weights whose expectation is the mass on `ends`; none where there are no ends.
fn indicator(ends: &[dlm_core::TokenId], vocab: usize) -> Vec<Vec<f32>> {
    if ends.is_empty() {
        return Vec::new();
    }
    let mut weights = vec![0.0; vocab];
    ends.iter().for_each(|&end| weights[end as usize] = 1.0);
    vec![weights]
}
