//! An experiment that cannot run says why, and leaves alone what it cannot replace.

use std::{fs, path::Path, process::Command};

use crate::{ROOT, command_line, dlm, json, listed, model, run};

/// Every file of a folder but what the last attempt left, with its content.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "failure.json");
    names.sort();
    names.into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn a_failed_attempt_says_why_beside_the_results_of_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run("mask-count", &out, &[]).unwrap();
    let before = content(&out);

    let causal = model("llama-tiny");
    let output =
        dlm("mask-count", &out, &["--model", &causal, "--device", "cpu", "--dtype", "f32"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("asks a masked model"), "{message}");
    let failure = json(&out.join("failure.json"));
    assert_eq!(failure["id"], "mask-count");
    assert_eq!(failure["version"], env!("CARGO_PKG_VERSION"));
    assert!(failure["claim"].as_str().unwrap().ends_with('.'), "{failure}");
    assert!(failure["reason"].as_str().unwrap().contains("asks a masked model"), "{failure}");
    let command = failure["command"].as_str().unwrap();
    let flags = format!("--model {causal} --device cpu --dtype f32");
    assert!(command.ends_with(&flags), "{command}");
    assert_eq!(content(&out), before);

    // What is there is up to date for whom it was made, and no attempt of theirs failed.
    assert!(run("mask-count", &out, &[]).unwrap().contains("up to date"));
    assert!(!out.join("failure.json").exists());
    assert_eq!(content(&out), before);
}

#[test]
fn reasons_are_left_where_there_was_no_folder_and_go_with_the_next_success() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("prompts.jsonl");
    fs::write(&prompts, "{\"prompt\": \"Why?\"}\n").unwrap();
    let out = folder.path().join("results/out");
    for (given, part) in [
        (["--model", "/nonexistent/model"], "/nonexistent/model"),
        (["--model", &model("llama-tiny")], "asks a masked model"),
        (["--prompts", "/nonexistent/prompts.jsonl"], "/nonexistent/prompts.jsonl"),
        // No machine has that many.
        (["--device", "cuda:99"], "cuda:99"),
    ] {
        let reason = run("probe-example", &out, &given).unwrap_err();
        assert!(reason.contains(part), "{reason}");
        assert_eq!(json(&out.join("failure.json"))["reason"], reason);
        assert_eq!(content(&out), [], "{given:?}");
    }
    run("probe-example", &out, &[]).unwrap();
    assert!(!out.join("failure.json").exists() && out.join("manifest.json").exists());
}

#[test]
fn a_hub_that_cannot_be_reached_is_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_dlm"))
        .args(command_line("mask-count", &out, &["--model", "nobody/nothing"]))
        // Nothing listens on the port of discarded messages.
        .env("HF_ENDPOINT", "http://127.0.0.1:9")
        .env("HF_HOME", folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let reason = json(&out.join("failure.json"))["reason"].as_str().unwrap().to_string();
    assert!(reason.contains("nobody/nothing"), "{reason}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&reason), "{reason}");
}

#[test]
fn a_model_and_a_judge_of_one_family_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let (out, causal) = (folder.path().join("out"), model("llama-tiny"));
    let reason = run("rounding", &out, &["--model", &causal, "--judge", &causal]).unwrap_err();
    assert!(reason.contains("a second autoregressive model"), "{reason}");
}

#[test]
fn results_of_another_version_are_replaced_by_force_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    run("probe-example", &out, &[]).unwrap();
    let path = out.join("manifest.json");
    let manifest = fs::read_to_string(&path).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let stated = |version: &str| format!("\"version\": \"{version}\"");
    for (text, part) in [
        (manifest.replace(&stated(version), &stated("0.0.9")), "are of dlm 0.0.9"),
        (manifest[..manifest.len() / 2].to_string(), "not readable"),
    ] {
        fs::write(&path, text).unwrap();
        let before = content(&out);
        let refused = run("probe-example", &out, &[]).unwrap_err();
        for part in ["manifest.json", part, "--out", "--force"] {
            assert!(refused.contains(part), "{refused}");
        }
        // Nor is there a failure: the folder is not this run's to write to.
        assert!(content(&out) == before && !out.join("failure.json").exists());
        run("probe-example", &out, &["--force"]).unwrap();
        assert_eq!(json(&path)["version"], version);
    }
}

#[test]
fn what_fails_half_way_says_why_and_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let (out, expected) = (folder.path().join("out"), folder.path().join("expected"));
    run("mask-count", &expected, &[]).unwrap();
    // A limit on file size stands in for a full disk. It leaves room for progress.json and
    // failure.json, and not for all rows.
    let rows = fs::metadata(expected.join("rows.csv")).unwrap().len();
    let limit = rows * 3 / 4 / 1024;
    let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\"");
    let output = Command::new("bash")
        .args(["-c", &script, "bash", env!("CARGO_BIN_EXE_dlm")])
        .args(command_line("mask-count", &out, &[]))
        .output()
        .unwrap();
    assert!(!output.status.success(), "{limit} KiB are enough for {rows} bytes");
    let reason = json(&out.join("failure.json"))["reason"].as_str().unwrap().to_string();
    assert!(reason.contains("cannot write") && reason.contains("goes on"), "{reason}");
    assert!(0 < json(&out.join("progress.json"))["units"].as_u64().unwrap());
    let output = dlm("mask-count", &out, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!out.join("failure.json").exists());
    for name in listed(&expected) {
        assert!(fs::read(out.join(&name)).unwrap() == fs::read(expected.join(&name)).unwrap());
    }
}

#[test]
fn a_spec_that_cannot_be_read_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    assert!(!Path::new(&format!("{ROOT}/specs/no-such.toml")).exists());
    assert!(run("no-such", &out, &[]).unwrap_err().contains("no-such.toml"));
    assert!(!out.exists());
}
