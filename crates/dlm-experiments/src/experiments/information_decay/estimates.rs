//! From losses to estimates.

use std::collections::BTreeMap;

use dlm_stats::Bootstrap;

use super::rows::{Loss, Sum};
use crate::{
    Estimates,
    experiments::recovery::{Level, at_time, lost, mean, steepest, time_of_half},
};

/// Everything that was measured.
pub(super) struct Measured {
    /// 0, and every level.
    pub(super) times: Vec<f64>,
    /// By prompt.
    pub(super) masked: BTreeMap<usize, Loss>,
    /// By prompt.
    pub(super) gaussian: BTreeMap<usize, Loss>,
    /// Word by word.
    pub(super) words: Vec<Loss>,
}

/// A number about some texts; the second argument is [`Measured::times`].
type Statistic = fn(&[&Loss], &[f64]) -> f64;

const SPREAD: &str = "standard deviation over positions of a text of the nats recovered, over \
                      their mean";
const EXCESS: &str = "spread of what is recovered beyond that of positions which all keep one \
                      share of their nats";
const HALF_EXCESS: &str = "the spread where half of the information is lost beyond that of \
                           positions which all keep one share of their nats";
const STEP: &str = "largest step of the mean information between levels, over the mean step";
const JUMP: &str = "share of all that happens to a position that its largest step takes";
const NATS: &str = "nats missing at a position where all is noise";
const HALF: &str = "noise at which half of the information is lost";
const DISTANCE: &str = "nats that a hidden token far from everything visible costs beyond one \
                        with a visible neighbour, at the same noise";

/// What is said of texts under masks.
const MASKED: [(&str, &str, Statistic); 11] = [
    ("masked_spread", SPREAD, middle_spread),
    ("masked_spread_excess", EXCESS, middle_excess),
    ("masked_spread_half_excess", HALF_EXCESS, half_excess),
    ("masked_spread_half", "the same where half of the information is lost", half_spread),
    ("masked_missing_spread_half", "the same of the nats missing", half_missing_spread),
    ("masked_hidden_spread", "spread at t = 0.5 of what hidden tokens alone miss", hidden_spread),
    ("masked_half_time", HALF, half_time),
    ("masked_distance_change", DISTANCE, distance_change),
    ("masked_step_ratio", STEP, step_ratio),
    ("masked_largest_step", JUMP, largest_step),
    ("masked_nats", NATS, nats),
];

/// What is said of texts under Gaussian noise.
const GAUSSIAN: [(&str, &str, Statistic); 7] = [
    ("gaussian_spread_excess", HALF_EXCESS, half_excess),
    (
        "gaussian_spread",
        "spread of what is recovered where half of the information is lost",
        half_spread,
    ),
    ("gaussian_missing_spread", "the same of the nats missing", half_missing_spread),
    ("gaussian_half_time", HALF, half_time),
    ("gaussian_step_ratio", STEP, step_ratio),
    ("gaussian_largest_step", JUMP, largest_step),
    ("gaussian_nats", NATS, nats),
];

/// What is said of words of the chain.
const ORACLE: [(&str, &str, Statistic); 6] = [
    ("oracle_spread", SPREAD, middle_spread),
    ("oracle_spread_half", "the same where half of the information is lost", half_spread),
    ("oracle_half_time", HALF, half_time),
    ("oracle_distance_change", DISTANCE, distance_change),
    ("oracle_step_ratio", STEP, step_ratio),
    ("oracle_nats", NATS, nats),
];

/// All estimates; a family that was not measured has none.
pub(super) fn estimates(measured: &Measured, bootstrap: &Bootstrap) -> Estimates {
    let mut estimates = Estimates::default();
    let mut add = |list: &[(&str, &str, Statistic)], losses: &[&Loss]| {
        let of = |chosen: &[usize]| {
            let losses: Vec<&Loss> = chosen.iter().map(|&unit| losses[unit]).collect();
            list.iter().map(|(_, _, statistic)| statistic(&losses, &measured.times)).collect()
        };
        let Ok(found) = bootstrap.statistics(losses.len(), of) else { return };
        for (&(name, meaning, _), found) in list.iter().zip(found) {
            estimates.add_if_any(name, meaning, found);
        }
    };
    add(&MASKED, &measured.masked.values().collect::<Vec<_>>());
    add(&GAUSSIAN, &measured.gaussian.values().collect::<Vec<_>>());
    add(&ORACLE, &measured.words.iter().collect::<Vec<_>>());
    differences(measured, bootstrap, &mut estimates);
    estimates
}

/// How many of all texts or words have no spread where one is taken, and which they are.
pub(super) fn without_spread(measured: &Measured) -> Vec<(&'static str, usize, usize)> {
    let times = &measured.times;
    let masked: Vec<&Loss> = measured.masked.values().collect();
    let gaussian: Vec<&Loss> = measured.gaussian.values().collect();
    let words: Vec<&Loss> = measured.words.iter().collect();
    let at_half = |losses: &[&Loss]| half_time(losses, times);
    [
        ("texts under masks at t = 0.5", &masked, 0.5),
        ("texts under masks where half is lost", &masked, at_half(&masked)),
        ("texts under Gaussian noise where half is lost", &gaussian, at_half(&gaussian)),
        ("words of the chain at t = 0.5", &words, 0.5),
    ]
    .into_iter()
    .filter(|(_, _, t)| !t.is_nan())
    .map(|(which, losses, t)| {
        let spread = |loss: &&&Loss| {
            let spreads: Vec<f64> = loss.levels.iter().map(|level| level.spread).collect();
            at_time(times, &spreads, t)
        };
        let missing = losses.iter().filter(|loss| spread(loss).is_nan()).count();
        (which, missing, losses.len())
    })
    .collect()
}

