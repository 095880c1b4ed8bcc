//! What is in the report: the table of verdicts, and the same as a list beside it.

use maud::{Markup, html};

use super::verdict;
use crate::report::Entry;
use crate::results::State;

/// Experiment, claim and verdict, a row each.
pub(super) fn verdicts(entries: &[Entry]) -> Markup {
    html! {
        table.verdicts {
            caption.unseen { "The verdict of every experiment" }
            thead { tr {
                th scope="col" { "Experiment" }
                th scope="col" { "Claim" }
                th scope="col" { "Verdict" }
            } }
            tbody { @for entry in entries { (row(entry)) } }
        }
    }
}

/// Links to the sections, which stay in sight on a wide screen.
pub(super) fn navigation(entries: &[Entry]) -> Markup {
    html! {
        nav aria-label="Experiments" {
            ol { @for entry in entries { li { a href=(link(entry)) { (entry.id) } } } }
        }
    }
}

fn row(entry: &Entry) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(link(entry)) { (entry.id) } }
            td {
                @if let Some(claim) = entry.claim() { (claim) }
                @if let State::Failed(reason) = &entry.state { span.reason { (reason) } }
            }
            td { (verdict::badge(entry)) }
        }
    }
}

fn link(entry: &Entry) -> String {
    format!("#{}", entry.id)
}
