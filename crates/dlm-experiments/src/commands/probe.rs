//! `dlm probe`: rows for the user's own prompts.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    Error, Folder, Manifest, ModelArguments, Prompts, digest,
    folder::Opened,
    manifest::ModelRecord,
    probing::{FILES, ProbeRun, Probing},
    units,
};

/// Flags of `dlm probe`.
#[derive(Clone, Debug, Args)]
pub struct ProbeArguments {
    /// Which model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// What to probe.
    #[command(flatten)]
    pub source: PromptSource,
    /// Masks appended to each prompt.
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub masks: usize,
    /// Tokens listed at each position.
    #[arg(long, default_value_t = 3, value_name = "K")]
    pub top_k: usize,
    /// Only the first prompts.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Written into the manifest; the probe itself draws nothing.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Start anew even where the folder is whole.
    #[arg(long)]
    pub force: bool,
    /// Folder for probe.csv, position.csv and manifest.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Where the prompts come from: exactly one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct PromptSource {
    /// One prompt.
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// A JSONL file: {"prompt": …, "response": …} or {"conversations": […]} a line.
    #[arg(long, value_name = "FILE.jsonl")]
    pub prompts: Option<PathBuf>,
    /// Raw token ids, [[id, …], …]; a row that holds the mask is a whole canvas.
    #[arg(long, value_name = "FILE.json")]
    pub tokens: Option<PathBuf>,
}

impl PromptSource {
    /// Reads the prompts.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or is malformed.
    pub fn read(&self) -> Result<Prompts, Error> {
        match (&self.prompt, &self.prompts, &self.tokens) {
            (Some(text), _, _) => Ok(Prompts::single(text)),
            (_, Some(path), _) => Prompts::jsonl(path),
            (_, _, Some(path)) => Prompts::tokens(path),
            _ => {
                let problem = "give --prompt, --prompts or --tokens";
                Err(Error::Argument(problem.to_string()))
            }
        }
    }
}

/// Probes and writes; says in a line what was done.
///
/// # Errors
///
/// Where the model, the prompts or the folder are at fault.
pub fn probe(arguments: &ProbeArguments) -> Result<String, Error> {
    let (started, began) = (std::time::Instant::now(), Manifest::now());
    let mut prompts = arguments.source.read()?;
    prompts.truncate(arguments.limit.unwrap_or(usize::MAX));
    let mut model = arguments.model.load()?;
    let ProbeArguments { masks, top_k, seed, .. } = *arguments;
    let probing =
        Probing::new(&model, ProbeRun { prompts: &prompts, masks, top_k, mixture: false })?;
    let record = ModelRecord::of(&model)?;
    let inputs = json!({
        "program": digest::of_program()?,
        "model": record.files,
        "device": record.description.device,
        "dtype": record.description.dtype,
        "parametrisation": record.description.parametrisation,
        "prompts": prompts.sha256,
        "count": prompts.list.len(),
        "masks": masks,
        "top_k": top_k,
        "seed": seed,
        "batch_tokens": arguments.model.compute.batch_tokens,
    });
    let out = arguments.out.display();
    let mut folder = match Folder::open(&arguments.out, &inputs, arguments.force)? {
        Opened::UpToDate(_) => return Ok(format!("{out} is up to date")),
        Opened::Open(folder) => folder,
    };
    units::fill(&mut folder, "probe", probing.units(), |unit, folder| {
        probing.measure(unit, &mut model, folder)?;
        folder.finish_unit(&FILES)
    })?;
    let count = prompts.list.len();
    let mut manifest = Manifest::new(began, seed, vec![record], Some(prompts.record()), inputs);
    manifest.wall_seconds = started.elapsed().as_secs_f64();
    let seconds = manifest.wall_seconds;
    folder.finish(manifest, &FILES.map(String::from))?;
    Ok(format!("{count} prompts probed in {seconds:.1} s: {out}"))
}
