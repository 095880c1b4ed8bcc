//! Verdicts on rows whose answers are known, and settings that make no sense.

use std::path::Path;

use dlm_stats::Bootstrap;

use super::{
    Settings,
    estimates::{Measured, estimates, without_spread},
    left_out, measured,
    oracle::OracleSettings,
    rows::{DistanceRow, TextRow, WordRow},
};
use crate::{Estimates, Family, Spec, Summary, Verdict, summary::Findings};

const LEVELS: [f64; 2] = [0.5, 1.0];
const FAR: usize = 4;

fn spec() -> Spec {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/information-decay.toml");
    Spec::read(Path::new(path)).unwrap()
}

/// Six texts of eight positions, each worth about 4 nats, with what the hidden ones miss at
/// t = 0.5 and how far they lie.
fn texts(family: Family, middle: &[(usize, f32, usize)]) -> Vec<TextRow> {
    let mut rows = Vec::new();
    for text in 0..6 {
        let scale = 1.0 + 0.01 * text as f32;
        let mut row = |t, position, nats: f32, distance| {
            let distance = (family == Family::Masked).then_some(distance);
            rows.push(TextRow { text, family, t, position, distance, nats: scale * nats });
        };
        (0..8).for_each(|position| row(1.0, position, 4.0, FAR));
        middle.iter().for_each(|&(position, nats, distance)| row(0.5, position, nats, distance));
    }
    rows
}

fn words(far_costs: f32) -> (Vec<WordRow>, Vec<DistanceRow>) {
    let (mut words, mut distances) = (Vec::new(), Vec::new());
    for word in 0..6 {
        let mut level = |t, missing| {
            let (spread, missing_spread) = (Some(1.0), None);
            words.push(WordRow { word, t, missing, spread, missing_spread });
        };
        level(0.0, 0.0);
        level(0.5, 1.0);
        level(1.0, 2.0);
        for (distance, nats) in [(1, 2.0), (FAR, 2.0 * far_costs + 0.01 * word as f32)] {
            distances.push(DistanceRow { word, t: 0.5, distance, count: 2, nats });
        }
    }
    (words, distances)
}

fn found(texts: &[TextRow], far_costs: f32) -> Estimates {
    let (words, distances) = words(far_costs);
    let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
    estimates(&measured(texts, &words, &distances, &LEVELS, FAR), &bootstrap)
}

fn verdict(estimates: Estimates) -> Verdict {
    let findings = Findings { estimates, ..Findings::default() };
    Summary::new(&spec(), &findings, String::new()).verdict
}

/// Half is seen, half is not known at all: recovered are 4 and 0 nats.
const ALL_OR_NOTHING: [(usize, f32, usize); 4] =
    [(0, 3.5, 1), (1, 3.5, 1), (2, 4.5, FAR), (3, 4.5, FAR)];

fn evenly() -> Vec<(usize, f32, usize)> {
    (0..8).map(|position| (position, 2.0, 1 + position % FAR)).collect()
}

#[test]
fn estimates_are_those_computed_by_hand() {
    let even = texts(Family::Gaussian, &evenly());
    let found = found(&[texts(Family::Masked, &ALL_OR_NOTHING), even].concat(), 2.0);
    let value = |name: &str| found.get(name).unwrap().value;
    // Recovered are 0.5, 0.5, −0.5, −0.5, 4, 4, 4, 4: mean 2, variance 4.125.
    let spread = 4.125f64.sqrt() / 2.0;
    for (name, expected) in [
        ("masked_spread", spread),
        ("masked_spread_half", spread),
        // All positions are worth the same, so an even loss has no spread.
        ("masked_spread_excess", spread),
        ("masked_spread_half_excess", spread),
        ("gaussian_spread_excess", 0.0),
        ("masked_half_time", 0.5),
        ("gaussian_spread", 0.0),
        ("spread_difference", spread),
        ("masked_hidden_spread", 0.125),
        ("masked_step_ratio", 1.0),
        ("oracle_spread", 1.0),
        ("oracle_nats", 2.0),
        ("gaussian_largest_step", 0.5),
    ] {
        assert!((value(name) - expected).abs() < 1e-6, "{name}: {}", value(name));
    }
    // 1 nat times the mean scale of the texts, 1.025.
    assert!((value("masked_distance_change") - 1.025).abs() < 1e-6);
}

