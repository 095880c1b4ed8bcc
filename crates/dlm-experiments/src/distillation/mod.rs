//! A model's own answers to given prompts, for its adapters to be trained on.
//!
//! Answers come in the order in which they are finished, a line each, and are on disk at
//! once; when all are there, the lines are put in the order of the prompts. An answer's
//! randomness is its prompt's, so it does not matter where a run was stopped and resumed.

mod prompts;
mod rows;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use dlm_rng::Key;
use dlm_runtime::{Answer, Continuation, Continuer, Model, Opening};
use serde::Serialize;
use serde_json::json;

use crate::{
    Error,
    manifest::{Manifest, ModelRecord},
};
use prompts::Prompts;
use rows::{Opened, Row, Rows};

/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What to answer and how.
#[derive(Clone, Debug)]
pub struct DistillationRun {
    /// The prompts, a line of JSON each.
    pub prompts: PathBuf,
    /// How they are continued.
    pub how: Continuation,
    /// Seed of all randomness.
    pub seed: u64,
    /// No prompt begins once the answers hold this many tokens; all begin if absent.
    pub limit_tokens: Option<usize>,
    /// Which of the prompts.
    pub part: Part,
    /// Start anew even where the answers are of another run.
    pub force: bool,
}

/// Every `of`-th prompt, so that several programs, on one machine or several, can share the
/// work. Parts of one run are, together, what one run over all prompts would have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which, from 1 to `of`.
    pub which: usize,
    /// How many parts there are.
    pub of: usize,
}

impl Part {
    /// All prompts.
    pub const ALL: Self = Self { which: 1, of: 1 };

    /// Whether the prompt with this index belongs to it.
    fn has(self, index: usize) -> bool {
        index % self.of == self.which - 1
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').map(|(which, of)| (which.parse(), of.parse()));
        match numbers {
            Some((Ok(which), Ok(of))) if 0 < which && which <= of => Ok(Self { which, of }),
            _ => Err("should be K/N with K from 1 to N, such as 1/2".to_string()),
        }
    }
}

/// What a file of answers holds, and what this run did for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distilled {
    /// Answers in the file.
    pub rows: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Tokens that this run added.
    pub added: usize,
    /// How long it generated, seconds.
    pub seconds: f64,
}

/// Answers the prompts into the file `out`, with a manifest beside it; tells `say` how it
/// goes on.
///
/// # Errors
///
/// Where a prompt or setting cannot be used, the network fails, or the files cannot be
/// written or belong to another run; finished answers stay.
pub fn distill(
    model: &Model,
    run: &DistillationRun,
    out: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<Distilled, Error> {
    let (started, began) = (Instant::now(), Manifest::now());
    let prompts = Prompts::read(&run.prompts)?;
    let mut continuer = Continuer::new(model, run.how)?;
    let openings = openings(model, run, &prompts, &continuer)?;
    let all = openings.len();
    let record = ModelRecord::of(model)?;
    let inputs = inputs(run, &record, &prompts);
    let enough = |rows: &Rows<'_>| {
        let limit = run.limit_tokens.unwrap_or(usize::MAX);
        rows.len() == all || limit <= rows.tokens()
    };
    let mut rows = match Rows::open(out, &inputs, &prompts, run.force)? {
        Opened::Whole(rows) if enough(&rows) => {
            let (rows, tokens) = (rows.len(), rows.tokens());
            return Ok(Distilled { rows, tokens, added: 0, seconds: 0.0 });
        }
        Opened::Whole(rows) | Opened::Unfinished(rows) => rows,
    };
    rows.begin(&inputs)?;
    let before = rows.tokens();
    if 0 < rows.len() {
        say(&format!("{} answers of {before} tokens are there already", rows.len()));
    }
    let mut left = openings.into_iter().filter(|opening| !rows.has(opening.id));
    left.try_for_each(|opening| continuer.push(opening))?;
    let (begun, mut told) = (Instant::now(), Instant::now());
    while !continuer.is_done() {
        if enough(&rows) {
            continuer.turn_away();
        }
        let answers = continuer.step()?;
        let answers = answers.into_iter().map(|answer| row(model, &prompts, answer));
        rows.add(answers.collect::<Result<_, Error>>()?)?;
        if TOLD_EVERY <= told.elapsed() {
            told = Instant::now();
            let rate = (rows.tokens() - before) as f64 / begun.elapsed().as_secs_f64();
            let done = rows.len();
            say(&format!("{done} of {all} answers, {} tokens, {rate:.0} a second", rows.tokens()));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let mut manifest = Manifest::new(began, run.seed, vec![record], Some(prompts.record()), inputs);
    manifest.wall_seconds = started.elapsed().as_secs_f64();
    let (count, tokens) = (rows.len(), rows.tokens());
    rows.finish(manifest)?;
    Ok(Distilled { rows: count, tokens, added: tokens - before, seconds })
}

/// The prompts as the network reads them; `continuer` says which it cannot take.
fn openings(
    model: &Model,
    run: &DistillationRun,
    prompts: &Prompts,
    continuer: &Continuer<'_>,
) -> Result<Vec<Opening>, Error> {
    let text = model.text()?;
    let key = Key::new(run.seed);
    let opening = |(id, prompt): (usize, &prompts::Prompt)| {
        let refuse = |error: dlm_runtime::Error| {
            Error::malformed(&run.prompts, format!("line {}", prompt.line), error.to_string())
        };
        let tokens = text.opening(&prompt.text).map_err(refuse)?;
        let opening = Opening { id, tokens, key: key.sequence(id as u64) };
        continuer.check(&opening).map_err(refuse)?;
        Ok(opening)
    };
    let own = prompts.list.iter().enumerate().filter(|&(index, _)| run.part.has(index));
    own.map(opening).collect()
}

/// All that the answers depend on. Neither how many are generated together nor how many
/// are wanted is among it, nor the program itself: answers are text to train on and no
/// measurement, and a program that was built anew may go on with them.
fn inputs(run: &DistillationRun, model: &ModelRecord, prompts: &Prompts) -> serde_json::Value {
    json!({
        "model": model.files,
        "device": model.description.device,
        "dtype": model.description.dtype,
        "prompts": prompts.sha256,
        "temperature": run.how.temperature,
        "top_k": run.how.top_k,
        "max_tokens": run.how.max_tokens,
        "seed": run.seed,
        "part": run.part,
    })
}

fn row(model: &Model, prompts: &Prompts, answer: Answer) -> Result<Row, Error> {
    let prompt = &prompts.list[answer.id];
    Ok(Row {
        id: prompt.id.clone(),
        prompt: prompt.text.clone(),
        response: model.text()?.decode(&answer.tokens)?,
        tokens: answer.tokens,
        ended: answer.ended,
        held_out: prompt.held_out,
    })
}
