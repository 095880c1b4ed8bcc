//! Jump samplers on tiny MDLM checkpoints, which have no tokenizer.

use std::{fs, path::PathBuf, process::Output};

use dlm_core::Measure;
use dlm_discrete::jump::{JumpSampler, presets};
use dlm_experiments::{
    Prompts,
    generation::{self, GenerationRun, Sampler},
};
use dlm_runtime::{LoadOptions, Model, Parametrisation, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ROOT, generate_on, ids, lines, manifest, message, rows, stderr, succeeds};

/// The mask of the checkpoints.
const MASK: u64 = 299;

/// Two rows: one to continue, one with masks between its tokens.
const TOKENS: &str = "[[5, 6, 7], [8, 299, 9, 299, 299, 10]]";

/// Runs `dlm generate` on a checkpoint into a folder that also has the trace.
fn fill(model: &str, flags: &str) -> (TempDir, PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, out) = (folder.path().join("tokens.json"), folder.path().join("out"));
    fs::write(&tokens, TOKENS).unwrap();
    let model = format!("{ROOT}/crates/dlm-runtime/tests/fixtures/models/{model}");
    let trace = folder.path().join("trace.jsonl");
    let source = ["--tokens", tokens.to_str().unwrap(), "--trace", trace.to_str().unwrap()];
    let output = generate_on(&model, &out, &source, &format!("--gen-length 11 {flags}"));
    (folder, out, output)
}

/// A checkpoint read as scores or as probabilities, whichever the sampler needs.
fn model(name: &str, sampler: &JumpSampler) -> Model {
    let folder = PathBuf::from(format!("{ROOT}/crates/dlm-runtime/tests/fixtures/models/{name}"));
    let source = Source { id: name.to_string(), revision: None, folder, adapter: None };
    let parametrisation = match sampler.measure() {
        Measure::Score => Parametrisation::Sedd,
        Measure::Probability => Parametrisation::D3pm,
    };
    let parametrisation = Some(parametrisation);
    Model::load(source, LoadOptions { parametrisation, ..LoadOptions::default() }).unwrap()
}

/// What a run left behind, within this process.
struct Run {
    out: PathBuf,
    csv: String,
    trace: Vec<Value>,
    _folder: TempDir,
}

fn run(model: &mut Model, sampler: &JumpSampler, batch: usize, seed: u64) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let [tokens, out, trace] = ["tokens.json", "out", "trace"].map(|name| folder.path().join(name));
    fs::write(&tokens, TOKENS).unwrap();
    let run = GenerationRun {
        prompts: Prompts::tokens(&tokens).unwrap(),
        sampler: Sampler::Jump(JumpSampler { steps: 6, ..sampler.clone() }),
        preset: None,
        gen_length: 11,
        samples: 2,
        seed,
        batch: Some(batch),
        watch: false,
        trace: Some(trace.clone()),
        force: false,
    };
    generation::generate(model, &run, &out, &mut ()).unwrap();
    let csv = fs::read_to_string(out.join("samples.csv")).unwrap();
    let trace = lines(&fs::read_to_string(&trace).unwrap());
    Run { out, csv, trace, _folder: folder }
}

