//! Prompts with their reference answers, as one model reads them.

use std::ops::Range;

use dlm_core::TokenId;
use dlm_runtime::Model;

use crate::{Error, Prompt, PromptBody, Prompts};

/// A prompt and its reference answer, end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::experiments) struct KnownText {
    /// Which prompt of the file, from 0.
    pub(in crate::experiments) prompt: usize,
    /// The prompt as the model reads it, the answer, and what has to stand behind it.
    pub(in crate::experiments) tokens: Vec<TokenId>,
    /// Where the answer stands; at least one token.
    pub(in crate::experiments) answer: Range<usize>,
}

impl KnownText {
    /// The answer's tokens.
    pub(in crate::experiments) fn answer(&self) -> &[TokenId] {
        &self.tokens[self.answer.clone()]
    }
}

/// The first `most` prompts that have a reference answer, each answer cut to `longest` tokens;
/// prompts of token ids have none that could be read. There may be none at all:
/// [`why_no_texts`] says so.
///
/// # Errors
///
/// Where a prompt or its answer does not fit the model.
pub(in crate::experiments) fn known_texts(
    model: &Model,
    prompts: &Prompts,
    most: usize,
    longest: usize,
) -> Result<Vec<KnownText>, Error> {
    let mut texts = Vec::new();
    for (index, prompt) in prompts.list.iter().enumerate() {
        if texts.len() == most {
            break;
        }
        let text = known_text(model, index, prompt, longest);
        texts.extend(text.map_err(|source| prompts.refuse(index, source))?);
    }
    Ok(texts)
}

/// Why there are no texts, as a clause: a report says what is missing, and the parts that need
/// no text run all the same.
pub(in crate::experiments) fn why_no_texts(prompts: &Prompts) -> String {
    let origin = &prompts.origin;
    format!("no prompt of {origin} has a reference answer; a \"response\" beside a prompt is one")
}

fn known_text(
    model: &Model,
    index: usize,
    prompt: &Prompt,
    longest: usize,
) -> Result<Option<KnownText>, dlm_runtime::Error> {
    let (PromptBody::Text(_), Some(response)) = (&prompt.body, &prompt.response) else {
        return Ok(None);
    };
    let mut answer = model.text()?.encode(response)?;
    answer.truncate(longest);
    if answer.is_empty() {
        return Ok(None);
    }
    let mask = model.placeholder()?;
    if answer.contains(&mask) {
        let problem = format!("its response holds the mask token {mask}: leave it out");
        return Err(dlm_runtime::Error::Prompt(problem));
    }
    let canvas = prompt.canvas(model, answer.len())?;
    let (mut tokens, positions) = (canvas.tokens().to_vec(), canvas.response());
    positions.iter().zip(&answer).for_each(|(&position, &token)| tokens[position] = token);
    let start = positions[0];
    Ok(Some(KnownText { prompt: index, tokens, answer: start..start + answer.len() }))
}
