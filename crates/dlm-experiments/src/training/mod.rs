//! An adapter's training, from a recipe and files of texts to a folder.

mod losses;
mod progress;
mod record;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use dlm_rng::Key;
use dlm_runtime::{Trainee, training_ceiling};
use dlm_train::{DataFile, Event, Recipe, Standing, Texts, Training};
use serde_json::json;

use crate::{ComputeArguments, Error, loading, manifest::Manifest};
use progress::Progress;
use record::{DataRecord, TrainingRecord};

/// What to train and how.
#[derive(Clone, Debug)]
pub struct TrainingRun {
    /// Folder or hub id of the base.
    pub model: String,
    /// An adapter of the same recipe to go on from, in place of fresh updates.
    pub start: Option<PathBuf>,
    /// Whether to go on with the recipe where that adapter's training stands.
    pub onward: bool,
    /// The recipe, in TOML.
    pub recipe: PathBuf,
    /// The texts.
    pub data: Vec<DataFile>,
    /// How the base computes.
    pub compute: ComputeArguments,
    /// When to stop, to be resumed later; at the recipe's end if absent.
    pub time: Option<Duration>,
    /// Begin anew even where the folder holds a training.
    pub force: bool,
}

/// Trains into the folder `out`, telling `say` how it goes on; says in the end what was done.
///
/// # Errors
///
/// Where the base, the recipe, the texts or the folder are at fault, or a step fails; the
/// last checkpoint stays.
pub fn train(run: &TrainingRun, out: &Path, say: &mut dyn FnMut(&str)) -> Result<String, Error> {
    let (began, started) = (Manifest::now(), Instant::now());
    let recipe = read_recipe(&run.recipe)?;
    dlm_runtime::set_threads(run.compute.threads);
    let mut source = loading::find(&run.model, run.start.as_deref())?;
    let files = source.files()?;
    source.id = recipe.base.clone().unwrap_or(source.id);
    let (device, dtype) = (run.compute.device, run.compute.dtype);
    let plan = recipe.objective.plan(&recipe);
    let key = Key::new(recipe.seed);
    let mut trainee = Trainee::load(source, device, dtype, plan, key)?;
    let codec = trainee.text()?;
    let (vocab, _) = trainee.size();
    let texts = Texts::read(&run.data, &codec, vocab as usize, trainee.context())?;
    let (learned, held_out) = (texts.train.len(), texts.held_out.len());
    say(&format!("{learned} texts to learn from, {held_out} to measure on"));
    let length = recipe.layout.length;
    if trainee.context() < length {
        let context = trainee.context();
        let problem = format!("{length} is more than the base's context of {context}: lower it");
        return Err(Error::malformed(&run.recipe, "layout.length", problem));
    }
    let cut = texts.train.iter().filter(|text| length < text.prompt.len() + text.answer.len());
    match cut.count() {
        0 => {}
        cut => {
            say(&format!("{cut} of them are longer than a canvas of {length} and are cut there"))
        }
    }
    let end = trainee.end_of_sequence()?;
    let shares: Vec<f64> = run.data.iter().map(|file| file.share).collect();
    let inputs = json!({
        "model": files,
        "device": trainee.device_name(),
        "dtype": trainee.dtype_name(),
        // Whoever runs out of memory may compute a step in more parts and go on, and a name
        // changes nothing.
        "recipe": Recipe { accumulate: 1, base: None, ..recipe.clone() },
        "texts": texts.sha256,
        "shares": shares,
    });
    let ceiling = training_ceiling(&trainee, recipe.layout.step_tokens, 0.5)?;
    let folder = out.to_path_buf();
    let from = run.start.as_ref().filter(|_| run.onward);
    let standing = from.map(|adapter| Standing::read(adapter)).transpose()?;
    let training = Training {
        recipe: &recipe,
        texts: &texts,
        end,
        inputs,
        folder,
        force: run.force,
        standing,
    };
    let mut progress = Progress::new(&recipe, &trainee, ceiling.gflops, say);
    let limit = run.time.unwrap_or(Duration::MAX);
    let go_on = &mut |_| started.elapsed() < limit;
    let mut drawn = Ok(());
    let watch = &mut |event: &Event<'_>| {
        progress.tell(event);
        if let Event::Saved(_) = event {
            drawn = losses::draw(out);
        }
    };
    let trained = training.run(&mut trainee, go_on, watch)?;
    let speed = progress.speed();
    drawn?;
    let data = run.data.iter().zip(&texts.shares).map(|(file, &(texts, share))| {
        Ok(DataRecord {
            file: file.path.display().to_string(),
            sha256: crate::digest::of_file(&file.path)?,
            texts,
            share,
        })
    });
    let record = TrainingRecord {
        program: "dlm".to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        started: began,
        wall_seconds: started.elapsed().as_secs_f64(),
        libtorch: dlm_runtime::LIBTORCH_VERSION.to_string(),
        threads: dlm_runtime::threads(),
        device: trainee.device_name(),
        dtype: trainee.dtype_name(),
        base: run.model.clone(),
        base_files: files,
        data: data.collect::<Result<_, Error>>()?,
        held_out,
        steps: trained.steps,
        tokens: trained.tokens,
        whole: trained.whole,
        speed,
        recipe,
    };
    record.write(&out.join("training.json"))?;
    let steps = record.recipe.steps();
    let state = if trained.whole { "whole" } else { "to be resumed by the same command" };
    Ok(format!(
        "{} of {steps} steps, {} tokens, {state}: {}",
        trained.steps,
        trained.tokens,
        out.display()
    ))
}

fn read_recipe(path: &Path) -> Result<Recipe, Error> {
    let text = fs::read_to_string(path)
        .map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    toml::from_str(&text).map_err(|error| {
        let problem = error.to_string();
        Error::malformed(path, "recipe", problem.trim_end().to_string())
    })
}
