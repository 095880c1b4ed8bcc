//! Cleaning: what every text goes through, whatever its source.

use unicode_normalization::UnicodeNormalization as _;

/// `bytes` as text: UTF-8, or else Latin-1, in which old books are stored.
pub(crate) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_string(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// `text` on one line: composed (NFC), without control characters, with single
/// spaces and none at the ends.
pub(crate) fn line(text: &str) -> String {
    let plain: String = text
        .nfc()
        .filter(|c| !is_invisible(*c))
        .map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c })
        .collect();
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The paragraphs of `text`: what empty lines separate, each on one line.
pub(crate) fn paragraphs(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut found = Vec::new();
    let mut open = String::new();
    for row in text.split('\n').chain([""]) {
        if !row.trim().is_empty() {
            open.push_str(row);
            open.push('\n');
            continue;
        }
        let paragraph = line(&std::mem::take(&mut open));
        if !paragraph.is_empty() {
            found.push(paragraph);
        }
    }
    found
}

/// `text` without the underscores and asterisks that mark emphasis, and with
/// dashes instead of double hyphens.
pub(crate) fn without_emphasis(text: &str) -> String {
    text.replace(['_', '*'], "").replace("--", "—")
}

/// `text` without bracketed remarks that hold one of `words`, in any case.
pub(crate) fn without_remarks(text: &str, words: &[&str]) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, inside, after)) = bracketed(rest) {
        let lower = inside.to_lowercase();
        kept.push_str(before);
        if !words.iter().any(|word| lower.contains(word)) {
            kept.push_str(&format!("[{inside}]"));
        }
        rest = after;
    }
    kept.push_str(rest);
    line(&kept).replace(" .", ".").replace(" ,", ",")
}

/// Words of letters and digits in lower case, by which near copies are found.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}

fn bracketed(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('[')?;
    let (inside, after) = rest.split_once(']')?;
    Some((before, inside, after))
}

/// Soft hyphens, zero-width spaces and joiners, and byte-order marks.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_composed_and_single_spaced() {
        assert_eq!(line(" cafe\u{301}\u{a0} \t au\u{ad} lait\u{7}\n"), "café au lait");
        assert_eq!(line(" \n "), "");
    }

    #[test]
    fn wrapped_lines_become_paragraphs() {
        let text = "One\r\n  two.\r\n\r\n\r\n \r\nThree.\r\n";
        assert_eq!(paragraphs(text), ["One two.", "Three."]);
        assert!(paragraphs("\n\n").is_empty());
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_latin_1() {
        assert_eq!(decode(b"caf\xe9"), "café");
        assert_eq!(decode("\u{feff}café".as_bytes()), "café");
    }

    #[test]
    fn marks_of_emphasis_go() {
        assert_eq!(without_emphasis("a _tap, tap_ -- *so*"), "a tap, tap — so");
    }

    #[test]
    fn remarks_go_and_other_brackets_stay() {
        let text = "Iowa. [Laughter] And [the States] so on [see APP Note]. An [open end.";
        let words = ["laughter", "app note"];
        assert_eq!(without_remarks(text, &words), "Iowa. And [the States] so on. An [open end.");
    }

    #[test]
    fn words_forget_case_and_punctuation() {
        assert_eq!(words("Who's there? 3 cats!"), ["who", "s", "there", "3", "cats"]);
    }
}
