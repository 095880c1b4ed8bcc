//! The rows of an evaluation: what each text and each sample adds to a measure.

use serde::{Deserialize, Serialize};

/// What one text adds to one measure: a row of rows.csv.
///
/// The measure over all texts is `Σ sum / Σ tokens`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextRow {
    /// Where the text stands in its file, from 1.
    pub line: usize,
    /// What is measured.
    pub measure: String,
    /// The sum over tokens.
    pub sum: f64,
    /// How many tokens were summed.
    pub tokens: usize,
    /// Of the sum, where it is an estimate and its spread is known.
    pub standard_error: Option<f64>,
    /// Of the sum divided by the tokens.
    pub unit: String,
}

/// Who wrote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    /// The model under evaluation.
    Model,
    /// Whoever wrote the file of texts.
    Reference,
    /// Nobody: words of ordinary text in no order, as many tokens as the model wrote.
    Unigram,
}

/// A text that answers a prompt, up to its end, and what it is like: a row of samples.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrittenRow {
    /// Where the prompt stands in its file, from 1.
    pub line: usize,
    /// Who wrote it.
    pub author: Author,
    /// Its tokens, the end left out.
    pub tokens: usize,
    /// Whether it ends before the room for it does.
    pub ended: bool,
    /// `−ln p` of the whole text given the prompt, as the judge sees it.
    pub nats: f64,
    /// Entropy of its tokens' frequencies, nats; absent where it has no token.
    pub entropy: Option<f64>,
    /// Entropy of its pairs' frequencies, nats; absent where it has none.
    pub bigram_entropy: Option<f64>,
    /// Share of its pairs of tokens that are distinct; absent where it has none.
    pub distinct_2: Option<f64>,
    /// Share of its runs of three that are distinct; absent where it has none.
    pub distinct_3: Option<f64>,
    /// Share of its runs of four that occurred before; absent where it has none.
    pub rep_4: Option<f64>,
    /// What it says, without special tokens.
    pub text: String,
    /// Its tokens as a JSON list.
    pub token_ids: String,
}
