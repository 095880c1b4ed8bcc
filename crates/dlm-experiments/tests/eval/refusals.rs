//! What cannot be evaluated is refused with the line, the field and the remedy.

use std::{fs, path::Path};

use clap::Parser;
use dlm_experiments::{commands::EvalArguments, evaluation::evaluate};
use serde_json::json;

use crate::{
    Evaluation,
    models::{fixture, random},
};

const GOOD: &str = r#"{"prompt": "why", "response": "so"}"#;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    eval: EvalArguments,
}

/// Checks the message of each (texts, flags, its parts), with the model loaded once.
fn check<T: AsRef<str>>(
    model: &[&Path],
    cases: impl IntoIterator<Item = (T, &'static str, [&'static str; 2])>,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let parse = |flags: &str| {
        let words =
            ["dlm", "--threads", "1", "--data", &path("texts.jsonl"), "--out", &path("out")];
        let models = ["--model", "--adapter"].iter().zip(model);
        let models =
            models.flat_map(|(flag, folder)| [(*flag).to_string(), folder.display().to_string()]);
        let words = words.into_iter().map(String::from).chain(models);
        Flags::parse_from(words.chain(flags.split_whitespace().map(String::from))).eval
    };
    let mut loaded = parse("").model.load().unwrap();
    for (texts, flags, parts) in cases {
        let texts = texts.as_ref();
        fs::write(path("texts.jsonl"), texts).unwrap();
        let arguments = parse(flags);
        let error = evaluate(&mut loaded, None, &arguments.run(), &arguments.out);
        let error = error.unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{texts} {flags}: {error}");
        assert!(!arguments.out.exists(), "{texts} {flags}");
    }
}

#[test]
fn texts_are_refused_by_line_and_field() {
    let base = random();
    let after_good = |line: &str| format!("{GOOD}\n{line}\n");
    let long = json!({"prompt": "why", "tokens": vec![20; 600]}).to_string();
    let cases = [
        (String::new(), "", ["file", "holds no text"]),
        ("\n \n".to_string(), "", ["file", "holds no text"]),
        (after_good("{\"prompt\": \"why\""), "", ["line 2", "JSON object"]),
        (after_good("[1]"), "", ["line 2", "JSON object"]),
        (after_good("{\"response\": \"so\"}"), "", ["line 2", "prompt: it is missing"]),
        (after_good("{\"prompt\": \"why\"}"), "", ["line 2", "response: it is missing"]),
        (after_good("{\"prompt\": 1, \"response\": \"so\"}"), "", ["line 2", "prompt: "]),
        (after_good("{\"prompt\": \" \", \"response\": \"so\"}"), "", ["line 2", "is empty"]),
        (after_good("{\"prompt\": \"a\", \"tokens\": [-1]}"), "", ["line 2", "list of token ids"]),
        (after_good("{\"prompt\": \"a\", \"tokens\": [320]}"), "", ["line 2", "tokens: token 320"]),
        (after_good("{\"prompt\": \"a\", \"tokens\": [21, 2]}"), "", ["line 2", "\"ended\": true"]),
        (
            after_good("{\"prompt\": \"a\", \"response\": \"b\", \"ended\": \"yes\"}"),
            "",
            ["line 2", "ended: "],
        ),
        (
            after_good("{\"prompt\": \"a\", \"response\": \"b\", \"held_out\": 1}"),
            "",
            ["line 2", "held_out: "],
        ),
        (
            "{\"prompt\": \"a\", \"response\": \"b\", \"held_out\": false}".to_string(),
            "",
            ["held_out", "no row says true"],
        ),
        ("{\"prompt\": \"a\", \"response\": \"\"}".to_string(), "", ["response", "no answer"]),
        (after_good(&long), "", ["line 2", "context has 512"]),
        (GOOD.to_string(), "--gen-length 600", ["line 1", "context has 512"]),
        (GOOD.to_string(), "--limit 0", ["--limit 0", "at least 1"]),
        (GOOD.to_string(), "--gen-length 0", ["--gen-length 0", "at least 1"]),
        (GOOD.to_string(), "--bound-samples 0", ["--bound-samples 0", "at least 1"]),
        (GOOD.to_string(), "--steps 4", ["--steps", "leave --steps out"]),
        (GOOD.to_string(), "--order random", ["--order", "token by token"]),
        (GOOD.to_string(), "--temperature -1", ["temperature of -1", "0 or above"]),
        (GOOD.to_string(), "--probe /dev/null", ["/dev/null", "prompt"]),
    ];
    check(&[base.path()], cases);
}

#[test]
fn a_masked_model_refuses_its_mask_and_settings_of_its_sampler() {
    let (base, adapter) = (random(), fixture("llama-tiny-adapter"));
    let cases = [
        (r#"{"prompt": "why", "tokens": [20, 16]}"#, "", ["line 1", "the mask"]),
        (GOOD, "--gen-length 600", ["line 1", "context has 512"]),
        (GOOD, "--preset lada", ["--preset", "llada"]),
        (GOOD, "--steps 0", ["steps", "0"]),
    ];
    check(&[base.path(), &adapter], cases);
}

#[test]
fn a_judge_has_to_be_causal_and_to_read_the_same_tokens() {
    let (base, adapter) = (random(), fixture("llama-tiny-adapter"));
    let masked = fixture("llada-tiny");
    let other = random();
    let path = other.path().join("tokenizer.json");
    let tokenizer = fs::read_to_string(&path).unwrap().replace("\"a\":20", "\"a\":49");
    fs::write(&path, tokenizer).unwrap();
    let judged_by = |model: &[&Path], judge: &Path| {
        let flags = format!("--judge {}", judge.display());
        Evaluation::of(GOOD).refusal(model, &flags)
    };
    let model = [base.path(), adapter.as_path()];
    let not_causal = judged_by(&model, &masked);
    assert!(not_causal.contains("is not causal") && not_causal.contains("--judge"), "{not_causal}");
    // A model of masks alone has no base to judge it.
    let alone = Evaluation::of(GOOD).refusal(&[&masked], "");
    assert!(alone.contains("is not causal") && alone.contains("--samples 0"), "{alone}");
    let vocabulary = judged_by(&[&masked], base.path());
    assert!(vocabulary.contains("vocabulary of 320"), "{vocabulary}");
    let short = random();
    let path = short.path().join("config.json");
    let config = fs::read_to_string(&path).unwrap();
    let config =
        config.replace("\"max_position_embeddings\": 512", "\"max_position_embeddings\": 64");
    fs::write(&path, config).unwrap();
    let context = judged_by(&model, short.path());
    assert!(context.contains("up to 131 tokens and its context has 64"), "{context}");
    let tokenizer = judged_by(&model, other.path());
    assert!(tokenizer.contains("its tokenizer is not"), "{tokenizer}");
}

#[test]
fn a_model_needs_a_tokenizer() {
    let error = Evaluation::of(GOOD).refusal(&[&fixture("llama-tiny")], "");
    assert!(error.contains("tokenizer"), "{error}");
}
