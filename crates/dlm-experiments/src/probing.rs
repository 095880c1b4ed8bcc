//! The probe over many prompts, unit by unit, rows on disk as they come.

use std::path::Path;

use dlm_core::Canvas;
use dlm_probe::{PositionRow, Probe, Subject};
use dlm_runtime::Model;
use indicatif::ProgressBar;
use serde_json::json;

use crate::{
    Error, Folder, Prompt, PromptBody, Prompts, digest,
    folder::Opened,
    loading::style,
    manifest::{Manifest, ModelRecord, PromptRecord},
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
        "program": program_digest()?,
        "model": files,
        "device": description.device,
        "dtype": description.dtype,
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
    let manifest = Manifest {
        program: "dlm".to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        started: began,
        wall_seconds: 0.0,
        seed: run.seed,
        device: description.device.clone(),
        dtype: description.dtype.clone(),
        libtorch: dlm_runtime::LIBTORCH_VERSION.to_string(),
        threads: dlm_runtime::threads(),
        model: ModelRecord { description, files },
        prompts: PromptRecord {
            origin: run.prompts.origin.clone(),
            sha256: run.prompts.sha256.clone(),
            count: run.prompts.list.len(),
        },
        arguments: std::env::args().collect(),
        inputs,
        files: Vec::new(),
    };
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
        let canvas = canvas(model, prompt, run.masks).map_err(refused(index))?;
        let answer = match &prompt.response {
            Some(response) => model.text().and_then(|text| text.encode(response)),
            None => Ok(Vec::new()),
        };
        Ok(Subject { prompt: index, canvas, answer: answer.map_err(refused(index))? })
    };
    run.prompts.list.iter().enumerate().map(subject).collect()
}

/// A row of ids that holds the mask is a whole canvas; any other prompt gets masks.
fn canvas(model: &Model, prompt: &Prompt, masks: usize) -> Result<Canvas, dlm_runtime::Error> {
    let ids = match &prompt.body {
        PromptBody::Text(text) => return model.canvas(text, masks),
        PromptBody::Tokens(ids) => ids,
    };
    let mask = model.mask()?;
    let canvas = match ids.contains(&mask) {
        true => Canvas::infill(ids.clone(), mask),
        false => Canvas::continuation(ids, masks, mask),
    };
    let canvas = canvas.map_err(|error| dlm_runtime::Error::Prompt(error.to_string()))?;
    model.check_canvas(&canvas)?;
    Ok(canvas)
}

/// Another program may compute other numbers: rows belong to the one that wrote them.
fn program_digest() -> Result<String, Error> {
    let path = std::env::current_exe()
        .map_err(|source| Error::Read { path: "the running program".into(), source })?;
    digest::of_file(&path)
}
