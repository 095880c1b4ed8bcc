//! Prompts from the command line, from JSONL, or as raw token ids.

use std::path::Path;

use dlm_core::Canvas;
use dlm_runtime::Model;
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, digest, manifest::PromptRecord};

/// Prompts and where they came from.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// File name or command line, for messages and manifests.
    pub origin: String,
    /// SHA-256 of the file's bytes, or of the prompt itself.
    pub sha256: String,
    /// The prompts, in the file's order.
    pub list: Vec<Prompt>,
}

/// One prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What the model is shown.
    pub body: PromptBody,
    /// The reference answer, where there is one.
    pub response: Option<String>,
}

impl Prompt {
    /// What a reader is shown of it.
    pub(crate) fn shown(&self) -> String {
        match &self.body {
            PromptBody::Text(text) => text.clone(),
            PromptBody::Tokens(ids) => format!("{} token ids", ids.len()),
        }
    }

    /// What the network is shown: a row of ids that holds the mask is a whole canvas; any
    /// other prompt is continued by `masks` masks.
    ///
    /// # Errors
    ///
    /// Where the prompt is empty, does not fit the model, or needs a tokenizer that is not
    /// there.
    pub fn canvas(&self, model: &Model, masks: usize) -> Result<Canvas, dlm_runtime::Error> {
        let ids = match &self.body {
            PromptBody::Text(text) => return model.canvas(text, masks),
            PromptBody::Tokens(ids) => ids,
        };
        let mask = model.placeholder()?;
        let canvas = match ids.contains(&mask) {
            true => Canvas::infill(ids.clone(), mask),
            false => Canvas::continuation(ids, masks, mask),
        };
        let canvas = canvas.map_err(|error| dlm_runtime::Error::Prompt(error.to_string()))?;
        // A Gaussian model checks what surrounds its vectors when it is asked.
        if !model.is_gaussian() {
            model.check_canvas(&canvas)?;
        }
        Ok(canvas)
    }
}

/// A prompt as text or as ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptBody {
    /// Goes through the tokenizer and the chat template.
    Text(String),
    /// Goes to the network as it is.
    Tokens(Vec<u32>),
}

/// A line of a JSONL file: the project's own layout, or LIMA's.
#[derive(Deserialize)]
struct Line {
    prompt: Option<String>,
    response: Option<String>,
    conversations: Option<Vec<String>>,
}

impl Prompts {
    /// One prompt from the command line.
    pub fn single(text: &str) -> Self {
        let body = PromptBody::Text(text.to_string());
        Self {
            origin: "--prompt".to_string(),
            sha256: digest::of_bytes(text.as_bytes()),
            list: vec![Prompt { body, response: None }],
        }
    }

    /// Reads JSONL: one object a line, `{"prompt": …, "response": …}`, or
    /// `{"conversations": [prompt, response, …]}`, of which the first exchange counts.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or a line is not UTF-8, not JSON, or holds no
    /// prompt; the message names the line.
    pub fn jsonl(path: &Path) -> Result<Self, Error> {
        let bytes = read(path)?;
        let mut list = Vec::new();
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let place = || format!("line {}", index + 1);
            let text = std::str::from_utf8(line).map_err(|error| {
                Error::malformed(path, place(), format!("{error}; save the file as UTF-8"))
            })?;
            if text.trim().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(text).map_err(|error| {
                let problem = format!("{error}; a line is one JSON object with a \"prompt\"");
                Error::malformed(path, place(), problem)
            })?;
            list.push(line.prompt().ok_or_else(|| {
                let problem = "no text in \"prompt\" or in the first of \"conversations\"";
                Error::malformed(path, place(), problem)
            })?);
        }
        Self::whole(path, &bytes, list, "a line is one JSON object with a \"prompt\"")
    }

    /// Reads `[[id, …], …]`.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or holds anything else.
    pub fn tokens(path: &Path) -> Result<Self, Error> {
        let bytes = read(path)?;
        let remedy = "the file is a JSON list of lists of token ids";
        let rows: Vec<Value> = serde_json::from_slice(&bytes)
            .map_err(|error| Error::malformed(path, "JSON", format!("{error}; {remedy}")))?;
        let mut list = Vec::new();
        for (index, row) in rows.into_iter().enumerate() {
            let ids: Vec<u32> = serde_json::from_value(row).map_err(|error| {
                Error::malformed(path, format!("row {index}"), format!("{error}; {remedy}"))
            })?;
            if ids.is_empty() {
                let problem = "the row is empty: give it at least one token id";
                return Err(Error::malformed(path, format!("row {index}"), problem));
            }
            list.push(Prompt { body: PromptBody::Tokens(ids), response: None });
        }
        Self::whole(path, &bytes, list, remedy)
    }

    /// What the network is shown of prompt `index`: [`Prompt::canvas`].
    ///
    /// # Errors
    ///
    /// Where the prompt cannot be used; the message names it.
    pub fn canvas(&self, index: usize, model: &Model, masks: usize) -> Result<Canvas, Error> {
        self.list[index].canvas(model, masks).map_err(|source| self.refuse(index, source))
    }

    /// The error of a prompt that the model cannot use.
    pub(crate) fn refuse(&self, index: usize, source: dlm_runtime::Error) -> Error {
        Error::Prompt { path: self.origin.clone(), index, source }
    }

    /// What a manifest says of them.
    pub(crate) fn record(&self) -> PromptRecord {
        PromptRecord {
            origin: self.origin.clone(),
            sha256: self.sha256.clone(),
            count: self.list.len(),
        }
    }

    /// Keeps the first `most`.
    pub fn truncate(&mut self, most: usize) {
        self.list.truncate(most);
    }

    fn whole(path: &Path, bytes: &[u8], list: Vec<Prompt>, remedy: &str) -> Result<Self, Error> {
        if list.is_empty() {
            return Err(Error::malformed(path, "file", format!("it holds no prompt; {remedy}")));
        }
        let origin = path.display().to_string();
        Ok(Self { origin, sha256: digest::of_bytes(bytes), list })
    }
}