/// Positions that are worth unlike much and all keep half of it are uneven, but not by the
/// corruption.
#[test]
fn an_even_loss_has_no_excess() {
    let mut rows = Vec::new();
    for text in 0..3 {
        for position in 0..8 {
            let worth = 1.0 + position as f32 * (1.0 + text as f32);
            for (t, nats) in [(0.5, 0.5 * worth), (1.0, worth)] {
                let family = Family::Gaussian;
                rows.push(TextRow { text, family, t, position, distance: None, nats });
            }
        }
    }
    let found = found(&rows, 2.0);
    assert!(0.3 < found.get("gaussian_spread").unwrap().value);
    assert!(found.get("gaussian_spread_excess").unwrap().value.abs() < 1e-6);
}

#[test]
fn rows_decide_all_three_verdicts() {
    let (masked, gaussian) = (Family::Masked, Family::Gaussian);
    let supported = [texts(masked, &ALL_OR_NOTHING), texts(gaussian, &evenly())].concat();
    assert_eq!(verdict(found(&supported, 2.0)), Verdict::Supported);
    let refuted = [texts(masked, &evenly()), texts(gaussian, &ALL_OR_NOTHING)].concat();
    assert_eq!(verdict(found(&refuted, 2.0)), Verdict::NotSupported);
    assert_eq!(verdict(found(&supported, 0.5)), Verdict::NotSupported);
    // Without a Gaussian model there is nothing to compare with.
    let alone = texts(masked, &ALL_OR_NOTHING);
    assert_eq!(verdict(found(&alone, 2.0)), Verdict::Undecided);
}

/// A text of which less is known with half of it seen than with nothing has no spread.
#[test]
fn texts_without_a_spread_are_counted_and_said() {
    let lost: Vec<(usize, f32, usize)> = (0..8).map(|position| (position, 5.0, 1)).collect();
    let mut rows = texts(Family::Masked, &ALL_OR_NOTHING);
    rows.retain(|row| row.text < 4);
    rows.extend(texts(Family::Masked, &lost).into_iter().filter(|row| 4 <= row.text));
    let measured = measured_of(&rows);
    let counted = without_spread(&measured);
    assert_eq!(counted[0], ("texts under masks at t = 0.5", 2, 6));
    assert!(left_out(&measured).contains("2 of 6 texts under masks at t = 0.5"));
    let whole = measured_of(&texts(Family::Masked, &ALL_OR_NOTHING));
    assert_eq!(left_out(&whole), "No text and no word is left out of a spread.");
}

fn measured_of(texts: &[TextRow]) -> Measured {
    let (words, distances) = words(2.0);
    measured(texts, &words, &distances, &LEVELS, FAR)
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let oracle = OracleSettings { words: 4, length: 8, states: 3 };
    let good = Settings { far: 4, texts: 2, length: 8, levels: vec![0.5, 1.0], oracle };
    assert!(good.problem().is_none());
    for (bad, field) in [
        (Settings { levels: vec![0.5], ..good.clone() }, "levels"),
        (Settings { levels: vec![0.7, 1.0], ..good.clone() }, "levels"),
        (Settings { levels: vec![1.0, 0.5, 1.0], ..good.clone() }, "levels"),
        (Settings { far: 1, ..good.clone() }, "far"),
        (Settings { texts: 0, ..good.clone() }, "texts"),
    ] {
        assert_eq!(bad.problem().unwrap().0, field);
    }
}
