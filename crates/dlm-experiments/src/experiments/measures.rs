//! The quantities of a position that are followed along the masks.

use dlm_probe::PositionRow;
use dlm_stats::Table;

/// One quantity.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    /// What estimates and curves call it.
    pub(super) name: &'static str,
    /// What it is, in words.
    pub(super) meaning: &'static str,
    /// Its value at a position, where it has one.
    pub(super) of: fn(&PositionRow) -> Option<f64>,
}

const fn measure(
    name: &'static str,
    meaning: &'static str,
    of: fn(&PositionRow) -> Option<f64>,
) -> Measure {
    Measure { name, meaning, of }
}

/// All quantities, in the order of the report.
pub(super) const MEASURES: [Measure; 12] = [
    measure("top1_prob", "probability of the most probable token", |r| Some(r.top1_prob.into())),
    measure("top_k_mass", "probability of the listed tokens together", |r| {
        Some(r.top_k_mass.into())
    }),
    measure("margin", "lead of the most probable token over the next", |r| Some(r.margin.into())),
    measure("entropy", "entropy of the prediction, nats", |r| Some(r.entropy.into())),
    measure("kl_unigram", "divergence from the unigram distribution of ordinary text, nats", |r| {
        r.kl_unigram.map(f64::from)
    }),
    measure("js_next", "Jensen–Shannon divergence to the next position, nats", |r| {
        r.js_next.map(f64::from)
    }),
    measure("eos_mass", "probability of end-of-sequence", |r| r.eos_mass.map(f64::from)),
    measure("punctuation_mass", "probability of punctuation", |r| {
        r.punctuation_mass.map(f64::from)
    }),
    measure("frequent_mass", "probability of the 100 most frequent other tokens", |r| {
        r.frequent_mass.map(f64::from)
    }),
    measure(
        "ordinary_mass",
        "probability of end-of-sequence, punctuation and frequent tokens together",
        |r| Some(f64::from(r.eos_mass? + r.punctuation_mass? + r.frequent_mass?)),
    ),
    measure("gold_nll", "−ln p of the reference answer's token, nats", |r| {
        r.gold_logprob.map(|logprob| f64::from(-logprob))
    }),
    measure("gold_in_top10", "share of reference tokens among the 10 most probable", |r| {
        r.gold_rank.map(|rank| f64::from(u8::from(rank < 10)))
    }),
];

/// The measure of that name.
pub(super) fn named(name: &str) -> Measure {
    let found = MEASURES.iter().find(|measure| measure.name == name);
    *found.expect("names of measures are written in this crate only")
}

/// The rows of each prompt, in order of position.
pub(super) fn by_prompt<'a>(
    rows: impl Iterator<Item = &'a PositionRow>,
) -> Vec<Vec<&'a PositionRow>> {
    let mut prompts: Vec<Vec<&PositionRow>> = Vec::new();
    for row in rows {
        match prompts.last_mut() {
            Some(prompt) if prompt[0].prompt == row.prompt => prompt.push(row),
            _ => prompts.push(vec![row]),
        }
    }
    prompts
}

/// A measure by prompt and position, cells absent where it has no value.
pub(super) fn table(
    prompts: &[Vec<&PositionRow>],
    measure: Measure,
) -> Result<Table, dlm_stats::Error> {
    let cells = |rows: &Vec<&PositionRow>| -> Vec<Option<f64>> {
        rows.iter().map(|row| (measure.of)(row)).collect()
    };
    let rows: Vec<Vec<Option<f64>>> = prompts.iter().map(cells).collect();
    Table::new(&rows)
}
