//! From rows to estimates and curves.

use std::collections::BTreeMap;

use dlm_stats::{Bootstrap, Table};

use super::{noisy::StepRow, written::WrittenRow};
use crate::{
    Estimates, Family,
    figures::{Curve, Panel, Point},
};

/// What a step says.
type Column = fn(&StepRow) -> Option<f64>;

const DISTANCE: Column = |row| Some(row.distance.into());
const MARGIN: Column = |row| Some(row.margin.into());
const FLIPS: Column = |row| row.flips.map(f64::from);

/// All estimates; a family that was not measured has none.
pub(super) fn estimates(
    steps: &[StepRow],
    written: &[WrittenRow],
    bootstrap: &Bootstrap,
) -> Estimates {
    let mut estimates = Estimates::default();
    let runs = runs(steps);
    let mut add = |name: &str, meaning: &str, of: &dyn Fn(&[&StepRow]) -> Option<f64>| {
        let values: Vec<f64> = runs.iter().filter_map(|run| of(run)).collect();
        estimates.add_if_any(name, meaning, bootstrap.mean(&values));
    };
    let middle = |column: Column| move |run: &[&StepRow]| nearest_half(run).and_then(column);
    let late = |column: Column| {
        move |run: &[&StepRow]| last_quarter(run).first().copied().and_then(column)
    };
    let last = |column: Column| move |run: &[&StepRow]| run.last().copied().and_then(column);
    let apart = "in units of the mean distance between neighbouring embeddings";
    let distance = |when: &str| {
        format!("distance of the predicted vector from the nearest embedding {when}, {apart}")
    };
    add("distance_middle", &distance("at the step nearest t = 0.5"), &middle(DISTANCE));
    add("distance_late", &distance("when a quarter of the steps is left"), &late(DISTANCE));
    add("distance_end", &distance("at the last step"), &last(DISTANCE));
    let margin = format!("how much farther the second nearest lies at t = 0.5, {apart}");
    add("margin_middle", &margin, &middle(MARGIN));
    let flips = "share of positions whose nearest token is another than the step before, mean over \
                 steps";
    add("flips_per_step", flips, &|run| mean(run.iter().filter_map(|row| FLIPS(row))));
    let settled = "how often a position's nearest token changes in the last quarter of the steps";
    add("flips_late", settled, &|run| {
        let flips: Vec<f64> = last_quarter(run).iter().filter_map(|row| FLIPS(row)).collect();
        (!flips.is_empty()).then(|| flips.iter().sum())
    });
    for (family, name) in
        [(Family::Masked, "masked_flips"), (Family::Autoregressive, "autoregressive_flips")]
    {
        let of_family = written.iter().filter(|row| row.family == family && 0 < row.written);
        let shares: Vec<f64> =
            of_family.map(|row| row.changed as f64 / row.written as f64).collect();
        let meaning = "share of written tokens that a later step changes";
        estimates.add_if_any(name, meaning, bootstrap.mean(&shares));
    }
    estimates
}

/// Distance, margin and flips over noise.
pub(super) fn panels(steps: &[StepRow], bootstrap: &Bootstrap) -> Vec<Panel> {
    let runs = runs(steps);
    let panel = |title: &str, y_label: &str, column: Column| {
        let cells: Vec<Vec<Option<f64>>> =
            runs.iter().map(|run| run.iter().map(|row| column(row)).collect()).collect();
        let means = Table::new(&cells).and_then(|table| bootstrap.curve(&table, 2));
        let times = runs.first().into_iter().flatten().map(|row| row.t);
        let points = means.unwrap_or_default().into_iter().zip(times).filter_map(|(mean, x)| {
            let mean = mean?;
            Some(Point { x, value: mean.value, lower: mean.lower, upper: mean.upper })
        });
        Panel {
            title: title.to_string(),
            y_label: y_label.to_string(),
            curves: vec![Curve { label: "Gaussian".to_string(), points: points.collect() }],
            y_from_zero: true,
        }
    };
    let unit = "1 = between neighbouring embeddings";
    vec![
        panel("How far from any token", unit, DISTANCE),
        panel("How clear which one is nearest", unit, MARGIN),
        panel("Tokens that flip in a step", "share of positions", FLIPS),
    ]
}

