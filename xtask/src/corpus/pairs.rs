//! Instruction pairs: requests and their answers, both taken from the sources.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::document::{Document, held_out, number};
use super::sources::countries::{self, Country};
use super::sources::dictionary::{self, Word};
use super::templates::{self, Entry};

/// One word in this many of those that texts use is defined.
const DEFINED_ONE_IN: u64 = 3;
/// Meanings of a word that a definition gives, at most.
const MEANINGS: usize = 3;
/// One wording in this many is used for each fact about a country.
const WORDINGS_ONE_IN: u64 = 4;

/// A row of `pairs.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Pair {
    pub(crate) source: &'static str,
    pub(crate) document: String,
    pub(crate) prompt: String,
    pub(crate) response: String,
    pub(crate) held_out: bool,
}

/// Templates of pairs, `prompt => response`, by kind.
pub(crate) struct Templates(BTreeMap<String, Vec<String>>);

impl Templates {
    /// Reads the files of `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        templates::files(folder).map(Self)
    }

    /// Prompt and response of one template of `kind`, chosen by `seed`.
    pub(crate) fn fill(
        &self,
        kind: &str,
        seed: &str,
        slots: &[(&str, &str)],
    ) -> Result<(String, String)> {
        let lines = self.of(kind)?;
        fill(&lines[number(seed) as usize % lines.len()], slots)
    }

    fn of(&self, kind: &str) -> Result<&[String]> {
        let lines = self.0.get(kind).filter(|lines| !lines.is_empty());
        lines.map(Vec::as_slice).with_context(|| format!("no template in pairs/{kind}.txt"))
    }
}

/// Definitions of a third of the words.
pub(crate) fn definitions(words: &[Word], templates: &Templates) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for word in words {
        let document = dictionary::document(&word.word);
        if !number(&format!("defined {document}")).is_multiple_of(DEFINED_ONE_IN) {
            continue;
        }
        let Some((first, others)) = word.senses.split_first() else { continue };
        let slots = [("word", word.word.as_str()), ("kind", first.kind), ("gloss", &first.gloss)];
        let kind = if word.word.contains(' ') { "expression" } else { "definition" };
        let (prompt, mut response) = templates.fill(kind, &word.word, &slots)?;
        if let Some(example) = &first.example {
            response.push_str(&format!(" For example: \"{example}\"."));
        }
        for sense in others.iter().take(MEANINGS - 1) {
            let as_kind = if sense.kind == first.kind {
                "It can also mean".to_string()
            } else {
                format!("As {}, it means", sense.kind)
            };
            response.push_str(&format!(" {as_kind}: {}.", sense.gloss));
        }
        pairs.push(pair("dictionary", document, prompt, response));
    }
    Ok(pairs)
}

/// Questions about countries and what the Factbook says. A template is
/// `FIELD | prompt => response`.
pub(crate) fn about_countries<'a>(
    countries: impl Iterator<Item = &'a Country>,
    templates: &Templates,
) -> Result<Vec<Pair>> {
    let lines: Vec<(&str, &str)> = templates
        .of("country")?
        .iter()
        .map(|line| line.split_once(" | ").with_context(|| format!("{line}: no ` | `")))
        .collect::<Result<_>>()?;
    let mut pairs = Vec::new();
    for country in countries {
        for (field, template) in &lines {
            let Some(value) = country.fields.get(*field).filter(|value| is_telling(value)) else {
                continue;
            };
            let seed = format!("{template}|{}", country.document);
            if !number(&seed).is_multiple_of(WORDINGS_ONE_IN) {
                continue;
            }
            let value = value.trim_end_matches('.');
            let capital = countries::clean_capital(value);
            let slots = [("country", country.name.as_str()), ("value", value), ("Value", &capital)];
            let (prompt, response) = fill(template, &slots)?;
            pairs.push(pair("countries", country.document.clone(), prompt, response));
        }
    }
    Ok(pairs)
}

