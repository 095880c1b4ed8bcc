//! What holds `joint-decoding`: its measures on rows worked out by hand, and its rules.

use std::path::Path;

use dlm_stats::Bootstrap;

use super::{Rows, findings};
use crate::{
    Scale, Spec, Summary, Verdict,
    experiments::{
        Experiment as _, agreement,
        answers::{Answers, row_for_test as answer},
        joint_decoding::{
            JointDecoding, Settings,
            pages::PairRow,
            rules::Rule,
            runs::{Part, Runs},
        },
        known_chain::{ChainSettings, KnownChain, WordRow, row_for_test as word},
    },
    summary::Findings,
};

const SIZES: ChainSettings = ChainSettings { words: 12, length: 17, states: 4 };

fn bootstrap() -> Bootstrap {
    Bootstrap { resamples: 400, ..Bootstrap::default() }
}

fn spec() -> Spec {
    let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs");
    Spec::read(&Path::new(specs).join("joint-decoding.toml")).unwrap()
}

fn runs() -> Runs {
    let names = ["entropy-bounded", "verify"].map(String::from);
    Runs {
        rules: Rule::named(&spec(), &names).unwrap(),
        chain: KnownChain::new(SIZES, dlm_rng::Key::new(1)).unwrap(),
        oracle: SIZES,
        pages: Vec::new(),
        together: 4,
        draws: 1,
        answers: Answers::new(34),
        prompts: 0..0,
        nfe: 16,
        halvings: 4,
    }
}

/// Words of 16 transitions at 8 evaluations, 4 of them impossible by confidence, by the first
/// rule `changes[0]` more, by the second `changes[1]`, give or take `spread` by turns.
fn words(changes: [i64; 2], spread: i64) -> Vec<WordRow> {
    words_taking(|_| 8, changes, spread)
}

/// The same, where `verify` takes so many evaluations of each word.
fn words_taking(verify: impl Fn(usize) -> usize, changes: [i64; 2], spread: i64) -> Vec<WordRow> {
    let rules = [("confidence", 0), ("best-token", 0), ("entropy-bounded", changes[0])];
    let rules: Vec<_> = rules.into_iter().chain([("verify", changes[1])]).collect();
    let row = |index: usize, (rule, change): (&str, i64)| {
        let off = if index.is_multiple_of(2) { spread } else { -spread };
        let off = if rule == "confidence" { 0 } else { off };
        let impossible = (4 + change + off) as usize;
        let nfe = if rule == "verify" { verify(index) } else { 8 };
        word(index, rule, Some(8), nfe, (impossible, "abababababababaab"))
    };
    (0..12)
        .flat_map(|index| rules.iter().map(|&rule| row(index, rule)).collect::<Vec<_>>())
        .collect()
}

/// Ten pairs on each of twelve pages, half of them invalid by confidence, by the rules
/// `change` more, give or take `spread` by turns.
fn pairs(change: i64, spread: i64) -> Vec<PairRow> {
    pairs_taking(|_| 4, change, spread)
}

/// The same, where `verify` takes so many evaluations of each page.
fn pairs_taking(verify: impl Fn(usize) -> usize, change: i64, spread: i64) -> Vec<PairRow> {
    let mut rows = Vec::new();
    for page in 0..12 {
        for rule in ["confidence", "best-token", "entropy-bounded", "verify"] {
            let off = if page % 2 == 0 { spread } else { -spread };
            let invalid = if rule == "confidence" { 5 } else { 5 + change + off };
            rows.extend((0..10).map(|pair: i64| PairRow {
                page,
                draw: pair as usize,
                rule: rule.to_string(),
                nfe: if rule == "verify" { verify(page) } else { 4 },
                sentence: "a".to_string(),
                first: 0,
                second: 0,
                fits: invalid <= pair,
            }));
        }
    }
    rows
}

fn found(runs: &Runs, words: Vec<WordRow>, pairs: Vec<PairRow>) -> Findings {
    let rows = Rows { words, pairs, ..Rows::default() };
    findings(runs, &rows, &bootstrap()).0
}

#[test]
fn every_rule_can_hold_fail_and_stay_open() {
    let runs = runs();
    for (changes, spread, change, off, expected) in [
        ([-2, -1], 0, -2, 0, Verdict::Supported),
        ([-2, -1], 0, -2, 1, Verdict::Supported),
        ([1, 0], 0, -2, 0, Verdict::NotSupported),
        ([-1, 1], 0, -2, 0, Verdict::Undecided),
        ([-2, -1], 0, 1, 0, Verdict::NotSupported),
        ([-2, -1], 0, 0, 3, Verdict::Undecided),
        ([0, 0], 4, -2, 0, Verdict::Undecided),
    ] {
        let findings = found(&runs, words(changes, spread), pairs(change, off));
        let verdict = Summary::new(&spec(), &findings, String::new()).verdict;
        assert_eq!(verdict, expected, "{changes:?} {spread} {change} {off}");
    }
    let findings = found(&runs, words([-2, -1], 0), Vec::new());
    let verdict = Summary::new(&spec(), &findings, String::new()).verdict;
    assert_eq!(verdict, Verdict::Undecided, "no sentence was completed");
}

