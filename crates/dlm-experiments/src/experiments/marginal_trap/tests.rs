//! The rules can say all three things, and files that make no sense are refused.

use std::{collections::BTreeMap, path::Path};

use dlm_rng::Key;
use dlm_runtime::Model;
use dlm_stats::Bootstrap;

use super::{
    Kind, MarginalTrap, ONE_BY_ONE, PairRow, TOGETHER, WHOLE,
    agreement::{self, FEWEST, Readable},
    findings::{self, Measured},
    oracle::{OracleSettings, RANDOM},
    toy,
};
use crate::{
    Error, Family, Folder, Spec, Summary, Verdict, evaluation::causal,
    experiments::Experiment as _, folder::Opened,
};

fn agreement_file() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/agreement/agreement.jsonl"))
}

const ORACLE: OracleSettings = OracleSettings { words: 40, length: 32, states: 5 };

fn pair(sentence: usize, family: Family, drawn: &str, invalid: f64) -> PairRow {
    PairRow {
        sentence: format!("s{sentence}"),
        kind: Kind::ALL[sentence % 4],
        family,
        drawn: drawn.to_string(),
        temperature: 1.0,
        invalid,
        first_mass: 0.2,
        second_mass: 0.4,
    }
}

/// Sixteen sentences in which drawing together changes the share by `change`, give or take.
fn pairs(change: f64, spread: f64) -> Vec<PairRow> {
    let rows = |sentence: usize| {
        let noise = spread * (sentence as f64 / 7.5 - 1.0);
        [
            pair(sentence, Family::Autoregressive, WHOLE, 0.05),
            pair(sentence, Family::Autoregressive, ONE_BY_ONE, 0.15),
            pair(sentence, Family::Masked, TOGETHER, 0.1 + change + noise),
            pair(sentence, Family::Masked, ONE_BY_ONE, 0.1),
            pair(sentence, Family::Gaussian, TOGETHER, 0.3),
        ]
    };
    (0..16).flat_map(rows).collect()
}

fn summary(pairs: Vec<PairRow>) -> (Summary, crate::Estimates) {
    summary_of(pairs, |_| {})
}

/// The same of rows that `change` has made different.
fn summary_of(pairs: Vec<PairRow>, change: impl Fn(&mut Measured)) -> (Summary, crate::Estimates) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/marginal-trap.toml");
    let spec = Spec::read(Path::new(path)).unwrap();
    let key = Key::new(7);
    let mut chain = ORACLE.chain(key).unwrap();
    let words = ORACLE.rows(&mut chain, 0, key).unwrap();
    let mut measured = Measured { laws: toy::rows(key).unwrap(), words, pairs };
    change(&mut measured);
    let folder = tempfile::tempdir().unwrap();
    let Opened::Open(folder) =
        Folder::open(folder.path(), &serde_json::Value::Null, false).unwrap()
    else {
        panic!("the folder is whole");
    };
    let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
    let rows = chain.rows().unwrap();
    let found = findings::of(&measured, rows, &BTreeMap::new(), &bootstrap, &folder).unwrap();
    (Summary::new(&spec, &found, String::new()), found.estimates)
}

#[test]
fn every_verdict_can_come_about() {
    let (found, estimates) = summary(pairs(0.2, 0.05));
    assert_eq!(found.verdict, Verdict::Supported, "{:?}", found.rules);
    let value = |name: &str| estimates.get(name).unwrap().value;
    for (name, expected) in [
        ("toy_invalid_change", 0.5),
        ("masked_invalid_change", 0.2),
        ("masked_invalid_excess", 0.25),
        ("gaussian_invalid_excess", 0.25),
        ("autoregressive_invalid", 0.05),
        ("autoregressive_invalid_unseeing", 0.15),
        ("masked_listed_mass", 0.3),
    ] {
        assert!((value(name) - expected).abs() < 1e-9, "{name}: {}", value(name));
    }
    let change = estimates.get("oracle_kl_change").unwrap();
    assert!(0.0 < change.lower && change.units == ORACLE.words, "{change:?}");

    assert_eq!(summary(pairs(0.01, 0.02)).0.verdict, Verdict::NotSupported);
    assert_eq!(summary(pairs(0.05, 0.3)).0.verdict, Verdict::Undecided);
    // Without a language model two parts remain, and the third decides nothing.
    let (found, estimates) = summary(Vec::new());
    assert_eq!(found.verdict, Verdict::Undecided);
    assert!(estimates.get("masked_invalid_change").is_none() && found.figures.len() == 1);
}

