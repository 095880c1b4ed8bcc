//! `dlm generate`: samples for the user's own prompts.

use std::path::PathBuf;

use clap::Args;

use crate::{
    Error, ModelArguments,
    commands::probe::PromptSource,
    generation::{self, GenerationRun, Listener, Sampler, SamplerArguments},
};

/// Flags of `dlm generate`.
#[derive(Clone, Debug, Args)]
pub struct GenerateArguments {
    /// Which model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// What to continue or to fill.
    #[command(flatten)]
    pub source: PromptSource,
    /// How canvases are filled.
    #[command(flatten)]
    pub sampler: SamplerArguments,
    /// Masks appended to each prompt; a row of ids that holds the mask keeps its own.
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub gen_length: usize,
    /// Samples of each prompt.
    #[arg(long, default_value_t = 1, value_name = "K")]
    pub samples: usize,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Most canvases evaluated together [default: 8 on cpu, 32 on cuda].
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Show the canvas while it fills.
    #[arg(long)]
    pub watch: bool,
    /// Write every step of every sample into a file, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Only the first prompts.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Start anew even where the folder is whole.
    #[arg(long)]
    pub force: bool,
    /// Folder for samples.csv, timing.csv and manifest.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Generates and writes; says in a note what was done.
///
/// # Errors
///
/// Where the model, the sampler, the prompts or the folder are at fault.
pub fn generate(
    arguments: &GenerateArguments,
    listener: &mut dyn Listener,
) -> Result<String, Error> {
    let mut prompts = arguments.source.read()?;
    prompts.truncate(arguments.limit.unwrap_or(usize::MAX));
    let mut model = arguments.model.load()?;
    let sampler = arguments.sampler.sampler_for(&model)?;
    let preset = arguments.sampler.preset().filter(|_| !matches!(sampler, Sampler::Gaussian(_)));
    let run = GenerationRun {
        prompts,
        preset: preset.map(str::to_string),
        sampler,
        gen_length: arguments.gen_length,
        samples: arguments.samples,
        seed: arguments.seed,
        batch: arguments.batch,
        watch: arguments.watch,
        trace: arguments.trace.clone(),
        force: arguments.force,
    };
    let out = arguments.out.display();
    let note = match generation::generate(&mut model, &run, &arguments.out, listener)? {
        None => format!("{out} is up to date"),
        Some(manifest) => {
            let samples = run.prompts.list.len() * run.samples;
            let noun = if samples == 1 { "sample" } else { "samples" };
            format!("{samples} {noun} in {:.1} s: {out}", manifest.wall_seconds)
        }
    };
    listener.note(&note);
    // Standard output belongs to the samples.
    Ok(String::new())
}
