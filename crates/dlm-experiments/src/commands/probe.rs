//! `dlm probe`: rows for the user's own prompts.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    Error, ModelArguments, Prompts,
    probing::{self, ProbeRun},
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
    let mut prompts = arguments.source.read()?;
    prompts.truncate(arguments.limit.unwrap_or(usize::MAX));
    let mut model = arguments.model.load()?;
    let run = ProbeRun {
        prompts,
        masks: arguments.masks,
        top_k: arguments.top_k,
        seed: arguments.seed,
        extra_inputs: json!({"batch_tokens": arguments.model.compute.batch_tokens}),
        mixture: false,
        force: arguments.force,
    };
    let out = arguments.out.display();
    let Some(probed) = probing::probe(&mut model, &run, &arguments.out)? else {
        return Ok(format!("{out} is up to date"));
    };
    let prompts = run.prompts.list.len();
    let manifest = probed.finish(&[])?;
    Ok(format!("{prompts} prompts probed in {:.1} s: {out}", manifest.wall_seconds))
}