/// Requests for a fact about something that the fact names, of `subjects`.
pub(crate) fn facts(
    facts: &[Document],
    subjects: &[Entry],
    templates: &Templates,
) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for fact in facts {
        let words = format!(" {} ", super::clean::words(&fact.text).join(" "));
        let named = subjects.iter().filter(|subject| subject.occurs_in(&words));
        let Some(subject) = named.max_by_key(|subject| subject.key().len()) else { continue };
        let subject = subject.form("s").unwrap_or_default();
        let slots = [("subject", subject.as_str()), ("fact", fact.text.as_str())];
        let (prompt, response) = templates.fill("fact", &fact.text, &slots)?;
        pairs.push(pair("facts", fact.document.clone(), prompt, response));
    }
    Ok(pairs)
}

fn pair(source: &'static str, document: String, prompt: String, response: String) -> Pair {
    let held_out = held_out(&document);
    Pair { source, document, prompt, response, held_out }
}

/// Splits `prompt => response` and fills both.
fn fill(template: &str, slots: &[(&str, &str)]) -> Result<(String, String)> {
    let halves = template.split_once(" => ");
    let (prompt, response) = halves.with_context(|| format!("{template}: no ` => `"))?;
    let fill = |half: &str| {
        let mut text = half.to_string();
        // Backwards, so that braces of what was filled in are never read.
        for (at, _) in half.rmatch_indices('{') {
            let end = half[at..].find('}').with_context(|| format!("{template}: no `}}`"))? + at;
            let name = &half[at + 1..end];
            let slot = slots.iter().find(|(slot, _)| *slot == name);
            let (_, value) = slot.with_context(|| format!("{template}: no slot `{name}`"))?;
            text.replace_range(at..=end, value);
        }
        anyhow::Ok(countries::clean_capital(&text))
    };
    Ok((fill(prompt)?, fill(response)?))
}

/// Whether a value answers a question: "NA" and "none" do not.
fn is_telling(value: &str) -> bool {
    let lower = value.to_lowercase();
    value.chars().count() > 3 && !lower.starts_with("na ") && !lower.starts_with("none")
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Templates {
    fn from(lines: [(&str, &str); N]) -> Self {
        Self(lines.map(|(kind, line)| (kind.to_string(), vec![line.to_string()])).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_once() {
        let slots = [("word", "a {brace}"), ("gloss", "it")];
        let (prompt, response) = fill("what is {word}? => {word} is {gloss}.", &slots).unwrap();
        assert_eq!(prompt, "What is a {brace}?");
        assert_eq!(response, "A {brace} is it.");
        for (template, part) in
            [("no arrow", "` => `"), ("{x} => y", "no slot `x`"), ("{ => y", "no `}`")]
        {
            assert!(fill(template, &slots).unwrap_err().to_string().contains(part));
        }
    }

    #[test]
    fn facts_are_asked_for_by_what_they_name() {
        let fact = |text: &str| Document {
            source: "facts",
            document: "facts/1".to_string(),
            title: String::new(),
            text: text.to_string(),
        };
        let subjects = ["a bear", "a polar bear", "gold"].map(Entry::parse);
        let templates = Templates::from([("fact", "A fact about {subject}, please. => {fact}")]);
        let given = [fact("The skin of polar bears is black."), fact("Nothing of that kind.")];
        let pairs = facts(&given, &subjects, &templates).unwrap();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].prompt, "A fact about polar bears, please.");
    }

    #[test]
    fn countries_answer_what_they_know() {
        let country = |name: &str| Country {
            document: format!("countries/{name}"),
            name: name.to_string(),
            fields: [
                ("a/b".to_string(), "dry; hot.".to_string()),
                ("a/c".to_string(), "NA".into()),
            ]
            .into(),
        };
        let countries: Vec<Country> = (0..40).map(|n| country(&format!("c{n}"))).collect();
        let lines = [("country", "a/b | What is {country} like? => {Value}.")];
        let pairs = about_countries(countries.iter(), &Templates::from(lines)).unwrap();
        assert!((4..20).contains(&pairs.len()), "{}", pairs.len());
        assert_eq!(pairs[0].response, "Dry; hot.");
        let lines = [("country", "a/c | What is {country} like? => {Value}.")];
        assert!(about_countries(countries.iter(), &Templates::from(lines)).unwrap().is_empty());
    }
}
