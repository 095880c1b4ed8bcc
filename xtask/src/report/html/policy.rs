//! What the page may do, and how data are put into it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A Content-Security-Policy by which exactly this style and this script are used,
/// pictures come from the page itself, and nothing is ever fetched.
pub(super) fn of(style: &str, script: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; img-src data:; style-src {}; script-src {}; base-uri 'none'; \
         form-action 'none'",
        hash(style),
        hash(script)
    )
}

/// `data` for a script to read. Nothing in it can end the element: `<` is written
/// as an escape, which JSON reads back as the same character.
pub(super) fn embedded(data: &impl Serialize) -> Markup {
    let json = serde_json::to_string(data).expect("texts and numbers are JSON");
    html! { script type="application/json" { (PreEscaped(json.replace('<', "\\u003c"))) } }
}

/// `svg` as an address: a picture by itself, which runs nothing and whose styles
/// stay its own.
pub(super) fn picture(svg: &str) -> String {
    format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(svg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_data_cannot_end_their_element() {
        let hostile = ["</script><script>", "<!--<script>", "]]>", "\u{2028}&lt;"];
        let markup = embedded(&hostile).into_string();
        let inner = markup.strip_prefix("<script type=\"application/json\">").unwrap();
        let inner = inner.strip_suffix("</script>").unwrap();
        assert!(!inner.contains('<'), "{inner}");
        assert_eq!(serde_json::from_str::<Vec<String>>(inner).unwrap(), hostile);
    }

    #[test]
    fn the_policy_names_its_hashes() {
        // SHA-256 of the empty text.
        let empty = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
        let policy = of("", "");
        assert_eq!(policy.matches(empty).count(), 2, "{policy}");
        assert!(policy.starts_with("default-src 'none'; "));
    }
}
