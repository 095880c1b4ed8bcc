//! A token's text made visible, with the same signs as in the figures.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The signs of [`shown`], for a legend.
pub(super) const LEGEND: &str = "· space, ⏎ line feed, ⇥ tab, ∅ no text";

/// `token` with every character visible and in its place: spaces are dots, controls
/// are their pictures, and what would hide or reorder others is its code point.
pub(super) fn shown(token: &str) -> String {
    let mut out = String::with_capacity(token.len());
    for character in token.chars() {
        match character {
            ' ' => out.push('·'),
            '\n' => out.push('⏎'),
            '\t' => out.push('⇥'),
            '\u{7f}' => out.push('␡'),
            // U+2400 to U+241F are the pictures of the first 32 characters.
            '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(character))),
            // Not to be taken for the space's dot.
            '·' => out.push_str(&code_point(character)),
            _ if is_unseen(character) => out.push_str(&code_point(character)),
            _ => out.push(character),
        }
    }
    match (out.is_empty(), out.width()) {
        (true, _) => "∅".to_string(),
        // A combining mark alone would join what stands before it.
        (false, 0) => out.chars().map(code_point).collect(),
        _ => out,
    }
}

/// `token` in quotes, with whatever is not plainly seen escaped.
pub(super) fn raw(token: &str) -> String {
    let escaped = |character: char| match character {
        '"' | '\\' => format!("\\{character}"),
        '\n' => "\\n".to_string(),
        '\t' => "\\t".to_string(),
        '\r' => "\\r".to_string(),
        ' ' => " ".to_string(),
        _ if is_unseen(character) || character.width().unwrap_or(0) == 0 => {
            format!("\\u{{{:x}}}", u32::from(character))
        }
        _ => character.to_string(),
    };
    format!("\"{}\"", token.chars().map(escaped).collect::<String>())
}

/// `text` whose marks of direction are seen: none can reorder what stands beside it.
pub(super) fn in_order(text: &str) -> String {
    let seen = |character| match character {
        _ if reorders(character) => code_point(character),
        _ => character.to_string(),
    };
    text.chars().map(seen).collect()
}

/// Whether a character changes the order in which its neighbours are shown.
fn reorders(character: char) -> bool {
    matches!(character,
        '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is invisible or moves its neighbours: controls, spaces other
/// than the common one, marks of direction, noncharacters.
fn is_unseen(character: char) -> bool {
    let hidden = matches!(character,
        '\u{200b}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    let noncharacter = u32::from(character) & 0xfffe == 0xfffe;
    hidden
        || reorders(character)
        || noncharacter
        || character.is_whitespace()
        || character.is_control()
}

fn code_point(character: char) -> String {
    format!("⟨{:X}⟩", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_seen() {
        let cases = [
            (" of", "·of", "\" of\""),
            ("·", "⟨B7⟩", "\"·\""),
            ("\n\t\r", "⏎⇥␍", r#""\n\t\r""#),
            ("", "∅", "\"\""),
            ("\0\u{7f}", "␀␡", r#""\u{0}\u{7f}""#),
            ("\u{202e}ab", "⟨202E⟩ab", r#""\u{202e}ab""#),
            ("\u{a0}", "⟨A0⟩", r#""\u{a0}""#),
            ("\u{301}", "⟨301⟩", r#""\u{301}""#),
            ("\"\\", "\"\\", r#""\"\\""#),
            ("你好", "你好", "\"你好\""),
            ("<img src=x>", "<img·src=x>", "\"<img src=x>\""),
        ];
        for (token, expected, in_quotes) in cases {
            assert_eq!(shown(token), expected, "{token:?}");
            assert_eq!(raw(token), in_quotes, "{token:?}");
        }
    }

    #[test]
    fn no_text_reorders_what_follows() {
        assert_eq!(in_order("a\u{202e}b\u{2066}\n كتاب"), "a⟨202E⟩b⟨2066⟩\n كتاب");
    }
}
