//! The probe over many prompts, unit by unit, rows on disk as they come.

use std::path::Path;

use dlm_probe::{PositionRow, Probe, Subject};
use dlm_runtime::Model;
use indicatif::ProgressBar;
use serde_json::json;

use crate::{
    Error, Folder, Prompt, Prompts, digest,
    folder::Opened,
    loading::style,
    manifest::{Manifest, ModelRecord},
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

/// What to probe and how.
#[derive(Clone, Debug)]
pub struct ProbeRun {
    /// The prompts.
    pub prompts: Prompts,
    /// Masks appended to a prompt that holds none.
    pub masks: usize,
    /// Tokens listed at each position.
    pub top_k: usize,
    /// Written into the manifest; the probe itself draws nothing.
    pub seed: u64,
    /// Whatever else the results depend on.
    pub extra_inputs: serde_json::Value,
    /// Whether to keep the summed predictions of each unit.
    pub mixture: bool,
    /// Start anew even where the folder is whole.
    pub force: bool,
}

/// A probed folder, not yet whole: what follows may add files and then finishes it.
pub struct Probed {
    /// The folder.
    pub folder: Folder,
    /// What was written.
    pub units: Vec<Unit>,
    /// The manifest to be.
    pub manifest: Manifest,
    started: std::time::Instant,
}

impl Probed {
    /// Every row of position.csv, in order.
    pub fn rows(&self) -> impl Iterator<Item = &PositionRow> {
        self.units.iter().flat_map(|unit| &unit.positions)
    }

    /// Makes the folder whole; `files` are those written besides the rows.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written.
    pub fn finish(self, files: &[String]) -> Result<Manifest, Error> {
        let mut manifest = self.manifest;
        manifest.wall_seconds = self.started.elapsed().as_secs_f64();
        let rows = [TOKENS, POSITIONS].map(String::from);
        let all: Vec<String> = rows.into_iter().chain(files.iter().cloned()).collect();
        self.folder.finish(manifest.clone(), &all)?;
        for unit in 0..self.units.len() {
            self.folder.remove(&probe_data::mixture_file(unit))?;
        }
        Ok(manifest)
    }
}

/// Probes `run.prompts` into the folder `out`; `None` where it is up to date.
///
/// # Errors
///
/// Where a prompt cannot be used, the network fails, or the folder cannot be
/// written; whole units stay.
pub fn probe(model: &mut Model, run: &ProbeRun, out: &Path) -> Result<Option<Probed>, Error> {
    let started = std::time::Instant::now();
    let began = Manifest::now();
    let subjects = subjects(model, run)?;
    let description = model.description();
    let files = model.source().files()?;
    let inputs = json!({
        "program": digest::of_program()?,
        "model": files,
        "device": description.device,
        "dtype": description.dtype,
        "parametrisation": description.parametrisation,
        "prompts": run.prompts.sha256,
        "count": run.prompts.list.len(),
        "masks": run.masks,
        "top_k": run.top_k,
        "seed": run.seed,
        "mixture": run.mixture,
        "extra": run.extra_inputs,
    });
    let mut folder = match Folder::open(out, &inputs, run.force)? {
        Opened::UpToDate(_) => return Ok(None),
        Opened::Open(folder) => folder,
    };
    let lexicon = reference_text::lexicon(model)?;
    let probe = Probe { top_k: run.top_k, lexicon: lexicon.as_ref(), mixture: run.mixture };
    let bar = ProgressBar::new(subjects.len() as u64);
    bar.set_style(style("{prefix} {wide_bar} {pos}/{len} prompts, {per_sec}, {eta} left"));
    bar.set_prefix("probe");
    let ranges = probe_data::unit_ranges(subjects.len());
    let mut units = probe_data::read_units(&folder, &ranges)?;
    bar.set_position(units.iter().map(|unit| unit.prompts() as u64).sum());
    bar.reset_eta();
    for (index, range) in ranges.iter().enumerate().skip(units.len()) {
        let chunk = &subjects[range.clone()];
        let reading = probe.run(model, chunk)?;
        folder.append(TOKENS, &reading.tokens)?;
        folder.append(POSITIONS, &reading.positions)?;
        if let Some(mixture) = &reading.mixture {
            probe_data::write_mixture(&folder, index, mixture)?;
        }
        folder.finish_unit(&[TOKENS, POSITIONS])?;
        units.push(Unit { positions: reading.positions, mixture: reading.mixture });
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    let model = ModelRecord { description, files };
    let manifest = Manifest::new(began, run.seed, model, run.prompts.record(), inputs);
    Ok(Some(Probed { folder, units, manifest, started }))
}

pub(crate) fn subjects(model: &Model, run: &ProbeRun) -> Result<Vec<Subject>, Error> {
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
    let refused = |index: usize| {
        move |source| Error::Prompt { path: run.prompts.origin.clone(), index, source }
    };
    let subject = |(index, prompt): (usize, &Prompt)| {
        let canvas = prompt.canvas(model, run.masks).map_err(refused(index))?;
        let answer = match &prompt.response {
            Some(response) => model.text().and_then(|text| text.encode(response)),
            None => Ok(Vec::new()),
        };
        Ok(Subject { prompt: index, canvas, answer: answer.map_err(refused(index))? })
    };
    run.prompts.list.iter().enumerate().map(subject).collect()
}
