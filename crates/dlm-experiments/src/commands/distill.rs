//! `dlm distill`: a causal model's own answers, to train its adapters on.

use std::path::PathBuf;

use clap::Args;
use dlm_runtime::Continuation;

use crate::{
    Error, ModelArguments,
    distillation::{self, DistillationRun, Part},
};

/// Flags of `dlm distill`.
#[derive(Clone, Debug, Args)]
pub struct DistillArguments {
    /// Which model; it has to be causal.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Prompts, a line of JSON each: {"id": …, "prompt": …}, the id being optional.
    #[arg(long, value_name = "FILE.jsonl")]
    pub prompts: PathBuf,
    /// Softmax temperature of the draw; 0 takes the most probable token.
    #[arg(long, default_value_t = 0.7, value_name = "T", allow_negative_numbers = true)]
    pub temperature: f64,
    /// Draw from the K most probable tokens only.
    #[arg(long, default_value_t = 40, value_name = "K")]
    pub top_k: usize,
    /// Where an answer is cut off that has not ended by itself.
    #[arg(long, default_value_t = 160, value_name = "N")]
    pub max_tokens: usize,
    /// Answers under way at once [default: 192 on cpu, 512 on cuda].
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Begin no more prompts once the answers hold N tokens.
    #[arg(long, value_name = "N")]
    pub limit_tokens: Option<usize>,
    /// Answer only every N-th prompt, from the K-th on; the files of all parts, one after the
    /// other, are those of one run.
    #[arg(long, default_value = "1/1", value_name = "K/N")]
    pub part: Part,
    /// Start anew even where the answers are of a run with other settings.
    #[arg(long)]
    pub force: bool,
    /// File of answers, a line of JSON each; FILE.manifest.json says what it is made from.
    #[arg(long, value_name = "FILE.jsonl")]
    pub out: PathBuf,
}

/// Answers and writes, telling `say` how it goes on; says in the end what was done.
///
/// # Errors
///
/// Where the model, the prompts or the file are at fault.
pub fn distill(arguments: &DistillArguments, say: &mut dyn FnMut(&str)) -> Result<String, Error> {
    let model = arguments.model.load()?;
    let how = Continuation {
        temperature: arguments.temperature,
        top_k: Some(arguments.top_k),
        max_tokens: arguments.max_tokens,
        batch: arguments.batch,
        scored: false,
    };
    let run = DistillationRun {
        prompts: arguments.prompts.clone(),
        how,
        seed: arguments.seed,
        limit_tokens: arguments.limit_tokens,
        part: arguments.part,
        force: arguments.force,
    };
    let done = distillation::distill(&model, &run, &arguments.out, say)?;
    let out = arguments.out.display();
    if done.added == 0 {
        return Ok(format!("{out} is up to date: {} answers, {} tokens", done.rows, done.tokens));
    }
    let rate = done.added as f64 / done.seconds;
    Ok(format!(
        "{} answers, {} tokens; {} of these in {:.1} s, {rate:.0} a second: {out}",
        done.rows, done.tokens, done.added, done.seconds
    ))
}
