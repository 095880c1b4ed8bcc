//! Facts of a sentence or two, gathered for amusement (MIT). Nobody vouches for
//! their truth.

use std::collections::HashSet;

use super::Archive;
use crate::corpus::archive::Files;
use crate::corpus::clean;
use crate::corpus::document::Document;
use crate::setup::pins::Pin;

pub(crate) const ARCHIVE: Archive = Archive::Wheel(Pin {
    file: "randfacts-0.24.4-py3-none-any.whl",
    sha256: "beb07c7b61352f86410aa178be0a3e6b031a454e9df90e5487fb10f7ad21ddbb",
    record: "b7b03102551fa405ad0c26e4847774b269065bd6d385fa7531427f438eb69cac",
});

/// Fewer words do not make a fact that can be understood alone.
const FEWEST_WORDS: usize = 6;

/// Subjects that are not for every reader.
const COARSE: &[&str] = &[
    "suicide",
    "rape",
    "sex",
    "porn",
    "penis",
    "vagina",
    "orgasm",
    "condom",
    "erotic",
    "prostitut",
    "hang yourself",
    "hitler",
    "nazi",
    "torture",
    "masturbat",
    "breasts",
    "cocaine",
    "heroin",
];

/// The facts that suit everyone.
pub(crate) fn wanted(name: &str) -> bool {
    name == "randfacts/safe.txt"
}

/// A document for each fact, without repetitions.
pub(crate) fn documents(files: &Files) -> Vec<Document> {
    let mut seen = HashSet::new();
    let lines = files.values().flat_map(|text| text.lines());
    lines
        .map(sentence)
        .filter(|fact| {
            let words = clean::words(fact);
            let lower = fact.to_lowercase();
            let coarse = COARSE.iter().any(|word| lower.contains(word));
            words.len() >= FEWEST_WORDS && !coarse && !is_headline(fact) && seen.insert(words)
        })
        .enumerate()
        .map(|(index, text)| Document {
            source: "facts",
            document: format!("facts/{}", index + 1),
            title: "A fact".to_string(),
            text,
        })
        .collect()
}

/// The line, cleaned and with a full stop.
fn sentence(fact: &str) -> String {
    let fact = clean::line(fact).replace('`', "'");
    let ended = ["\"", ".)", "!)", "?)"].iter().any(|end| fact.ends_with(end));
    if ended || fact.ends_with(['.', '!', '?']) { fact } else { format!("{fact}.") }
}

/// Whether Nearly Every Word Begins With a Capital.
fn is_headline(fact: &str) -> bool {
    let long = || fact.split(' ').filter(|word| word.chars().count() > 3);
    let capital = long().filter(|word| word.starts_with(char::is_uppercase)).count();
    capital * 10 >= long().count() * 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_sentences_and_stand_once() {
        let text = "Oak trees can live 200 or more years\noak trees can live 200 or  more years.\n\
                    Too short\nYou're Never Further Than Six Miles From Water\n";
        let files = Files::from([("randfacts/safe.txt".to_string(), text.to_string())]);
        let facts = documents(&files);
        assert_eq!(facts.len(), 1, "{facts:?}");
        assert_eq!(facts[0].text, "Oak trees can live 200 or more years.");
        assert_eq!(facts[0].document, "facts/1");
    }
}
