//! From rows to estimates, curves and the table of schedules.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Estimate};
use serde::{Deserialize, Serialize};

use super::{oracle::WordRow, order::Order, schedule::Schedule};
use crate::{
    Estimates, Table,
    experiments::{paragraph::with_interval, recovery::mean},
    figures::{Curve, Panel, Point},
};

/// One mask on one text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MaskRow {
    /// The prompt, from 0.
    pub(super) text: usize,
    pub(super) schedule: Schedule,
    /// Which mask of this schedule.
    pub(super) draw: usize,
    /// Share of hidden positions.
    pub(super) hidden: f32,
    /// The longest run of hidden neighbours.
    pub(super) run: usize,
    /// Mean nats recovered at a position.
    pub(super) recovered: f32,
    /// Their standard deviation over their mean; absent where nothing is recovered.
    pub(super) spread: Option<f32>,
    /// The same of the nats missing; absent where nothing is.
    pub(super) missing_spread: Option<f32>,
}

/// One written answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AnswerRow {
    /// The prompt, from 0.
    pub(super) text: usize,
    pub(super) order: Order,
    /// Nats a token that the causal judge gives it; absent for an empty one, and without a judge.
    pub(super) nats: Option<f32>,
    /// Nats a byte that the n-gram judge gives it; absent for an empty one.
    pub(super) ngram: Option<f32>,
    /// Entropy of its tokens' frequencies, nats; absent for an empty one.
    pub(super) entropy: Option<f32>,
    /// What it says.
    pub(super) answer: String,
}

/// What a mask does to a text.
type Column = fn(&MaskRow) -> Option<f32>;

/// Name, meaning and column of what is compared between schedules.
const COMPARED: [(&str, &str, Column); 5] = [
    ("spread", "standard deviation over positions of the nats recovered, over their mean", |row| {
        row.spread
    }),
    ("missing_spread", "the same of the nats missing", |row| row.missing_spread),
    ("recovered", "mean nats recovered at a position", |row| Some(row.recovered)),
    ("hidden", "share of hidden positions", |row| Some(row.hidden)),
    ("run", "longest run of hidden neighbours", |row| Some(row.run as f32)),
];

/// What is compared with what: the change's suffix, the schedule and whom it is taken from. The
/// spaced schedules hide a number that hardly varies, so they are compared with one that does
/// the same.
const CHANGES: [(&str, Schedule, Schedule); 5] = [
    ("change", Schedule::Aware, Schedule::Counted),
    ("change_density", Schedule::Density, Schedule::Counted),
    ("change_position", Schedule::Position, Schedule::Uniform),
    ("change_counted", Schedule::Counted, Schedule::Uniform),
    ("change_from_uniform", Schedule::Aware, Schedule::Uniform),
];

/// How many masks have no spread, because they recover nothing on the whole, of how many.
pub(super) fn without_spread(masks: &[MaskRow]) -> (usize, usize) {
    (masks.iter().filter(|row| row.spread.is_none()).count(), masks.len())
}

/// All estimates; a part that was not measured has none.
pub(super) fn estimates(
    masks: &[MaskRow],
    answers: &[AnswerRow],
    words: &[WordRow],
    steps: usize,
    own_share: f64,
    bootstrap: &Bootstrap,
) -> Estimates {
    let mut estimates = Estimates::default();
    for (name, meaning, column) in COMPARED {
        let of = |schedule| by_text(masks, schedule, column);
        for schedule in Schedule::ALL {
            let (name, who) = (format!("{name}_{}", schedule.name()), schedule.name());
            let values: Vec<f64> = of(schedule).into_values().collect();
            let estimate = bootstrap.mean(&values);
            estimates.add_if_any(&name, &format!("{meaning}; {who} schedule"), estimate);
        }
        for (suffix, schedule, from) in CHANGES {
            let values = paired(&of(schedule), &of(from));
            let (schedule, from) = (schedule.name(), from.name());
            let meaning = format!("{meaning}; {schedule} minus {from} schedule");
            estimates.add_if_any(&format!("{name}_{suffix}"), &meaning, bootstrap.mean(&values));
        }
    }
    let invalid = |order| shares(words, order, steps);
    decoding(
        "oracle_invalid",
        "share of neighbours that the chain makes by a jump alone, perfect network",
        [invalid(Order::Uniform), invalid(Order::Aware)],
        bootstrap,
        &mut estimates,
    );
    if !own_share.is_nan() {
        let own =
            Estimate { value: own_share, lower: own_share, upper: own_share, level: 1.0, units: 0 };
        let meaning = "the same share in the chain's own words; exact";
        estimates.add("oracle_invalid_exact", meaning, own);
    }
    let judged = |order, column: fn(&AnswerRow) -> Option<f32>| {
        let of = answers.iter().filter(|row| row.order == order);
        of.filter_map(|row| Some((row.text, f64::from(column(row)?)))).collect()
    };
    for (name, meaning, column) in [
        (
            "judge",
            "nats a token that the causal judge gives answers",
            (|row| row.nats) as fn(&AnswerRow) -> _,
        ),
        ("ngram", "nats a byte that the n-gram judge gives answers", |row| row.ngram),
        ("entropy", "entropy of an answer's tokens, nats", |row| row.entropy),
    ] {
        let both = Order::BOTH.map(|order| judged(order, column));
        decoding(name, meaning, both, bootstrap, &mut estimates);
    }
    estimates
}

