//! The rules can say all three things, and files that make no sense are refused.

use std::{collections::BTreeMap, path::Path};

use dlm_rng::Key;
use dlm_runtime::Model;
use dlm_stats::Bootstrap;

use super::{
    Kind, ONE_BY_ONE, PairRow, TOGETHER, agreement,
    findings::{self, Measured},
    oracle::OracleSettings,
    toy,
};
use crate::{Error, Family, Folder, Spec, Summary, Verdict, folder::Opened};

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
            pair(sentence, Family::Autoregressive, ONE_BY_ONE, 0.05),
            pair(sentence, Family::Masked, TOGETHER, 0.1 + change + noise),
            pair(sentence, Family::Masked, ONE_BY_ONE, 0.1),
            pair(sentence, Family::Gaussian, TOGETHER, 0.3),
        ]
    };
    (0..16).flat_map(rows).collect()
}

fn summary(pairs: Vec<PairRow>) -> (Summary, crate::Estimates) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/marginal-trap.toml");
    let spec = Spec::read(Path::new(path)).unwrap();
    let key = Key::new(7);
    let mut chain = ORACLE.chain(key).unwrap();
    let words = ORACLE.rows(&mut chain, 0, key).unwrap();
    let measured = Measured { laws: toy::rows(key).unwrap(), words, pairs };
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
        ("autoregressive_invalid_excess", 0.0),
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
    let sentences = agreement::read(agreement_file(), usize::MAX).unwrap();
    for kind in Kind::ALL {
        assert!(15 <= sentences.iter().filter(|sentence| sentence.kind == kind).count());
    }
    assert!(sentences.iter().all(|sentence| sentence.pairs.len() == 2));
    assert_eq!(sentences[0].shown(), "At night the [dog|dogs] [hears|hear] every car.");
    assert_eq!(agreement::read(agreement_file(), 3).unwrap().len(), 3);
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
        let error = agreement::read(&path, 9).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }));
        let message = error.to_string();
        assert!(message.contains("line 2") && message.contains(part), "{message}");
    }
    std::fs::write(&path, good).unwrap();
    assert!(agreement::read(&path, 0).unwrap_err().to_string().contains("pairs"));
}

#[test]
fn a_word_of_several_tokens_is_named_with_its_line() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/base");
    let model = Model::try_from(Path::new(folder)).unwrap();
    let sentences = agreement::read(agreement_file(), 2).unwrap();
    let error = sentences[1].frame(&model, agreement_file(), 1).unwrap_err();
    let message = error.to_string();
    let part = "line 2: \" I\" is 2 tokens";
    assert!(matches!(error, Error::Malformed { .. }) && message.contains(part), "{message}");
}