/// The parts whose right answer is known decide as the third does, should a sampler break.
#[test]
fn the_exact_parts_can_fail_and_stay_open() {
    let verdict = |change: &dyn Fn(&mut Measured)| summary_of(pairs(0.2, 0.05), change).0.verdict;
    let steps = |measured: &mut Measured, of: fn(usize) -> usize| {
        let random = measured.words.iter_mut().filter(|word| word.order == RANDOM);
        random.for_each(|word| word.tokens_per_step = word.tokens_per_step.map(of));
    };
    assert_eq!(verdict(&|_| {}), Verdict::Supported);
    // Eight a step where one was, and the other way round.
    let swapped = |n| if n == 1 || n == 8 { 9 - n } else { n };
    assert_eq!(verdict(&|measured| steps(measured, swapped)), Verdict::NotSupported);
    let none = |n| if n == 8 { 16 } else { n };
    assert_eq!(verdict(&|measured| steps(measured, none)), Verdict::Undecided);
    let turned = |measured: &mut Measured| {
        measured.laws.iter_mut().for_each(|law| law.invalid = 1.0 - law.invalid);
    };
    assert_eq!(verdict(&turned), Verdict::NotSupported);
    assert_eq!(verdict(&|measured| measured.laws.clear()), Verdict::Undecided);
}

#[test]
fn the_cells_of_the_five_properties_find_their_estimates() {
    let (_, estimates) = summary(pairs(0.2, 0.05));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/five-properties.toml");
    let spec: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let cells = spec["settings"]["cells"].as_array().unwrap();
    let here = |cell: &&toml::Value| {
        cell.get("experiment").and_then(toml::Value::as_str) == Some("marginal-trap")
    };
    let named: Vec<&str> =
        cells.iter().filter(here).map(|cell| cell["estimate"].as_str().unwrap()).collect();
    assert_eq!(named.len(), 3);
    assert!(named.iter().all(|name| estimates.get(name).is_some()), "{named:?}");
}

#[test]
fn the_sentences_are_four_kinds_of_two_pairs() {
    let sentences = agreement::read(agreement_file()).unwrap();
    for kind in Kind::ALL {
        assert!(15 <= sentences.iter().filter(|sentence| sentence.kind == kind).count());
    }
    assert!(sentences.iter().all(|sentence| sentence.pairs.len() == 2));
    assert_eq!(sentences[0].shown(), "At night the [dog|dogs] [hears|hear] every car.");
    let (first, omitted) = Readable::new(sentences).first(3);
    assert_eq!((first.len(), omitted), (3, None));
}

#[test]
fn sentences_that_make_no_sense_are_refused_by_line() {
    let good = r#"{"id": "a", "kind": "number", "prompt": "p", "before": "", "after": "", "pairs": [["x", "y"], ["z", "w"]]}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agreement.jsonl");
    for (bad, part) in [
        (good.to_string(), "an earlier line"),
        (good.replace("number", "gender"), "gender"),
        (good.replace("\"a\"", "\"b\"").replace("\"z\"", "\"x\""), "every mixture"),
        (good.replace("\"prompt\": \"p\", ", ""), "prompt"),
        (good.replace("\"id\"", "\"ID\""), "ID"),
        (String::new(), "README"),
    ] {
        std::fs::write(&path, format!("{good}\n{bad}\n")).unwrap();
        let error = agreement::read(&path).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }));
        let message = error.to_string();
        assert!(message.contains("line 2") && message.contains(part), "{message}");
    }
    std::fs::write(&path, "").unwrap();
    assert!(agreement::read(&path).unwrap_err().to_string().contains("no sentence"));
}

