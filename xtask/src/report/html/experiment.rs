//! The section of one experiment.

use maud::{Markup, html};

use super::text::prose;
use super::{figure, table, verdict};
use crate::report::{Entry, command_to_run, provenance};
use crate::results::{Manifest, Results, State};
use crate::scale::Scale;

/// Claim, verdict, figures, numbers, method, omissions, provenance, command.
pub(super) fn section(entry: &Entry, results: &Results) -> Markup {
    let (id, summary) = (entry.id.as_str(), &results.summary);
    html! {
        section #(id) aria-labelledby=(heading(id)) {
            h2 #(heading(id)) { (id) }
            p.claim { (summary.claim) }
            div.verdict { (verdict::of(summary.verdict)) span.feeds { (summary.feeds) } }
            @if let Some(failure) = &entry.failure {
                p.reason {
                    "A later run could not be made: " (failure.reason)
                    ". These results are from before."
                }
            }
            div.finding { (prose(&summary.finding)) }
            @for shown in &results.figures { (figure::figure(id, shown)) }
            h3 { "Numbers" }
            (table::rules(results))
            (table::estimates(&results.estimates))
            @for own in &summary.tables { (table::own(own)) }
            @if let Some(method) = &summary.method {
                h3 { "Method" }
                div.prose { (prose(method)) }
            }
            @if !summary.omitted.is_empty() {
                h3 { "What was left out" }
                ul.omitted { @for sentence in &summary.omitted { li { (sentence) } } }
            }
            h3 { "Provenance" }
            (provenance(&results.manifest))
            h3 { "Run it again" }
            (command(&summary.command))
        }
    }
}

/// The section of an experiment that has no results to show.
pub(super) fn without_results(entry: &Entry, scale: Scale) -> Markup {
    let id = entry.id.as_str();
    html! {
        section #(id) aria-labelledby=(heading(id)) {
            h2 #(heading(id)) { (id) }
            @if let Some(claim) = entry.claim() { p.claim { (claim) } }
            div.verdict {
                (verdict::badge(entry))
                @if let Some(feeds) = entry.feeds() { span.feeds { (feeds) } }
            }
            @if let State::Failed(reason) = &entry.state {
                p.reason { (reason) }
                p { "There are no results to show. What was tried:" }
            } @else {
                p { "There are no results to show. To run it:" }
            }
            (command(&command_to_run(entry, scale)))
        }
    }
}

fn heading(id: &str) -> String {
    format!("{id}-heading")
}

fn command(text: &str) -> Markup {
    html! { pre.command tabindex="0" aria-label="Command" { code { (text) } } }
}

fn provenance(manifest: &Manifest) -> Markup {
    let files = provenance::files(manifest);
    html! {
        (facts(&provenance::of_run(manifest)))
        @for model in &manifest.models { (facts(&provenance::of_model(model))) }
        details.fold {
            summary { (files.len()) " files with their SHA-256" }
            div.wide tabindex="0" role="region" aria-label="Files" {
                table.files { tbody {
                    @for (whose, name, sha256) in &files {
                        tr { td { (whose) } td { (name) } td { code { (sha256) } } }
                    }
                } }
            }
        }
    }
}

fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        dl.facts { @for (name, what) in facts { div { dt { (name) } dd { (what) } } } }
    }
}
