//! Prompts with the answers whose likelihood is asked for, as text or as ids.

use std::path::Path;

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_discrete::likelihood::{Answer, LikelihoodError};
use dlm_runtime::Model;
use serde::Deserialize;

use crate::{Error, Prompt, Prompts, digest, manifest::PromptRecord};

/// Prompts with answers and where they came from.
#[derive(Clone, Debug)]
pub enum Answers {
    /// Go through the tokenizer and the chat template.
    Texts(Prompts),
    /// Go to the network as they are.
    Ids {
        /// File name and SHA-256.
        record: PromptRecord,
        /// The file's objects, in order.
        list: Vec<Ids>,
    },
}

/// A prompt and its answer as token ids.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ids {
    /// What stands before the answer; it may be empty.
    prompt: Vec<TokenId>,
    /// What is to be probable.
    answer: Vec<TokenId>,
}

impl Answers {
    /// Reads JSONL as [`Prompts::jsonl`] does; every line needs a response.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or a line is malformed or lacks a response.
    pub fn jsonl(path: &Path, most: usize) -> Result<Self, Error> {
        let mut prompts = Prompts::jsonl(path)?;
        prompts.truncate(most);
        match prompts.list.iter().position(|prompt| prompt.response.is_none()) {
            None => Ok(Self::Texts(prompts)),
            Some(index) => {
                let problem = "has no response: a likelihood is that of an answer; add \
                               \"response\" to its line";
                Err(Error::malformed(path, format!("prompt {index}"), problem))
            }
        }
    }

    /// Reads `[{"prompt": [id, …], "answer": [id, …]}, …]`.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or holds anything else.
    pub fn ids(path: &Path, most: usize) -> Result<Self, Error> {
        let bytes = std::fs::read(path)
            .map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
        let mut list: Vec<Ids> = serde_json::from_slice(&bytes).map_err(|error| {
            let remedy = "the file is a JSON list of {\"prompt\": [id, …], \"answer\": [id, …]}";
            Error::malformed(path, "JSON", format!("{error}; {remedy}"))
        })?;
        list.truncate(most);
        let (origin, sha256) = (path.display().to_string(), digest::of_bytes(&bytes));
        let record = PromptRecord { origin, sha256, count: list.len() };
        Ok(Self::Ids { record, list })
    }

    /// What a manifest says of them.
    pub(super) fn record(&self) -> PromptRecord {
        match self {
            Self::Texts(prompts) => prompts.record(),
            Self::Ids { record, .. } => record.clone(),
        }
    }

    /// The answers in their places.
    pub(super) fn find(&self, model: &Model) -> Result<Vec<Answer>, Error> {
        let path = self.record().origin;
        let refused = |index| {
            let path = path.clone();
            move |source| Error::Prompt { path, index, source }
        };
        let unlikely = |index| {
            let path = path.clone();
            move |source| Error::Likelihood { path, index, source }
        };
        let answers: Vec<Answer> = match self {
            Self::Texts(prompts) => {
                let answer = |(index, prompt): (usize, &Prompt)| {
                    let (tokens, positions) = tokens_of(model, prompt).map_err(refused(index))?;
                    let mask = model.mask()?;
                    Answer::new(tokens, positions, mask).map_err(unlikely(index))
                };
                prompts.list.iter().enumerate().map(answer).collect::<Result<_, Error>>()?
            }
            Self::Ids { list, .. } => {
                let answer = |(index, ids): (usize, &Ids)| {
                    let answer = Answer::after(&ids.prompt, &ids.answer, model.mask()?)
                        .map_err(unlikely(index))?;
                    known(model, &answer).map_err(unlikely(index))?;
                    fits(model, &answer).map_err(refused(index))?;
                    Ok(answer)
                };
                list.iter().enumerate().map(answer).collect::<Result<_, Error>>()?
            }
        };
        match answers.is_empty() {
            true => Err(Error::Argument("there is no prompt: raise --limit".to_string())),
            false => Ok(answers),
        }
    }
}

/// Refuses tokens of an answer that the model does not have.
fn known(model: &Model, answer: &Answer) -> Result<(), LikelihoodError> {
    let (vocab, tokens) = (model.vocab(), answer.tokens());
    let unknown = answer.positions().iter().find(|&&at| vocab <= tokens[at] as usize);
    unknown.map_or(Ok(()), |&position| {
        Err(LikelihoodError::Token { position, token: tokens[position], vocab })
    })
}

/// Refuses a sequence that the network does not take.
fn fits(model: &Model, answer: &Answer) -> Result<(), dlm_runtime::Error> {
    let mask = model.mask()?;
    let mut tokens = answer.tokens().to_vec();
    answer.positions().iter().for_each(|&position| tokens[position] = mask);
    let canvas = Canvas::infill(tokens, mask);
    let canvas = canvas.map_err(|error| dlm_runtime::Error::Prompt(error.to_string()))?;
    model.check_canvas(&canvas)
}

/// The sequence of a prompt with its answer in place, and the answer's positions.
fn tokens_of(
    model: &Model,
    prompt: &Prompt,
) -> Result<(Vec<TokenId>, Vec<usize>), dlm_runtime::Error> {
    let answer = model.text()?.encode(prompt.response.as_deref().unwrap_or_default())?;
    let canvas = prompt.canvas(model, answer.len())?;
    let (mut tokens, positions) = (canvas.tokens().to_vec(), canvas.response().to_vec());
    positions.iter().zip(answer).for_each(|(&position, token)| tokens[position] = token);
    Ok((tokens, positions))
}