/// A tokenizer that cuts English words costs a run its sentences and nothing else.
#[test]
fn without_a_sentence_that_can_be_read_the_exact_parts_go_on() {
    let mut stage = agreement::stage_for_test("marginal-trap", agreement_file());
    let mut trap = MarginalTrap::new(&mut stage).unwrap();
    assert_eq!(trap.units(), 1 + trap.settings.oracle.blocks());
    let out = tempfile::tempdir().unwrap();
    let Opened::Open(mut folder) =
        Folder::open(out.path(), &serde_json::Value::Null, false).unwrap()
    else {
        panic!("the folder is whole");
    };
    for unit in 0..trap.units() {
        trap.measure(unit, &mut stage, &mut folder).unwrap();
    }
    let found = trap.analyse(&mut stage, &folder).unwrap();
    let [omitted] = &found.omitted[..] else { panic!("{:?}", found.omitted) };
    assert!(omitted.contains("of 80 sentences") && omitted.contains("no sentence"), "{omitted}");
    assert!(found.estimates.get("oracle_kl_change").is_some());
    let summary = Summary::new(&stage.spec, &found, String::new());
    assert_eq!(summary.verdict, Verdict::Undecided);
}

/// The base's share is what reading each of the four sentences on its own comes to.
#[test]
fn the_base_weighs_whole_sentences() {
    let own = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/agreement.jsonl"));
    let mut stage = agreement::stage_for_test("marginal-trap", own);
    let trap = MarginalTrap::new(&mut stage).unwrap();
    assert_eq!((trap.sentences.len(), trap.omitted.clone()), (12, None));
    for index in [0, 8] {
        let rows = trap.sentence(index, &mut stage).unwrap();
        let model = stage.models.need(Family::Autoregressive).unwrap();
        let frame = trap.sentences[index].frame(model).unwrap();
        assert_eq!(frame.between.is_empty(), index == 0);
        let (mut wrong, mut all) = (0.0, 0.0);
        for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (tokens, places) = frame.filled(frame.words[0][a], frame.words[1][b]);
            let read = causal::by_token(model, &tokens, places[0]..tokens.len()).unwrap();
            let weight = (-read.iter().map(|(nats, _)| nats).sum::<f64>()).exp();
            all += weight;
            wrong += if frame.fits[a][b] { 0.0 } else { weight };
        }
        let whole = rows.iter().find(|row| row.drawn == WHOLE && row.temperature == 1.0).unwrap();
        assert_eq!(whole.family, Family::Autoregressive);
        assert!((whole.invalid - wrong / all).abs() < 1e-4, "{} {}", whole.invalid, wrong / all);
        let unseeing = rows.iter().find(|row| row.drawn == ONE_BY_ONE).unwrap();
        assert!(0.0 < unseeing.invalid && unseeing.family == Family::Autoregressive);
    }
}

/// The fixtures' model reads its own twelve sentences and hardly any English.
#[test]
fn sentences_that_a_model_cannot_read_are_left_out_and_counted() {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures"));
    let model = Model::try_from(&*fixtures.join("models/base")).unwrap();
    let own = agreement::read(&fixtures.join("agreement.jsonl")).unwrap();
    let mut english = agreement::read(agreement_file()).unwrap();
    let error = english[1].frame(&model).unwrap_err().to_string();
    assert!(error.contains("person-1") && error.contains("\" I\" is 2 tokens"), "{error}");

    english.truncate(5);
    let all = [english[..2].to_vec(), own.clone(), english[2..].to_vec()].concat();
    let mut readable = Readable::new(all.clone());
    readable.keep(&model).unwrap();
    // A second model that reads the same leaves out no more.
    readable.keep(&model).unwrap();
    let (left, omitted) = readable.first(usize::MAX);
    assert_eq!(left, own);
    assert!(left.iter().all(|sentence| sentence.frame(&model).is_ok()));
    let omitted = omitted.unwrap();
    assert!(omitted.starts_with("5 of 17 sentences"), "{omitted}");
    assert!(omitted.contains("first number-1: \" dog\"") && !omitted.contains("fewer"));

    // One fewer of its own is too few, and no reason to stop.
    let mut readable = Readable::new(all[..FEWEST + 1].to_vec());
    readable.keep(&model).unwrap();
    let (left, omitted) = readable.first(usize::MAX);
    assert!(left.is_empty() && omitted.unwrap().contains("11 are fewer than 12"));
    // A short file is its owner's choice.
    let mut readable = Readable::new(own[..3].to_vec());
    readable.keep(&model).unwrap();
    assert_eq!(readable.first(2), (own[..2].to_vec(), None));
}
