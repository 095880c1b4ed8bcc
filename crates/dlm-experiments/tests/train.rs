//! `dlm train` as a user runs it, on a tiny causal checkpoint.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dlm-runtime/tests/fixtures/models");

const RECIPE: &str = "tokens = 512\nrank = 2\nalpha = 4.0\ncheckpoint_every = 2\n\
    validate_every = 4\nvalidate_on = 2\n[objective]\nkind = \"masked\"\n\
    [layout]\nlength = 48\nmultiple = 8\nstep_tokens = 64\n";

/// A tiny base with a tokenizer of single letters, a recipe, and texts.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(recipe: &str, texts: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        fs::create_dir(&model).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(format!("{MODELS}/llama-tiny/{file}"), model.join(file)).unwrap();
        }
        let letters = ('a'..='z').chain([' ', '.', '?']).enumerate();
        let vocab: BTreeMap<String, usize> =
            letters.map(|(id, letter)| (letter.to_string(), id + 20)).collect();
        let tokenizer = json!({
            "version": "1.0", "added_tokens": [],
            "model": {"type": "BPE", "vocab": vocab, "merges": []},
        });
        fs::write(model.join("tokenizer.json"), tokenizer.to_string()).unwrap();
        fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
        fs::write(folder.path().join("texts.jsonl"), texts).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, flags: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_dlm"))
            .args(["train", "--threads", "1", "--dtype", "f32", "--model"])
            .arg(self.path("model"))
            .arg("--recipe")
            .arg(self.path("recipe.toml"))
            .arg("--data")
            .arg(self.path("texts.jsonl"))
            .arg("--out")
            .arg(self.path("out"))
            .args(flags.split_whitespace())
            .output()
            .unwrap()
    }

    fn refused(&self) -> String {
        let output = self.run("");
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("panicked"), "{error}");
        error
    }
}

fn texts() -> String {
    let line = |k: usize| {
        let response = ["a cat sat on a mat.", "dogs bark at night.", "it rains."][k % 3];
        let row =
            json!({ "prompt": "what now?", "response": response, "held_out": k.is_multiple_of(4) });
        row.to_string()
    };
    (0..12).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_training_leaves_an_adapter_that_loads_losses_and_a_record() {
    let bench = Bench::new(RECIPE, &texts());
    let first = bench.run("--minutes 0");
    let said = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(first.status.success() && said.contains("0 of 8 steps"), "{first:?}");
    let second = bench.run("");
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.success(), "{told}");
    assert!(told.contains("9 texts to learn from, 3 to measure on"), "{told}");
    assert!(told.contains("tokens a second") && told.contains("held out, t = 0.5"), "{told}");

    let record: Value =
        serde_json::from_slice(&fs::read(bench.path("out/training.json")).unwrap()).unwrap();
    assert_eq!(record["steps"], 8);
    assert_eq!(record["whole"], true);
    assert_eq!(record["data"][0]["texts"], 9);
    assert_eq!(record["recipe"]["objective"]["kind"], "masked");
    let curve = fs::read_to_string(bench.path("out/curve.csv")).unwrap();
    assert_eq!(curve.lines().count(), 9);
    let figure = fs::read_to_string(bench.path("out/losses.svg")).unwrap();
    let figure = roxmltree::Document::parse(&figure).unwrap();
    let label = |node: roxmltree::Node<'_, '_>| node.text().is_some_and(|t| t.trim() == "t = 0.15");
    assert!(figure.descendants().any(label));

    let inspected = Command::new(env!("CARGO_BIN_EXE_dlm"))
        .args(["inspect", "--model"])
        .arg(bench.path("model"))
        .arg("--adapter")
        .arg(bench.path("out/adapter"))
        .output()
        .unwrap();
    assert!(inspected.status.success(), "{}", String::from_utf8_lossy(&inspected.stderr));
    let again = bench.run("");
    assert!(String::from_utf8_lossy(&again.stdout).contains("8 of 8 steps"), "{again:?}");
}

