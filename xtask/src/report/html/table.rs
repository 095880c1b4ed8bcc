//! Tables: rules, estimates, and those of the experiment itself.

use maud::{Markup, html};

use super::text::prose;
use super::verdict;
use crate::report::numbers::{cell, interval, level, optional, with_interval};
use crate::results::{Cell, Estimate, Results, Table};

/// A longer table is folded: who wants it opens it, and print shows it.
const ROWS_IN_SIGHT: usize = 12;

/// The rules that decided the verdict, with the estimates they look at.
pub(super) fn rules(results: &Results) -> Markup {
    html! {
        @if !results.summary.rules.is_empty() {
            (wide("Rules", html! {
                thead { tr {
                    th scope="col" { "Rule" }
                    th scope="col" { "Estimate" }
                    th.number scope="col" { "Value" }
                    th scope="col" { "Outcome" }
                } }
                tbody { @for rule in &results.summary.rules {
                    tr {
                        td { (rule.rule) }
                        td { code { (rule.estimate) } }
                        td.number {
                            (results.estimate(&rule.estimate).map(with_interval).unwrap_or_default())
                        }
                        td { (verdict::outcome(rule.outcome)) }
                    }
                } }
            }))
        }
    }
}

/// Every estimate with its interval.
pub(super) fn estimates(estimates: &[Estimate]) -> Markup {
    let title = format!("{} estimates", estimates.len());
    folded(
        &title,
        estimates.len(),
        wide(
            "Estimates",
            html! {
                thead { tr {
                    th scope="col" { "Estimate" }
                    th.number scope="col" { "Value" }
                    th.number scope="col" { "Interval" }
                    th.number scope="col" { "Level" }
                    th.number scope="col" { "Units" }
                } }
                tbody { @for estimate in estimates {
                    tr {
                        td { code { (estimate.name) } span.meaning { (estimate.meaning) } }
                        td.number { (optional(estimate.value)) }
                        td.number { (interval(estimate)) }
                        td.number { (level(estimate)) }
                        td.number { (estimate.units.map(|units| units.to_string()).unwrap_or_default()) }
                    }
                } }
            },
        ),
    )
}

/// A table of the experiment's own.
pub(super) fn own(shown: &Table) -> Markup {
    let rows = shown.rows.iter().enumerate();
    html! {
        h4 { (shown.title) }
        div.prose { (prose(shown.note.as_deref().unwrap_or_default())) }
        @if !shown.columns.is_empty() {
            (folded(&format!("{} rows", shown.rows.len()), shown.rows.len(), wide(&shown.title, html! {
                thead { tr { @for column in &shown.columns { th scope="col" { (column) } } } }
                tbody { @for (index, cells) in rows {
                    tr { @for (column, found) in cells.iter().enumerate() {
                        (own_cell(found, shown.note_of(index, column)))
                    } }
                } }
            })))
        }
    }
}

/// A cell, with its definition one click or Enter away if it has one.
fn own_cell(found: &Cell, note: Option<&str>) -> Markup {
    html! {
        td.number[matches!(found, Cell::Number(_))] {
            @if let Some(note) = note {
                details.note { summary { (cell(found)) } (prose(note)) }
            } @else {
                (cell(found))
            }
        }
    }
}

/// A table that scrolls sideways by itself where the page is narrow.
pub(super) fn wide(name: &str, inner: Markup) -> Markup {
    html! { div.wide tabindex="0" role="region" aria-label=(name) { table { (inner) } } }
}

fn folded(title: &str, rows: usize, inner: Markup) -> Markup {
    html! {
        @if rows > ROWS_IN_SIGHT {
            details.fold.in-print { summary { (title) } (inner) }
        } @else {
            (inner)
        }
    }
}
