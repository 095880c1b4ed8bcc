//! The probe over many prompts, unit by unit, rows on disk as they come.

use std::ops::Range;

use dlm_probe::{Lexicon, PositionRow, Probe, Subject};
use dlm_runtime::Model;

use crate::{
    Error, Folder, Prompt, Prompts,
    probe_data::{self, Unit},
    reference_text,
};

/// How many prompts, about, are written and may be lost together; a unit is also what
/// the interval of the prompt information leaves out at a time.
pub const UNIT: usize = 10;

/// Ranked tokens, one row each.
pub const TOKENS: &str = "probe.csv";
/// Statistics, one row per prompt and position.
pub const POSITIONS: &str = "position.csv";
/// Both.
pub const FILES: [&str; 2] = [TOKENS, POSITIONS];

/// What to probe and how.
#[derive(Clone, Copy, Debug)]
pub struct ProbeRun<'a> {
    /// The prompts.
    pub prompts: &'a Prompts,
    /// Masks appended to a prompt that holds none.
    pub masks: usize,
    /// Tokens listed at each position.
    pub top_k: usize,
    /// Whether to keep the summed predictions of each unit.
    pub mixture: bool,
}

/// A probe cut into units of prompts.
#[derive(Debug)]
pub struct Probing {
    subjects: Vec<Subject>,
    ranges: Vec<Range<usize>>,
    lexicon: Option<Lexicon>,
    top_k: usize,
    mixture: bool,
}

impl Probing {
    /// Of `run` with `model`.
    ///
    /// # Errors
    ///
    /// Where a prompt or a setting cannot be used.
    pub fn new(model: &Model, run: ProbeRun<'_>) -> Result<Self, Error> {
        let subjects = subjects(model, run)?;
        let (ranges, lexicon) =
            (probe_data::unit_ranges(subjects.len()), reference_text::lexicon(model)?);
        Ok(Self { subjects, ranges, lexicon, top_k: run.top_k, mixture: run.mixture })
    }

    /// How many units there are.
    pub fn units(&self) -> usize {
        self.ranges.len()
    }

    /// Probes the prompts of a unit and appends their rows to [`FILES`].
    ///
    /// # Errors
    ///
    /// Where the network fails, or the folder cannot be written; whole units stay.
    pub fn measure(
        &self,
        unit: usize,
        model: &mut Model,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let (top_k, lexicon, mixture) = (self.top_k, self.lexicon.as_ref(), self.mixture);
        let probe = Probe { top_k, lexicon, mixture };
        let reading = probe.run(model, &self.subjects[self.ranges[unit].clone()])?;
        folder.append(TOKENS, &reading.tokens)?;
        folder.append(POSITIONS, &reading.positions)?;
        if let Some(mixture) = &reading.mixture {
            probe_data::write_mixture(folder, unit, mixture)?;
        }
        Ok(())
    }

    /// What was measured.
    ///
    /// # Errors
    ///
    /// Where a row cannot be read.
    pub fn read(&self, folder: &Folder) -> Result<Probed, Error> {
        Ok(Probed { units: probe_data::read_units(folder, &self.ranges)? })
    }
}

/// What a probe found.
#[derive(Debug)]
pub struct Probed {
    /// Unit by unit.
    pub units: Vec<Unit>,
}

impl Probed {
    /// Every row of position.csv, in order.
    pub fn rows(&self) -> impl Iterator<Item = &PositionRow> {
        self.units.iter().flat_map(|unit| &unit.positions)
    }
}

pub(crate) fn subjects(model: &Model, run: ProbeRun<'_>) -> Result<Vec<Subject>, Error> {
    if run.masks == 0 {
        return Err(Error::Argument("--masks 0: ask for at least one mask".to_string()));
    }
    if run.prompts.list.is_empty() {
        return Err(Error::Argument("there is no prompt: raise --limit".to_string()));
    }
    let vocab = model.description().vocab;
    if run.top_k == 0 || vocab < run.top_k {
        let problem = format!("--top-k {}: should be 1 to {vocab}, the vocabulary", run.top_k);
        return Err(Error::Argument(problem));
    }
    let subject = |(index, prompt): (usize, &Prompt)| {
        let canvas = run.prompts.canvas(index, model, run.masks)?;
        let answer = match &prompt.response {
            Some(response) => model.text().and_then(|text| text.encode(response)),
            None => Ok(Vec::new()),
        };
        let answer = answer.map_err(|source| run.prompts.refuse(index, source))?;
        Ok(Subject { prompt: index, canvas, answer })
    };
    run.prompts.list.iter().enumerate().map(subject).collect()
}
