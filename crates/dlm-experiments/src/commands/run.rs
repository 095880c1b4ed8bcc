//! `dlm run`: a spec, from model to verdict.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    Error, Estimates, ModelArguments, Prompts, Scale, Spec, Summary, digest, experiments,
    loading::ComputeArguments,
    probing::{self, ProbeRun},
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
    /// Another model than the spec's, without the spec's adapter.
    #[arg(long, value_name = "DIR|HUB_ID")]
    pub model: Option<String>,
    /// Another adapter than the spec's.
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// Other prompts than the spec's.
    #[arg(long, value_name = "FILE.jsonl")]
    pub prompts: Option<PathBuf>,
    /// How the model computes.
    #[command(flatten)]
    pub compute: ComputeArguments,
    /// Start anew even where the folder is whole.
    #[arg(long)]
    pub force: bool,
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Runs the spec; says in a line what was done.
///
/// # Errors
///
/// Where the spec, the model, the prompts or the folder are at fault.
pub fn run(arguments: &RunArguments) -> Result<String, Error> {
    let spec = Spec::read(&arguments.spec)?;
    let sizes = spec.sizes(arguments.scale, &arguments.spec)?;
    let own_model = arguments.model.is_some();
    let mut prompts = Prompts::jsonl(arguments.prompts.as_ref().unwrap_or(&sizes.prompts))?;
    prompts.truncate(sizes.count);
    let adapter = match &arguments.adapter {
        None if !own_model => sizes.adapter.clone(),
        given => given.clone(),
    };
    let model = ModelArguments {
        model: arguments.model.clone().unwrap_or(sizes.model.clone()),
        adapter: adapter.clone(),
        parametrisation: None,
        compute: arguments.compute,
    };
    let mut model = model.load()?;
    let run = ProbeRun {
        prompts,
        masks: sizes.masks,
        top_k: spec.top_k,
        seed: spec.seed,
        extra_inputs: json!({
            "spec": digest::of_file(&arguments.spec)?,
            "scale": arguments.scale.name(),
            "batch_tokens": arguments.compute.batch_tokens,
            "answer_lengths": experiments::answer_lengths_digest(adapter.as_deref())?,
        }),
        mixture: experiments::needs_mixture(&spec),
        force: arguments.force,
    };
    let Some(probed) = probing::probe(&mut model, &run, &arguments.out)? else {
        return Ok(format!("{}: up to date", spec.id));
    };
    let findings = experiments::analyse(&spec, sizes, &probed)?;
    let summary = Summary::new(&spec, &findings, command(&spec, arguments));
    write_estimates(&probed, &findings.estimates)?;
    let json = serde_json::to_vec_pretty(&summary)
        .map_err(|error| Error::malformed(SUMMARY, "JSON", error.to_string()))?;
    probed.folder.write(SUMMARY, &json)?;
    let mut files = vec![ESTIMATES.to_string(), SUMMARY.to_string()];
    files.extend(findings.files);
    let manifest = probed.finish(&files)?;
    let seconds = manifest.wall_seconds;
    Ok(format!("{}: {} in {seconds:.1} s", spec.id, summary.verdict))
}

/// What somebody types to run it again.
fn command(spec: &Spec, arguments: &RunArguments) -> String {
    let scale = arguments.scale.name();
    let mut command = format!("cargo xtask reproduce {} --scale {scale}", spec.id);
    let shown = |path: &PathBuf| path.display().to_string();
    for (flag, value) in [
        ("--model", arguments.model.clone()),
        ("--adapter", arguments.adapter.as_ref().map(shown)),
        ("--prompts", arguments.prompts.as_ref().map(shown)),
    ] {
        command.extend(value.map(|value| format!(" {flag} {value}")));
    }
    command
}

fn write_estimates(probed: &probing::Probed, estimates: &Estimates) -> Result<(), Error> {
    probed.folder.write_rows(ESTIMATES, estimates.rows())
}
