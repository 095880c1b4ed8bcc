//! `dlm run` as `cargo xtask reproduce` calls it, at smoke scale.

mod failures;
mod given;
mod resumed;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use clap::Parser;
use dlm_experiments::commands;
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// `dlm run` without a program around it: fifteen starts of one would cost more than the runs.
#[derive(Parser)]
struct Run {
    #[command(flatten)]
    arguments: commands::RunArguments,
}

/// Every experiment; what reads the results of others comes last.
fn ids() -> Vec<String> {
    let specs = fs::read_dir(format!("{ROOT}/specs")).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_string();
    let mut ids: Vec<String> = specs.map(|spec| stem(spec.unwrap().path())).collect();
    ids.sort_by_key(|id| (id == "five-properties", id.clone()));
    ids
}

/// A tiny checkpoint of dlm-runtime's tests.
fn model(name: &str) -> String {
    format!("{ROOT}/crates/dlm-runtime/tests/fixtures/models/{name}")
}

/// The command line of a run. One thread, whose sums do not depend on the machine's cores.
fn command_line(id: &str, out: &Path, given: &[&str]) -> Vec<String> {
    let spec = format!("{ROOT}/specs/{id}.toml");
    let out = out.to_str().unwrap();
    let run = ["run", &spec, "--scale", "smoke", "--threads", "1", "--out", out];
    run.iter().chain(given).map(ToString::to_string).collect()
}

/// Runs the program.
fn dlm(id: &str, out: &Path, given: &[&str]) -> Output {
    let mut dlm = Command::new(env!("CARGO_BIN_EXE_dlm"));
    dlm.args(command_line(id, out, given)).output().unwrap()
}

/// Runs the command in this process.
fn run(id: &str, out: &Path, given: &[&str]) -> Result<String, String> {
    let run = Run::try_parse_from(command_line(id, out, given)).unwrap();
    commands::run(&run.arguments).map_err(|error| error.to_string())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The files that a manifest lists.
fn listed(folder: &Path) -> Vec<String> {
    let manifest = json(&folder.join("manifest.json"));
    let files = manifest["files"].as_array().unwrap().iter();
    files.map(|file| file["path"].as_str().unwrap().to_string()).collect()
}

#[test]
fn a_spec_with_an_unknown_field_or_a_rule_without_bound_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(format!("{ROOT}/specs/probe-example.toml")).unwrap();
    for (from, to, part) in [
        ("seed = ", "sede = ", "sede"),
        ("above = 0.5", "", "needs above or below"),
        ("near = 0.0625", "near = 2.0", "near"),
        ("id = \"probe-example\"", "id = \"probe-exmaple\"", "is no experiment"),
    ] {
        let spec = folder.path().join("spec.toml");
        let text = text.replace(from, to).replace("\"../", &format!("\"{ROOT}/"));
        fs::write(&spec, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_dlm"))
            .args(["run", spec.to_str().unwrap(), "--scale", "smoke", "--out"])
            .arg(folder.path().join("out"))
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(part), "{message}");
    }
}

#[test]
fn one_prompt_alone_has_no_intervals_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("one.jsonl");
    fs::write(&prompts, "{\"prompt\": \"Why?\", \"response\": \"So.\"}\n").unwrap();
    let out = folder.path().join("out");
    run("probe-aggregate", &out, &["--prompts", prompts.to_str().unwrap()]).unwrap();
    let summary = fs::read_to_string(out.join("summary.json")).unwrap();
    // A mean of one prompt has no interval; the command says which prompts they were.
    assert!(summary.contains("\"undecided\"") && summary.contains("--prompts"), "{summary}");
    let estimates = fs::read_to_string(out.join("estimates.csv")).unwrap();
    assert!(!estimates.contains("entropy_near"), "{estimates}");
}
