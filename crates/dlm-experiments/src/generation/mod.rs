//! Filling canvases with samples: finished ones on disk as they come, in order at the end.
//!
//! Each (prompt, sample) is one canvas whose randomness is its own, so which canvases run
//! together changes how long a run takes and nothing else, up to the network's rounding.
//! Canvases finish in any order and are written at once; when all are there, the rows are
//! put in order, so that the files of two runs can be compared byte by byte.

mod filler;
mod gaussian;
mod listener;
mod names;
mod recorder;
mod sample;
mod sampler;
mod sampler_file;
mod settings;
mod shared_model;
mod trace;
mod view;
mod watch;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use dlm_core::Canvas;
use dlm_rng::Key;
use dlm_runtime::Model;
use serde_json::json;

pub(crate) use filler::Filler;
pub use gaussian::GaussianSampler;
pub(crate) use gaussian::{frame, noise_schedule};
pub use listener::Listener;
pub use sample::SampleRow;
pub(crate) use sample::Speech;
pub use sampler::Sampler;
pub use settings::SamplerArguments;

use crate::{
    Error, Folder, Prompts, digest,
    folder::Opened,
    manifest::{Manifest, ModelRecord},
};
use recorder::Recorder;
use sample::{Place, Placed, SAMPLES, TIMING, TimingRow};
use sampler::Work;
use shared_model::SharedModel;
use trace::Trace;
use view::View;

/// What to generate and how.
#[derive(Clone, Debug)]
pub struct GenerationRun {
    /// The prompts.
    pub prompts: Prompts,
    /// How canvases are filled.
    pub sampler: Sampler,
    /// The name of the preset it came from, for the manifest.
    pub preset: Option<String>,
    /// Masks appended to a prompt that holds none.
    pub gen_length: usize,
    /// Samples of each prompt.
    pub samples: usize,
    /// Seed of all randomness.
    pub seed: u64,
    /// Most canvases that are evaluated together; suits the device if absent.
    pub batch: Option<usize>,
    /// Whether the canvas is shown while it fills.
    pub watch: bool,
    /// Where every step is written down.
    pub trace: Option<PathBuf>,
    /// Start anew even where the folder is whole.
    pub force: bool,
}

/// Generates into the folder `out`, telling `listener` what happens; `None` where it is up
/// to date.
///
/// # Errors
///
/// Where a setting or a prompt cannot be used, the network fails, or the folder cannot be
/// written; finished samples stay.
pub fn generate(
    model: &mut Model,
    run: &GenerationRun,
    out: &Path,
    listener: &mut dyn Listener,
) -> Result<Option<Manifest>, Error> {
    let started = std::time::Instant::now();
    let began = Manifest::now();
    let run =
        &GenerationRun { sampler: run.sampler.clone().with_ends(&model.ends()), ..run.clone() };
    let canvases = canvases(model, run)?;
    run.sampler.check(&canvases, model)?;
    let frequencies = run.sampler.frequencies(model)?;
    let record = ModelRecord::of(model)?;
    let inputs = inputs(run, &record)?;
    let id = digest::of_bytes(inputs.to_string().as_bytes());
    let refuse = |path: &Path| trace::refuse_others(path, &id, run.force);
    run.trace.as_deref().map(refuse).transpose()?;
    let lost = run.trace.as_ref().is_some_and(|path| !path.exists());
    if lost && out.exists() {
        listener.note("the trace is new, so all samples are");
    }
    let folder = match Folder::open(out, &inputs, run.force || lost)? {
        Opened::UpToDate(_) => return Ok(None),
        Opened::Open(folder) => folder,
    };
    run.sampler.notes(&canvases, model).iter().for_each(|note| listener.note(note));
    let (folder, trace) = fill(model, run, &id, &canvases, &frequencies, folder, listener)?;

    sample::put_in_order::<SampleRow>(&folder, SAMPLES)?;
    sample::put_in_order::<TimingRow>(&folder, TIMING)?;
    trace.map(Trace::finish).transpose()?;
    let mut manifest =
        Manifest::new(began, run.seed, vec![record], Some(run.prompts.record()), inputs);
    manifest.wall_seconds = started.elapsed().as_secs_f64();
    folder.finish(manifest.clone(), &[SAMPLES, TIMING].map(String::from))?;
    Ok(Some(manifest))
}