/// The steps of each prompt, in order.
fn runs(steps: &[StepRow]) -> Vec<Vec<&StepRow>> {
    let mut runs: BTreeMap<usize, Vec<&StepRow>> = BTreeMap::new();
    steps.iter().for_each(|row| runs.entry(row.prompt).or_default().push(row));
    runs.into_values().collect()
}

/// The step nearest to t = 0.5, of two equally near the noisier.
fn nearest_half<'a>(run: &[&'a StepRow]) -> Option<&'a StepRow> {
    let far = |row: &StepRow| (row.t - 0.5).abs();
    run.iter().copied().min_by(|a, b| far(a).total_cmp(&far(b)))
}

/// The last quarter of the steps, at least one.
fn last_quarter<'a, 'b>(run: &'b [&'a StepRow]) -> &'b [&'a StepRow] {
    &run[run.len() - run.len().div_ceil(4)..]
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dlm_stats::Bootstrap;

    use super::{estimates, panels};
    use crate::{
        Family, Spec, Summary, Verdict,
        experiments::rounding::{noisy::StepRow, written::WrittenRow},
        summary::Findings,
    };

    /// Five runs of eight steps, `distance` from a token when a quarter of them is left.
    fn steps(distance: f32, flips: f32) -> Vec<StepRow> {
        let step = |prompt: usize, step: usize| StepRow {
            prompt,
            step,
            t: [1.0, 0.85, 0.7, 0.55, 0.4, 0.3, 0.2, 0.1][step],
            distance: [9.0, 8.0, 7.0, 2.0, 0.9, 0.8, distance, 0.01][step] + 0.001 * prompt as f32,
            margin: 0.5,
            flips: (0 < step).then_some(flips),
        };
        (0..5).flat_map(|prompt| (0..8).map(move |s| step(prompt, s))).collect()
    }

    fn written(changed: usize) -> Vec<WrittenRow> {
        let family = Family::Masked;
        (0..5).map(|prompt| WrittenRow { prompt, family, written: 8, changed }).collect()
    }

    fn verdict(steps: &[StepRow], written: &[WrittenRow]) -> Verdict {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/rounding.toml");
        let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
        let estimates = estimates(steps, written, &bootstrap);
        let findings = Findings { estimates, ..Findings::default() };
        Summary::new(&Spec::read(Path::new(path)).unwrap(), &findings, String::new()).verdict
    }

    #[test]
    fn estimates_are_those_computed_by_hand() {
        let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
        let found = estimates(&steps(0.4, 0.25), &written(2), &bootstrap);
        for (name, expected) in [
            ("distance_middle", 2.002),
            ("distance_late", 0.402),
            ("distance_end", 0.012),
            ("margin_middle", 0.5),
            ("flips_per_step", 0.25),
            ("flips_late", 0.5),
            ("masked_flips", 0.25),
        ] {
            assert!((found.get(name).unwrap().value - expected).abs() < 1e-6, "{name}");
        }
        assert!(found.get("autoregressive_flips").is_none());
        let panels = panels(&steps(0.4, 0.25), &bootstrap);
        // The first step has nothing to flip from.
        assert_eq!(panels.iter().map(|p| p.curves[0].points.len()).collect::<Vec<_>>(), [8, 8, 7]);
    }

    #[test]
    fn rows_decide_all_three_verdicts() {
        assert_eq!(verdict(&steps(0.4, 0.25), &written(0)), Verdict::Supported);
        assert_eq!(verdict(&steps(0.01, 0.25), &written(0)), Verdict::NotSupported);
        assert_eq!(verdict(&steps(0.4, 0.25), &written(1)), Verdict::NotSupported);
        assert_eq!(verdict(&[], &written(0)), Verdict::Undecided);
    }
}
