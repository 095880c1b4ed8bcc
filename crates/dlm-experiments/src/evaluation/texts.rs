//! Held-out texts: prompts with their answers, a line of JSON each, as a model reads them.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use dlm_core::TokenId;
use dlm_runtime::{Model, TextCodec};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, digest, manifest::PromptRecord};

/// What a line has to look like.
const REMEDY: &str = "a line is one JSON object with a \"prompt\" and a \"response\"";

/// The texts of one file that are measured, and what was passed over.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    path: PathBuf,
    sha256: String,
    /// In the file's order.
    pub(super) list: Vec<Text>,
    /// Rows of the file.
    pub(super) rows: usize,
    /// How many rows are held out; absent where no row says whether it is.
    pub(super) held_out: Option<usize>,
    /// Rows before the last one used whose answers have no token.
    pub(super) empty: usize,
}

/// A prompt and its answer, end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Where it stands in the file, from 1.
    pub(super) line: usize,
    /// What the user says.
    pub(super) prompt: String,
    /// The prompt as the model reads it, the answer, and its end where it has one.
    pub(super) tokens: Vec<TokenId>,
    /// Where the answer stands, its end left out; at least one token.
    pub(super) answer: Range<usize>,
    /// Whether the answer ended by itself; else it was cut off.
    pub(super) ended: bool,
}

/// A line, before a model reads it.
struct Row {
    line: usize,
    prompt: String,
    answer: Answer,
    ended: bool,
    held_out: Option<bool>,
}

enum Answer {
    Tokens(Vec<TokenId>),
    Text(String),
}

impl Texts {
    /// Reads `{"prompt": …, "response": …, "tokens": […], "ended": …, "held_out": …}` a line.
    ///
    /// The answer is `tokens`, or where there are none the tokens of `response`; an answer
    /// that `ended` is followed by the model's end of sequence, if it has one. Where any
    /// row says whether it is held out, only those that are count. Of these the first
    /// `most` with an answer of at least one token are kept.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, a line is malformed or does not fit the model, which
    /// the message names, no text is left, or the model has no tokenizer.
    pub(super) fn read(path: &Path, most: usize, model: &Model) -> Result<Self, Error> {
        let codec = model.text()?;
        let bytes =
            std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let mut rows = rows(path, &bytes)?;
        if rows.is_empty() {
            return Err(Error::malformed(path, "file", format!("it holds no text; {REMEDY}")));
        }
        let count = rows.len();
        let held_out = rows.iter().any(|row| row.held_out.is_some()).then(|| {
            rows.retain(|row| row.held_out == Some(true));
            rows.len()
        });
        if held_out == Some(0) {
            let problem = "no row says true, so none is left to measure on: hold some out, or take \
                           the field away";
            return Err(Error::malformed(path, "held_out", problem));
        }
        let (mut list, mut empty) = (Vec::new(), 0);
        for row in rows {
            if list.len() == most {
                break;
            }
            let line = format!("line {}", row.line);
            match row.text(model, codec).map_err(|problem| Error::malformed(path, line, problem))? {
                Some(text) => list.push(text),
                None => empty += 1,
            }
        }
        match list.is_empty() {
            true if most == 0 => {
                Err(Error::Argument("--limit 0: measure on at least 1 text".to_string()))
            }
            true => Err(Error::malformed(path, "response", "no answer has a token: add some")),
            false => {
                let sha256 = digest::of_bytes(&bytes);
                Ok(Self { path: path.to_path_buf(), sha256, list, rows: count, held_out, empty })
            }
        }
    }

    /// What is wrong with the text at `place` of the list.
    pub(super) fn refuse(&self, place: usize, problem: String) -> Error {
        Error::malformed(&self.path, format!("line {}", self.list[place].line), problem)
    }

    /// What a manifest says of them.
    pub(super) fn record(&self) -> PromptRecord {
        let origin = self.path.display().to_string();
        PromptRecord { origin, sha256: self.sha256.clone(), count: self.list.len() }
    }
}

impl Text {
    /// The prompt as the model reads it.
    pub(super) fn opening(&self) -> &[TokenId] {
        &self.tokens[..self.answer.start]
    }