impl Line {
    fn prompt(self) -> Option<Prompt> {
        let mut turns = self.conversations.unwrap_or_default().into_iter();
        let text = self.prompt.or_else(|| turns.next()).filter(|text| !text.trim().is_empty())?;
        let response = self.response.or_else(|| turns.next());
        let response = response.filter(|response| !response.trim().is_empty());
        Some(Prompt { body: PromptBody::Text(text), response })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::{PromptBody, Prompts};

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompts");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn both_layouts_are_read() {
        let (_folder, path) = file(
            b"{\"prompt\": \"Why?\", \"response\": \"Because.\", \"id\": 7}\n\n\
              {\"conversations\": [\"How?\", \"So.\", \"And?\", \"Yes.\"], \"source\": null}\n\
              {\"conversations\": [\"Who?\"]}",
        );
        let prompts = Prompts::jsonl(&path).unwrap();
        let read: Vec<_> = prompts.list.iter().map(|p| (&p.body, p.response.as_deref())).collect();
        let text = |text: &str| PromptBody::Text(text.to_string());
        assert_eq!(
            read,
            [
                (&text("Why?"), Some("Because.")),
                (&text("How?"), Some("So.")),
                (&text("Who?"), None)
            ]
        );
        assert_eq!(prompts.sha256.len(), 64);
    }

    #[test]
    fn a_broken_line_is_named() {
        for (content, line, problem) in [
            (&b"{\"prompt\": \"a\"}\n{\"prompt\": "[..], "line 2", "EOF"),
            (b"{\"prompt\": \"a\"}\n\xff\xfe\n", "line 2", "UTF-8"),
            (b"{\"prompt\": \" \"}", "line 1", "no text"),
            (b"{\"question\": \"a\"}", "line 1", "no text"),
            (b"[1, 2]", "line 1", "object"),
            (b"\n\n", "file", "no prompt"),
        ] {
            let (_folder, path) = file(content);
            let message = Prompts::jsonl(&path).unwrap_err().to_string();
            assert!(message.contains(line) && message.contains(problem), "{message}");
            assert!(message.contains(&*path.to_string_lossy()), "{message}");
        }
    }

    #[test]
    fn token_rows_are_lists_of_ids() {
        let (_folder, path) = file(b"[[1, 2], [3]]");
        let prompts = Prompts::tokens(&path).unwrap();
        assert_eq!(prompts.list[1].body, PromptBody::Tokens(vec![3]));
        for content in [&b"[[1], [-2]]"[..], b"[[]]", b"[]", b"{}", b"[[1.5]]", b"[["] {
            let (_folder, path) = file(content);
            assert!(Prompts::tokens(&path).is_err(), "{:?}", String::from_utf8_lossy(content));
        }
    }
}
