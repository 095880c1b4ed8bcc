//! `dlm score`: how probable given answers are.

use std::path::PathBuf;

use clap::Args;
use dlm_discrete::likelihood::{MonteCarlo, Scoring};

use crate::{
    Error, ModelArguments,
    scoring::{self, Answers, Method, MethodName, ScoringRun},
};

/// Flags of `dlm score`.
#[derive(Clone, Debug, Args)]
pub struct ScoreArguments {
    /// Which model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// What to score.
    #[command(flatten)]
    pub source: AnswerSource,
    /// Which likelihood: masked models have several.
    #[arg(long, value_enum, default_value_t = MethodName::AnyOrder, value_name = "METHOD")]
    pub method: MethodName,
    /// Replicates of an estimate, at most; the standard error needs 2.
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub samples: u64,
    /// Evaluations of one replicate, spread evenly over how much is masked.
    #[arg(long, default_value_t = 8, value_name = "N")]
    pub strata: usize,
    /// Stop an estimate once its standard error is this small, nats.
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    pub target_error: Option<f64>,
    /// Seed of the estimates' maskings.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Classifier-free guidance; 0 is off, anything else costs a second evaluation.
    #[arg(long, default_value_t = 0.0, value_name = "W", allow_negative_numbers = true)]
    pub guidance: f64,
    /// Most masked sequences evaluated together.
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub batch: usize,
    /// Only the first prompts.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Start anew even where the folder is whole.
    #[arg(long)]
    pub force: bool,
    /// Folder for scores.csv and manifest.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Where prompts and answers come from: exactly one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct AnswerSource {
    /// A JSONL file: {"prompt": …, "response": …} or {"conversations": […]} a line.
    #[arg(long, value_name = "FILE.jsonl")]
    pub prompts: Option<PathBuf>,
    /// Raw token ids, [{"prompt": [id, …], "answer": [id, …]}, …].
    #[arg(long, value_name = "FILE.json")]
    pub tokens: Option<PathBuf>,
}

/// Scores and writes; says in a line what was done.
///
/// # Errors
///
/// Where the model, the answers, the method or the folder are at fault.
pub fn score(arguments: &ScoreArguments) -> Result<String, Error> {
    let most = arguments.limit.unwrap_or(usize::MAX);
    let answers = match (&arguments.source.prompts, &arguments.source.tokens) {
        (Some(path), _) => Answers::jsonl(path, most)?,
        (_, Some(path)) => Answers::ids(path, most)?,
        _ => return Err(Error::Argument("give --prompts or --tokens".to_string())),
    };
    let method = Method {
        name: arguments.method,
        strata: arguments.strata,
        estimate: MonteCarlo {
            replicates: arguments.samples,
            target_error: arguments.target_error,
            scoring: Scoring { batch: arguments.batch, guidance: arguments.guidance },
        },
        seed: arguments.seed,
    };
    let run = ScoringRun { answers, method, force: arguments.force };
    let mut model = arguments.model.load()?;
    let out = arguments.out.display();
    Ok(match scoring::score(&mut model, &run, &arguments.out)? {
        None => format!("{out} is up to date"),
        Some(manifest) => {
            let count = manifest.prompts.map_or(0, |prompts| prompts.count);
            let noun = if count == 1 { "prompt" } else { "prompts" };
            format!("{count} {noun} scored in {:.1} s: {out}", manifest.wall_seconds)
        }
    })
}
