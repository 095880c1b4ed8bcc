//! Log-likelihoods of given answers, a row each, rows on disk as they come.

mod answers;
mod method;

use std::path::Path;

use dlm_discrete::likelihood::Answer;
use dlm_runtime::Model;
use serde::Serialize;
use serde_json::json;

pub use answers::Answers;
pub use method::{Method, MethodName};

use crate::{
    Error, Folder, digest,
    folder::Opened,
    manifest::{Manifest, ModelRecord},
    units,
};

/// Likelihoods, one row a prompt.
const SCORES: &str = "scores.csv";

/// What to score and how.
#[derive(Clone, Debug)]
pub struct ScoringRun {
    /// Prompts with their answers.
    pub answers: Answers,
    /// What "likelihood" means, and how it is computed.
    pub method: Method,
    /// Start anew even where the folder is whole.
    pub force: bool,
}

/// How probable one answer is: a row of scores.csv.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreRow {
    /// Index of the prompt, from 0.
    pub prompt: usize,
    /// The log-likelihood of the whole answer, nats; `-inf` where the model rules a token
    /// out.
    pub log_likelihood: f64,
    /// Its standard error, nats: 0 where it is exact, absent where it is not known.
    pub standard_error: Option<f64>,
    /// Network evaluations; guidance costs two a masked sequence.
    pub evaluations: usize,
    /// Tokens of the answer.
    pub tokens: usize,
    /// `−log_likelihood/tokens`.
    pub nats_per_token: f64,
}

/// Scores into the folder `out`; `None` where it is up to date.
///
/// # Errors
///
/// Where a prompt or a setting cannot be used, the network fails, or the folder cannot be
/// written; whole rows stay.
pub fn score(model: &mut Model, run: &ScoringRun, out: &Path) -> Result<Option<Manifest>, Error> {
    let started = std::time::Instant::now();
    let began = Manifest::now();
    let answers = run.answers.find(model)?;
    run.method.check(&answers, &run.answers.record().origin)?;
    let record = ModelRecord::of(model)?;
    let inputs = json!({
        "program": digest::of_program()?,
        "model": record.files,
        "device": record.description.device,
        "dtype": record.description.dtype,
        "parametrisation": record.description.parametrisation,
        "prompts": run.answers.record().sha256,
        "count": answers.len(),
        "method": run.method.inputs(),
    });
    let mut folder = match Folder::open(out, &inputs, run.force)? {
        Opened::UpToDate(_) => return Ok(None),
        Opened::Open(folder) => folder,
    };
    units::fill(&mut folder, "score", answers.len(), |prompt, folder| {
        let row = row(model, run, prompt, &answers[prompt])?;
        folder.append(SCORES, &[row])?;
        folder.finish_unit(&[SCORES])
    })?;
    let (seed, answers) = (run.method.seed, run.answers.record());
    let mut manifest = Manifest::new(began, seed, vec![record], Some(answers), inputs);
    manifest.wall_seconds = started.elapsed().as_secs_f64();
    folder.finish(manifest.clone(), &[SCORES.to_string()])?;
    Ok(Some(manifest))
}

fn row(
    model: &mut Model,
    run: &ScoringRun,
    prompt: usize,
    answer: &Answer,
) -> Result<ScoreRow, Error> {
    let path = run.answers.record().origin;
    let scored = run.method.score(model, prompt, answer);
    let scored = scored.map_err(|source| Error::Likelihood { path, index: prompt, source })?;
    let tokens = answer.positions().len();
    Ok(ScoreRow {
        prompt,
        log_likelihood: scored.value,
        standard_error: scored.standard_error,
        evaluations: scored.evaluations,
        tokens,
        nats_per_token: -scored.value / tokens as f64,
    })
}
