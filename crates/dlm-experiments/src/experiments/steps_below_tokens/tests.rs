//! What holds `steps-below-tokens`: its measures on rows worked out by hand, and its rules.

use std::path::Path;

use dlm_rng::Key;
use dlm_stats::Bootstrap;

use super::Plan;
use crate::{
    Spec, Summary, Verdict,
    experiments::{
        answers::{AnswerRow, row_for_test as answer},
        known_chain::{ChainSettings, KnownChain, WordRow, row_for_test as word},
        named_samplers::named,
    },
};

const SIZES: ChainSettings = ChainSettings { words: 12, length: 16, states: 4 };

fn bootstrap() -> Bootstrap {
    Bootstrap { resamples: 400, ..Bootstrap::default() }
}

fn spec() -> Spec {
    let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs");
    Spec::read(&Path::new(specs).join("steps-below-tokens.toml")).unwrap()
}

fn plan(presets: &[&str]) -> Plan {
    let names: Vec<String> = presets.iter().map(ToString::to_string).collect();
    Plan {
        presets: named(&spec(), "presets", &names).unwrap(),
        tokens_per_step: vec![1, 8, 16],
        word: 16,
        answer: 16,
    }
}

/// Of twelve words, `wrong` are wrong at eight tokens a step, and none at one.
fn words(wrong: usize) -> Vec<WordRow> {
    let row = |index: usize, steps: usize| {
        let impossible = usize::from(steps == 2 && index < wrong);
        word(index, "llada", Some(steps), steps, (impossible, "abababababababab"))
    };
    (0..12).flat_map(|index| [16, 2, 1].map(|steps| row(index, steps))).collect()
}

/// Answers that cost `judge` and `ngram` nats more at eight tokens a step, the sum alternating
/// by ±`spread` over prompts.
fn answers(judge: f64, ngram: f64, spread: f64) -> Vec<AnswerRow> {
    let row = |prompt: usize, steps: usize| {
        let more = if steps == 2 { 1.0 } else { 0.0 };
        let off = if prompt.is_multiple_of(2) { spread } else { -spread };
        let (judge, ngram) = (2.0 + more * (judge + off), 1.5 + more * (ngram + off));
        answer(prompt, "llada", Some(steps), Some(judge), ngram)
    };
    (0..12).flat_map(|prompt| [16, 2, 1].map(|steps| row(prompt, steps))).collect()
}

fn verdict(words: &[WordRow], answers: &[AnswerRow]) -> Verdict {
    let chain = KnownChain::new(SIZES, Key::new(1)).unwrap();
    let (findings, _) = plan(&["llada"]).findings(&chain, words, answers, &bootstrap());
    Summary::new(&spec(), &findings, String::new()).verdict
}

#[test]
fn every_rule_can_hold_fail_and_stay_open() {
    for (wrong, judge, ngram, spread, expected) in [
        (12, 0.5, 0.2, 0.01, Verdict::Supported),
        // No word is wrong: the rise is 0, on the bound.
        (0, 0.5, 0.2, 0.01, Verdict::Undecided),
        (12, 0.05, 0.2, 0.01, Verdict::NotSupported),
        (12, 0.1, 0.2, 0.5, Verdict::Undecided),
        (12, 0.5, -0.2, 0.01, Verdict::NotSupported),
        (12, 2.0, 0.0, 0.5, Verdict::Undecided),
    ] {
        let found = verdict(&words(wrong), &answers(judge, ngram, spread));
        assert_eq!(found, expected, "{wrong} {judge} {ngram} {spread}");
    }
    // Fewer wrong words at eight tokens a step than at one.
    let turned: Vec<WordRow> = words(12)
        .into_iter()
        .map(|row| WordRow { impossible: usize::from(row.steps == Some(16)), ..row })
        .collect();
    assert_eq!(verdict(&turned, &answers(0.5, 0.2, 0.01)), Verdict::NotSupported);
    assert_eq!(verdict(&words(12), &[]), Verdict::Undecided, "there is no judge");
}

#[test]
fn estimates_are_the_means_of_paired_changes() {
    let chain = KnownChain::new(SIZES, Key::new(1)).unwrap();
    let (findings, panels) =
        plan(&["llada"]).findings(&chain, &words(3), &answers(0.5, 0.2, 0.1), &bootstrap());
    for (name, value) in [
        ("oracle_error_rise", 0.25),
        ("oracle_error_1", 0.0),
        ("oracle_error_8", 0.25),
        ("oracle_token_error_rise", 0.25 / 15.0),
        ("oracle_kl_rise", 0.0),
        ("judge_rise", 0.5),
        ("judge_rise_llada", 0.5),
        ("judge_1", 2.0),
        ("ngram_rise", 0.2),
        ("entropy_rise", 0.0),
        ("empty_8", 0.0),
    ] {
        let found = findings.estimates.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert!((found.value - value).abs() < 1e-12, "{name}: {found:?}");
    }
    assert_eq!(panels.len(), 6);
    assert_eq!(panels[0].curves[0].points.len(), 3);
}

/// A threshold stands where its evaluations put it, and takes no part in the rise.
#[test]
fn samplers_of_their_own_pace_stand_at_the_steps_they_took() {
    let chain = KnownChain::new(SIZES, Key::new(1)).unwrap();
    let mut words = words(3);
    let own = |index| word(index, "fast-dllm", None, 4, (1, "aaaabbbbaaaabbbb"));
    words.extend((0..12).map(own));
    let (findings, panels) =
        plan(&["llada", "fast-dllm"]).findings(&chain, &words, &[], &bootstrap());
    assert_eq!(panels.len(), 2);
    let points = &panels[0].curves[1].points;
    assert_eq!((points.len(), points[0].x, points[0].value), (1, 4.0, 1.0));
    assert_eq!(findings.estimates.get("oracle_error_rise").unwrap().value, 0.25);
    assert!(findings.estimates.get("judge_rise").is_none());
}
