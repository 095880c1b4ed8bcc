//! `dlm distill` as a user runs it, on a tiny causal checkpoint.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dlm-runtime/tests/fixtures/models");

/// A causal network of random weights with a tokenizer, which other fixtures lend each
/// other: the network has 320 tokens, and words are single letters.
fn model() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(format!("{MODELS}/llama-tiny/{file}"), folder.path().join(file)).unwrap();
    }
    let letters = ('a'..='z').chain([' ', '.', '?']).enumerate();
    let vocab: BTreeMap<String, usize> =
        letters.map(|(id, letter)| (letter.to_string(), id + 20)).collect();
    let end = json!({
        "id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
    });
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [end],
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
    });
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    folder
}

struct Distillation {
    _folder: TempDir,
    model: TempDir,
    prompts: PathBuf,
    out: PathBuf,
}

impl Distillation {
    fn of(prompts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("prompts.jsonl"), folder.path().join("out.jsonl"));
        fs::write(&file, prompts).unwrap();
        Self { _folder: folder, model: model(), prompts: file, out }
    }

    fn run_on(&self, model: &Path, flags: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_dlm"))
            .args(["distill", "--threads", "1", "--model"])
            .arg(model)
            .arg("--prompts")
            .arg(&self.prompts)
            .arg("--out")
            .arg(&self.out)
            .args(flags.split_whitespace())
            .output()
            .unwrap()
    }

    fn run(&self, flags: &str) -> String {
        let output = self.run_on(self.model.path(), flags);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        error + &String::from_utf8_lossy(&output.stdout)
    }

    fn refusal(&self, flags: &str) -> String {
        let output = self.run_on(self.model.path(), flags);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !error.contains("panicked"), "{error}");
        error
    }

    fn beside(&self, what: &str) -> PathBuf {
        self.out.with_added_extension(format!("{what}.json"))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.out).unwrap()
    }
}

fn prompts(count: usize) -> String {
    let line = |i: usize| json!({"id": format!("q{i}"), "prompt": "why? ".repeat(1 + i % 4)});
    (0..count).map(|i| format!("{}\n", line(i))).collect()
}

const FLAGS: &str = "--max-tokens 12 --temperature 1.2 --batch 3 --seed 5";

#[test]
fn every_prompt_has_its_answer_and_a_manifest_says_how() {
    let distillation = Distillation::of(&prompts(7));
    assert!(distillation.run(FLAGS).contains("7 answers"));
    let rows: Vec<Value> =
        distillation.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (index, row) in rows.iter().enumerate() {
        assert_eq!(row["id"], format!("q{index}"));
        assert_eq!(row["prompt"], "why? ".repeat(1 + index % 4));
        let length = row["tokens"].as_array().unwrap().len();
        assert_eq!(row["ended"].as_bool().unwrap(), length < 12, "{row}");
        assert!(row["response"].is_string());
    }
    let manifest = fs::read(distillation.beside("manifest")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["files"][0]["path"], "out.jsonl");
    assert_eq!((&manifest["inputs"]["top_k"], &manifest["seed"]), (&json!(40), &json!(5)));
    assert!(!distillation.beside("progress").exists());
    assert!(distillation.run(FLAGS).contains("up to date"));
}

#[test]
fn a_run_that_was_killed_goes_on_with_the_answers_that_are_missing() {
    let distillation = Distillation::of(&prompts(9));
    distillation.run(FLAGS);
    let whole = distillation.text();
    // Undo the end: two answers are there, in no order, and a third was being written.
    let lines: Vec<&str> = whole.lines().collect();
    let manifest = fs::read(distillation.beside("manifest")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    fs::write(distillation.beside("progress"), json!({"inputs": manifest["inputs"]}).to_string())
        .unwrap();
    fs::remove_file(distillation.beside("manifest")).unwrap();
    let torn = format!("{}\n{}\n{}", lines[6], lines[1], &lines[2][..20]);
    fs::write(&distillation.out, torn).unwrap();
    let said = distillation.run(&FLAGS.replace("--batch 3", "--batch 5"));
    assert!(said.contains("2 answers"), "{said}");
    assert_eq!(distillation.text(), whole);
}

#[test]
fn a_limit_can_be_raised() {
    let distillation = Distillation::of(&prompts(9));
    distillation.run(&format!("{FLAGS} --limit-tokens 1"));
    let few = distillation.text();
    assert!((1..9).contains(&few.lines().count()), "{few}");
    assert!(distillation.run(&format!("{FLAGS} --limit-tokens 1")).contains("up to date"));
    distillation.run(FLAGS);
    let all = distillation.text();
    assert_eq!(all.lines().count(), 9);
    assert!(few.lines().all(|line| all.contains(line)));
}

#[test]
fn answers_of_another_run_are_kept_until_forced() {
    let distillation = Distillation::of(&prompts(2));
    distillation.run(FLAGS);
    let first = distillation.text();
    let other = FLAGS.replace("--seed 5", "--seed 6");
    let error = distillation.refusal(&other);
    assert!(error.contains("another seed") && error.contains("--force"), "{error}");
    assert_eq!(distillation.text(), first);
    distillation.run(&format!("{other} --force"));
    assert_ne!(distillation.text(), first);

    let foreign = Distillation::of(&prompts(1));
    fs::write(&foreign.out, "precious\n").unwrap();
    assert!(foreign.refusal(&format!("{FLAGS} --force")).contains("choose a new file"));
    assert_eq!(foreign.text(), "precious\n");
}

#[test]
fn what_cannot_be_answered_is_named_with_its_line() {
    for (prompts, flags, part) in [
        ("{\"prompt\": \"why\"}\nwhy", "", "line 2"),
        ("{\"prompt\": \"why\"}\n\n{\"prompt\": \"  \"}", "", "line 3"),
        ("{\"id\": [1], \"prompt\": \"why\"}", "", "text or a number"),
        ("{\"prompt\": \"why\"}\n{\"id\": 0, \"prompt\": \"who\"}", "", "stands in line 1 too"),
        ("\n", "", "holds no prompt"),
        ("{\"prompt\": \"why\"}", "--max-tokens 600", "line 1"),
        ("{\"prompt\": \"why\"}", "--temperature -1", "temperature of -1"),
        ("{\"prompt\": \"why\"}", "--top-k 0", "raise top-k"),
        ("{\"prompt\": \"why\"}", "--batch 0", "raise batch"),
    ] {
        let distillation = Distillation::of(prompts);
        let error = distillation.refusal(flags);
        assert!(error.contains(part), "{prompts} {flags}: {error}");
        assert!(!distillation.out.exists());
    }
    let masked = Distillation::of(&prompts(1));
    let output = masked.run_on(Path::new(&format!("{MODELS}/llada-tiny")), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not causal"));
}
