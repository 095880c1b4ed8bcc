//! The rows of finished samples, and the text that their tokens spell.

use dlm_core::TokenId;
use dlm_discrete::unmasking::Outcome;
use dlm_runtime::Model;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, Folder};

/// Finished samples, one row each.
pub(super) const SAMPLES: &str = "samples.csv";
/// What they took, one row each.
pub(super) const TIMING: &str = "timing.csv";

/// A finished sample: a row of samples.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    /// Index of the prompt, from 0.
    pub prompt: usize,
    /// Index of the sample among those of its prompt, from 0.
    pub sample: usize,
    /// The tokens of the positions that were masked, as a JSON list.
    pub token_ids: String,
    /// Their text up to the first end of sequence, without special tokens; empty where the
    /// model has no tokenizer.
    pub text: String,
    /// Network evaluations; guidance costs two a step.
    pub nfe: usize,
    /// Tokens of the response for each evaluation.
    pub tokens_per_forward: f64,
    /// Steps, those included that needed no evaluation.
    pub steps: usize,
    /// Positions after the first end of sequence: computed for nothing.
    pub wasted_positions: usize,
    /// Evaluations made after the text up to its first end was settled.
    pub wasted_nfe: usize,
    /// Tokens masked again.
    pub remasks: usize,
}

/// How long a sample took: a row of timing.csv, apart from the others because no two runs
/// agree on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TimingRow {
    /// Index of the prompt, from 0.
    pub prompt: usize,
    /// Index of the sample among those of its prompt, from 0.
    pub sample: usize,
    /// Seconds from the sample's first evaluation to its end, which the canvases evaluated
    /// together with it share.
    pub seconds: f64,
}

/// Which sample of which prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) prompt: usize,
    pub(super) sample: usize,
}

/// A row that belongs to one sample.
pub(super) trait Placed: Serialize + DeserializeOwned {
    fn place(&self) -> Place;
}

impl Placed for SampleRow {
    fn place(&self) -> Place {
        Place { prompt: self.prompt, sample: self.sample }
    }
}

impl Placed for TimingRow {
    fn place(&self) -> Place {
        Place { prompt: self.prompt, sample: self.sample }
    }
}

impl SampleRow {
    pub(super) fn new(place: Place, ids: &[TokenId], text: String, outcome: &Outcome) -> Self {
        let listed: Vec<String> = ids.iter().map(TokenId::to_string).collect();
        Self {
            prompt: place.prompt,
            sample: place.sample,
            token_ids: format!("[{}]", listed.join(",")),
            text,
            nfe: outcome.nfe,
            tokens_per_forward: outcome.tokens_per_forward(),
            steps: outcome.steps,
            wasted_positions: outcome.wasted_positions,
            wasted_nfe: outcome.wasted_nfe,
            remasks: outcome.remasks,
        }
    }
}

/// The rows that a folder has of one kind; none where there is no file.
pub(super) fn rows<R: Placed>(folder: &Folder, file: &str) -> Result<Vec<R>, Error> {
    let path = folder.file(file);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let malformed = |error: csv::Error| Error::malformed(&path, "row", error.to_string());
    let mut reader = csv::Reader::from_path(&path).map_err(malformed)?;
    reader.deserialize().map(|row| row.map_err(malformed)).collect()
}

/// Puts a file's rows in the order of their prompts and samples.
pub(super) fn put_in_order<R: Placed>(folder: &Folder, file: &str) -> Result<(), Error> {
    let mut rows = rows::<R>(folder, file)?;
    rows.sort_by_key(R::place);
    folder.write_rows(file, &rows)
}

/// Which tokens of a response are heard.
#[derive(Clone, Debug)]
pub(crate) struct Speech {
    ends: Vec<TokenId>,
    silent: Vec<TokenId>,
}

impl Speech {
    /// A text ends at one of `ends` or of the model's own ends; special tokens are silent.
    pub(crate) fn new(model: &Model, ends: &[TokenId]) -> Self {
        let special = model.text().map(|text| text.special_tokens()).unwrap_or_default();
        let silent = special.into_iter().map(|(id, _)| id).chain(model.mask().ok()).collect();
        Self { ends: ends.iter().copied().chain(model.ends()).collect(), silent }
    }

    /// The text of a response; empty where the model has no tokenizer.
    pub(crate) fn text(&self, model: &Model, ids: &[TokenId]) -> Result<String, Error> {
        match model.text() {
            Ok(codec) => Ok(codec.decode(&self.heard(ids))?),
            Err(_) => Ok(String::new()),
        }
    }

    /// The tokens before the first that ends a text, silent ones among them.
    pub(crate) fn before_end<'a>(&self, ids: &'a [TokenId]) -> &'a [TokenId] {
        let end = ids.iter().position(|id| self.ends.contains(id));
        &ids[..end.unwrap_or(ids.len())]
    }

    fn heard(&self, ids: &[TokenId]) -> Vec<TokenId> {
        let spoken = |id: &TokenId| !self.silent.contains(id);
        self.before_end(ids).iter().copied().filter(spoken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Speech;

    #[test]
    fn a_text_ends_at_its_first_end_and_leaves_special_tokens_out() {
        let speech = Speech { ends: vec![9, 8], silent: vec![7, 9] };
        assert_eq!(speech.heard(&[1, 7, 2, 8, 3, 9, 4]), [1, 2]);
        assert!(speech.heard(&[9, 1]).is_empty());
        assert_eq!(speech.heard(&[1, 2]), [1, 2]);
    }
}
