//! The report as one page of HTML that needs nothing but itself.

mod colours;
mod contents;
mod curves;
mod experiment;
mod figure;
mod heat_map;
mod player;
mod policy;
mod sources;
mod table;
mod text;
mod verdict;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::token::in_order;
use super::{Entry, introduction};
use crate::scale::Scale;

/// The whole page.
pub(super) fn render(scale: Scale, entries: &[Entry]) -> String {
    let (style, script) = (sources::style(), sources::script());
    let title = format!("Results at scale {}", scale.name());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy::of(&style, &script));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(&style)) }
            }
            body {
                a.skip href="#main" { "Skip to the results" }
                (contents::navigation(entries))
                main #main {
                    header.top {
                        h1 { (title) }
                        button.theme type="button" hidden { "Theme: system" }
                    }
                    p.introduction { (introduction(scale)) }
                    (contents::verdicts(entries))
                    @for entry in entries { (section(entry, scale)) }
                }
                script type="module" { (PreEscaped(&script)) }
            }
        }
    };
    in_order(&page.into_string()) + "\n"
}

fn section(entry: &Entry, scale: Scale) -> Markup {
    match &entry.results {
        Some(results) => experiment::section(entry, results),
        None => experiment::without_results(entry, scale),
    }
}
