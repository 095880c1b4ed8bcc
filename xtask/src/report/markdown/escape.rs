//! Text from anywhere as Markdown that shows it and does nothing else.

/// `text` on one line: in a heading, a list or a cell of a table. Control
/// characters become their pictures, so a token such as a newline is seen.
pub(super) fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' | '!' => {
                out.push('\\');
                out.push(character);
            }
            // U+2400 to U+241F are the pictures of the first 32 characters.
            '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(character))),
            '\x7f' => out.push('␡'),
            // Line and paragraph separators break lines too.
            '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('␤'),
            _ => out.push(character),
        }
    }
    out
}

/// `text` as paragraphs: empty lines part them, other white space is a space.
pub(super) fn prose(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
    paragraphs.map(|lines| paragraph(&lines.join(" "))).collect::<Vec<_>>().join("\n\n")
}

fn paragraph(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = inline(&words);
    // A list would begin here, where the author began a sentence.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if text.starts_with(['-', '+', '=']) {
        return format!("\\{text}");
    }
    if digits > 0 && text[digits..].starts_with(['.', ')']) {
        return format!("{}\\{}", &text[..digits], &text[digits..]);
    }
    text
}

/// A block of code that `text` cannot close.
pub(super) fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}")
}

/// A table of cells that are Markdown already.
pub(super) fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = line(columns.iter().copied());
    out.push_str(&line(columns.iter().map(|_| "---")));
    for row in rows {
        out.push_str(&line(row.iter().map(String::as_str)));
    }
    out
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::from("|");
    for cell in cells {
        out.push(' ');
        out.push_str(cell);
        out.push_str(" |");
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cannot_break_the_page() {
        let cases = [
            ("a|b", "a\\|b"),
            ("\n", "␊"),
            ("<|im_end|>", "&lt;\\|im\\_end\\|&gt;"),
            ("<script>", "&lt;script&gt;"),
            ("`x`", "\\`x\\`"),
            ("![i](u)", "\\!\\[i\\](u)"),
            ("\u{2028}", "␤"),
            ("δ—中", "δ—中"),
        ];
        for (text, expected) in cases {
            assert_eq!(inline(text), expected);
        }
    }

    #[test]
    fn prose_keeps_paragraphs_and_makes_no_lists() {
        assert_eq!(prose("a\n b\n\n\n- c\n\n12. d"), "a b\n\n\\- c\n\n12\\. d");
        assert_eq!(prose(""), "");
    }

    #[test]
    fn code_cannot_be_closed_from_within() {
        assert_eq!(code("a"), "```text\na\n```");
        assert!(code("```\nb").starts_with("````text\n"));
    }
}
