//! What predictions at one distance have in common across prompts.
//!
//! Neither quantity is a mean over prompts, so neither can be resampled by prompt;
//! the interval leaves out one group of prompts at a time (delete-a-group jackknife).

use std::{collections::BTreeSet, ops::Range};

use dlm_core::Mixture;
use dlm_probe::prompt_information;
use dlm_stats::{Estimate, jackknife};

use crate::{Estimates, experiments::windows::Windows, probe_data::Unit};

const LEVEL: f64 = 0.95;

/// Quantities across prompts: of all, and without each group in turn.
pub(super) struct AcrossPrompts {
    measures: Vec<Leaving>,
}

struct Leaving {
    name: &'static str,
    meaning: &'static str,
    /// By position.
    all: Vec<f64>,
    /// By group, then position.
    without: Vec<Vec<f64>>,
}

impl AcrossPrompts {
    /// The quantities of `units` with `masks` positions each.
    pub(super) fn new(units: &[Unit], masks: usize) -> Self {
        let mut measures = vec![distinct(units, masks)];
        measures.extend(information(units, masks));
        Self { measures }
    }

    /// Adds near, far and change of each to the estimates; gives back the curves.
    pub(super) fn estimate(
        &self,
        estimates: &mut Estimates,
        windows: &Windows,
    ) -> Vec<(&'static str, Vec<Option<Estimate>>)> {
        let mean = |values: &[f64], window: &Range<usize>| {
            values[window.clone()].iter().sum::<f64>() / window.len() as f64
        };
        let near = |values: &[f64]| mean(values, &windows.near);
        let far = |values: &[f64]| mean(values, &windows.far);
        let change = |values: &[f64]| far(values) - near(values);
        for measure in &self.measures {
            let mut add = |suffix: &str, of: &dyn Fn(&[f64]) -> f64| {
                let without: Vec<f64> = measure.without.iter().map(|g| of(g)).collect();
                let name = format!("{}_{suffix}", measure.name);
                let meaning = match suffix {
                    "change" => format!("{}, far minus near", measure.meaning),
                    _ => format!("{}, {suffix}", measure.meaning),
                };
                let estimate = jackknife(of(&measure.all), &without, LEVEL);
                estimates.add_if_any(&name, &meaning, estimate);
            };
            add("near", &near);
            add("far", &far);
            add("change", &change);
        }
        self.measures.iter().map(|measure| (measure.name, measure.curve())).collect()
    }
}

impl Leaving {
    fn curve(&self) -> Vec<Option<Estimate>> {
        let at = |position: usize| {
            let without: Vec<f64> = self.without.iter().map(|group| group[position]).collect();
            jackknife(self.all[position], &without, LEVEL).ok()
        };
        (0..self.all.len()).map(at).collect()
    }
}

/// The number of different best tokens at each position, as a share of the prompts.
fn distinct(units: &[Unit], masks: usize) -> Leaving {
    let share = |left_out: Option<usize>, position: usize| {
        let kept = units.iter().enumerate().filter(|(unit, _)| Some(*unit) != left_out);
        let rows = kept.flat_map(|(_, unit)| &unit.positions);
        let tokens: Vec<u32> =
            rows.filter(|row| row.position == position).map(|row| row.top1_token).collect();
        let different = tokens.iter().collect::<BTreeSet<_>>().len();
        different as f64 / tokens.len() as f64
    };
    let groups = if units.len() < 2 { 0 } else { units.len() };
    let by_position =
        |left_out| -> Vec<f64> { (0..masks).map(|position| share(left_out, position)).collect() };
    Leaving {
        name: "distinct_top1",
        meaning: "different best tokens as a share of the prompts",
        all: by_position(None),
        without: (0..groups).map(|group| by_position(Some(group))).collect(),
    }
}

/// The divergence of predictions across prompts; absent where the probe kept no sums.
fn information(units: &[Unit], masks: usize) -> Option<Leaving> {
    let mixtures: Option<Vec<Mixture>> = units.iter().map(|unit| unit.mixture.clone()).collect();
    let mean_entropies: Vec<Vec<f64>> = units
        .iter()
        .map(|unit| {
            let mut sums = vec![0.0; masks];
            unit.positions.iter().for_each(|row| sums[row.position] += f64::from(row.entropy));
            sums.iter().map(|sum| sum / unit.prompts() as f64).collect()
        })
        .collect();
    let information = prompt_information(&mixtures?, &mean_entropies);
    Some(Leaving {
        name: "prompt_information",
        meaning: "Jensen–Shannon divergence of the predictions across prompts, nats",
        all: information.all,
        without: information.without,
    })
}
