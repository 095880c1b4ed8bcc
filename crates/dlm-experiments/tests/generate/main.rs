//! `dlm generate` as a user runs it, on a tiny checkpoint.

mod jumps;
mod refusals;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use dlm_discrete::unmasking::presets;
use dlm_experiments::{
    Prompts,
    generation::{self, GenerationRun, Sampler},
};
use dlm_runtime::Model;
use serde_json::{Value, json};
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The mask and the end of sequence of llada-tiny.
const MASK: u64 = 501;
const END: u64 = 490;

fn model() -> String {
    format!("{ROOT}/crates/dlm-runtime/tests/fixtures/models/llada-tiny")
}

fn prompts() -> String {
    format!("{ROOT}/data/prompts/prompts.jsonl")
}

/// Runs `dlm generate` on `model`, flags separated by spaces.
fn generate_on(model: &str, out: &Path, source: &[&str], flags: &str) -> Output {
    // Tests run side by side and need no threads of their own.
    let threads = if flags.contains("--threads") { &[][..] } else { &["--threads", "1"] };
    Command::new(env!("CARGO_BIN_EXE_dlm"))
        .arg("generate")
        .args(threads)
        .args(["--model", model, "--out"])
        .arg(out)
        .args(source)
        .args(flags.split_whitespace())
        .output()
        .unwrap()
}

/// Runs it on llada-tiny into a fresh folder.
fn generate(source: &[&str], flags: &str) -> (TempDir, PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = generate_on(&model(), &out, source, flags);
    (folder, out, output)
}

fn ask(flags: &str) -> (TempDir, PathBuf, Output) {
    generate(&["--prompt", "How many minutes?"], flags)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
}

fn message(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!stderr(output).contains("panicked"), "{}", stderr(output));
    stderr(output)
}