/// Fewer invalid combinations at more evaluations are no support: with two rules, one that takes
/// an eighth more makes a sixteenth of the mean.
#[test]
fn support_takes_equal_evaluations() {
    let runs = runs();
    let by_turns = |index: usize| if index.is_multiple_of(2) { 4 } else { 6 };
    for (words_take, pages_take, expected) in [
        (8, 4, Verdict::Supported),
        // Fewer do no harm to the claim.
        (6, 3, Verdict::Supported),
        (9, 4, Verdict::NotSupported),
        (8, 5, Verdict::NotSupported),
    ] {
        let words = words_taking(|_| words_take, [-2, -1], 0);
        let findings = found(&runs, words, pairs_taking(|_| pages_take, -2, 0));
        let verdict = Summary::new(&spec(), &findings, String::new()).verdict;
        assert_eq!(verdict, expected, "{words_take} {pages_take}");
    }
    // A mean of 1/16 more with an interval around the bound, of either part.
    let around = |index: usize| if index.is_multiple_of(2) { 6 } else { 12 };
    let findings = found(&runs, words_taking(around, [-2, -1], 0), pairs(-2, 0));
    let verdict = Summary::new(&spec(), &findings, String::new()).verdict;
    assert_eq!(verdict, Verdict::Undecided);
    let findings = found(&runs, words([-2, -1], 0), pairs_taking(by_turns, -2, 0));
    let verdict = Summary::new(&spec(), &findings, String::new()).verdict;
    assert_eq!(verdict, Verdict::Undecided);
}

#[test]
fn estimates_are_the_rules_mean_less_confidences() {
    let words = words_taking(|_| 9, [-2, -1], 0);
    let estimates = found(&runs(), words, pairs(-2, 0)).estimates;
    for (name, value) in [
        ("oracle_invalid_confidence", 0.25),
        ("oracle_invalid_change", -1.5 / 16.0),
        ("oracle_invalid_change_entropy-bounded", -2.0 / 16.0),
        ("oracle_invalid_change_verify", -1.0 / 16.0),
        ("oracle_invalid_change_best-token", 0.0),
        ("oracle_nfe_verify", 9.0),
        ("oracle_nfe_change", 0.5),
        ("oracle_nfe_excess", 0.0625),
        ("oracle_kl_change", 0.0),
        ("model_invalid_confidence", 0.5),
        ("model_invalid_change", -0.2),
        ("model_invalid_change_verify", -0.2),
        ("model_nfe_change", 0.0),
        ("model_nfe_excess", 0.0),
    ] {
        let found = estimates.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert!((found.value - value).abs() < 1e-12, "{name}: {found:?}");
    }
}

#[test]
fn texts_stand_beside_their_evaluations() {
    let answers = (0..6).flat_map(|prompt| {
        ["confidence", "best-token", "entropy-bounded", "verify"].map(|rule| {
            let judge = if rule == "verify" { 1.0 } else { 2.0 };
            answer(prompt, rule, Some(16), Some(judge), 3.0)
        })
    });
    let words = words_taking(|_| 9, [0, 0], 0);
    let rows = Rows { words, answers: answers.collect(), ..Rows::default() };
    let (findings, panels) = findings(&runs(), &rows, &bootstrap());
    let value = |name: &str| findings.estimates.get(name).unwrap().value;
    assert_eq!((value("judge_change"), value("judge_change_verify")), (-0.5, -1.0));
    assert_eq!((value("ngram_change"), value("text_nfe_change")), (0.0, 0.0));
    assert_eq!(panels.len(), 2);
    assert_eq!(panels[0].curves[2].points[0].x, 9.0, "verify stands at what it took");
}

/// Sentences that cannot be read cost a run its pages; the chain and the answers go on.
#[test]
fn without_sentences_to_read_there_are_no_pages() {
    let file = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let started = |path: &str| {
        let mut stage = agreement::stage_for_test("joint-decoding", &file(path));
        (JointDecoding::new(&mut stage).unwrap(), stage)
    };
    let (mut own, mut stage) = started("tests/fixtures/agreement.jsonl");
    // Six sentences, two on a page.
    assert_eq!((own.runs.pages.len(), own.omitted.clone()), (3, None));
    // Two pairs on a page, two draws, four rules and confidence both ways.
    let hastes = own.runs.calibrate(Part::Pages, &mut stage).unwrap();
    let rows = own.runs.page(2, &hastes, &mut stage).unwrap();
    assert_eq!((hastes.len(), rows.len()), (4, 2 * 2 * 6));

    let (none, _) = started("../../data/agreement/agreement.jsonl");
    assert!(none.runs.pages.is_empty());
    assert_eq!(none.units(), own.units() - 4, "three pages and their calibration");
    let omitted = none.omitted.unwrap();
    assert!(omitted.contains("of 80 sentences") && omitted.contains("fewer than 12"), "{omitted}");
}

/// What is claimed at default scale rests on twenty canvases at least.
#[test]
fn enough_canvases_are_measured() {
    for scale in [Scale::Default, Scale::Full] {
        let settings: Settings = spec().settings(scale).unwrap();
        assert!(20 <= settings.pairs / settings.together, "{scale:?}");
        assert!(settings.pairs <= 80, "the file has no more");
    }
}
