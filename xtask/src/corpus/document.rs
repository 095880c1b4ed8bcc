//! Documents, and which of them are held out.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// One document in this many is held out. Never changed: a model trained on one
/// slice must not be measured on another.
const HELD_OUT_ONE_IN: u64 = 50;

/// One text of a source, cleaned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    /// The source's name, such as `addresses`.
    pub(crate) source: &'static str,
    /// Name of the document, unique over all sources: `SOURCE/…`.
    pub(crate) document: String,
    pub(crate) title: String,
    /// Paragraphs, separated by an empty line.
    pub(crate) text: String,
}

/// A document as a row of `text/SOURCE.jsonl`.
#[derive(Serialize)]
pub(crate) struct TextRow<'a> {
    source: &'a str,
    document: &'a str,
    title: &'a str,
    text: &'a str,
    held_out: bool,
}

impl Document {
    /// The document as a row.
    pub(crate) fn row(&self) -> TextRow<'_> {
        TextRow {
            source: self.source,
            document: &self.document,
            title: &self.title,
            text: &self.text,
            held_out: held_out(&self.document),
        }
    }
}

/// Whether everything made from the document of this name is held out: the
/// first eight bytes of the SHA-256 of the name, as a big-endian number, divided
/// by 50 leave no rest.
pub(crate) fn held_out(document: &str) -> bool {
    number(document).is_multiple_of(HELD_OUT_ONE_IN)
}

/// A number that depends on `text` alone: the first eight bytes of its SHA-256.
pub(crate) fn number(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_stays_what_it_is() {
        // SHA-256 of "abc" begins with ba7816bf 8f01cfea.
        assert_eq!(number("abc"), 0xba78_16bf_8f01_cfea);
        let held: Vec<usize> = (0..200).filter(|n| held_out(&format!("facts/{n}"))).collect();
        assert_eq!(held, HELD_OF_200);
    }

    /// Computed once with another implementation of SHA-256.
    const HELD_OF_200: [usize; 3] = [47, 145, 174];

    #[test]
    fn one_document_in_fifty_is_held_out() {
        let held = (0..50_000).filter(|n| held_out(&format!("document {n}"))).count();
        assert!((900..1100).contains(&held), "{held}");
    }
}