/// All that the samples depend on. How many are evaluated together is not among it, so a
/// run that was too large for the memory goes on with a smaller batch.
fn inputs(run: &GenerationRun, model: &ModelRecord) -> Result<serde_json::Value, Error> {
    Ok(json!({
        "program": digest::of_program()?,
        "model": model.files,
        "device": model.description.device,
        "dtype": model.description.dtype,
        "parametrisation": model.description.parametrisation,
        "prompts": run.prompts.sha256,
        "count": run.prompts.list.len(),
        "preset": run.preset,
        "sampler": run.sampler,
        "gen_length": run.gen_length,
        "samples": run.samples,
        "seed": run.seed,
        "trace": run.trace.is_some(),
    }))
}

/// Fills the canvases of all samples that `folder` does not have, and gives it back with
/// the trace; `id` tells the run from others.
fn fill(
    model: &mut Model,
    run: &GenerationRun,
    id: &str,
    canvases: &[Canvas],
    frequencies: &[f32],
    folder: Folder,
    listener: &mut dyn Listener,
) -> Result<(Folder, Option<Trace>), Error> {
    let done: BTreeSet<Place> =
        sample::rows::<SampleRow>(&folder, SAMPLES)?.iter().map(Placed::place).collect();
    let places = (0..canvases.len())
        .flat_map(|prompt| (0..run.samples).map(move |sample| Place { prompt, sample }));
    let places: Vec<Place> = places.filter(|place| !done.contains(place)).collect();
    let mut rows: Vec<Canvas> = places.iter().map(|place| canvases[place.prompt].clone()).collect();
    let key = |place: &Place| sample_key(run.seed, place.prompt, place.sample);
    let keys: Vec<Key> = places.iter().map(key).collect();
    let suitable = if model.description().device == "cpu" { 8 } else { 32 };
    let view = View::new(model, &rows, run.watch)?;
    let ends = run.sampler.ends(model);
    let speech = Speech::new(model, &ends);
    let shared = SharedModel::new(model);
    let mut recorder = Recorder {
        model: &shared,
        speech,
        folder,
        samples: canvases.len() * run.samples,
        started: vec![None; places.len()],
        places,
        trace: run.trace.as_deref().map(|path| Trace::open(path, id, &done)).transpose()?,
        view,
        listener,
        failure: None,
    };
    let work = Work {
        network: &mut &shared,
        batch: run.batch.unwrap_or(suitable),
        frequencies,
        ends: &ends,
    };
    let filled = run.sampler.fill(work, &mut rows, &keys, &mut recorder);
    recorder.finish(filled)
}

/// The randomness of one sample of one prompt, however many of either there are.
pub(crate) fn sample_key(seed: u64, prompt: usize, sample: usize) -> Key {
    Key::new(seed).sequence((prompt as u64) << 32 | sample as u64)
}

/// One canvas a prompt, all masked where the answer will stand.
fn canvases(model: &Model, run: &GenerationRun) -> Result<Vec<Canvas>, Error> {
    let refuse = |problem: &str| Err(Error::Argument(problem.to_string()));
    for (flag, count) in [("gen-length", run.gen_length), ("samples", run.samples)] {
        if count == 0 {
            return refuse(&format!("--{flag} 0: ask for at least 1"));
        }
    }
    if run.batch == Some(0) {
        return refuse("--batch 0: evaluate at least 1 canvas at a time");
    }
    if run.prompts.list.is_empty() {
        return refuse("there is no prompt: raise --limit");
    }
    let indices = 0..run.prompts.list.len();
    indices.map(|index| run.prompts.canvas(index, model, run.gen_length)).collect()
}
