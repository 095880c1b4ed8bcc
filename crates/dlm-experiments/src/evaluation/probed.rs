//! What a masked model predicts behind prompts, near them and far from them.

use std::ops::Range;

use dlm_probe::{Lexicon, PositionRow, Probe, Subject};
use dlm_runtime::Model;

use super::rows::TextRow;
use crate::{
    Error, Prompts,
    probing::{self, ProbeRun},
    reference_text,
};

/// Masks behind each prompt.
pub(super) const MASKS: usize = 128;

/// The distances, from 0, over which rows are means: as many as the experiment
/// `probe-aggregate` compares.
const NEAR: Range<usize> = 0..8;
const FAR: Range<usize> = 96..MASKS;

/// The prompts of a probe, each with [`MASKS`] masks behind it.
pub(super) struct Probed {
    subjects: Vec<Subject>,
    lexicon: Option<Lexicon>,
}

impl Probed {
    /// The prompts as `model` reads them.
    pub(super) fn new(model: &Model, prompts: &Prompts) -> Result<Self, Error> {
        let run = ProbeRun { prompts, masks: MASKS, top_k: 1, mixture: false };
        let (subjects, lexicon) = (probing::subjects(model, run)?, reference_text::lexicon(model)?);
        Ok(Self { subjects, lexicon })
    }

    /// How many prompts there are.
    pub(super) fn len(&self) -> usize {
        self.subjects.len()
    }

    /// What the prompts at `places` add to the measures.
    pub(super) fn rows(
        &self,
        model: &mut Model,
        places: Range<usize>,
    ) -> Result<Vec<TextRow>, Error> {
        let probe = Probe { top_k: 1, lexicon: self.lexicon.as_ref(), mixture: false };
        let reading = probe.run(model, &self.subjects[places])?;
        Ok(reading.positions.chunk_by(|a, b| a.prompt == b.prompt).flat_map(of_prompt).collect())
    }
}

/// The rows of one prompt.
fn of_prompt(positions: &[PositionRow]) -> Vec<TextRow> {
    type Read = fn(&PositionRow) -> Option<f32>;
    let reads: [(&str, &str, Read); 3] = [
        ("best token's probability", "share", |row| Some(row.top1_prob)),
        ("entropy", "nats", |row| Some(row.entropy)),
        ("mass on the end", "share", |row| row.eos_mass),
    ];
    let mut rows = Vec::new();
    for (what, unit, read) in reads {
        for window in [NEAR, FAR] {
            let here = positions.iter().filter(|row| window.contains(&row.position));
            let values: Vec<f64> = here.filter_map(read).map(f64::from).collect();
            if values.is_empty() {
                continue;
            }
            rows.push(TextRow {
                line: positions[0].prompt + 1,
                measure: format!("probe's {what} at masks {} to {}", window.start + 1, window.end),
                sum: values.iter().sum(),
                tokens: values.len(),
                standard_error: None,
                unit: unit.to_string(),
            });
        }
    }
    rows
}
