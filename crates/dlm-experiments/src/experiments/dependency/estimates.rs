//! From rows to estimates and curves.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Estimate};
use serde::{Deserialize, Serialize};

use super::{oracle::Exact, pairs::Shared};
use crate::{
    Estimates,
    figures::{Curve, Panel, Point},
};

/// One number about one anchor of one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The prompt, from 0.
    pub(super) text: usize,
    /// Which anchor of the text.
    pub(super) anchor: usize,
    pub(super) measure: Measure,
    /// To the partner; absent of a block.
    pub(super) distance: Option<usize>,
    /// Nats.
    pub(super) value: f32,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Measure {
    /// What one token tells about another.
    Information,
    /// The log-ratio of the two orders, of the true tokens.
    OrderSwap,
    /// The same of two tokens drawn at once.
    OrderSwapDrawn,
    /// Of four neighbouring tokens.
    TotalCorrelation,
}

/// The rows of an anchor, of those distances that were asked for.
pub(super) fn rows(text: usize, anchor: usize, shared: &Shared, distances: &[usize]) -> Vec<Row> {
    let row = |measure, distance, value: f64| Row {
        text,
        anchor,
        measure,
        distance,
        value: value as f32,
    };
    let pairs = shared.pairs.iter().filter(|pair| distances.contains(&pair.distance));
    let pairs = pairs.flat_map(|pair| {
        let distance = Some(pair.distance);
        [
            row(Measure::Information, distance, pair.information),
            row(Measure::OrderSwap, distance, pair.swap),
            row(Measure::OrderSwapDrawn, distance, pair.swap_drawn),
        ]
    });
    pairs.chain([row(Measure::TotalCorrelation, None, shared.total_correlation)]).collect()
}

/// All estimates; without rows those of the chain alone.
pub(super) fn estimates(
    rows: &[Row],
    exact: &Exact,
    distances: &[usize],
    bootstrap: &Bootstrap,
) -> Estimates {
    let mut estimates = Estimates::default();
    let mut add = |name: &str, meaning: &str, measure, distance| {
        let values = by_text(rows, measure, distance);
        estimates.add_if_any(name, meaning, bootstrap.mean(&values));
    };
    let information = "nats that two hidden tokens share";
    add(
        "pair_information_adjacent",
        &format!("{information}, neighbours"),
        Measure::Information,
        Some(1),
    );
    for &distance in distances {
        let (name, meaning) = (
            format!("pair_information_{distance}"),
            format!("{information}, {distance} positions apart"),
        );
        add(&name, &meaning, Measure::Information, Some(distance));
    }
    let swap = "by how many nats the order of conditioning changes what a pair is worth, mean of \
                absolute values";
    add("order_swap", &format!("{swap}, true tokens"), Measure::OrderSwap, None);
    add("order_swap_adjacent", "the same of neighbours", Measure::OrderSwap, Some(1));
    add("order_swap_drawn", "the same of tokens drawn at once", Measure::OrderSwapDrawn, None);
    let block = "total correlation of four neighbouring hidden tokens, nats";
    add("total_correlation", block, Measure::TotalCorrelation, None);
    oracle(exact, &mut estimates);
    estimates
}

/// What the chain's law says, exactly.
fn oracle(exact: &Exact, estimates: &mut Estimates) {
    let mut add = |name: &str, meaning: &str, value: f64| {
        let estimate = Estimate { value, lower: value, upper: value, level: 1.0, units: 0 };
        estimates.add(name, &format!("{meaning}; exact, on the chain"), estimate);
    };
    for (distance, nats) in &exact.information {
        let name = format!("oracle_pair_information_{distance}");
        add(&name, &format!("nats that two tokens share, {distance} apart"), *nats);
    }
    let swap = "largest change of a pair's worth by the order of conditioning, a network's that \
                knows the law";
    add("oracle_order_swap", swap, exact.swap);
    add("oracle_total_correlation", "total correlation of four neighbouring tokens", exact.block);
    let lost = "nats a token that drawing a whole word at once loses";
    add("oracle_information_lost", lost, exact.lost);
}

/// The mean of each text over its anchors, of absolute values, at one distance or all.
fn by_text(rows: &[Row], measure: Measure, distance: Option<usize>) -> Vec<f64> {
    let mut texts: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let at = |row: &&Row| distance.is_none() || row.distance == distance;
    for row in rows.iter().filter(|row| row.measure == measure).filter(at) {
        texts.entry(row.text).or_default().push(f64::from(row.value).abs());
    }
    texts.into_values().map(|values| values.iter().sum::<f64>() / values.len() as f64).collect()
}

