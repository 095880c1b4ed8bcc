//! The style and the script of the page: each idea in a file of its own.

use super::colours;

const STYLES: [&str; 6] = [
    include_str!("assets/page.css"),
    include_str!("assets/tables.css"),
    include_str!("assets/figures.css"),
    include_str!("assets/cells.css"),
    include_str!("assets/player.css"),
    include_str!("assets/print.css"),
];

/// Together one module: what one file declares, those after it may use.
const SCRIPTS: [&str; 5] = [
    include_str!("assets/roving.js"),
    include_str!("assets/theme.js"),
    include_str!("assets/heat_map.js"),
    include_str!("assets/trajectory.js"),
    include_str!("assets/player.js"),
];

/// The style sheet.
pub(super) fn style() -> String {
    colours::css() + &STYLES.concat()
}

/// The script.
pub(super) fn script() -> String {
    SCRIPTS.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_source_closes_its_own_element_or_fetches() {
        for text in [style(), script()] {
            for part in ["</", "<!--", "http:", "https:", "url(", "@import", "innerHTML", "eval("] {
                assert!(!text.contains(part), "{part}");
            }
        }
    }
}