#[test]
fn what_cannot_be_trained_on_is_refused_by_file_line_and_field() {
    let good = texts();
    let line = |row: Value| format!("{good}\n{row}");
    let long = "a".repeat(600);
    let cases = [
        (RECIPE, String::new(), vec!["texts.jsonl", "no text to learn from"]),
        (RECIPE, good.replace("true", "false"), vec!["to measure on", "held_out"]),
        (RECIPE, good.replace("false", "true"), vec!["to learn from"]),
        (RECIPE, format!("{good}\n{{"), vec!["texts.jsonl: line 13", "JSON object"]),
        (RECIPE, line(json!({"prompt": "a"})), vec!["line 13", "response"]),
        (RECIPE, line(json!({"prompt": " ", "response": "a"})), vec!["line 13: prompt", "empty"]),
        (RECIPE, line(json!({"prompt": "a", "response": " "})), vec!["line 13: response"]),
        (
            RECIPE,
            line(json!({"prompt": "a", "response": "b", "tokens": [320]})),
            vec!["line 13: tokens", "320"],
        ),
        (RECIPE, line(json!({"prompt": long, "response": "b"})), vec!["line 13: prompt", "512"]),
    ];
    for (recipe, texts, words) in &cases {
        let error = Bench::new(recipe, texts).refused();
        words.iter().for_each(|word| assert!(error.contains(word), "{word}: {error}"));
    }
    let recipes = [
        (RECIPE.replace("rank = 2", "rank = 0"), "rank: 0"),
        (RECIPE.replace("length = 48", "length = 50"), "layout.length: 50"),
        (RECIPE.replace("length = 48", "length = 1024"), "the base's context of 512"),
        (RECIPE.replace("alpha", "alhpa"), "alhpa"),
        (RECIPE.replace("\"masked\"", "\"masked\"\nending = 2.0"), "objective.ending: 2"),
        (RECIPE.replace("\"masked\"", "\"masked\"\nmask = 999"), "token 999"),
        (format!("{RECIPE}[optimiser]\nrate = 0.0\n"), "optimiser.rate: 0"),
    ];
    for (recipe, word) in &recipes {
        let error = Bench::new(recipe, &good).refused();
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn a_folder_with_another_training_is_refused_unless_forced() {
    let bench = Bench::new(RECIPE, &texts());
    assert!(bench.run("").status.success());
    // How a step is computed is nothing that another training would differ in.
    fs::write(bench.path("recipe.toml"), format!("accumulate = 2\n{RECIPE}")).unwrap();
    assert!(bench.run("").status.success());
    fs::write(bench.path("recipe.toml"), RECIPE.replace("512", "640")).unwrap();
    let error = bench.refused();
    assert!(error.contains("another recipe") && error.contains("--force"), "{error}");
    let forced = bench.run("--force");
    assert!(String::from_utf8_lossy(&forced.stdout).contains("10 of 10 steps"), "{forced:?}");
}

/// Runs another command of `dlm` on the tiny base with the adapter that was trained.
fn with_adapter(bench: &Bench, command: &str, flags: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dlm"))
        .args([command, "--threads", "1", "--dtype", "f32", "--model"])
        .arg(bench.path("model"))
        .arg("--adapter")
        .arg(bench.path("out/adapter"))
        .args(flags.split_whitespace())
        .current_dir(bench.folder.path())
        .output()
        .unwrap()
}

#[test]
fn a_gaussian_adapter_writes_with_every_solver_and_is_measured() {
    let bench = Bench::new(&RECIPE.replace("masked", "gaussian"), &texts());
    assert!(bench.run("").status.success());
    let generate = |flags: &str| {
        let flags = format!("--prompt what --gen-length 6 --samples 3 {flags}");
        with_adapter(&bench, "generate", &flags)
    };
    let samples = |out: &str| {
        let rows = csv::Reader::from_path(bench.path(out).join("samples.csv")).unwrap();
        rows.into_deserialize().collect::<Result<Vec<BTreeMap<String, String>>, _>>().unwrap()
    };
    // Evaluations of five steps, the last of which ends at data and needs one.
    let evaluations = [
        ("ddpm", 5),
        ("ddim", 5),
        ("euler", 5),
        ("heun", 9),
        ("dpmpp-2m", 5),
        ("dpmpp-3m", 5),
        ("dpmpp-2s", 9),
        ("flow", 17),
        ("vdm", 5),
    ];
    for (solver, nfe) in evaluations {
        let run = generate(&format!("--solver {solver} --steps 5 --batch 2 --out {solver}"));
        assert!(run.status.success(), "{solver}: {}", String::from_utf8_lossy(&run.stderr));
        let rows = samples(solver);
        assert_eq!(rows.len(), 3);
        for row in &rows {
            let ids: Vec<u32> = serde_json::from_str(&row["token_ids"]).unwrap();
            assert!(ids.len() == 6 && ids.iter().all(|&id| id < 320), "{solver}: {row:?}");
            assert_eq!(row["nfe"], nfe.to_string(), "{solver}");
        }
        assert!(rows[0]["token_ids"] != rows[1]["token_ids"], "{solver}: {rows:?}");
    }
    // A sample depends on its own numbers alone.
    let run = generate("--solver ddpm --steps 5 --batch 1 --trace trace.jsonl --watch --out alone");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(samples("alone"), samples("ddpm"));
    let trace = fs::read_to_string(bench.path("trace.jsonl")).unwrap();
    assert_eq!(trace.lines().count(), 1 + 3 * (5 + 1), "{trace}");

    let unnamed = generate("--steps 5 --batch 2 --out unnamed");
    assert!(unnamed.status.success(), "{}", String::from_utf8_lossy(&unnamed.stderr));
    assert_eq!(samples("unnamed"), samples("dpmpp-2m"));
    for (flags, words) in [
        ("--solver ddmp", vec!["ddmp", "ddpm"]),
        ("--solver ddpm --steps 0", vec!["--steps", "1 to 1000000"]),
        ("--solver ddpm --order random", vec!["--order", "--solver"]),
        ("--solver ddpm --temperature 1", vec!["--temperature"]),
        ("--preset llada", vec!["--solver"]),
    ] {
        let run = generate(&format!("{flags} --out refused"));
        let error = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(!run.status.success() && !error.contains("panicked"), "{flags}: {error}");
        words.iter().for_each(|word| assert!(error.contains(word), "{flags}: {error}"));
    }

    let flags = "--data texts.jsonl --samples 2 --gen-length 6 --steps 4 --bound-samples 1";
    for out in ["first", "second"] {
        let run = with_adapter(&bench, "eval", &format!("{flags} --out {out}"));
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    for file in ["eval.csv", "rows.csv", "samples.csv"] {
        let read = |out: &str| fs::read_to_string(bench.path(out).join(file)).unwrap();
        assert_eq!(read("first"), read("second"), "{file}");
    }
    let measures = fs::read_to_string(bench.path("first/eval.csv")).unwrap();
    for measure in ["noisy cross-entropy at t = 0.25", "noisy accuracy at t = 1", "bound on nats"] {
        assert!(measures.contains(measure), "{measures}");
    }
}

#[test]
fn a_masked_adapter_has_no_solver() {
    let bench = Bench::new(RECIPE, &texts());
    assert!(bench.run("").status.success());
    let run = with_adapter(&bench, "generate", "--prompt what --solver ddpm --out out2");
    let error = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success() && error.contains("Gaussian"), "{error}");
}
