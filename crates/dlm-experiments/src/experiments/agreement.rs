//! Sentences with two open places, and the pairs of words that fit them.

use std::path::Path;

use dlm_core::TokenId;
use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Fewer sentences than these say nothing of a model, once others had to be left out.
pub(super) const FEWEST: usize = 12;

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

/// The sentences that all models of a run can read.
///
/// Tokenizers cut words differently. A sentence that one model cannot read is left out for
/// all, so that families are compared on the same ones.
#[derive(Clone, Debug)]
pub(super) struct Readable {
    sentences: Vec<Sentence>,
    /// How many there were.
    of: usize,
    /// The first that a model could not read: the sentence, the word, the model.
    first: Option<[String; 3]>,
}

/// The sentences of a file, one JSON object a line.
///
/// # Errors
///
/// Where the file cannot be read, or a line is not such an object, repeats an id, or lists
/// pairs whose words can be mixed without any harm.
pub(super) fn read(path: &Path) -> Result<Vec<Sentence>, Error> {
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
    match sentences.is_empty() {
        true => Err(Error::malformed(path, "file", "holds no sentence")),
        false => Ok(sentences),
    }
}

/// Where in the file a sentence stands; every line is one.
fn place(index: usize) -> String {
    format!("line {}", index + 1)
}

impl Readable {
    pub(super) fn new(sentences: Vec<Sentence>) -> Self {
        Self { of: sentences.len(), sentences, first: None }
    }

    /// Leaves out what `model` cannot read: sentences one of whose words is not exactly one
    /// token, or shares its token with another word of its place.
    ///
    /// # Errors
    ///
    /// Where the model has no tokenizer.
    pub(super) fn keep(&mut self, model: &Model) -> Result<(), Error> {
        let mut kept = Vec::new();
        for sentence in std::mem::take(&mut self.sentences) {
            let Some(word) = sentence.unreadable(model)? else {
                kept.push(sentence);
                continue;
            };
            let model = || model.description().id;
            self.first.get_or_insert_with(|| [sentence.id.clone(), word, model()]);
        }
        self.sentences = kept;
        Ok(())
    }

    /// The first `most` that are left, none where too few are; and a sentence on those left
    /// out, where there are any.
    pub(super) fn first(mut self, most: usize) -> (Vec<Sentence>, Option<String>) {
        let (left, of) = (self.sentences.len(), self.of);
        let omitted = self.first.map(|[id, word, model]| {
            let said = format!(
                "{} of {of} sentences of agreement are left out, because a word of theirs is no \
                 token of its own for some model of the run (first {id}: {word:?}, {model})",
                of - left
            );
            match left < FEWEST {
                true => format!(
                    "{said}; {left} are fewer than {FEWEST}, so no sentence was asked about."
                ),
                false => format!("{said}."),
            }
        });
        let too_few = omitted.is_some() && left < FEWEST;
        self.sentences.truncate(if too_few { 0 } else { most });
        (self.sentences, omitted)
    }
}

impl Sentence {
    /// The words that may stand at a place, each once.
    fn words(&self, place: usize) -> Vec<&str> {
        let mut words: Vec<&str> = Vec::new();
        for pair in &self.pairs {
            if !words.contains(&pair[place].as_str()) {
                words.push(&pair[place]);
            }
        }
        words
    }

    /// The first word that is not one token, or not one of its own.
    fn unreadable(&self, model: &Model) -> Result<Option<String>, Error> {
        let codec = model.text()?;
        for words in [self.words(0), self.words(1)] {
            let mut tokens = Vec::new();
            for word in words {
                match codec.encode(word)?[..] {
                    [token] if !tokens.contains(&token) => tokens.push(token),
                    _ => return Ok(Some(word.to_string())),
                }
            }
        }
        Ok(None)
    }

    /// The sentence as `model` reads it.
    ///
    /// # Errors
    ///
    /// Where the model has no tokenizer, the prompt cannot be put into its template, or a
    /// word is not exactly one token; see [`Readable`].
    pub(super) fn frame(&self, model: &Model) -> Result<Frame, Error> {
        let codec = model.text()?;
        let words = [self.words(0), self.words(1)];
        let token = |word: &&str| match codec.encode(word)?[..] {
            [token] => Ok(token),
            ref tokens => Err(Error::Argument(format!(
                "sentence {}: {word:?} is {} tokens of {}: choose a word that is one",
                self.id,
                tokens.len(),
                model.description().id
            ))),
        };
        let tokens =
            |place: usize| words[place].iter().map(token).collect::<Result<Vec<TokenId>, Error>>();
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

impl Frame {
    /// All tokens with `first` and `second` in the open places, and where these are.
    pub(super) fn filled(&self, first: TokenId, second: TokenId) -> (Vec<TokenId>, [usize; 2]) {
        let Self { before, between, after, .. } = self;
        let tokens = [before, &[first][..], between, &[second], after].concat();
        (tokens, [before.len(), before.len() + 1 + between.len()])
    }
}

/// What the smoke run of an experiment starts with, with the sentences of another file.
#[cfg(test)]
pub(super) fn stage_for_test(id: &str, sentences: &Path) -> crate::stage::Stage {
    use crate::{Prompts, Scale, Spec, stage};

    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let text = std::fs::read_to_string(format!("{root}/specs/{id}.toml")).unwrap();
    let own = "\"../crates/dlm-experiments/tests/fixtures/agreement.jsonl\"";
    let text = text.replace(own, &format!("{:?}", sentences.to_str().unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    std::fs::write(&path, text.replace("\"../", &format!("\"{root}/"))).unwrap();
    let spec = Spec::read(&path).unwrap();
    let sizes = spec.sizes(Scale::Smoke).unwrap();
    let prompts = sizes.prompts.as_ref().map(|prompts| {
        let mut prompts = Prompts::jsonl(prompts).unwrap();
        prompts.truncate(sizes.count.unwrap());
        prompts
    });
    let sources = stage::Sources::find(sizes, None, None, crate::ComputeArguments::default());
    let models = sources.unwrap().load().unwrap();
    stage::Stage::new(spec, Scale::Smoke, models, prompts, folder.path())
}
