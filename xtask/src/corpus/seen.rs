//! The prompts that models are evaluated with, which nothing made here may
//! repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::clean;

/// Words that many requests have in common, whatever they ask for.
const FRAME: &[&str] = &[
    "a", "about", "an", "and", "are", "at", "by", "can", "could", "describe", "do", "does",
    "explain", "for", "from", "give", "how", "i", "in", "is", "it", "list", "me", "my", "of", "on",
    "or", "please", "short", "should", "tell", "that", "the", "to", "was", "were", "what", "when",
    "where", "which", "who", "why", "with", "write", "you", "three", "four", "five", "six",
    "seven", "ten", "some",
];

/// Share of words in common, of all words of both, from which two prompts are
/// near copies.
const NEAR: f64 = 0.6;

/// The evaluation's prompts, by their words.
pub(crate) struct Seen {
    prompts: Vec<BTreeSet<String>>,
    /// Word to the prompts it occurs in.
    index: BTreeMap<String, Vec<usize>>,
}

#[derive(Deserialize)]
struct Row {
    prompt: String,
}

impl Seen {
    /// Reads prompts, one JSON object a line.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let rows: Result<Vec<Row>, _> = text.lines().map(serde_json::from_str).collect();
        let rows = rows.with_context(|| format!("{shown} is not one JSON object a line"))?;
        Ok(Self::new(rows.iter().map(|row| row.prompt.as_str())))
    }

    /// Of these prompts.
    pub(crate) fn new<'a>(prompts: impl Iterator<Item = &'a str>) -> Self {
        let prompts: Vec<_> = prompts.map(content).collect();
        let mut index: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, words) in prompts.iter().enumerate() {
            words.iter().for_each(|word| index.entry(word.clone()).or_default().push(number));
        }
        Self { prompts, index }
    }

    /// Whether `prompt` is one of them, or nearly: most of the words of both are
    /// in common, or all of its own are more than half of those of one.
    pub(crate) fn is_near(&self, prompt: &str) -> bool {
        let words = content(prompt);
        let touched = words.iter().filter_map(|word| self.index.get(word)).flatten();
        touched.collect::<BTreeSet<_>>().into_iter().any(|number| {
            let seen = &self.prompts[*number];
            let shared = words.intersection(seen).count();
            let all = words.len() + seen.len() - shared;
            let inside = shared == words.len() && shared >= 2 && 2 * shared > seen.len();
            inside || shared as f64 >= NEAR * all as f64
        })
    }
}

/// The words that say what a prompt is about; all, if it has no others.
fn content(prompt: &str) -> BTreeSet<String> {
    let all = clean::words(prompt);
    let telling = all.iter().filter(|word| !FRAME.contains(&word.as_str()));
    let telling: BTreeSet<String> = telling.map(|word| singular(word)).collect();
    if telling.is_empty() { all.into_iter().collect() } else { telling }
}

/// The word without the ending of a plural, roughly.
fn singular(word: &str) -> String {
    let long = word.chars().count() > 3 && !word.ends_with("ss");
    word.strip_suffix('s').filter(|_| long).unwrap_or(word).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_copies_are_found_and_others_pass() {
        let evaluation = [
            "Write a haiku about a bus stop.",
            "How does noise cancellation in headphones work?",
            "Can a compass be used on the Moon?",
            "List unusual uses for old newspapers.",
        ];
        let seen = Seen::new(evaluation.into_iter());
        for near in [
            "write a haiku about a bus stop",
            "Please write me a short haiku about a bus.",
            "Explain how noise cancellation in headphones works.",
            "List six unusual uses for a newspaper.",
            "Can you use a compass on the Moon? Can a compass be used there?",
        ] {
            assert!(seen.is_near(near), "{near}");
        }
        for other in
            ["Write a haiku about a rose.", "How do headphones work?", "Tell me about noise."]
        {
            assert!(!seen.is_near(other), "{other}");
        }
    }
}
