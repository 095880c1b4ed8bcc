//! A model, a judge and prompts from the command line, for every spec.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{ROOT, ids, json, listed, model, run};

/// Runs every spec with `given`, after which experiments have models of `roles`, or none: where
/// oracles are asked, no other model changes what they say. Each ends in a whole folder, or
/// is refused for a reason like `refusal`. Returns what each says that it lacks.
fn every_spec(given: &[&str], roles: &[&str], refusal: Option<&str>) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let lacks = |id: String| {
        let out = folder.path().join(&id);
        let lacks = match run(&id, &out, given) {
            Ok(_) => succeeds(&id, &out, given, roles),
            Err(reason) => {
                let expected = refusal.is_some_and(|part| reason.contains(part));
                assert!(expected, "{id}: {reason}");
                fails(&id, &out, &reason);
                reason
            }
        };
        (id, lacks)
    };
    ids().into_iter().map(lacks).collect()
}

fn fails(id: &str, out: &Path, reason: &str) {
    assert_eq!(json(&out.join("failure.json"))["reason"], reason, "{id}");
    // Results that stood here would stand here still.
    assert_eq!(fs::read_dir(out).unwrap().count(), 1, "{id}: begun before it was refused");
}

/// Returns what the report calls left out.
fn succeeds(id: &str, out: &Path, given: &[&str], roles: &[&str]) -> String {
    assert!(listed(out).iter().all(|name| out.join(name).exists()), "{id}");
    assert!(!out.join("failure.json").exists(), "{id}");
    let summary = json(&out.join("summary.json"));
    let command = summary["command"].as_str().unwrap();
    for pair in given.chunks_exact(2) {
        assert!(command.contains(&pair.join(" ")), "{id}: {command}");
    }
    let manifest = json(&out.join("manifest.json"));
    let models = manifest["models"].as_array().unwrap();
    if !models.is_empty() {
        let found: Vec<&str> = models.iter().map(|model| model["role"].as_str().unwrap()).collect();
        assert_eq!(found, roles, "{id}");
    }
    summary["omitted"].to_string()
}

/// A causal model with a tokenizer.
fn causal() -> String {
    format!("{ROOT}/crates/dlm-experiments/tests/fixtures/models/base")
}

#[test]
fn every_spec_runs_with_a_given_model_without_a_judge() {
    let lacks = every_spec(&["--model", &model("llada-tiny")], &["masked"], None);
    let judge = "the run has no autoregressive model";
    assert!(lacks["steps-below-tokens"].contains(judge), "{lacks:#?}");
}

#[test]
fn every_spec_runs_with_a_given_model_and_a_judge() {
    let given = ["--model", &model("llada-tiny"), "--judge", &causal()];
    let lacks = every_spec(&given, &["autoregressive", "masked"], None);
    let judge = "the run has no autoregressive model";
    assert!(lacks.values().all(|lacks| !lacks.contains(judge)), "{lacks:#?}");
}

#[test]
fn every_spec_runs_with_a_causal_model_or_says_that_it_needs_another() {
    let needs = "the run has no masked model";
    let lacks = every_spec(&["--model", &causal()], &["autoregressive"], Some(needs));
    for id in ["mask-count", "probe-example", "refinement", "steps-below-tokens"] {
        assert!(lacks[id].contains(needs), "{id}: {}", lacks[id]);
    }
}

#[test]
fn every_spec_runs_or_says_that_prompts_have_no_answers() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("prompts.jsonl");
    let lines = ["Why?", "Name a river.", "How many minutes has an hour?", "Who wrote this?"];
    let lines = lines.map(|prompt| format!("{{\"prompt\": \"{prompt}\"}}\n"));
    fs::write(&prompts, lines.concat()).unwrap();
    let given = ["--model", &model("llada-tiny"), "--prompts", prompts.to_str().unwrap()];
    let answers = "has a reference answer";
    let lacks = every_spec(&given, &["masked"], Some(answers));
    for id in ["dependency", "information-aware", "information-decay"] {
        assert!(lacks[id].contains(answers), "{id}: {}", lacks[id]);
    }
}
