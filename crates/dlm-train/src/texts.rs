//! Texts to learn from and texts to measure on, tokenised.

use std::{fs, path::PathBuf};

use dlm_core::TokenId;
use dlm_runtime::TextCodec;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Error;

/// A prompt with its answer, in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// All that stands before the answer, as a conversation where the base knows these.
    pub prompt: Vec<TokenId>,
    /// The answer without the token that ends it.
    pub answer: Vec<TokenId>,
    /// Whether it ends; else it was cut off.
    pub ended: bool,
    /// Where it stands, `FILE:LINE`, for whoever has to look at it.
    pub source: String,
}

/// A file of texts, and how much of it each epoch reads.
#[derive(Clone, Debug, PartialEq)]
pub struct DataFile {
    /// JSON lines: `{"prompt", "response", "tokens", "ended", "held_out"}`. `tokens` are the
    /// response's, made from it where they are absent; an answer has `ended` and is not
    /// `held_out` where its line does not say.
    pub path: PathBuf,
    /// How many of its texts an epoch reads, as a share of all, at least 0: 1 reads each
    /// once, 0.5 another half in every epoch, 2 each twice.
    pub share: f64,
}

/// All texts of a training.
#[derive(Clone, Debug)]
pub struct Texts {
    /// To learn from, file by file.
    pub train: Vec<Text>,
    /// How many of these each file has, and its share.
    pub shares: Vec<(usize, f64)>,
    /// To measure on: never learned.
    pub held_out: Vec<Text>,
    /// SHA-256 of the files, as a hexadecimal number.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Line {
    prompt: String,
    response: String,
    tokens: Option<Vec<TokenId>>,
    #[serde(default = "yes")]
    ended: bool,
    #[serde(default)]
    held_out: bool,
}

fn yes() -> bool {
    true
}

impl Texts {
    /// Reads `files` and tokenises them with `codec`, whose base has `vocab` tokens and reads
    /// `context` of them at a time.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, a line is malformed, has an empty prompt or response, or
    /// a prompt that fills the context; where nothing is left to learn from or to measure on.
    pub fn read(
        files: &[DataFile],
        codec: &TextCodec,
        vocab: usize,
        context: usize,
    ) -> Result<Self, Error> {
        let (mut train, mut shares, mut held_out) = (Vec::new(), Vec::new(), Vec::new());
        let mut sum = Sha256::new();
        for DataFile { path, share } in files {
            let bytes = fs::read(path).map_err(Error::read(path))?;
            sum.update(Sha256::digest(&bytes));
            let lines: Vec<(usize, &[u8])> = (1..)
                .zip(bytes.split(|&byte| byte == b'\n'))
                .filter(|(_, line)| !line.trim_ascii().is_empty())
                .collect();
            let text = |&(number, line): &(usize, &[u8])| {
                let source = format!("{}:{number}", path.display());
                text(line, source, codec, vocab, context)
                    .map_err(|problem| Error::malformed(path, format!("line {number}"), problem))
            };
            let read = lines.par_iter().map(text).collect::<Result<Vec<_>, Error>>()?;
            let (measured, learned): (Vec<_>, Vec<_>) = read.into_iter().partition(|(_, h)| *h);
            shares.push((learned.len(), *share));
            train.extend(learned.into_iter().map(|(text, _)| text));
            held_out.extend(measured.into_iter().map(|(text, _)| text));
        }
        let names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
        let lacking = |what, remedy| Error::NoTexts { path: names.join(", "), what, remedy };
        if shares.iter().all(|&(count, share)| count == 0 || share <= 0.0) {
            return Err(lacking("to learn from", "give lines that are not held out"));
        }
        if held_out.is_empty() {
            return Err(lacking("to measure on", "mark some lines with \"held_out\": true"));
        }
        let sha256 = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { train, shares, held_out, sha256 })
    }

    /// How long the answers are that are learned: how many there are, how many of them
    /// `ended`, and their lengths in tokens at percentiles 0 to 100, of the shortest first.
    /// An answer that was cut off counts as long as it is.
    pub(crate) fn answer_lengths(&self) -> Value {
        let mut lengths: Vec<usize> = self.train.iter().map(|text| text.answer.len()).collect();
        lengths.sort_unstable();
        let last = lengths.len().saturating_sub(1);
        let at = |percent: usize| lengths.get((percent * last).div_ceil(100)).copied();
        json!({
            "answers": lengths.len(),
            "ended": self.train.iter().filter(|text| text.ended).count(),
            "unit": "tokens of the base's tokenizer; an answer that was cut off counts as it is",
            "percentiles": (0..=100).filter_map(at).collect::<Vec<_>>(),
        })
    }
}

/// The text of a line, and whether it is held out; an error says what to do.
fn text(
    line: &[u8],
    source: String,
    codec: &TextCodec,
    vocab: usize,
    context: usize,
) -> Result<(Text, bool), String> {
    let line: Line = serde_json::from_slice(line)
        .map_err(|error| format!("{error}; a line is one JSON object with prompt and response"))?;
    if line.response.trim().is_empty() {
        return Err("response: is empty: take the line away".to_string());
    }
    let prompt = codec.opening(&line.prompt).map_err(|error| format!("prompt: {error}"))?;
    let answer = match line.tokens {
        Some(tokens) => tokens,
        None => codec.encode(&line.response).map_err(|error| format!("response: {error}"))?,
    };
    if let Some(token) = answer.iter().find(|&&token| vocab <= token as usize) {
        return Err(format!("tokens: {token} is not below the vocabulary of {vocab}"));
    }
    if answer.is_empty() {
        return Err("tokens: there are none: take the line away".to_string());
    }
    if context <= prompt.len() {
        let length = prompt.len();
        return Err(format!(
            "prompt: its {length} tokens fill the context of {context}: shorten it"
        ));
    }
    Ok((Text { prompt, answer, ended: line.ended, source }, line.held_out))
}