/// No mask is left, the trace leads to what is written, and nothing else is touched.
#[test]
fn every_preset_fills_the_canvas_and_accounts_for_it() {
    for name in ["mdlm-tiny", "mdlm-notime"] {
        for preset in presets::ALL {
            let sampler = (preset.sampler)();
            let run = run(&mut model(name, &sampler), &sampler, 8, 0);
            let ids = ids(&run.out);
            let case = format!("{name} {}", preset.name);
            assert_eq!(ids.iter().map(Vec::len).collect::<Vec<_>>(), [11, 11, 3, 3], "{case}");
            assert!(!ids.concat().contains(&MASK), "{case}: {ids:?}");
            for (row, ids) in rows(&run.out.join("samples.csv")).iter().zip(&ids) {
                let nfe: usize = row["nfe"].parse().unwrap();
                assert!(nfe <= 7 && row["steps"].parse::<usize>().unwrap() <= 7, "{row:?}");
                let [prompt, sample]: [u64; 2] =
                    ["prompt", "sample"].map(|column| row[column].parse().unwrap());
                let of_row = |line: &&Value| line["prompt"] == prompt && line["sample"] == sample;
                let own: Vec<&Value> = run.trace.iter().filter(of_row).collect();
                let (last, steps) = own.split_last().unwrap();
                assert_eq!(steps.last().unwrap()["nfe"], nfe, "{case}");
                let response = if prompt == 0 { (3..14).collect() } else { vec![1, 3, 4] };
                for step in steps {
                    for new in step["committed"].as_array().unwrap() {
                        let position = new["position"].as_u64().unwrap();
                        let ordinal = response.iter().position(|&p| p == position).unwrap();
                        if last["step_map"][ordinal] == step["step"] {
                            assert_eq!(new["token"], ids[ordinal], "{case}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_seed_decides_and_the_batch_does_not() {
    for preset in presets::ALL {
        let sampler = (preset.sampler)();
        let model = &mut model("mdlm-tiny", &sampler);
        let alone = run(model, &sampler, 1, 0);
        for batch in [1, 3] {
            let again = run(model, &sampler, batch, 0);
            assert_eq!((&again.csv, &again.trace), (&alone.csv, &alone.trace), "{}", preset.name);
        }
        assert_ne!(run(model, &sampler, 1, 1).csv, alone.csv, "{}", preset.name);
    }
}

#[test]
fn the_manifest_repeats_a_sampler_that_can_be_read_again() {
    let (folder, out, output) = fill("mdlm-tiny", "--preset flow --steps 5 --top-p 0.9 --watch");
    succeeds(&output);
    let watched = stderr(&output);
    assert!(watched.contains("prompt 1, sample 0, step 0"), "{watched}");
    let inputs = manifest(&out)["inputs"].clone();
    assert_eq!((&inputs["preset"], &inputs["parametrisation"]), (&json!("flow"), &json!("subs")));
    assert_eq!(inputs["sampler"]["process"], "jump");
    assert_eq!(
        (&inputs["sampler"]["steps"], &inputs["sampler"]["top_p"]),
        (&json!(5), &json!(0.9))
    );
    let file = folder.path().join("sampler.json");
    fs::write(&file, inputs["sampler"].to_string()).unwrap();
    let (_folder, again, output) = fill("mdlm-tiny", &format!("--sampler {}", file.display()));
    succeeds(&output);
    assert_eq!(ids(&again), ids(&out));
}

#[test]
fn what_jump_samplers_cannot_do_is_refused_with_a_remedy() {
    for (model, flags, part) in [
        ("mdlm-tiny", "--preset sedd-euler", "read as subs"),
        ("mdlm-tiny", "--preset sedd-analytic", "--parametrisation sedd"),
        ("mdlm-tiny", "--preset sedd-analytic --parametrisation d3pm", "read as d3pm"),
        ("llada-tiny", "--preset sedd-euler", "read as logits"),
        ("llada-tiny", "--parametrisation sedd", "only MDLM has one"),
        ("mdlm-tiny", "--parametrisation sed", "use subs, d3pm or sedd"),
        ("mdlm-tiny", "--preset duo-psy", "\"duo-psi\""),
        ("mdlm-tiny", "--preset flow --steps 0", "steps = 0"),
        ("mdlm-tiny", "--preset flow --top-p 1.5", "top_p = 1.5"),
        ("mdlm-tiny", "--preset flow --temperature 0", "--temperature: only masked samplers"),
        ("mdlm-tiny", "--preset flow --eos truncate", "leave --eos out"),
    ] {
        let (_folder, out, output) = fill(model, flags);
        let message = message(&output);
        assert!(message.contains(part), "{flags}: {message}");
        assert!(!out.exists(), "{flags}");
    }
}

#[test]
fn uniform_noise_on_a_network_of_masks_is_remarked_on() {
    for (flags, part) in [
        ("--preset duo-psi", "try --parametrisation d3pm"),
        ("--preset d3pm-uniform --parametrisation d3pm", "trained on masks"),
    ] {
        let (_folder, _, output) = fill("mdlm-tiny", &format!("{flags} --steps 3"));
        succeeds(&output);
        assert!(stderr(&output).contains(part), "{flags}: {}", stderr(&output));
    }
    let (_folder, _, output) = fill("mdlm-tiny", "--preset flow --steps 3");
    assert!(!stderr(&output).contains("trained on masks"));
}
