//! The report as Markdown.

mod escape;
mod experiment;

use super::address::address;
use super::token::in_order;
use super::{Entry, introduction};
use crate::scale::Scale;
use escape::{inline, table};

/// The whole page.
pub(super) fn render(scale: Scale, entries: &[Entry]) -> String {
    let mut page = format!("# Results at scale `{}`\n\n{}\n\n", scale.name(), introduction(scale));
    page.push_str(&table(
        &["Experiment", "Feeds", "Claim", "Verdict"],
        &entries.iter().map(verdict_row).collect::<Vec<_>>(),
    ));
    for entry in entries {
        page.push('\n');
        page.push_str(&experiment::section(entry, scale));
    }
    in_order(&page)
}

fn verdict_row(entry: &Entry) -> Vec<String> {
    // The anchor of the section's heading, which is the id.
    let link = format!("[{}](#{})", inline(&entry.id), address(&entry.id));
    let [feeds, claim] =
        [entry.feeds(), entry.claim()].map(|text| inline(text.unwrap_or_default()));
    vec![link, feeds, claim, inline(&entry.verdict())]
}
