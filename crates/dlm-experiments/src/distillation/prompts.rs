//! Prompts with names, a line of JSON each.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::{Error, digest, manifest::PromptRecord};

/// Prompts and where they came from.
#[derive(Clone, Debug)]
pub(super) struct Prompts {
    path: PathBuf,
    /// SHA-256 of the file.
    pub(super) sha256: String,
    /// In the file's order.
    pub(super) list: Vec<Prompt>,
    /// Where each id stands in the list.
    places: BTreeMap<String, usize>,
}

/// One prompt.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    /// A text or a number; the prompt's index where the line gives none.
    pub(super) id: Value,
    /// What the user says.
    pub(super) text: String,
    /// Whether its answer is for measuring and never for training.
    pub(super) held_out: bool,
    /// Where it stands in the file, from 1.
    pub(super) line: usize,
}

#[derive(Deserialize)]
struct Line {
    id: Option<Value>,
    prompt: String,
    #[serde(default)]
    held_out: bool,
}

impl Prompts {
    /// Reads JSONL: `{"id": …, "prompt": …, "held_out": …}` a line, the id and whether it is
    /// held out being optional; other fields are passed over.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or a line is not UTF-8, not JSON, holds no prompt, or
    /// an id that is neither text nor number or stood in an earlier line; the message names
    /// the line.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let bytes =
            std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let (mut list, mut places): (Vec<Prompt>, BTreeMap<String, usize>) = Default::default();
        for (index, bytes) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = index + 1;
            let refuse = |problem: String| Error::malformed(path, format!("line {line}"), problem);
            let text = std::str::from_utf8(bytes)
                .map_err(|error| refuse(format!("{error}; save the file as UTF-8")))?;
            if text.trim().is_empty() {
                continue;
            }
            let read: Line = serde_json::from_str(text).map_err(|error| {
                refuse(format!("{error}; a line is one JSON object with a \"prompt\""))
            })?;
            let id = read.id.unwrap_or_else(|| list.len().into());
            if !id.is_string() && !id.is_number() {
                return Err(refuse("id: should be a text or a number".to_string()));
            }
            if let Some(&earlier) = places.get(&id.to_string()) {
                let earlier = list[earlier].line;
                let problem = format!("id: {id} stands in line {earlier} too: give each its own");
                return Err(refuse(problem));
            }
            places.insert(id.to_string(), list.len());
            list.push(Prompt { id, text: read.prompt, held_out: read.held_out, line });
        }
        if list.is_empty() {
            let problem = "it holds no prompt; a line is one JSON object with a \"prompt\"";
            return Err(Error::malformed(path, "file", problem));
        }
        Ok(Self { path: path.to_path_buf(), sha256: digest::of_bytes(&bytes), list, places })
    }

    /// The index of the prompt with an id.
    pub(super) fn place(&self, id: &Value) -> Option<usize> {
        self.places.get(&id.to_string()).copied()
    }

    /// What a manifest says of them.
    pub(super) fn record(&self) -> PromptRecord {
        let origin = self.path.display().to_string();
        PromptRecord { origin, sha256: self.sha256.clone(), count: self.list.len() }
    }
}
