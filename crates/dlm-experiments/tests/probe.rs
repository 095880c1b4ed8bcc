//! `dlm probe` as a user runs it, on a tiny checkpoint.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn model(name: &str) -> String {
    format!("{ROOT}/crates/dlm-runtime/tests/fixtures/models/{name}")
}

fn prompts() -> String {
    format!("{ROOT}/data/prompts/prompts.jsonl")
}

fn dlm(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dlm")).args(arguments).output().unwrap()
}

/// Runs `dlm probe` on llada-tiny into a fresh folder.
fn probe(arguments: &[&str]) -> (TempDir, PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let model = model("llada-tiny");
    let all = [&["probe", "--model", &model, "--out", out.to_str().unwrap()], arguments].concat();
    let output = dlm(&all);
    (folder, out, output)
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn message(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(String::from).collect()
}

#[test]
fn a_prompt_gives_rows_for_every_mask_and_rank_and_a_manifest() {
    let (_folder, out, output) = probe(&["--prompt", "How many minutes?", "--masks", "8"]);
    succeeds(&output);
    let rows = lines(&out.join("probe.csv"));
    assert_eq!(rows[0], "prompt,position,rank,token_id,token,prob,logprob");
    assert_eq!(rows.len(), 1 + 8 * 3);
    assert!(rows[1].starts_with("0,0,0,") && rows[24].starts_with("0,7,2,"));
    assert_eq!(lines(&out.join("position.csv")).len(), 1 + 8);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    for field in ["libtorch", "device", "dtype", "seed", "arguments", "wall_seconds", "models"] {
        assert!(!manifest[field].is_null(), "{field}");
    }
    let files = manifest["models"][0]["files"].as_array().unwrap();
    let weights = files.iter().find(|file| file["name"] == "model.safetensors").unwrap();
    assert_eq!(weights["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_second_run_is_up_to_date_and_a_forced_one_writes_the_same_bytes() {
    let (_folder, out, output) = probe(&["--prompt", "Why?", "--masks", "4"]);
    succeeds(&output);
    let before = fs::read(out.join("position.csv")).unwrap();
    let model = model("llada-tiny");
    let base = ["probe", "--model", &model, "--prompt", "Why?", "--masks", "4", "--out"];
    let again = dlm(&[&base[..], &[out.to_str().unwrap()]].concat());
    succeeds(&again);
    assert!(String::from_utf8_lossy(&again.stdout).contains("up to date"));
    succeeds(&dlm(&[&base[..], &[out.to_str().unwrap(), "--force"]].concat()));
    assert_eq!(fs::read(out.join("position.csv")).unwrap(), before);
}

#[test]
fn rows_of_ids_are_whole_canvases_where_they_hold_the_mask() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.json");
    // 501 is the mask: the first row is probed at its two masks, the second gets four.
    fs::write(&tokens, "[[489, 501, 7, 501, 8], [489, 10, 11]]").unwrap();
    let (_out, out, output) = probe(&["--tokens", tokens.to_str().unwrap(), "--masks", "4"]);
    succeeds(&output);
    let places: Vec<String> = lines(&out.join("position.csv"))[1..]
        .iter()
        .map(|row| row.split(',').take(2).collect::<Vec<_>>().join(","))
        .collect();
    // Positions count from the first mask of the row.
    assert_eq!(places, ["0,0", "0,2", "1,0", "1,1", "1,2", "1,3"]);
}

#[test]
fn an_interrupted_run_resumes_to_the_same_bytes() {
    let arguments = ["--prompts", &prompts(), "--limit", "30", "--masks", "12"];
    let (_whole, whole, output) = probe(&arguments);
    succeeds(&output);
    let (_cut, cut, output) = probe(&arguments);
    succeeds(&output);
    // Undo the last steps of the run: it is now one that stopped in its third unit.
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(cut.join("manifest.json")).unwrap()).unwrap();
    let mut lengths = serde_json::Map::new();
    for (name, rows) in [("probe.csv", 20 * 12 * 3), ("position.csv", 20 * 12)] {
        // Tokens may hold line ends, so rows are counted by a reader of CSV.
        let mut reader = csv::Reader::from_path(cut.join(name)).unwrap();
        reader.records().take(rows).for_each(|row| drop(row.unwrap()));
        lengths.insert(name.to_string(), reader.position().byte().into());
    }
    let progress =
        serde_json::json!({"inputs": manifest["inputs"], "units": 2, "lengths": lengths});
    fs::write(cut.join("progress.json"), progress.to_string()).unwrap();
    fs::remove_file(cut.join("manifest.json")).unwrap();
    let model = model("llada-tiny");
    let out = ["--out", cut.to_str().unwrap()];
    succeeds(&dlm(&[&["probe", "--model", &model], &arguments[..], &out].concat()));
    for name in ["probe.csv", "position.csv"] {
        assert_eq!(
            fs::read(cut.join(name)).unwrap(),
            fs::read(whole.join(name)).unwrap(),
            "{name}"
        );
    }
    assert!(cut.join("manifest.json").exists() && !cut.join("progress.json").exists());
}

#[test]
fn threads_and_batches_change_probabilities_by_rounding_only() {
    let probabilities = |arguments: &[&str]| -> Vec<f64> {
        let source = ["--prompts", &prompts(), "--limit", "6", "--masks", "16"];
        let (_folder, out, output) = probe(&[&source, arguments].concat());
        succeeds(&output);
        let mut reader = csv::Reader::from_path(out.join("probe.csv")).unwrap();
        reader.records().map(|row| row.unwrap()[5].parse().unwrap()).collect()
    };
    let alone = probabilities(&["--threads", "1", "--batch-tokens", "1"]);
    let together = probabilities(&["--threads", "2", "--batch-tokens", "4096"]);
    let largest = alone.iter().zip(&together).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(largest < 1e-5, "{largest}");
}

#[test]
fn arguments_that_make_no_sense_are_refused_with_a_remedy() {
    let many = "word ".repeat(5000);
    let missing = ["--prompts", "/nonexistent/prompts.jsonl"];
    for (arguments, part) in [
        (&["--prompt", "Why?", "--masks", "0"][..], "at least one mask"),
        (&["--prompt", "Why?", "--top-k", "513"], "512"),
        (&["--prompt", "Why?", "--top-k", "0"], "--top-k"),
        (&["--prompt", " "], "prompt is empty"),
        (&["--prompt", &many], "context has 4096"),
        (&missing, "/nonexistent/prompts.jsonl"),
        (&["--prompt", "Why?", "--device", "tpu"], "auto, cpu, cuda"),
        (&["--prompt", "Why?", "--dtype", "f16"], "use bf16"),
        (&["--prompt", "Why?", "--adapter", "/nonexistent"], "adapter_config.json"),
    ] {
        let (_folder, out, output) = probe(arguments);
        let message = message(&output);
        assert!(message.contains(part), "{arguments:?}: {message}");
        assert!(!out.join("manifest.json").exists());
    }
}

#[test]
fn a_broken_line_of_prompts_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompts.jsonl");
    fs::write(&file, "{\"prompt\": \"a b\"}\n{\"prompt\": ").unwrap();
    let (_out, _, output) = probe(&["--prompts", file.to_str().unwrap()]);
    let message = message(&output);
    assert!(message.contains("prompts.jsonl") && message.contains("line 2"), "{message}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "").unwrap();
    let out = file.join("out");
    let model = model("llada-tiny");
    let output =
        dlm(&["probe", "--model", &model, "--prompt", "Why?", "--out", out.to_str().unwrap()]);
    assert!(message(&output).contains("a-file"));
}

/// A limit on file size stands in for a full disk: writing fails in the same way.
#[test]
fn what_was_written_before_the_disk_was_full_stays_valid_and_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let command = |limit: &str| {
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\"");
        let model = model("llada-tiny");
        let arguments = ["--prompts", &prompts(), "--limit", "40", "--masks", "32"];
        Command::new("bash")
            .args(["-c", &script, "bash", env!("CARGO_BIN_EXE_dlm"), "probe", "--model", &model])
            .args(arguments)
            .args(["--out", out.to_str().unwrap()])
            .output()
            .unwrap()
    };
    // Blocks of 1024 bytes: enough for a unit or two, not for four.
    let message = message(&command("100"));
    assert!(message.contains("cannot write") && message.contains("stays valid"), "{message}");
    let kept = lines(&out.join("position.csv"));
    assert!((kept.len() - 1).is_multiple_of(10 * 32), "{}", kept.len());
    assert!(!out.join("manifest.json").exists());
    let output = command("unlimited");
    succeeds(&output);
    let rows = lines(&out.join("position.csv"));
    assert_eq!(rows.len(), 1 + 40 * 32);
    assert_eq!(rows[..kept.len()], kept);
}

#[test]
fn inspect_says_what_a_checkpoint_is() {
    let output = dlm(&["inspect", "--model", &model("dream-tiny")]);
    succeeds(&output);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["Dream", "shifted right by one", "495 \"<|mask|>\"", "bidirectional", "sha256"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_model_without_a_mask_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(model("bert-tiny")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let settings = folder.path().join("tokenizer_config.json");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("mask_token", "masked_token")).unwrap();
    let out = folder.path().join("out");
    let model = folder.path().to_str().unwrap();
    let output =
        dlm(&["probe", "--model", model, "--prompt", "Why?", "--out", out.to_str().unwrap()]);
    let message = message(&output);
    assert!(message.contains("mask_token_id") && message.contains("--adapter"), "{message}");
}