    /// The answer without its end.
    pub(super) fn answer(&self) -> &[TokenId] {
        &self.tokens[self.answer.clone()]
    }
}

impl Row {
    /// The row as `model` reads it; none where its answer has no token.
    fn text(self, model: &Model, codec: &TextCodec) -> Result<Option<Text>, String> {
        let said = |error: dlm_runtime::Error| error.to_string();
        let (answer, field) = match self.answer {
            Answer::Tokens(tokens) => (tokens, "tokens"),
            Answer::Text(text) => (codec.encode(&text).map_err(said)?, "response"),
        };
        if answer.is_empty() {
            return Ok(None);
        }
        let description = model.description();
        let ends = model.ends();
        for &token in &answer {
            if description.vocab <= token as usize {
                let vocab = description.vocab;
                return Err(format!(
                    "{field}: token {token} is not below the vocabulary of {vocab}"
                ));
            }
            if ends.contains(&token) {
                return Err(format!(
                    "{field}: token {token} ends a text: leave it out and say \"ended\": true"
                ));
            }
            if description.mask == Some(token) {
                return Err(format!("{field}: token {token} is the mask: leave it out"));
            }
        }
        let end = model.end_of_sequence().filter(|_| self.ended);
        let known: Vec<TokenId> = answer.iter().copied().chain(end).collect();
        let (tokens, start) = laid(model, codec, &self.prompt, &known).map_err(said)?;
        if description.context < tokens.len() {
            return Err(format!(
                "prompt and answer take {} tokens and the model's context has {}: shorten them",
                tokens.len(),
                description.context
            ));
        }
        Ok(Some(Text {
            line: self.line,
            prompt: self.prompt,
            answer: start..start + answer.len(),
            tokens,
            ended: self.ended,
        }))
    }
}

/// `answer` where the model expects it after `prompt`, and where it begins.
fn laid(
    model: &Model,
    codec: &TextCodec,
    prompt: &str,
    answer: &[TokenId],
) -> Result<(Vec<TokenId>, usize), dlm_runtime::Error> {
    let Ok(mask) = model.placeholder() else {
        let opening = codec.opening(prompt)?;
        return Ok(([&opening, answer].concat(), opening.len()));
    };
    let canvas = codec.canvas(prompt, answer.len(), mask)?;
    let mut tokens = canvas.tokens().to_vec();
    let positions = canvas.response();
    positions.iter().zip(answer).for_each(|(&position, &token)| tokens[position] = token);
    Ok((tokens, positions[0]))
}

fn rows(path: &Path, bytes: &[u8]) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (index, bytes) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = index + 1;
        let refuse = |problem: String| Error::malformed(path, format!("line {line}"), problem);
        let text = std::str::from_utf8(bytes)
            .map_err(|error| refuse(format!("{error}; save the file as UTF-8")))?;
        if !text.trim().is_empty() {
            rows.push(row(line, text).map_err(refuse)?);
        }
    }
    Ok(rows)
}

fn row(line: usize, text: &str) -> Result<Row, String> {
    let fields: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("{error}; {REMEDY}"))?;
    let prompt = field(&fields, "prompt", "a text")?;
    let answer = match field(&fields, "tokens", "a list of token ids")? {
        Some(tokens) => Some(Answer::Tokens(tokens)),
        None => field(&fields, "response", "a text")?.map(Answer::Text),
    };
    Ok(Row {
        line,
        prompt: prompt.ok_or_else(|| format!("prompt: it is missing; {REMEDY}"))?,
        answer: answer.ok_or_else(|| format!("response: it is missing; {REMEDY}"))?,
        ended: field(&fields, "ended", "true or false")?.unwrap_or(false),
        held_out: field(&fields, "held_out", "true or false")?,
    })
}

fn field<T: DeserializeOwned>(
    fields: &Map<String, Value>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, String> {
    let value = fields.get(name).filter(|value| !value.is_null());
    let read = value.map(|value| serde_json::from_value(value.clone()));
    read.transpose().map_err(|error| format!("{name}: {error}; give {expected}"))
}