/// Rows of a CSV file as maps from column to cell.
fn rows(path: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

/// The token ids of every sample.
fn ids(out: &Path) -> Vec<Vec<u64>> {
    let parse = |row: &std::collections::BTreeMap<String, String>| {
        serde_json::from_str(&row["token_ids"]).unwrap()
    };
    rows(&out.join("samples.csv")).iter().map(parse).collect()
}

fn manifest(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn every_sample_has_a_row_and_the_manifest_repeats_the_sampler() {
    let flags = "--gen-length 12 --steps 6 --samples 2 --temperature 1 --preset dream-margin";
    let (_folder, out, output) = ask(flags);
    succeeds(&output);
    let samples = rows(&out.join("samples.csv"));
    let places: Vec<_> = samples.iter().map(|r| (&*r["prompt"], &*r["sample"])).collect();
    assert_eq!(places, [("0", "0"), ("0", "1")]);
    for (row, ids) in samples.iter().zip(ids(&out)) {
        assert_eq!((&*row["nfe"], &*row["steps"]), ("6", "6"));
        assert_eq!((&*row["tokens_per_forward"], &*row["remasks"]), ("2.0", "0"));
        assert!(ids.len() == 12 && !ids.contains(&MASK), "{ids:?}");
        let end = ids.iter().position(|&id| id == END).map_or(0, |end| 12 - end - 1);
        assert_eq!(row["wasted_positions"], end.to_string());
    }
    assert_ne!(samples[0]["token_ids"], samples[1]["token_ids"]);
    assert_eq!(rows(&out.join("timing.csv")).len(), 2);

    let inputs = manifest(&out)["inputs"].clone();
    let mut sampler = presets::dream_margin();
    (sampler.steps, sampler.tokens.temperature) = (Some(6), 1.0);
    sampler.ending.tokens =
        serde_json::from_value(inputs["sampler"]["ending"]["tokens"].clone()).unwrap();
    assert!(sampler.ending.tokens.contains(&(END as u32)));
    let mut whole = serde_json::to_value(sampler).unwrap();
    whole["process"] = json!("unmasking");
    assert_eq!((&inputs["sampler"], &inputs["preset"]), (&whole, &json!("dream-margin")));

    // The texts, and nothing else, are on standard output.
    let texts: Vec<String> = samples.iter().map(|row| row["text"].trim_end().to_string()).collect();
    let expected =
        format!("prompt 0, sample 0:\n{}\nprompt 0, sample 1:\n{}\n", texts[0], texts[1]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn batches_threads_and_order_change_no_byte() {
    for flags in ["--temperature 1", "--preset mdlm --steps 8", "--preset wino --threshold 0.01"] {
        let bytes = |how: &str| {
            let folder = tempfile::tempdir().unwrap();
            let trace = folder.path().join("trace.jsonl");
            let source = ["--prompts", &prompts(), "--trace", trace.to_str().unwrap()];
            let flags = format!("{flags} --limit 2 --samples 2 --gen-length 12 {how}");
            let (_folder, out, output) = generate(&source, &flags);
            succeeds(&output);
            (
                fs::read_to_string(out.join("samples.csv")).unwrap(),
                fs::read_to_string(trace).unwrap(),
            )
        };
        let alone = bytes("--batch 1 --threads 1");
        for how in ["--batch 3 --threads 2", "--batch 4"] {
            let (samples, trace) = bytes(how);
            assert_eq!(samples, alone.0, "{flags} {how}");
            assert_eq!(lines(&trace), lines(&alone.1), "{flags} {how}");
        }
    }
}

/// The lines of a trace without the numbers that rounding may change.
fn lines(trace: &str) -> Vec<Value> {
    let mut lines: Vec<Value> =
        trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        for committed in line["committed"].as_array_mut().into_iter().flatten() {
            let fields = committed.as_object_mut().unwrap();
            fields.retain(|field, _| field == "token" || field == "position");
        }
    }
    lines
}

#[test]
fn every_preset_fills_every_mask() {
    let mut model = Model::try_from(Path::new(&model())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for preset in presets::ALL {
        let out = folder.path().join(preset.name);
        let run = GenerationRun {
            prompts: Prompts::single("How many minutes?"),
            sampler: Sampler::Unmasking((preset.sampler)()),
            preset: Some(preset.name.to_string()),
            gen_length: 9,
            samples: 2,
            seed: 0,
            batch: None,
            watch: false,
            trace: None,
            force: false,
        };
        generation::generate(&mut model, &run, &out, &mut ()).unwrap();
        let ids = ids(&out);
        assert_eq!(ids.len(), 2);
        for ids in ids {
            assert!(ids.len() == 9 && !ids.contains(&MASK), "{}: {ids:?}", preset.name);
        }
    }
}

#[test]
fn overrides_reach_the_sampler() {
    for (flags, field, value) in [
        ("--order left-to-right", "order", json!({"by": "left-to-right"})),
        (
            "--order position-calibrated",
            "order",
            json!({"by": "position-calibrated", "lambda": 0.25, "cap": 10.0}),
        ),
        ("--commit factor --factor 2", "commit", json!({"rule": "factor", "factor": 2.0})),
        ("--block-length 2", "block_length", json!(2)),
        ("--eos truncate", "ending.policy", json!({"kind": "truncate"})),
        ("--guidance 0.5", "tokens.guidance", json!(0.5)),
        ("--top-k 3 --temperature 1", "tokens.top_k", json!(3)),
    ] {
        let (_folder, out, output) = ask(&format!("--gen-length 4 {flags}"));
        succeeds(&output);
        let sampler = &manifest(&out)["inputs"]["sampler"];
        let found = field.split('.').fold(sampler, |at, field| &at[field]);
        assert_eq!(found, &value, "{flags}");
    }
    let (_folder, out, output) = ask("--gen-length 4 --guidance 0.5");
    succeeds(&output);
    assert_eq!(rows(&out.join("samples.csv"))[0]["nfe"], "8");
    let (_folder, out, output) = ask("--gen-length 40 --temperature 50 --eos logits --ban 7,8");
    succeeds(&output);
    assert!(ids(&out)[0].iter().all(|id| ![END, 7, 8].contains(id)));
}

#[test]
fn a_sampler_file_is_a_whole_sampler_and_what_a_manifest_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sampler.toml");
    let text = "steps = 3\norder = { by = \"entropy\" }\ncommit = { rule = \"even-split\" }\n";
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let (_folder, out, output) = ask(&format!("--gen-length 6 --sampler {path} --temperature 1"));
    succeeds(&output);
    let inputs = &manifest(&out)["inputs"];
    assert_eq!((&inputs["sampler"]["steps"], &inputs["preset"]), (&json!(3), &Value::Null));
    assert_eq!(inputs["sampler"]["tokens"]["temperature"], 1.0);
}

#[test]
fn rows_of_ids_are_continued_or_filled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    fs::write(&file, "[[489, 501, 7, 501, 8], [489, 10, 11]]").unwrap();
    let (_out, out, output) = generate(&["--tokens", file.to_str().unwrap()], "--gen-length 4");
    succeeds(&output);
    assert_eq!(ids(&out).iter().map(Vec::len).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn ids_need_no_tokenizer_and_token_frequencies_do() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(format!("{}/{file}", model()), folder.path().join(file)).unwrap();
    }
    let tokens = folder.path().join("tokens.json");
    fs::write(&tokens, "[[489, 10, 11]]").unwrap();
    let (model, out) = (folder.path().to_str().unwrap(), folder.path().join("out"));
    let source = ["--tokens", tokens.to_str().unwrap()];
    succeeds(&generate_on(model, &out, &source, "--gen-length 4"));
    assert_eq!(rows(&out.join("samples.csv"))[0]["text"], "");
    let output = generate_on(model, &out, &source, "--gen-length 4 --order position-calibrated");
    let message = message(&output);
    assert!(message.contains("has no tokenizer") && message.contains("--order"), "{message}");
    // An argument that cannot be leaves what is there alone.
    assert!(out.join("manifest.json").exists());
}

#[test]
fn a_stopped_run_goes_on_with_the_samples_that_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (out, trace) = (folder.path().join("out"), folder.path().join("trace.jsonl"));
    let source = ["--prompts", &prompts(), "--trace", trace.to_str().unwrap()];
    let flags = "--limit 3 --samples 2 --gen-length 8 --temperature 1 --batch 4";
    succeeds(&generate_on(&model(), &out, &source, flags));
    let read = |name: &str| fs::read(out.join(name)).unwrap();
    let steps = || lines(&fs::read_to_string(&trace).unwrap());
    let whole = (read("samples.csv"), steps());

    // Undo the end of the run: two samples are finished, in no order, and the third was
    // being written.
    let mut lengths = serde_json::Map::new();
    for name in ["samples.csv", "timing.csv"] {
        let mut reader = csv::Reader::from_path(out.join(name)).unwrap();
        let header = reader.headers().unwrap().clone();
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        let mut writer = csv::Writer::from_path(out.join(name)).unwrap();
        for record in [&header, &records[4], &records[1]] {
            writer.write_record(record).unwrap();
        }
        writer.flush().unwrap();
        drop(writer);
        lengths.insert(name.to_string(), fs::metadata(out.join(name)).unwrap().len().into());
        let torn = [read(name), b"0,0,\"[1".to_vec()].concat();
        fs::write(out.join(name), torn).unwrap();
    }
    let inputs = manifest(&out)["inputs"].clone();
    let progress = json!({"inputs": inputs, "units": 2, "lengths": lengths});
    fs::write(out.join("progress.json"), progress.to_string()).unwrap();
    fs::remove_file(out.join("manifest.json")).unwrap();
    let text = fs::read_to_string(&trace).unwrap();
    fs::write(&trace, &text[..text.len() - 30]).unwrap();
    let timing = rows(&out.join("timing.csv"))[..2].to_vec();

    let again = generate_on(&model(), &out, &source, flags);
    succeeds(&again);
    assert_eq!((read("samples.csv"), steps()), whole);
    let spoken = String::from_utf8_lossy(&again.stdout).into_owned();
    let heard: BTreeSet<&str> = spoken.lines().filter(|line| line.starts_with("prompt ")).collect();
    assert_eq!(heard.len(), 4, "{spoken}");
    assert!(!heard.contains("prompt 2, sample 0:") && !heard.contains("prompt 0, sample 1:"));
    let kept = rows(&out.join("timing.csv"));
    assert!(kept[4] == timing[0] && kept[1] == timing[1]);

    let third = generate_on(&model(), &out, &source, flags);
    succeeds(&third);
    assert!(stderr(&third).contains("up to date") && third.stdout.is_empty());
    fs::remove_file(&trace).unwrap();
    succeeds(&generate_on(&model(), &out, &source, flags));
    assert_eq!(steps(), whole.1);
}

/// Two runs may not write one trace, for the second would take the first one's away.
#[test]
fn a_trace_belongs_to_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
    let source = ["--prompts", &prompts(), "--trace", trace.to_str().unwrap()];
    let flags = "--limit 1 --gen-length 4";
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    succeeds(&generate_on(&model(), &first, &source, flags));
    let written = fs::read(&trace).unwrap();
    let seeded = format!("{flags} --seed 1");
    let refused = generate_on(&model(), &second, &source, &seeded);
    assert!(stderr(&refused).contains("another run"), "{}", stderr(&refused));
    assert!(!second.exists() && fs::read(&trace).unwrap() == written);
    succeeds(&generate_on(&model(), &second, &source, &format!("{seeded} --force")));
    assert_ne!(fs::read(&trace).unwrap(), written);
}

