//! Texts of an experiment as paragraphs.

use maud::{Markup, html};

/// Paragraphs, parted by empty lines.
pub(super) fn prose(text: &str) -> Markup {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
    html! { @for lines in paragraphs { p { (lines.join(" ")) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_keeps_paragraphs_and_escapes() {
        let markup = prose("a\n b\n\n\n<script>").into_string();
        assert_eq!(markup, "<p>a b</p><p>&lt;script&gt;</p>");
    }
}
