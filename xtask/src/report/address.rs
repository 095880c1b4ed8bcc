//! Addresses of files that lie beside the report.

/// A relative address: whatever might end it early, in Markdown or HTML, or make it
/// an address of another kind is escaped.
pub(super) fn address(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stays_relative_and_ends_where_it_should() {
        assert_eq!(address("a b/c).svg"), "a%20b/c%29.svg");
        assert_eq!(address("x/\"#?.svg"), "x/%22%23%3F.svg");
        assert_eq!(address("javascript:alert(1)"), "javascript%3Aalert%281%29");
    }
}