/// A sample is the same however many there are beside it.
#[test]
fn a_sample_does_not_depend_on_how_many_are_drawn() {
    let drawn = |samples: usize| {
        let source = ["--prompts", &prompts()];
        let flags = format!("--limit 2 --gen-length 6 --temperature 1 --samples {samples}");
        let (_folder, out, output) = generate(&source, &flags);
        succeeds(&output);
        let first = |row: &BTreeMap<String, String>| row["sample"] == "0";
        let rows = rows(&out.join("samples.csv")).into_iter().filter(first);
        rows.map(|row| row["token_ids"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(drawn(1), drawn(3));
}

#[test]
fn a_trace_tells_when_every_token_came() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
    let flags = format!("--gen-length 6 --steps 3 --trace {} --watch", trace.display());
    let (_folder, out, output) = ask(&flags);
    succeeds(&output);
    let text = fs::read_to_string(&trace).unwrap();
    // After the line that says whose trace it is.
    let lines = text.lines().skip(1);
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    let map = lines[3]["step_map"].as_array().unwrap();
    let ids = &ids(&out)[0];
    for (number, line) in lines[..3].iter().enumerate() {
        assert_eq!((&line["step"], &line["nfe"]), (&json!(number), &json!(number + 1)));
        for committed in line["committed"].as_array().unwrap() {
            let first = lines[..3].iter().flat_map(|l| l["committed"].as_array().unwrap());
            let first = first.map(|c| c["position"].as_u64().unwrap()).min().unwrap();
            let ordinal = (committed["position"].as_u64().unwrap() - first) as usize;
            assert_eq!(
                (&map[ordinal], &json!(ids[ordinal])),
                (&json!(number), &committed["token"])
            );
            let probability = committed["probability"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&probability) && committed["entropy"].is_f64());
        }
    }
    // Watched, and no terminal there: a line a step, two positions committed in each.
    let error = stderr(&output);
    let steps: Vec<&str> = error.lines().filter(|line| line.starts_with("prompt 0")).collect();
    assert_eq!(steps.iter().map(|s| s.matches('░').count()).collect::<Vec<_>>(), [4, 2, 0]);
}
