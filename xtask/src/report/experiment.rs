//! The section of one experiment.

use serde_json::Value;

use super::Entry;
use super::markdown::{code, inline, prose, table, target};
use crate::results::{Cell, Estimate, Figure, Manifest, Results, Table};
use crate::scale::Scale;

/// Claim, verdict, finding, figures, numbers and provenance.
pub(super) fn section(entry: &Entry, scale: Scale) -> String {
    let heading = format!("## {}", inline(&entry.id));
    let Some(results) = &entry.results else {
        let state = inline(&entry.verdict());
        let run = code(&format!("cargo xtask reproduce {} --scale {}", entry.id, scale.name()));
        return format!("{heading}\n\nThere are no results: {state}. To run it:\n\n{run}\n");
    };
    let summary = &results.summary;
    let mut blocks = vec![
        heading,
        format!("**Claim.** {}", prose(&summary.claim)),
        format!("**Verdict: {}.**", summary.verdict.name()),
        rules(results),
        prose(&summary.finding),
    ];
    if let Some(method) = &summary.method {
        blocks.push(format!("**How it was measured.** {}", prose(method)));
    }
    blocks.extend(summary.figures.iter().map(|shown| figure(&entry.id, shown)));
    blocks.push("### Estimates".to_string());
    blocks.push(estimates(&results.estimates));
    blocks.extend(summary.tables.iter().map(own_table));
    blocks.push("### Provenance".to_string());
    blocks.push(provenance(&results.manifest));
    blocks.push("To run the experiment again:".to_string());
    blocks.push(code(&summary.command));
    blocks.retain(|block| !block.is_empty());
    blocks.iter().map(|block| block.trim_end()).collect::<Vec<_>>().join("\n\n") + "\n"
}

fn rules(results: &Results) -> String {
    let rows: Vec<_> = results
        .summary
        .rules
        .iter()
        .map(|rule| {
            let estimate = results.estimates.iter().find(|found| found.name == rule.estimate);
            vec![
                inline(&rule.rule),
                inline(&rule.estimate),
                estimate.map(interval).unwrap_or_default(),
                rule.outcome.name().to_string(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["Rule", "Estimate", "Value", "Outcome"], &rows)
}

fn figure(id: &str, figure: &Figure) -> String {
    let title = inline(&figure.title);
    let link = target(&format!("{id}/{}", figure.file));
    let caption = prose(&figure.caption);
    format!("![{title}]({link})\n\n**{title}.** {caption}")
}

fn estimates(estimates: &[Estimate]) -> String {
    let rows: Vec<_> = estimates
        .iter()
        .map(|estimate| {
            vec![
                inline(&estimate.name),
                interval(estimate),
                estimate
                    .level
                    .map(|level| format!("{} %", number(level * 100.0)))
                    .unwrap_or_default(),
                estimate.units.map(|units| units.to_string()).unwrap_or_default(),
                inline(&estimate.meaning),
            ]
        })
        .collect();
    table(&["Name", "Value", "Level", "Independent units", "Meaning"], &rows)
}

/// `value [lower, upper]`; what is absent stays out.
fn interval(estimate: &Estimate) -> String {
    let value = estimate.value.map(number).unwrap_or_default();
    match (estimate.lower, estimate.upper) {
        (None, None) => value,
        (lower, upper) => {
            let bound = |bound: Option<f64>| bound.map(number).unwrap_or_default();
            format!("{value} \\[{}, {}\\]", bound(lower), bound(upper))
        }
    }
}

/// Four significant digits: intervals are wider than the fifth. The file keeps
/// them all.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..7.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_string();
    }
    text
}

fn own_table(shown: &Table) -> String {
    let columns: Vec<String> = shown.columns.iter().map(|column| inline(column)).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> =
        shown.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let heading = format!("### {}", inline(&shown.title));
    let note = prose(shown.note.as_deref().unwrap_or_default());
    let body = if columns.is_empty() { String::new() } else { table(&columns, &rows) };
    let blocks = [heading, note, body];
    blocks.iter().filter(|block| !block.is_empty()).cloned().collect::<Vec<_>>().join("\n\n")
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Absent(()) => String::new(),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_string(),
        Cell::Number(found) if found.is_f64() => found.as_f64().map(number).unwrap_or_default(),
        Cell::Number(found) => found.to_string(),
        Cell::Text(text) => inline(text),
    }
}

fn provenance(manifest: &Manifest) -> String {
    let model = &manifest.model;
    let mut rows = vec![
        ("Program", format!("{} {}", manifest.program, manifest.version)),
        ("Started", manifest.started.clone()),
        ("Wall time", format!("{} s", number(manifest.wall_seconds))),
        ("Seed", manifest.seed.to_string()),
        ("Device", format!("{}, {} threads", manifest.device, manifest.threads)),
        ("Number format", manifest.dtype.clone()),
        ("libtorch", manifest.libtorch.clone()),
        ("Model", format!("{} ({})", model.id, model.family)),
        ("Revision", model.revision.clone().unwrap_or_default()),
    ];
    rows.extend(model.files.iter().map(|file| ("Model file", listed(&file.name, &file.sha256))));
    rows.extend(model.adapter.iter().map(|adapter| ("Adapter", adapter.clone())));
    rows.push(("Prompts", plain(&manifest.prompts)));
    rows.extend(
        manifest.files.iter().map(|file| ("Result file", listed(&file.path, &file.sha256))),
    );
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(_, what)| !what.is_empty())
        .map(|(name, what)| vec![name.to_string(), inline(&what)])
        .collect();
    table(&["", "What"], &rows)
}

fn listed(path: &str, sha256: &str) -> String {
    format!("{path}, SHA-256 {sha256}")
}

/// A JSON value as `key value, key value`: its shape is the manifest's affair.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{key} {}", plain(value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_four_digits() {
        let cases = [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (-12.0, "-12"),
            (61.25, "61.25"),
            (123_456.0, "123456"),
            (0.000_012_345, "1.234e-5"),
            (1e9, "1.000e9"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected, "{value}");
        }
    }
}
