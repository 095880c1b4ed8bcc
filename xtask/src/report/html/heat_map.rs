//! The heat map: a cell a position, and the table that its details come from.

use maud::{Markup, html};

use super::colours::{LEVELS, level};
use super::table::wide;
use crate::report::numbers::optional;
use crate::report::token::{LEGEND, raw, shown};
use crate::results::{HeatMap, Position};

/// Cells to look at by pointer or keyboard; assets/heat_map.js fills the details
/// from the table.
pub(super) fn view(map: &HeatMap) -> Markup {
    html! {
        div.heat-map hidden {
            @if let Some(prompt) = &map.prompt { (prompt_text(prompt)) }
            div.beside {
                div.cells role="listbox" aria-label="Masked positions, counted from the first" {
                    @for position in &map.positions { (cell(position)) }
                }
                div.details aria-live="polite" { p { "Point at a position, or move with the arrow keys." } }
            }
            (legend("Probability of the most probable token", LEGEND))
        }
    }
}

/// A row a position with its most probable tokens, folded.
pub(super) fn table(map: &HeatMap) -> Markup {
    let ranks = map.positions.iter().map(|position| position.top.len()).max().unwrap_or(0);
    html! {
        details.fold {
            summary { "Table: " (map.positions.len()) " positions with their best tokens" }
            (wide("Best tokens by position", html! {
                thead { tr {
                    th.number scope="col" { "Position" }
                    th.number scope="col" { "Entropy, nats" }
                    @for rank in 1..=ranks { th scope="col" { "Token " (rank) } }
                } }
                tbody { @for position in &map.positions { (row(position)) } }
            }))
        }
    }
}

/// What the model was asked.
pub(super) fn prompt_text(prompt: &str) -> Markup {
    html! {
        p.prompt tabindex="0" { span.label { "Prompt" } " " span.said { (prompt) } }
    }
}

/// The colours with their probabilities, and the signs of tokens.
pub(super) fn legend(meaning: &str, signs: &str) -> Markup {
    let tenths = (0..=10).map(|tenth| tenth * LEVELS / 10);
    html! {
        div.legend {
            span.meaning { (meaning) }
            span.scale aria-hidden="true" {
                span.low { "0" }
                @for step in tenths { span data-level=(step) {} }
                span.high { "1" }
            }
            span { (signs) }
        }
    }
}

fn cell(position: &Position) -> Markup {
    let best = position.top.first();
    let p = best.map_or(0.0, |best| best.probability);
    html! {
        div role="option" aria-selected="false" data-level=(level(p)) {
            span.place { (position.position) }
            bdi.token { (best.map(|best| shown(&best.token)).unwrap_or_default()) }
            span.p { (best.map(|best| two_digits(best.probability)).unwrap_or_default()) }
        }
    }
}

fn row(position: &Position) -> Markup {
    html! {
        tr {
            th.number scope="row" { (position.position) }
            td.number { (optional(position.entropy)) }
            @for candidate in &position.top {
                td data-p=(candidate.probability) {
                    bdi.token { (shown(&candidate.token)) }
                    " " span.p { (optional(Some(candidate.probability))) }
                    span.raw { (raw(&candidate.token)) }
                    span.id { (candidate.id) }
                }
            }
        }
    }
}

/// As short as a cell is.
fn two_digits(p: f64) -> String {
    format!("{p:.2}")
}
