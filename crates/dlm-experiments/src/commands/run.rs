//! `dlm run`: a spec, from models to verdict.

use std::path::{Path, PathBuf};

use clap::Args;
use dlm_runtime::{DeviceChoice, DtypeChoice};
use serde_json::json;

use crate::{
    Error, Folder, Manifest, Prompts, Scale, Spec, Summary, digest,
    experiments::{self, Experiment},
    folder::{Failure, Opened},
    loading::ComputeArguments,
    spec::ModelChoice,
    stage::{Sources, Stage},
    units,
};

const ESTIMATES: &str = "estimates.csv";
const SUMMARY: &str = "summary.json";

/// Flags of `dlm run`.
#[derive(Clone, Debug, Args)]
pub struct RunArguments {
    /// The spec, a TOML file.
    pub spec: PathBuf,
    /// How much to run.
    #[arg(long, value_enum, default_value_t = Scale::Default)]
    pub scale: Scale,
    /// A model instead of all of the spec's.
    #[arg(long, value_name = "DIR|HUB_ID")]
    pub model: Option<String>,
    /// Its adapter.
    #[arg(long, value_name = "DIR", requires = "model")]
    pub adapter: Option<PathBuf>,
    /// A causal model, which judges what --model writes.
    #[arg(long, value_name = "DIR|HUB_ID", requires = "model")]
    pub judge: Option<String>,
    /// Other prompts than the spec's.
    #[arg(long, value_name = "FILE.jsonl")]
    pub prompts: Option<PathBuf>,
    /// How the models compute.
    #[command(flatten)]
    pub compute: ComputeArguments,
    /// Start anew even where the folder is whole.
    #[arg(long)]
    pub force: bool,
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Runs the spec; says in a line what was done. Where it could not be run, `failure.json` in the
/// folder says why, beside what is there already.
///
/// # Errors
///
/// Where the spec, a model, the prompts or the folder are at fault.
pub fn run(arguments: &RunArguments) -> Result<String, Error> {
    let spec = Spec::read(&arguments.spec)?;
    // A folder that is not this run's to write to gets no failure either.
    Folder::check(&arguments.out, arguments.force)?;
    attempt(&spec, arguments).inspect_err(|error| {
        // Best effort: the error that counts is the one that is returned.
        let _ = Failure::new(&spec, error, command(&spec, arguments)).leave(&arguments.out);
    })
}

fn attempt(spec: &Spec, arguments: &RunArguments) -> Result<String, Error> {
    let (started, began) = (std::time::Instant::now(), Manifest::now());
    let up_to_date = || format!("{}: up to date", spec.id);
    let prompts = prompts(spec, arguments)?;
    dlm_runtime::set_threads(arguments.compute.threads);
    let sources = sources(spec, arguments)?;
    let inputs = json!({
        "program": digest::of_program()?,
        "spec": digest::of_file(&arguments.spec)?,
        "scale": arguments.scale.name(),
        "models": sources.inputs()?,
        "prompts": prompts.as_ref().map(|prompts| (&prompts.sha256, prompts.list.len())),
        "own": experiments::inputs(spec, arguments.scale, &arguments.out)?,
    });
    if Folder::up_to_date(&arguments.out, &inputs, arguments.force)?.is_some() {
        Failure::withdraw(&arguments.out)?;
        return Ok(up_to_date());
    }
    let models = sources.load()?;
    let mut stage = Stage::new(spec.clone(), arguments.scale, models, prompts, &arguments.out);
    let mut experiment = experiments::of(&mut stage)?;
    // Opening removes results of other inputs, so what can be wrong with these comes before.
    let mut folder = match Folder::open(&arguments.out, &inputs, arguments.force)? {
        Opened::UpToDate(_) => return Ok(up_to_date()),
        Opened::Open(folder) => folder,
    };
    units::fill(&mut folder, &spec.id, experiment.units(), |unit, folder| {
        experiment.measure(unit, &mut stage, folder)?;
        folder.finish_unit(experiment.files())
    })?;
    let (summary, files) = conclude(&*experiment, &mut stage, &folder, arguments)?;
    let records = stage.models.records()?;
    let mut manifest = Manifest::new(began, spec.seed, records, stage.prompt_record(), inputs);
    manifest.wall_seconds = started.elapsed().as_secs_f64();
    folder.finish(manifest, &files)?;
    Ok(format!("{}: {} in {:.1} s", spec.id, summary.verdict, started.elapsed().as_secs_f64()))
}

/// From rows to the verdict; with the names of all files of the folder.
fn conclude(
    experiment: &dyn Experiment,
    stage: &mut Stage,
    folder: &Folder,
    arguments: &RunArguments,
) -> Result<(Summary, Vec<String>), Error> {
    let findings = experiment.analyse(stage, folder)?;
    let summary = Summary::new(&stage.spec, &findings, command(&stage.spec, arguments));
    folder.write_rows(ESTIMATES, findings.estimates.rows())?;
    let json = serde_json::to_vec_pretty(&summary)
        .map_err(|error| Error::malformed(SUMMARY, "JSON", error.to_string()))?;
    folder.write(SUMMARY, &json)?;
    let rows = experiment.files().iter().filter(|name| folder.file(name).exists());
    let own = [ESTIMATES, SUMMARY].map(String::from);
    let shown = findings.figures.iter().flat_map(|f| std::iter::once(&f.file).chain(&f.data));
    let files = rows.map(|name| (*name).to_string()).chain(own).chain(shown.cloned());
    Ok((summary, files.chain(findings.files).collect()))
}

fn prompts(spec: &Spec, arguments: &RunArguments) -> Result<Option<Prompts>, Error> {
    let sizes = spec.sizes(arguments.scale)?;
    let Some(path) = &sizes.prompts else { return Ok(None) };
    let mut prompts = Prompts::jsonl(arguments.prompts.as_ref().unwrap_or(path))?;
    prompts.truncate(sizes.count.unwrap_or(usize::MAX));
    Ok(Some(prompts))
}

fn sources(spec: &Spec, arguments: &RunArguments) -> Result<Sources, Error> {
    let given = arguments.model.clone().map(|model| {
        let adapter = arguments.adapter.clone();
        ModelChoice { model, adapter }
    });
    Sources::find(
        spec.sizes(arguments.scale)?,
        given,
        arguments.judge.as_deref(),
        arguments.compute,
    )
}

/// What somebody types to run it again.
fn command(spec: &Spec, arguments: &RunArguments) -> String {
    let scale = arguments.scale.name();
    let mut command = format!("cargo xtask reproduce {} --scale {scale}", spec.id);
    let shown = |path: &Path| path.display().to_string();
    let device = match arguments.compute.device {
        DeviceChoice::Auto => None,
        DeviceChoice::Cpu => Some("cpu".to_string()),
        DeviceChoice::Cuda(index) => Some(format!("cuda:{index}")),
    };
    let dtype = match arguments.compute.dtype {
        DtypeChoice::Auto => None,
        DtypeChoice::F32 => Some("f32".to_string()),
        DtypeChoice::Bf16 => Some("bf16".to_string()),
    };
    for (flag, value) in [
        ("--model", arguments.model.clone()),
        ("--adapter", arguments.adapter.as_deref().map(shown)),
        ("--judge", arguments.judge.clone()),
        ("--prompts", arguments.prompts.as_deref().map(shown)),
        ("--device", device),
        ("--dtype", dtype),
    ] {
        command.extend(value.map(|value| format!(" {flag} {value}")));
    }
    command
}
