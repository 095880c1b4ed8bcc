//! How often each of a model's tokens occurs in ordinary text.
//!
//! The text is part of the program: the same for every model and on every machine.
//! data/text/README.md says where it comes from.

use dlm_probe::{Lexicon, Vocabulary};
use dlm_runtime::Model;

use crate::Error;

const TEXTS: [&str; 3] = [
    include_str!("../../../data/text/addresses.txt"),
    include_str!("../../../data/text/country_profiles.txt"),
    include_str!("../../../data/text/books.txt"),
];

/// The paragraphs of the text.
pub(crate) fn paragraphs() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().flat_map(|text| text.split("\n\n"))
}

/// How often each of a model's tokens occurs in it, `[vocabulary]`.
///
/// # Errors
///
/// Where the model has no tokenizer, or it fails.
pub(crate) fn counts(model: &Model) -> Result<Vec<u64>, Error> {
    let mut counts = vec![0; model.description().vocab];
    for paragraph in paragraphs() {
        for id in model.text()?.encode(paragraph)? {
            counts[id as usize] += 1;
        }
    }
    Ok(counts)
}

/// The lexicon of a model's tokens; absent where it has no tokenizer.
///
/// # Errors
///
/// Where the tokenizer fails.
pub(crate) fn lexicon(model: &Model) -> Result<Option<Lexicon>, Error> {
    if !model.has_text() {
        return Ok(None);
    }
    let (text, counts) = (model.text()?, counts(model)?);
    let vocab = counts.len();
    let vocabulary = Vocabulary {
        texts: text.texts(vocab),
        special: text.special_tokens().into_iter().map(|(id, _)| id).collect(),
        end_of_sequence: model.ends(),
    };
    Ok(Some(Lexicon::new(vocabulary, &counts)?))
}
