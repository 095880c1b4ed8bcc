//! `dlm score` as a user runs it, on a tiny checkpoint.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::json;
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn score(out: &Path, source: &[&str], flags: &str) -> Output {
    let model = format!("{ROOT}/crates/dlm-runtime/tests/fixtures/models/llada-tiny");
    Command::new(env!("CARGO_BIN_EXE_dlm"))
        .args(["score", "--threads", "1", "--model", &model, "--out"])
        .arg(out)
        .args(source)
        .args(flags.split_whitespace())
        .output()
        .unwrap()
}

/// Scores answers given as ids.
fn score_ids(answers: &serde_json::Value, flags: &str) -> (TempDir, PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.json");
    fs::write(&file, answers.to_string()).unwrap();
    let out = folder.path().join("out");
    let output = score(&out, &["--tokens", file.to_str().unwrap()], flags);
    (folder, out, output)
}

fn numbers(output: &Output, out: &Path) -> Vec<BTreeMap<String, f64>> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut reader = csv::Reader::from_path(out.join("scores.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn estimates_meet_the_exact_mean_over_orders_within_their_errors() {
    let answers =
        json!([{"prompt": [489, 10], "answer": [5, 6, 7]}, {"prompt": [], "answer": [9]}]);
    let run = |flags: &str| {
        let (_folder, out, output) = score_ids(&answers, flags);
        numbers(&output, &out)
    };
    let exact = run("--method exact");
    assert_eq!((exact[0]["evaluations"], exact[1]["evaluations"]), (7.0, 1.0));
    for row in &exact {
        assert_eq!(row["standard_error"], 0.0);
        assert!((row["nats_per_token"] * row["tokens"] + row["log_likelihood"]).abs() < 1e-9);
    }
    for flags in ["--method any-order --samples 40", "--method elbo --samples 400 --strata 2"] {
        for (row, exact) in run(flags).iter().zip(&exact) {
            let off = (row["log_likelihood"] - exact["log_likelihood"]).abs();
            assert!(off <= 4.0 * row["standard_error"] + 1e-4, "{flags}: {row:?} {exact:?}");
        }
    }
    // A single token has one order.
    let chain = run("--method left-to-right");
    assert_eq!((chain[0]["evaluations"], chain[1]["evaluations"]), (3.0, 1.0));
    assert!((chain[1]["log_likelihood"] - exact[1]["log_likelihood"]).abs() < 1e-6);
    let guided = run("--method left-to-right --guidance 1");
    assert_eq!(guided[0]["evaluations"], 6.0);
    assert_ne!(guided[0]["log_likelihood"], chain[0]["log_likelihood"]);
}

#[test]
fn texts_are_scored_as_answers_to_their_prompts_whatever_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("prompts.jsonl");
    let line =
        |prompt: &str| format!("{{\"prompt\": \"{prompt}?\", \"response\": \"So it is.\"}}\n");
    fs::write(&prompts, ["Why", "How", "Who"].map(line).concat()).unwrap();
    let source = ["--prompts", prompts.to_str().unwrap()];
    let flags = "--limit 2 --samples 2 --strata 4";
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let rows = numbers(&score(&first, &source, flags), &first);
    numbers(&score(&second, &source, &format!("{flags} --batch 1")), &second);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["log_likelihood"] < 0.0 && row["evaluations"] == 8.0));
    let again = score(&first, &source, flags);
    assert!(String::from_utf8_lossy(&again.stdout).contains("up to date"));
    // How many are evaluated together is not what a run is: a smaller batch may go on.
    let smaller = score(&first, &source, &format!("{flags} --batch 3"));
    assert!(String::from_utf8_lossy(&smaller.stdout).contains("up to date"));
    for (a, b) in numbers(&again, &first).iter().zip(numbers(&again, &second)) {
        assert!((a["log_likelihood"] / b["log_likelihood"] - 1.0).abs() < 1e-5);
    }
}

#[test]
fn a_target_error_stops_early() {
    let answers = json!([{"prompt": [489, 10], "answer": [5, 6, 7]}]);
    let (_folder, out, output) = score_ids(&answers, "--samples 100 --target-error 1000");
    assert_eq!(numbers(&output, &out)[0]["evaluations"], 64.0);
}

#[test]
fn arguments_that_make_no_sense_are_refused_with_a_remedy() {
    let good = json!([{"prompt": [489, 10], "answer": [5, 6, 7]}]);
    for (answers, flags, parts) in [
        (&good, "--samples 0", ["--samples 0", "at least 1"]),
        (&good, "--strata 0", ["--strata 0", "at least 1"]),
        (&good, "--target-error -1", ["--target-error -1", "0 or above"]),
        (&good, "--limit 0", ["no prompt", "--limit"]),
        (&good, "--method exactly", ["exact", "left-to-right"]),
        (&json!([[1, 2]]), "", ["answers.json", "\"answer\""]),
        (&json!([{"prompt": [1], "answer": [2], "response": [3]}]), "", ["response", "`answer`"]),
        (&json!([{"prompt": [1], "answer": []}]), "", ["prompt 0", "empty"]),
        (&json!([{"prompt": [1], "answer": [501]}]), "", ["prompt 0", "mask 501"]),
        (&json!([{"prompt": [1], "answer": [512]}]), "", ["prompt 0", "below 512"]),
        (&json!([{"prompt": [512], "answer": [1]}]), "", ["prompt 0", "vocabulary of 512"]),
        (&json!([{"prompt": vec![7; 4096], "answer": [1]}]), "", ["prompt 0", "context has 4096"]),
        (&json!([{"prompt": [1], "answer": vec![7; 13]}]), "--method exact", ["prompt 0", "13"]),
    ] {
        let (_folder, _, output) = score_ids(answers, flags);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !message.contains("panicked"), "{message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{flags}: {message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompts.jsonl");
    fs::write(&file, "{\"prompt\": \"Why?\"}\n").unwrap();
    let output = score(&folder.path().join("out"), &["--prompts", file.to_str().unwrap()], "");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("prompt 0") && message.contains("no response"), "{message}");
}
