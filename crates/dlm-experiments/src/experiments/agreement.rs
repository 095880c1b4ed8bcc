//! Sentences with two open places, and the pairs of words that fit them.

use std::path::Path;

use dlm_core::TokenId;
use dlm_runtime::{Model, TextCodec};
use serde::{Deserialize, Serialize};

use crate::Error;

/// What agrees with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A noun and its verb.
    Number,
    /// A pronoun and its verb.
    Person,
    /// A determiner and its noun.
    Determiner,
    /// Two words of one name or phrase.
    Collocation,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sentence {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// What the user asks.
    prompt: String,
    /// The answer up to the first open place.
    pub(super) before: String,
    /// What stands between the places.
    #[serde(default)]
    pub(super) between: String,
    /// What stands behind them.
    pub(super) after: String,
    /// The pairs of words that fit.
    pub(super) pairs: Vec<[String; 2]>,
}

/// A sentence as a model reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Up to the first place, the prompt in its template included.
    pub(super) before: Vec<TokenId>,
    pub(super) between: Vec<TokenId>,
    pub(super) after: Vec<TokenId>,
    /// The words that may stand in either place.
    pub(super) words: [Vec<TokenId>; 2],
    /// Which pairs of words fit, first place by second.
    pub(super) fits: Vec<Vec<bool>>,
}

impl Kind {
    pub(super) const ALL: [Self; 4] =
        [Self::Number, Self::Person, Self::Determiner, Self::Collocation];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Person => "person",
            Self::Determiner => "determiner",
            Self::Collocation => "collocation",
        }
    }
}

/// The sentences of a file, one JSON object a line, the first `most` of them.
///
/// # Errors
///
/// Where the file cannot be read, or a line is not such an object, repeats an id, or lists
/// pairs whose words can be mixed without any harm.
pub(super) fn read(path: &Path, most: usize) -> Result<Vec<Sentence>, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    let mut sentences: Vec<Sentence> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let refuse = |problem: String| Err(Error::malformed(path, place(index), problem));
        let sentence: Sentence = match serde_json::from_str(line) {
            Ok(sentence) => sentence,
            Err(error) => return refuse(format!("{error}; see the README beside it")),
        };
        if sentences.iter().any(|earlier| earlier.id == sentence.id) {
            return refuse(format!("the id {:?} stands on an earlier line too", sentence.id));
        }
        let pairs = sentence.pairs.iter();
        let mixed = pairs.clone().any(|a| {
            let wrong = |b: &[String; 2]| !sentence.pairs.contains(&[a[0].clone(), b[1].clone()]);
            pairs.clone().any(wrong)
        });
        if !mixed {
            let problem = "pairs: every mixture of them fits too: give two pairs that clash";
            return refuse(problem.to_string());
        }
        sentences.push(sentence);
    }
    sentences.truncate(most);
    match sentences.is_empty() {
        true => Err(Error::malformed(path, "file", "holds no sentence, or `pairs` is 0")),
        false => Ok(sentences),
    }
}

/// Where in the file a sentence stands; every line is one.
fn place(index: usize) -> String {
    format!("line {}", index + 1)
}

impl Sentence {
    /// The sentence as `model` reads it; `path` and `index` say where it comes from.
    ///
    /// # Errors
    ///
    /// Where the model has no tokenizer, the prompt cannot be put into its template, or a
    /// word is not exactly one token.
    pub(super) fn frame(&self, model: &Model, path: &Path, index: usize) -> Result<Frame, Error> {
        let codec = model.text()?;
        let distinct = |place: usize| {
            let mut words: Vec<&str> = Vec::new();
            for pair in &self.pairs {
                if !words.contains(&pair[place].as_str()) {
                    words.push(&pair[place]);
                }
            }
            words
        };
        let words = [distinct(0), distinct(1)];
        let id = model.description().id;
        let token = |word: &str| token(codec, word, path, index, &id);
        let tokens = |place: usize| -> Result<Vec<TokenId>, Error> {
            words[place].iter().map(|word| token(word)).collect()
        };
        let fit = |a: &str, b: &str| self.pairs.iter().any(|pair| pair[0] == a && pair[1] == b);
        let row = |a: &&str| words[1].iter().map(|b| fit(a, b)).collect();
        let opening = codec.opening(&self.prompt)?;
        Ok(Frame {
            before: [opening, codec.encode(&self.before)?].concat(),
            between: codec.encode(&self.between)?,
            after: codec.encode(&self.after)?,
            words: [tokens(0)?, tokens(1)?],
            fits: words[0].iter().map(row).collect(),
        })
    }

    /// The sentence for people, with its pairs in the open places.
    pub(super) fn shown(&self) -> String {
        let place = |place: usize| {
            let words: Vec<&str> = self.pairs.iter().map(|pair| pair[place].trim()).collect();
            format!(" [{}]", words.join("|"))
        };
        let Self { before, between, after, .. } = self;
        format!("{before}{}{between}{}{after}", place(0), place(1)).trim().to_string()
    }
}

/// The one token of a word.
fn token(
    codec: &TextCodec,
    word: &str,
    path: &Path,
    index: usize,
    model: &str,
) -> Result<TokenId, Error> {
    match codec.encode(word)?[..] {
        [token] => Ok(token),
        ref tokens => {
            let problem = format!(
                "{word:?} is {} tokens of {model}: choose a word that is one",
                tokens.len()
            );
            Err(Error::malformed(path, place(index), problem))
        }
    }
}

impl Frame {
    /// All tokens with `first` and `second` in the open places, and where these are.
    pub(super) fn filled(&self, first: TokenId, second: TokenId) -> (Vec<TokenId>, [usize; 2]) {
        let Self { before, between, after, .. } = self;
        let tokens = [before, &[first][..], between, &[second], after].concat();
        (tokens, [before.len(), before.len() + 1 + between.len()])
    }
}
