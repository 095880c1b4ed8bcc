//! The section of one experiment in Markdown.

use super::escape::{code, inline, prose, table};
use crate::report::address::address;
use crate::report::numbers::{cell, level, with_interval};
use crate::report::{Entry, command_to_run, provenance};
use crate::results::{Estimate, Failure, Manifest, Results, Shown, State, Table};
use crate::scale::Scale;

/// Claim, verdict, finding, figures, numbers, method, omissions and provenance.
pub(super) fn section(entry: &Entry, scale: Scale) -> String {
    let heading = format!("## {}", inline(&entry.id));
    let Some(results) = &entry.results else {
        let claim = entry.claim().map(|claim| format!("**Claim.** {}", prose(claim)));
        let what = match entry.state {
            State::Failed(_) => "What was tried",
            _ => "To run it",
        };
        let state = format!("There are no results: {}. {what}:", inline(&entry.verdict()));
        let run = code(&command_to_run(entry, scale));
        return joined(&[heading, claim.unwrap_or_default(), state, run]) + "\n";
    };
    let summary = &results.summary;
    let mut blocks = vec![
        heading,
        format!("**Claim.** {}", prose(&summary.claim)),
        format!("**Verdict: {}.**", summary.verdict.name()),
        entry.failure.as_ref().map(later_failure).unwrap_or_default(),
        prose(&summary.finding),
    ];
    blocks.extend(results.figures.iter().map(|shown| figure(&entry.id, shown)));
    blocks.push("### Numbers".to_string());
    blocks.push(rules(results));
    blocks.push(estimates(&results.estimates));
    blocks.extend(summary.tables.iter().map(own_table));
    if let Some(method) = &summary.method {
        blocks.push(format!("### Method\n\n{}", prose(method)));
    }
    blocks.push(omitted(&summary.omitted));
    blocks.push("### Provenance".to_string());
    blocks.push(provenance(&results.manifest));
    blocks.push("To run the experiment again:".to_string());
    blocks.push(code(&summary.command));
    joined(&blocks) + "\n"
}

/// What is said of a run that was to replace the results and did not.
fn later_failure(failure: &Failure) -> String {
    let reason = inline(&failure.reason);
    format!("A later run could not be made: {reason}. These results are from before.")
}

/// The blocks that are not empty, parted by empty lines.
fn joined(blocks: &[String]) -> String {
    let present = blocks.iter().map(|block| block.trim_end()).filter(|block| !block.is_empty());
    present.collect::<Vec<_>>().join("\n\n")
}

fn rules(results: &Results) -> String {
    let rows: Vec<_> = results
        .summary
        .rules
        .iter()
        .map(|rule| {
            let estimate = results.estimate(&rule.estimate);
            vec![
                inline(&rule.rule),
                inline(&rule.estimate),
                estimate.map(|found| inline(&with_interval(found))).unwrap_or_default(),
                rule.outcome.name().to_string(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["Rule", "Estimate", "Value", "Outcome"], &rows)
}

fn figure(id: &str, figure: &Shown) -> String {
    let title = inline(&figure.title);
    let at = |file: &str| address(&format!("{id}/{file}"));
    let (link, caption) = (at(&figure.file), prose(&figure.caption));
    let data = figure.data_file.as_deref();
    let data = data.map(|file| format!(" ([data]({}))", at(file))).unwrap_or_default();
    format!("![{title}]({link})\n\n**{title}.** {caption}{data}")
}

fn estimates(estimates: &[Estimate]) -> String {
    let rows: Vec<_> = estimates
        .iter()
        .map(|estimate| {
            vec![
                inline(&estimate.name),
                inline(&with_interval(estimate)),
                level(estimate),
                estimate.units.map(|units| units.to_string()).unwrap_or_default(),
                inline(&estimate.meaning),
            ]
        })
        .collect();
    table(&["Name", "Value", "Level", "Independent units", "Meaning"], &rows)
}

fn own_table(shown: &Table) -> String {
    let columns: Vec<String> = shown.columns.iter().map(|column| inline(column)).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let row = |(index, cells): (usize, &Vec<_>)| -> Vec<String> {
        let cells = cells.iter().enumerate();
        cells
            .map(|(column, found)| {
                let mark = if shown.note_of(index, column).is_some() { "†" } else { "" };
                inline(&cell(found)) + mark
            })
            .collect()
    };
    let rows: Vec<Vec<String>> = shown.rows.iter().enumerate().map(row).collect();
    joined(&[
        format!("### {}", inline(&shown.title)),
        prose(shown.note.as_deref().unwrap_or_default()),
        if columns.is_empty() { String::new() } else { table(&columns, &rows) },
        notes(shown),
    ])
}

/// What stands behind the cells marked with a dagger.
fn notes(shown: &Table) -> String {
    let lines = shown.cell_notes.iter().map(|note| {
        let row = shown.rows[note.row].first().map(cell).unwrap_or_default();
        let place = format!("{}, {}", inline(&row), inline(&shown.columns[note.column]));
        format!("- † {place}: {}\n", inline(&note.text))
    });
    lines.collect()
}

fn omitted(sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let lines = sentences.iter().map(|sentence| format!("- {}\n", inline(sentence)));
    format!("### What was left out\n\n{}", lines.collect::<String>())
}

fn provenance(manifest: &Manifest) -> String {
    let of_models = manifest.models.iter().flat_map(provenance::of_model);
    let facts = provenance::of_run(manifest).into_iter().chain(of_models);
    let facts = facts.map(|(name, what)| vec![name.to_string(), inline(&what)]);
    let files = provenance::files(manifest).into_iter();
    let files = files.map(|(whose, name, sha256)| {
        vec![inline(&whose), inline(&format!("{name}, SHA-256 {sha256}"))]
    });
    table(&["", "What"], &facts.chain(files).collect::<Vec<_>>())
}
