//! `dlm eval`: how good a model is on held-out text, in one table.

use std::path::PathBuf;

use clap::Args;
use dlm_runtime::Model;

use crate::{
    Error, ModelArguments,
    evaluation::{self, EvaluationRun, Writing},
    generation::SamplerArguments,
};

/// Flags of `dlm eval`.
#[derive(Clone, Debug, Args)]
pub struct EvalArguments {
    /// Which model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Held-out texts, a line of JSON each: {"prompt": …, "response": …}, and where there
    /// are, the answer's "tokens", whether it "ended", and whether it is "held_out".
    #[arg(long, value_name = "FILE.jsonl")]
    pub data: PathBuf,
    /// Only the first texts.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Replicates of a masked model's bound, 8 evaluations each; the standard error needs 2.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub bound_samples: u64,
    /// A causal model with the same tokenizer, which judges what is written
    /// [default: the model without its adapter].
    #[arg(long, value_name = "DIR|HUB_ID")]
    pub judge: Option<String>,
    /// Answers to write, one for each of the first prompts; 0 leaves writing out.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub samples: usize,
    /// Room for an answer, tokens.
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub gen_length: usize,
    /// How answers are written; a causal model takes --temperature and --top-k alone.
    #[command(flatten)]
    pub sampler: SamplerArguments,
    /// Prompts, a line of JSON each, behind each of which a masked model also fills 128
    /// masks in one pass: how sure it is near them and far from them.
    #[arg(long, value_name = "FILE.jsonl")]
    pub probe: Option<PathBuf>,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Start anew even where the folder is whole.
    #[arg(long)]
    pub force: bool,
    /// Folder for eval.md, eval.csv, rows.csv, samples.csv and manifest.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Evaluates and writes; gives the table.
///
/// # Errors
///
/// Where the model, the judge, the texts, the sampler or the folder are at fault.
pub fn eval(arguments: &EvalArguments) -> Result<String, Error> {
    let run = arguments.run();
    let mut model = arguments.model.load()?;
    let mut judge = arguments.load_judge()?;
    let done = evaluation::evaluate(&mut model, judge.as_mut(), &run, &arguments.out)?;
    Ok(match done.up_to_date {
        true => format!("{}\n{} is up to date", done.table, arguments.out.display()),
        false => done.table,
    })
}

impl EvalArguments {
    /// What the flags say besides which models and where to.
    pub fn run(&self) -> EvaluationRun {
        EvaluationRun {
            data: self.data.clone(),
            limit: self.limit,
            seed: self.seed,
            bound_samples: self.bound_samples,
            writing: Writing {
                samples: self.samples,
                gen_length: self.gen_length,
                sampler: self.sampler.clone(),
            },
            probe: self.probe.clone(),
            force: self.force,
        }
    }

    /// The judge, where there is anything to judge and the model is not its own.
    fn load_judge(&self) -> Result<Option<Model>, Error> {
        let name = match &self.judge {
            _ if self.samples == 0 => return Ok(None),
            None if self.model.adapter.is_none() => return Ok(None),
            None => &self.model.model,
            Some(name) => name,
        };
        let compute = self.model.compute;
        let judge =
            ModelArguments { model: name.clone(), adapter: None, parametrisation: None, compute };
        judge.load().map(Some)
    }
}
