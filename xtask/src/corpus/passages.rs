//! Passages of documents, long enough to be understood and short enough to be
//! answered.

use super::document::{Document, held_out, number};
use super::pairs::{Pair, Templates};

/// Words of a passage that stands alone.
const WORDS: std::ops::RangeInclusive<usize> = 50..=130;
/// Words of a passage that is continued by the next.
const LEAD: std::ops::RangeInclusive<usize> = 20..=80;
/// A document gives at most this many continuations, spread over it.
const CONTINUED: usize = 4;

/// Passages of the documents that can be summarised: whole paragraphs.
pub(crate) fn alone(document: &Document) -> impl Iterator<Item = &str> {
    document.text.split("\n\n").filter(|text| WORDS.contains(&count(text)) && is_whole(text))
}

/// Pairs of a title and how the text begins, and of a passage and the next.
pub(crate) fn pairs(document: &Document, templates: &Templates) -> anyhow::Result<Vec<Pair>> {
    let paragraphs: Vec<&str> = document.text.split("\n\n").collect();
    let mut pairs = Vec::new();
    let mut add = |kind: &str, slots: &[(&str, &str)], seed: &str| {
        let (prompt, response) = templates.fill(kind, seed, slots)?;
        pairs.push(Pair {
            source: document.source,
            document: document.document.clone(),
            prompt,
            response,
            held_out: held_out(&document.document),
        });
        anyhow::Ok(())
    };
    let start = beginning(&paragraphs);
    if count(&start) >= 20 && document.source != "countries" {
        add("beginning", &[("title", &document.title), ("passage", &start)], &document.document)?;
    }
    let mut continued: Vec<(&str, &str)> = paragraphs
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(|(lead, next)| {
            let fits = LEAD.contains(&count(lead)) && WORDS.contains(&count(next));
            fits && is_whole(lead) && is_whole(next)
        })
        .collect();
    continued.sort_by_key(|(lead, _)| number(lead));
    for (lead, next) in continued.into_iter().take(CONTINUED) {
        add("continuation", &[("passage", lead), ("next", next)], lead)?;
    }
    Ok(pairs)
}

/// Whole paragraphs from the first on, up to the length of a passage.
fn beginning(paragraphs: &[&str]) -> String {
    let mut text = String::new();
    for paragraph in paragraphs {
        if count(&text) + count(paragraph) > *WORDS.end() {
            break;
        }
        text = format!("{text}\n\n{paragraph}").trim().to_string();
    }
    text
}

fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Whether a text begins with a sentence and ends with one.
fn is_whole(text: &str) -> bool {
    let begins = text.trim_start_matches(['"', '“', '\'', '‘']).starts_with(char::is_uppercase);
    begins && text.ends_with(['.', '!', '?', '"', '”'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_whole_paragraphs() {
        let long = "Many words make a passage. ".repeat(20);
        let text = format!("Short one.\n\n{}\n\nand half a sentence {long}", long.trim());
        let document = Document {
            source: "books",
            document: "books/x/001".to_string(),
            title: "X".to_string(),
            text,
        };
        assert_eq!(alone(&document).collect::<Vec<_>>(), [long.trim()]);
        let templates = Templates::from([("beginning", "Begin {title}. => {passage}")]);
        let pairs = pairs(&document, &templates).unwrap();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].prompt, "Begin X.");
        assert_eq!(pairs[0].response, format!("Short one.\n\n{}", long.trim()));
    }

    #[test]
    fn a_passage_is_continued_by_the_next() {
        let lead = "Here are quite a few words to begin with. ".repeat(3);
        let next = "And these follow them, as they do in the text. ".repeat(6);
        let document = Document {
            source: "countries",
            document: "countries/x".to_string(),
            title: "X".to_string(),
            text: format!("{}\n\n{}", lead.trim(), next.trim()),
        };
        let templates = Templates::from([("continuation", "Go on: {passage} => {next}")]);
        let pairs = pairs(&document, &templates).unwrap();
        assert_eq!(pairs[0].prompt, format!("Go on: {}", lead.trim()));
        assert_eq!(pairs[0].response, next.trim());
    }
}