/// Masks minus Gaussian noise, on the texts that both were put on.
fn differences(measured: &Measured, bootstrap: &Bootstrap, estimates: &mut Estimates) {
    let both = measured.masked.iter();
    let pairs: Vec<(&Loss, &Loss)> =
        both.filter_map(|(text, loss)| Some((loss, measured.gaussian.get(text)?))).collect();
    for (name, meaning, statistic) in [
        (
            "spread_difference",
            "spread of what is recovered where half is lost, masks minus Gaussian noise",
            half_spread as Statistic,
        ),
        ("missing_spread_difference", "the same of the nats missing", half_missing_spread),
    ] {
        let difference = |chosen: &[usize]| {
            let masked: Vec<&Loss> = chosen.iter().map(|&unit| pairs[unit].0).collect();
            let gaussian: Vec<&Loss> = chosen.iter().map(|&unit| pairs[unit].1).collect();
            statistic(&masked, &measured.times) - statistic(&gaussian, &measured.times)
        };
        estimates.add_if_any(name, meaning, bootstrap.statistic(pairs.len(), difference));
    }
}

/// The mean over texts of a property of their levels, by level.
pub(super) fn by_level(losses: &[&Loss], of: impl Fn(&Level) -> f64) -> Vec<f64> {
    let levels = losses.first().map_or(0, |loss| loss.levels.len());
    (0..levels).map(|level| mean(losses.iter().map(|loss| of(&loss.levels[level])))).collect()
}

/// The share of the information that is lost at each time.
pub(super) fn shares_lost(losses: &[&Loss]) -> Vec<f64> {
    lost(&losses.iter().map(|loss| &loss.levels[..]).collect::<Vec<_>>())
}

fn half_time(losses: &[&Loss], times: &[f64]) -> f64 {
    time_of_half(times, &shares_lost(losses))
}

fn middle_spread(losses: &[&Loss], times: &[f64]) -> f64 {
    at_time(times, &by_level(losses, |level| level.spread), 0.5)
}

/// The spread without noise: that of what positions are worth, and so also of any one share of
/// it, kept by all alike.
fn even_spread(losses: &[&Loss]) -> f64 {
    by_level(losses, |level| level.spread).first().copied().unwrap_or(f64::NAN)
}

fn middle_excess(losses: &[&Loss], times: &[f64]) -> f64 {
    middle_spread(losses, times) - even_spread(losses)
}

fn half_excess(losses: &[&Loss], times: &[f64]) -> f64 {
    half_spread(losses, times) - even_spread(losses)
}

fn half_spread(losses: &[&Loss], times: &[f64]) -> f64 {
    at_time(times, &by_level(losses, |level| level.spread), half_time(losses, times))
}

fn half_missing_spread(losses: &[&Loss], times: &[f64]) -> f64 {
    at_time(times, &by_level(losses, |level| level.missing_spread), half_time(losses, times))
}

fn hidden_spread(losses: &[&Loss], times: &[f64]) -> f64 {
    let middle = times.iter().position(|&t| t == 0.5).and_then(|index| index.checked_sub(1));
    middle.map_or(f64::NAN, |level| mean(losses.iter().map(|loss| loss.hidden_spread[level])))
}

fn step_ratio(losses: &[&Loss], times: &[f64]) -> f64 {
    steepest(times, &shares_lost(losses))
}

fn largest_step(losses: &[&Loss], _: &[f64]) -> f64 {
    mean(losses.iter().map(|loss| loss.largest_step))
}

fn nats(losses: &[&Loss], _: &[f64]) -> f64 {
    by_level(losses, |level| level.missing).last().copied().unwrap_or(f64::NAN)
}

/// Far minus next to something visible, level by level, each level weighed as in a comparison
/// of two samples, `n₁·n_far/(n₁ + n_far)`: at one noise level, so that what is far is not
/// merely what was seen where more is hidden.
fn distance_change(losses: &[&Loss], _: &[f64]) -> f64 {
    let levels = losses.first().map_or(0, |loss| loss.by_distance.len());
    let (mut sum, mut weights) = (0.0, 0.0);
    for level in 0..levels {
        let total = |pick: fn(&[Sum]) -> Option<&Sum>| {
            losses.iter().filter_map(|loss| pick(&loss.by_distance[level])).fold(
                Sum::default(),
                |a, b| Sum { count: a.count + b.count, nats: a.nats + b.nats },
            )
        };
        let (near, far) = (total(<[Sum]>::first), total(<[Sum]>::last));
        let weight = near.count * far.count / (near.count + far.count);
        if 0.0 < weight {
            sum += weight * (far.nats / far.count - near.nats / near.count);
            weights += weight;
        }
    }
    sum / weights
}
