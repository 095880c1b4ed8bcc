//! Verdicts on rows whose answers are known.

use std::path::Path;

use dlm_core::Mixture;
use dlm_probe::PositionRow;
use dlm_stats::Bootstrap;

use super::Seen;
use crate::{
    Estimates, Spec, Summary, Verdict,
    experiments::{
        measures::by_prompt, probe_example::row_for_test, probe_settings::ProbeSettings,
        windows::Windows,
    },
    probe_data::Unit,
    summary::Findings,
};

const MASKS: usize = 32;
const UNITS: usize = 4;
const PER_UNIT: usize = 6;
const VOCAB: usize = 256;

/// What changes along the masks, in a straight line.
#[derive(Clone, Copy)]
struct Shift {
    entropy: f64,
    top1: f64,
    kl: f64,
    ordinary: f64,
    information: f64,
}

const SHARP_TO_ORDINARY: Shift =
    Shift { entropy: 2.0, top1: -0.7, kl: -2.0, ordinary: 0.6, information: -2.0 };

/// The rows of a prompt, each number up or down by a little.
fn rows(prompt: usize, shift: Shift) -> Vec<PositionRow> {
    let row = |position: usize| {
        let x = position as f64 / (MASKS - 1) as f64;
        let little = 0.001 * ((position * 37 + prompt * 11) % 17) as f64;
        let start =
            [(1.0, shift.entropy), (0.8, shift.top1), (3.0, shift.kl), (0.1, shift.ordinary)];
        row_for_test(prompt, position, start.map(|(start, change)| start + change * x + little))
    };
    (0..MASKS).map(row).collect()
}

/// Four units of six prompts. The summed predictions of each are even over as many tokens as
/// give 2 nats more than the mean entropy at first, and 2 nats less `information` at the end.
fn units(of: impl Fn(usize) -> Shift) -> Vec<Unit> {
    let unit = |unit: usize| {
        let prompts = unit * PER_UNIT..(unit + 1) * PER_UNIT;
        let positions: Vec<PositionRow> =
            prompts.flat_map(|prompt| rows(prompt, of(prompt))).collect();
        let sums = |position: usize| {
            let here = positions.iter().filter(|row| row.position == position);
            let entropy = here.map(|row| f64::from(row.entropy)).sum::<f64>() / PER_UNIT as f64;
            let x = position as f64 / (MASKS - 1) as f64;
            let tokens = (entropy + 2.0 + of(0).information * x).exp().round() as usize;
            let share = PER_UNIT as f32 / tokens as f32;
            (0..VOCAB).map(move |token| if token < tokens { share } else { 0.0 })
        };
        let sum = (0..MASKS).flat_map(sums).collect();
        let mixture = Some(Mixture { sum, vocab: VOCAB, queries: PER_UNIT });
        Unit { positions, mixture }
    };
    (0..UNITS).map(unit).collect()
}

fn found(of: impl Fn(usize) -> Shift) -> Estimates {
    let units = units(of);
    let prompts = by_prompt(units.iter().flat_map(|unit| &unit.positions));
    let settings = ProbeSettings { masks: MASKS, top_k: 3, near: 0.0625, far: 0.25 };
    let bootstrap = Bootstrap { resamples: 400, ..Bootstrap::default() };
    Seen::new(&units, &prompts, &Windows::new(&settings, MASKS), &bootstrap).unwrap().estimates
}

fn verdict(of: impl Fn(usize) -> Shift) -> Verdict {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/probe-aggregate.toml");
    let findings = Findings { estimates: found(of), ..Findings::default() };
    Summary::new(&Spec::read(Path::new(path)).unwrap(), &findings, String::new()).verdict
}

#[test]
fn every_rule_can_hold_and_fail() {
    let good = SHARP_TO_ORDINARY;
    assert_eq!(verdict(|_| good), Verdict::Supported);
    for bad in [
        Shift { entropy: 0.1, ..good },
        Shift { top1: 0.1, ..good },
        Shift { kl: 0.0, ..good },
        Shift { ordinary: 0.0, ..good },
        Shift { information: 0.0, ..good },
    ] {
        assert_eq!(verdict(|_| bad), Verdict::NotSupported);
    }
    // Most of the mass moves along half of the prompts only.
    let half =
        |prompt: usize| if prompt.is_multiple_of(2) { good } else { Shift { top1: 0.0, ..good } };
    assert_eq!(verdict(half), Verdict::NotSupported);
}

#[test]
fn prompts_that_disagree_leave_it_open() {
    let good = SHARP_TO_ORDINARY;
    let torn = |prompt: usize| {
        let entropy = if prompt.is_multiple_of(2) { 2.0 } else { -0.8 };
        Shift { entropy, ..good }
    };
    assert_eq!(verdict(torn), Verdict::Undecided);
    // Twenty of twenty-four prompts fall: no share above four in five for certain.
    let some = |prompt: usize| if prompt % 6 == 5 { Shift { top1: 0.0, ..good } } else { good };
    let share = found(some);
    assert_eq!(share.get("top1_prob_falling_share").unwrap().value, 20.0 / 24.0);
    assert_eq!(verdict(some), Verdict::Undecided);
}

/// A slow wave around a weak fall: single positions say that it falls, neighbours that go
/// together say that it may not.
#[test]
fn waves_count_as_a_trend_only_where_neighbours_are_taken_for_independent() {
    let mut units = units(|_| SHARP_TO_ORDINARY);
    for row in units.iter_mut().flat_map(|unit| &mut unit.positions) {
        let x = row.position as f32;
        row.top1_prob = 0.5 - 0.004 * x + 0.08 * (x / 3.0 + row.prompt as f32 / 30.0).sin();
    }
    let prompts = by_prompt(units.iter().flat_map(|unit| &unit.positions));
    let settings = ProbeSettings { masks: MASKS, top_k: 3, near: 0.0625, far: 0.25 };
    let windows = Windows::new(&settings, MASKS);
    let found = Seen::new(&units, &prompts, &windows, &Bootstrap::default()).unwrap().estimates;
    let share = |name: &str| found.get(name).unwrap().value;
    let (corrected, plain) =
        (share("top1_prob_falling_share"), share("top1_prob_falling_share_uncorrected"));
    assert!(corrected < plain, "{corrected} {plain}");
}
