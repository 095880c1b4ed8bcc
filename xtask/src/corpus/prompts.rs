//! Prompts without answers, for a model to answer itself: every template of a
//! kind, filled with every entry of that kind.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::clean;
use super::document::{held_out, number};
use super::seen::Seen;
use super::templates::{self, Entry, Lists};
use crate::setup::digest;

/// Kinds with so many entries that each is given to one template alone.
const ONCE: &[&str] = &["fact", "passage", "word"];

/// A row of `prompts.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Prompt {
    /// The first 16 digits of the SHA-256 of the prompt.
    pub(crate) id: String,
    pub(crate) document: String,
    pub(crate) prompt: String,
    pub(crate) held_out: bool,
}

/// An entry and the document it belongs to.
pub(crate) type Subject = (Entry, String);

/// Lists, templates and what the sources add to them.
pub(crate) struct Recipe {
    pub(crate) lists: Lists,
    pub(crate) templates: BTreeMap<String, Vec<String>>,
    /// Kinds whose entries come from the sources.
    pub(crate) derived: BTreeMap<&'static str, Vec<Subject>>,
}

impl Recipe {
    /// Reads the lists and templates of the folder `data/corpus`.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut lists = templates::lists(&folder.join("topics"), Entry::parse)?;
        lists.extend(templates::lists(&folder.join("words"), Entry::plain)?);
        let templates = templates::files(&folder.join("templates/prompts"))?;
        Ok(Self { lists, templates, derived: BTreeMap::new() })
    }

    /// Every prompt that is not nearly one of `seen`, each once, in the order of
    /// the SHA-256 of the prompt: an order that mixes all kinds.
    pub(crate) fn prompts(&self, seen: &Seen) -> Result<Vec<Prompt>> {
        let mut told = HashSet::new();
        let mut prompts = Vec::new();
        for (kind, lines) in &self.templates {
            for (entry, document) in self.subjects(kind)? {
                let chosen: Vec<&String> = if ONCE.contains(&kind.as_str()) {
                    let index = number(&format!("{kind}|{}", entry.key())) as usize;
                    vec![&lines[index % lines.len()]]
                } else {
                    lines.iter().collect()
                };
                for line in chosen {
                    let (draws, template) = templates::draws(line);
                    for draw in 0..draws {
                        let prompt = templates::fill(template, kind, &entry, &self.lists, draw)?;
                        if told.insert(clean::words(&prompt)) && !seen.is_near(&prompt) {
                            prompts.push(row(prompt, document.clone()));
                        }
                    }
                }
            }
        }
        prompts.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(prompts)
    }

    /// The entries of a kind, with their documents.
    fn subjects(&self, kind: &str) -> Result<Vec<Subject>> {
        if let Some(derived) = self.derived.get(kind) {
            return Ok(derived.clone());
        }
        let entries = self.lists.get(kind).with_context(|| {
            format!("templates/prompts/{kind}.txt has no list; write topics/{kind}.txt")
        })?;
        let document = |entry: &Entry| format!("topics/{kind}/{}", entry.key());
        Ok(entries.iter().map(|entry| (entry.clone(), document(entry))).collect())
    }
}

fn row(prompt: String, document: String) -> Prompt {
    let id = digest::of_bytes(prompt.as_bytes())[..16].to_string();
    Prompt { id, held_out: held_out(&document), document, prompt }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        let list = |lines: &[&str]| lines.iter().map(|line| Entry::parse(line)).collect();
        Recipe {
            lists: Lists::from([("pet".to_string(), list(&["a cat", "a dog"]))]),
            templates: BTreeMap::from([
                ("pet".to_string(), vec!["Tell me about {it:s}.".into(), "Why {it:s}?".into()]),
                ("word".to_string(), vec!["Define {it}.".into(), "Tell me about dogs.".into()]),
            ]),
            derived: BTreeMap::from([(
                "word",
                vec![(Entry::plain("bank"), "dictionary/bank".to_string())],
            )]),
        }
    }

    #[test]
    fn every_template_meets_every_entry_once() {
        let seen = Seen::new(std::iter::empty());
        let prompts = recipe().prompts(&seen).unwrap();
        let all: HashSet<&str> = prompts.iter().map(|row| row.prompt.as_str()).collect();
        assert_eq!(all.len(), prompts.len(), "{prompts:?}");
        for expected in ["Tell me about cats.", "Tell me about dogs.", "Why cats?", "Why dogs?"] {
            assert!(all.contains(expected), "{expected}");
        }
        assert!(prompts.is_sorted_by(|a, b| a.id < b.id));
        let dogs = prompts.iter().find(|row| row.prompt == "Why dogs?").unwrap();
        assert_eq!(dogs.document, "topics/pet/dog");
    }

    #[test]
    fn what_evaluates_is_left_out() {
        let seen = Seen::new(["Could you tell me about dogs?"].into_iter());
        let prompts = recipe().prompts(&seen).unwrap();
        assert!(prompts.iter().all(|row| row.prompt != "Tell me about dogs."), "{prompts:?}");
        assert!(prompts.iter().any(|row| row.prompt == "Tell me about cats."));
    }

    #[test]
    fn a_kind_without_a_list_is_named() {
        let mut recipe = recipe();
        recipe.templates.insert("moon".to_string(), vec!["{it}".to_string()]);
        let error = recipe.prompts(&Seen::new(std::iter::empty())).unwrap_err().to_string();
        assert!(error.contains("topics/moon.txt"), "{error}");
    }

    #[test]
    fn the_projects_own_lists_fill_its_templates() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
        let mut recipe = Recipe::read(&folder.join("corpus")).unwrap();
        recipe.templates.retain(|kind, _| recipe.lists.contains_key(kind));
        let seen = Seen::read(&folder.join("prompts/prompts.jsonl")).unwrap();
        let prompts = recipe.prompts(&seen).unwrap();
        assert!(prompts.len() > 35_000, "{}", prompts.len());
        let near = prompts.iter().find(|row| seen.is_near(&row.prompt));
        assert_eq!(near, None);
        for row in &prompts {
            let text = &row.prompt;
            let clean = clean::line(text) == *text && !text.contains(['{', '}', '|', '+']);
            let ends = text.ends_with(['.', '?', '!']);
            assert!(clean && ends && text.starts_with(char::is_uppercase), "{text}");
            let lower = text.to_lowercase().replace(" a one", " one");
            let vowel = [" a a", " a e", " a i", " a o", " an b", " an c", " an d"];
            assert!(!vowel.iter().any(|wrong| lower.contains(wrong)), "{text}");
        }
    }
}
