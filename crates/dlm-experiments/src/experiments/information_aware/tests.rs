//! Verdicts on rows whose answers are known, and settings that make no sense.

use std::path::Path;

use dlm_stats::Bootstrap;

use super::{
    Settings,
    estimates::{AnswerRow, MaskRow, estimates, panel, table, without_spread},
    oracle::{OracleSettings, WordRow},
    order::Order,
    schedule::Schedule,
};
use crate::{Estimates, Spec, Summary, Verdict, summary::Findings};

const STEPS: usize = 4;

/// Six texts with two masks of each schedule; the aware one's spread is `aware`, the uniform
/// one's 1.2 and all others' 1.
fn masks(aware: f32) -> Vec<MaskRow> {
    let mut rows = Vec::new();
    for text in 0..6 {
        for schedule in Schedule::ALL {
            for draw in 0..2 {
                let spread = match schedule {
                    Schedule::Aware => aware,
                    Schedule::Uniform => 1.2,
                    _ => 1.0,
                };
                // One mask is above and one below.
                let spread = spread + 0.01 * text as f32 + 0.1 * (draw as f32 - 0.5);
                rows.push(MaskRow {
                    text,
                    schedule,
                    draw,
                    hidden: 0.5,
                    run: 2,
                    recovered: 3.0,
                    spread: Some(spread),
                    missing_spread: None,
                });
            }
        }
    }
    rows
}

fn words(uniform: usize, aware: usize) -> Vec<WordRow> {
    let row = |word, order, invalid| WordRow { word, order, steps: STEPS, pairs: 10, invalid };
    let both =
        |word| [row(word, Order::Uniform, uniform + word % 2), row(word, Order::Aware, aware)];
    (0..8).flat_map(both).collect()
}

fn equal() -> Vec<WordRow> {
    let row = |word, order| WordRow { word, order, steps: STEPS, pairs: 10, invalid: word % 2 };
    (0..8).flat_map(|word| [row(word, Order::Uniform), row(word, Order::Aware)]).collect()
}

fn found(masks: &[MaskRow], answers: &[AnswerRow], words: &[WordRow]) -> Estimates {
    let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
    estimates(masks, answers, words, STEPS, 1e-4, &bootstrap)
}

/// Pairs of answers, the aware one of which costs `change` nats more.
fn answers(change: f32) -> Vec<AnswerRow> {
    let row = |text, order, nats| AnswerRow {
        text,
        order,
        nats: Some(nats),
        ngram: Some(nats / 4.0),
        entropy: Some(2.0),
        answer: "so".to_string(),
    };
    let pair = |text: usize| {
        let nats = 4.0 + 0.1 * text as f32;
        [row(text, Order::Uniform, nats), row(text, Order::Aware, nats + change)]
    };
    (0..6).flat_map(pair).collect()
}

fn verdict(masks: &[MaskRow], words: &[WordRow]) -> Verdict {
    verdict_with(masks, &answers(0.0), words)
}

fn verdict_with(masks: &[MaskRow], answers: &[AnswerRow], words: &[WordRow]) -> Verdict {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/information-aware.toml");
    let findings = Findings { estimates: found(masks, answers, words), ..Findings::default() };
    Summary::new(&Spec::read(Path::new(path)).unwrap(), &findings, String::new()).verdict
}

#[test]
fn estimates_are_those_computed_by_hand() {
    let answer = |text, order, nats| AnswerRow {
        text,
        order,
        nats,
        ngram: nats.map(|nats| nats / 4.0),
        entropy: Some(2.0),
        answer: "so".to_string(),
    };
    // The second text's spaced answer is empty, so the pair does not count.
    let answers = [
        answer(0, Order::Uniform, Some(5.0)),
        answer(0, Order::Aware, Some(4.0)),
        answer(1, Order::Uniform, Some(7.0)),
        answer(1, Order::Aware, None),
        answer(2, Order::Uniform, Some(5.0)),
        answer(2, Order::Aware, Some(4.5)),
    ];
    let found = found(&masks(0.4), &answers, &words(3, 1));
    for (name, expected) in [
        ("spread_change", -0.6),
        ("spread_change_density", 0.0),
        ("spread_change_position", -0.2),
        ("spread_change_counted", -0.2),
        ("spread_change_from_uniform", -0.8),
        ("spread_uniform", 1.225),
        ("recovered_change", 0.0),
        ("hidden_aware", 0.5),
        ("oracle_invalid_uniform", 0.35),
        ("oracle_invalid_change", -0.25),
        ("oracle_invalid_exact", 1e-4),
        ("judge_change", -0.75),
        ("ngram_change", -0.1875),
        ("entropy_change", 0.0),
    ] {
        let value = found.get(name).unwrap().value;
        assert!((value - expected).abs() < 1e-6, "{name}: {value}");
    }
    assert!(found.get("missing_spread_change").is_none());
    let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
    let panel = panel(&words(3, 1), &[2, STEPS], &bootstrap);
    assert_eq!(panel.curves.iter().map(|curve| curve.points.len()).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(table(&found, 0.5).unwrap().rows.len(), 5);
    assert!(table(&Estimates::default(), 0.5).is_none());
}

#[test]
fn masks_without_a_spread_are_counted() {
    let mut rows = masks(0.4);
    rows[3].spread = None;
    assert_eq!(without_spread(&rows), (1, 60));
}

#[test]
fn rows_decide_all_three_verdicts() {
    assert_eq!(verdict(&masks(0.4), &words(3, 1)), Verdict::Supported);
    assert_eq!(verdict(&masks(1.6), &words(3, 1)), Verdict::NotSupported);
    // More even than the uniform schedule, but not than one that hides as many: no gain.
    assert_eq!(verdict(&masks(1.1), &words(3, 1)), Verdict::NotSupported);
    assert_eq!(verdict(&masks(0.4), &words(1, 5)), Verdict::NotSupported);
    // Equally many impossible neighbours are no more.
    assert_eq!(verdict(&masks(0.4), &equal()), Verdict::Supported);
    assert_eq!(verdict(&[], &words(3, 1)), Verdict::Undecided);
    // Where text gets worse the second half of the claim fails; without judges it is open.
    let with = |answers: &[AnswerRow]| verdict_with(&masks(0.4), answers, &words(3, 1));
    assert_eq!(with(&answers(0.3)), Verdict::NotSupported);
    assert_eq!(with(&[]), Verdict::Undecided);
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let oracle = OracleSettings { words: 4, length: 8, states: 4 };
    let good =
        Settings { noise: 0.5, texts: 2, length: 8, draws: 1, gen_length: 8, steps: 4, oracle };
    assert!(good.problem().is_none());
    let few = OracleSettings { states: 3, ..good.oracle.clone() };
    for (bad, field) in [
        (Settings { noise: 1.0, ..good.clone() }, "noise"),
        (Settings { noise: f64::NAN, ..good.clone() }, "noise"),
        (Settings { steps: 9, ..good.clone() }, "steps"),
        (Settings { steps: 0, ..good.clone() }, "steps"),
        (Settings { draws: 0, ..good.clone() }, "draws"),
        (Settings { oracle: few, ..good.clone() }, "oracle"),
    ] {
        assert_eq!(bad.problem().unwrap().0, field);
    }
}
