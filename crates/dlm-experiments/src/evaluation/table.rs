//! From rows to measures with intervals, and their table.

use dlm_runtime::Model;
use dlm_stats::{Bootstrap, Method};
use serde::Serialize;

use super::rows::{Author, TextRow, WrittenRow};

/// A measure over all texts, or all samples: a row of eval.csv.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// What is measured.
    pub measure: String,
    /// The number; absent where no text has it.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval; absent where there are too few texts for one.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Texts or samples that it rests on.
    pub n: usize,
    /// What it is counted in.
    pub unit: String,
}

/// One unit's part of a measure: a sum and what it is divided by.
type Part = (f64, f64);

/// The measures of rows, in the order in which they first occur, then those of what was
/// written, the references' own beside the model's.
pub(super) fn measures(texts: &[TextRow], written: &[WrittenRow]) -> Vec<Measured> {
    let mut measures = of_texts(texts);
    if !written.is_empty() {
        measures.extend(of_written(written));
    }
    measures
}

/// The table in Markdown, under a title and a paragraph that says what was measured.
pub(super) fn markdown(title: &str, about: &str, measures: &[Measured]) -> String {
    let cell = |number: Option<f64>| number.map_or(String::new(), |x| format!("{x:.3}"));
    let interval = |measured: &Measured| match (measured.low, measured.high) {
        (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
        _ => String::new(),
    };
    let line = |measured: &Measured| {
        let Measured { measure, value, n, unit, .. } = measured;
        format!("| {measure} | {} | {} | {n} | {unit} |\n", cell(*value), interval(measured))
    };
    let lines: String = measures.iter().map(line).collect();
    format!(
        "# {title}\n\n{about}\n\n| measure | value | 95 % interval | n | unit |\n\
         |---|---:|---:|---:|---|\n{lines}"
    )
}

/// What the table calls a model.
pub(super) fn name(model: &Model) -> String {
    let source = model.source();
    match &source.adapter {
        Some(adapter) => format!("{} with {}", source.id, adapter.display()),
        None => source.id.clone(),
    }
}

fn of_texts(rows: &[TextRow]) -> Vec<Measured> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.measure.as_str()) {
            names.push(&row.measure);
        }
    }
    let mut measures = Vec::new();
    for name in names {
        let own: Vec<&TextRow> = rows.iter().filter(|row| row.measure == name).collect();
        let parts: Vec<Part> = own.iter().map(|row| (row.sum, row.tokens as f64)).collect();
        measures.push(measured(name, &own[0].unit, &parts, |mean| mean));
        // Independent estimates: their variances add.
        let squares = own.iter().map(|row| row.standard_error.map(|error| error * error));
        if let Some(squares) = squares.sum::<Option<f64>>() {
            let tokens: f64 = parts.iter().map(|(_, tokens)| tokens).sum();
            measures.push(Measured {
                measure: format!("{name}: standard error of its estimate"),
                value: Some(squares.sqrt() / tokens),
                low: None,
                high: None,
                n: own.len(),
                unit: own[0].unit.clone(),
            });
        }
    }
    measures
}

fn of_written(rows: &[WrittenRow]) -> Vec<Measured> {
    type Number = fn(&WrittenRow) -> Option<f64>;
    let means: [(&str, &str, Number); 7] = [
        ("unigram entropy", "nats", |row| row.entropy),
        ("bigram entropy", "nats", |row| row.bigram_entropy),
        ("distinct-2", "share", |row| row.distinct_2),
        ("distinct-3", "share", |row| row.distinct_3),
        ("rep-4", "share", |row| row.rep_4),
        ("length", "tokens", |row| Some(row.tokens as f64)),
        ("ended", "share", |row| Some(f64::from(u8::from(row.ended)))),
    ];
    let authors = [
        (Author::Model, "samples"),
        (Author::Reference, "references"),
        (Author::Unigram, "unigram text"),
    ];
    let of = |author| rows.iter().filter(move |row| row.author == author);
    let perplexities = [
        (Author::Model, "generative perplexity"),
        (Author::Reference, "perplexity of references"),
        (Author::Unigram, "perplexity of unigram text"),
    ];
    let perplexity = perplexities.map(|(author, name)| {
        let judged = of(author).filter(|row| 0 < row.tokens);
        let parts: Vec<Part> = judged.map(|row| (row.nats, row.tokens as f64)).collect();
        measured(name, "tokens", &parts, f64::exp)
    });
    let means = means.iter().flat_map(|(name, unit, number)| {
        authors.map(|(author, whose)| {
            let parts: Vec<Part> = of(author).filter_map(number).map(|x| (x, 1.0)).collect();
            measured(&format!("{name} of {whose}"), unit, &parts, |mean| mean)
        })
    });
    let lead = measured(
        "nats per token that samples lack of unigram text",
        "nats",
        &leads(rows),
        |mean| mean,
    );
    perplexity.into_iter().chain([lead]).chain(means).collect()
}

/// How many nats a token a sample costs the judge less than unordered words of its length,
/// sample by sample.
fn leads(rows: &[WrittenRow]) -> Vec<Part> {
    let of = |author| rows.iter().filter(move |row| row.author == author && 0 < row.tokens);
    let per_token = |row: &WrittenRow| row.nats / row.tokens as f64;
    let lead = |sample: &WrittenRow| {
        let unordered = of(Author::Unigram).find(|row| row.line == sample.line)?;
        Some((per_token(unordered) - per_token(sample), 1.0))
    };
    of(Author::Model).filter_map(lead).collect()
}

/// `read(Σ sum / Σ weight)` with its interval over units.
fn measured(name: &str, unit: &str, parts: &[Part], read: fn(f64) -> f64) -> Measured {
    let value = |units: &[usize]| {
        let (sum, weight) = units
            .iter()
            .fold((0.0, 0.0), |(sum, weight), &unit| (sum + parts[unit].0, weight + parts[unit].1));
        read(sum / weight)
    };
    let all: Vec<usize> = (0..parts.len()).collect();
    let bootstrap = Bootstrap { method: Method::Expanded, ..Bootstrap::default() };
    let interval = bootstrap.statistic(parts.len(), value).ok();
    Measured {
        measure: name.to_string(),
        value: Some(value(&all)).filter(|value| !value.is_nan()),
        low: interval.map(|interval| interval.lower),
        high: interval.map(|interval| interval.upper),
        n: parts.len(),
        unit: unit.to_string(),
    }
}