/// Uniform order, spaced order, and the second minus the first.
fn decoding(
    name: &str,
    meaning: &str,
    [uniform, aware]: [BTreeMap<usize, f64>; 2],
    bootstrap: &Bootstrap,
    estimates: &mut Estimates,
) {
    let values = |map: &BTreeMap<usize, f64>| map.values().copied().collect::<Vec<f64>>();
    for (suffix, which, values) in [
        ("uniform", "random order", values(&uniform)),
        ("aware", "spaced order", values(&aware)),
        ("change", "spaced minus random order", paired(&aware, &uniform)),
    ] {
        let (name, meaning) = (format!("{name}_{suffix}"), format!("{meaning}; {which}"));
        estimates.add_if_any(&name, &meaning, bootstrap.mean(&values));
    }
}

/// First minus second, where there are both.
fn paired(first: &BTreeMap<usize, f64>, second: &BTreeMap<usize, f64>) -> Vec<f64> {
    first.iter().filter_map(|(unit, value)| Some(value - second.get(unit)?)).collect()
}

/// The mean of each text over its masks.
fn by_text(rows: &[MaskRow], schedule: Schedule, column: Column) -> BTreeMap<usize, f64> {
    let mut texts: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.schedule == schedule) {
        let value = column(row).map_or(f64::NAN, f64::from);
        texts.entry(row.text).or_default().push(value);
    }
    let means = texts.into_iter().map(|(text, values)| (text, mean(values)));
    means.filter(|(_, mean)| !mean.is_nan()).collect()
}

/// The share of invalid pairs of each word.
fn shares(words: &[WordRow], order: Order, steps: usize) -> BTreeMap<usize, f64> {
    let of = words.iter().filter(|row| row.order == order && row.steps == steps);
    of.map(|row| (row.word, row.invalid as f64 / row.pairs as f64)).collect()
}

/// The share of invalid pairs against steps, in both orders.
pub(super) fn panel(words: &[WordRow], steps: &[usize], bootstrap: &Bootstrap) -> Panel {
    let curve = |(order, label): (Order, &str)| {
        let point = |&steps: &usize| {
            let values: Vec<f64> = shares(words, order, steps).into_values().collect();
            let Estimate { value, lower, upper, .. } = bootstrap.mean(&values).ok()?;
            Some(Point { x: steps as f64, value, lower, upper })
        };
        Curve { label: label.to_string(), points: steps.iter().filter_map(point).collect() }
    };
    Panel {
        title: "Impossible neighbours in words of a known chain".to_string(),
        y_label: "share of neighbouring pairs".to_string(),
        curves: [(Order::Uniform, "random order"), (Order::Aware, "spaced order")]
            .map(curve)
            .to_vec(),
        y_from_zero: true,
    }
}

/// The schedules side by side; none without a language model.
pub(super) fn table(estimates: &Estimates, noise: f64) -> Option<Table> {
    estimates.get("spread_uniform")?;
    let head = [
        "schedule",
        "hidden",
        "longest run",
        "nats recovered",
        "spread",
        "spread of what is missing",
    ];
    let row = |schedule: Schedule| {
        let cells = ["hidden", "run", "recovered", "spread", "missing_spread"];
        let cell = |name: &str| with_interval(estimates, &format!("{name}_{}", schedule.name()));
        std::iter::once(schedule.name().to_string()).chain(cells.map(cell)).collect()
    };
    Some(Table {
        title: "Five schedules at one mean noise".to_string(),
        note: format!(
            "At a mean noise of {noise}, with 95 % intervals over texts. A spread is the standard \
             deviation over positions of a text, over the mean. Counted: as many as are hidden \
             evenly spaced, at any places; position: hidden by the information a token carries; \
             density: evenly spaced; aware: both."
        ),
        columns: head.map(String::from).to_vec(),
        rows: Schedule::ALL.map(row).to_vec(),
        cell_notes: Vec::new(),
    })
}