/// Information and the order's share in it, over distance.
pub(super) fn panels(
    rows: &[Row],
    exact: &Exact,
    distances: &[usize],
    bootstrap: &Bootstrap,
) -> Vec<Panel> {
    let curve = |label: &str, measure| {
        let point = |&distance: &usize| {
            let found = bootstrap.mean(&by_text(rows, measure, Some(distance))).ok()?;
            let Estimate { value, lower, upper, .. } = found;
            Some(Point { x: distance as f64, value, lower, upper })
        };
        Curve { label: label.to_string(), points: distances.iter().filter_map(point).collect() }
    };
    let on_chain = exact.information.iter().map(|&(distance, value)| Point {
        x: distance as f64,
        value,
        lower: value,
        upper: value,
    });
    let panel = |title: &str, y_label: &str, curves| Panel {
        title: title.to_string(),
        y_label: y_label.to_string(),
        curves,
        y_from_zero: true,
    };
    let shared = vec![
        curve("language model", Measure::Information),
        Curve { label: "chain, exact".to_string(), points: on_chain.collect() },
    ];
    let swaps = vec![
        curve("true tokens", Measure::OrderSwap),
        curve("drawn at once", Measure::OrderSwapDrawn),
    ];
    let mut panels = vec![panel("What two hidden tokens share", "nats", shared)];
    if !rows.is_empty() {
        let what = "nats between the two orders of conditioning";
        panels.push(panel("How the order changes a pair's worth", what, swaps));
    }
    panels
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dlm_stats::Bootstrap;

    use super::{Measure, Row, estimates, panels};
    use crate::{
        Spec, Summary, Verdict, experiments::dependency::oracle::Exact, summary::Findings,
    };

    fn exact(lost: f64) -> Exact {
        Exact { information: vec![(1, 0.4), (2, 0.1)], lost, block: 1.2, swap: 1e-16 }
    }

    fn rows(information: f32, swap: f32) -> Vec<Row> {
        let mut rows = Vec::new();
        for text in 0..6 {
            for anchor in 0..2 {
                // The two anchors' swaps have opposite signs; their sizes count.
                let sign = 1.0 - 2.0 * anchor as f32;
                let scale = 1.0 + 0.01 * text as f32;
                for (measure, distance, value) in [
                    (Measure::Information, Some(1), information * scale),
                    (Measure::Information, Some(2), 0.5 * information * scale),
                    (Measure::OrderSwap, Some(1), sign * swap * scale),
                    (Measure::OrderSwap, Some(2), sign * swap * scale),
                    (Measure::TotalCorrelation, None, 1.0),
                ] {
                    rows.push(Row { text, anchor, measure, distance, value });
                }
            }
        }
        rows
    }

    fn verdict(rows: &[Row], exact: &Exact) -> Verdict {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/dependency.toml");
        let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
        let estimates = estimates(rows, exact, &[1, 2], &bootstrap);
        let findings = Findings { estimates, ..Findings::default() };
        Summary::new(&Spec::read(Path::new(path)).unwrap(), &findings, String::new()).verdict
    }

    #[test]
    fn estimates_are_those_computed_by_hand() {
        let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
        let found = estimates(&rows(0.2, 0.4), &exact(0.3), &[1, 2], &bootstrap);
        for (name, expected) in [
            ("pair_information_adjacent", 0.205),
            ("pair_information_2", 0.1025),
            ("order_swap", 0.41),
            ("total_correlation", 1.0),
            ("oracle_information_lost", 0.3),
            ("oracle_pair_information_2", 0.1),
        ] {
            assert!((found.get(name).unwrap().value - expected).abs() < 1e-6, "{name}");
        }
        let panels = panels(&rows(0.2, 0.4), &exact(0.3), &[1, 2], &bootstrap);
        assert_eq!(panels[0].curves.iter().map(|c| c.points.len()).collect::<Vec<_>>(), [2, 2]);
    }

    #[test]
    fn rows_decide_all_three_verdicts() {
        assert_eq!(verdict(&rows(0.2, 0.4), &exact(0.3)), Verdict::Supported);
        assert_eq!(verdict(&rows(0.01, 0.4), &exact(0.3)), Verdict::NotSupported);
        assert_eq!(verdict(&rows(0.2, 0.01), &exact(0.3)), Verdict::NotSupported);
        assert_eq!(verdict(&[], &exact(0.3)), Verdict::Undecided);
    }
}
