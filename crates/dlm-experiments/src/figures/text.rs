//! Text that is safe to draw: every character visible, no line wider than its place.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What [`token_text`] does to a token, in the words of a caption.
pub(super) const TOKEN_LEGEND: &str = "· space, ⏎ line feed, ⇥ tab, … shortened";

/// `text` without characters that an XML file may not hold or that would reorder
/// or hide others: line breaks, tabs and controls are shown as symbols.
pub(super) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character {
            '\n' => shown.push('⏎'),
            '\t' => shown.push('⇥'),
            '\u{7F}' => shown.push('␡'),
            // The block of control pictures is in the order of the controls.
            '\0'..='\u{1F}' => shown.extend(char::from_u32(0x2400 + u32::from(character))),
            _ if is_unseen(character) => shown.push_str(&code_point(character)),
            _ => shown.push(character),
        }
        shown
    })
}

/// The text of a token with every space visible as a dot, a dot of its own as a code
/// point, and code points where it would print nothing at all.
pub(super) fn token_text(token: &str) -> String {
    let shown = printable(token).replace('·', "⟨B7⟩").replace(' ', "·");
    if shown.is_empty() {
        return "∅".to_owned();
    }
    if shown.width() == 0 { shown.chars().map(code_point).collect() } else { shown }
}

/// `text` in at most `columns` columns, one for a Latin letter and two for a Chinese
/// one; an ellipsis stands for what is cut off.
pub(super) fn shorten(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut width = 1;
    let mut kept: String = text
        .chars()
        .take_while(|character| {
            width += character.width().unwrap_or(0);
            width <= columns
        })
        .collect();
    kept.push('…');
    kept
}

/// `text` broken at spaces into lines that a sans-serif font of `size` pixels sets
/// within `width` pixels; a longer word is shortened.
pub(super) fn wrap(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in printable(text).split_whitespace() {
        match lines.last_mut() {
            Some(line)
                if sans_width(line, size) + sans_width(" ", size) + sans_width(word, size)
                    <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(shorten_to(word, width, size)),
        }
    }
    lines
}

/// As [`shorten`], to `width` pixels of a sans-serif font of `size` pixels.
pub(super) fn shorten_to(text: &str, width: f64, size: f64) -> String {
    if sans_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while sans_width(&kept, size) + sans_width("…", size) > width && kept.pop().is_some() {}
    kept + "…"
}

/// About how wide a sans-serif font of `size` pixels sets `text`, rather too wide than
/// too narrow: no font is at hand to measure with.
pub(super) fn sans_width(text: &str, size: f64) -> f64 {
    let em = |character: char| match character {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | ' ' | '.' | ',' | ':' | ';' | '|' | '!' | '('
        | ')' | '-' | '\'' => 0.38,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.72,
        _ => 0.61 * character.width().unwrap_or(0) as f64,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// Whether a character is invisible or moves its neighbours: C1 controls, spaces
/// other than the common one, line separators, marks of direction, noncharacters.
fn is_unseen(character: char) -> bool {
    let moves = matches!(character,
        '\u{61C}' | '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}');
    let blank = character != ' ' && character.is_whitespace();
    let noncharacter = u32::from(character) & 0xFFFE == 0xFFFE;
    moves || blank || noncharacter || character.is_control()
}

fn code_point(character: char) -> String {
    format!("⟨{:X}⟩", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_visible() {
        for (token, shown) in [
            (" of", "·of"),
            ("  ", "··"),
            ("·", "⟨B7⟩"),
            ("\n\n", "⏎⏎"),
            ("\tif\r", "⇥if␍"),
            ("\0\u{1B}[0m\u{7F}", "␀␛[0m␡"),
            ("", "∅"),
            ("\u{202E}abc", "⟨202E⟩abc"),
            ("\u{A0}", "⟨A0⟩"),
            ("\u{301}", "⟨301⟩"),
            ("\u{200D}", "⟨200D⟩"),
            ("e\u{301}", "e\u{301}"),
            ("\u{FFFE}\u{1FFFF}\u{85}", "⟨FFFE⟩⟨1FFFF⟩⟨85⟩"),
            ("<b a='\"'>&amp;", "<b·a='\"'>&amp;"),
            ("كتاب", "كتاب"),
            ("你好", "你好"),
            ("👩‍🔬", "👩‍🔬"),
        ] {
            assert_eq!(token_text(token), shown, "{token:?}");
        }
    }

    #[test]
    fn shortened_text_fits() {
        for text in [
            "",
            "of",
            "international",
            "你好世界你好世界",
            "e\u{301}\u{301}tude",
            "👩‍🔬👩‍🔬👩‍🔬",
            "مرحبا بالعالم",
        ] {
            for columns in 1..20 {
                let short = shorten(text, columns);
                assert!(short.width() <= columns, "{short:?} in {columns}");
                assert_eq!(short == text, text.width() <= columns, "{text:?} in {columns}");
            }
        }
        assert_eq!(shorten("international", 8), "interna…");
        assert_eq!(shorten("你好世界", 6), "你好…");
    }

    #[test]
    fn wrapped_text_keeps_its_words_and_fits() {
        let text = "How far a prompt reaches into the masks behind it";
        for width in 60..600 {
            let width = f64::from(width);
            let lines = wrap(text, width, 10.0);
            assert!(lines.iter().all(|line| sans_width(line, 10.0) <= width), "{lines:?}");
            assert_eq!(lines.join(" "), text);
        }
        assert_eq!(wrap("incomprehensible", 40.0, 10.0), ["incom…"]);
        assert_eq!(wrap(" ", 40.0, 10.0), [""; 0]);
    }
}
