//! The single-pass probe against what the reference implementations answered.

use dlm_core::{Ask, MaskPredictor};
use dlm_runtime::Model;
use serde_json::Value;

use crate::{
    checkpoint::{fixture, named},
    questions::{Question, dense, distributions, predict},
};

/// How far the references are from exact arithmetic, in probability.
const PROBABILITY: f32 = 2e-4;

/// A lead that the references' own rounding cannot turn around.
const CLEAR: f64 = 4e-4;

/// The prompt and its 128 masks as the reference saw them, and its answers.
fn probe(name: &str) -> (Question, Vec<Value>) {
    let path = fixture(&format!("golden/{name}/probe128.json"));
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let ids = |field: &str| -> Option<Vec<u32>> {
        let ids = golden.get(field)?.as_array().unwrap();
        Some(ids.iter().map(|id| id.as_u64().unwrap() as u32).collect())
    };
    let tokens = ids("input_ids").unwrap_or_else(|| {
        let mut tokens = ids("prompt_ids").unwrap();
        let (mask, masks) = (&golden["mask_id"], &golden["n_masks"]);
        let length = tokens.len() + masks.as_u64().unwrap() as usize;
        tokens.resize(length, mask.as_u64().unwrap() as u32);
        tokens
    });
    let answers = golden["positions"].as_array().unwrap().clone();
    let positions = answers.iter().map(|a| a["pos"].as_u64().unwrap() as usize).collect();
    (Question { tokens, positions, ..Question::default() }, answers)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn the_probe_names_the_tokens_the_reference_named() {
    let names =
        ["llada-tiny", "llada-gqa", "llada-tied", "llada-moe-tiny", "dream-tiny", "bert-tiny"];
    for name in names {
        assert_probe(name, &mut named(name, None));
    }
}

/// Asserts that `model` answers the probe as the reference of that name did.
#[track_caller]
pub(crate) fn assert_probe(name: &str, model: &mut Model) {
    let (question, answers) = probe(name);
    assert_eq!(question.tokens[question.positions[0]], model.mask().unwrap(), "{name}");
    assert_eq!(question.positions.len(), 128, "{name}");
    let ask = Ask { top_k: 3, ..Ask::default() };
    let candidates = predict(model, &[question], &ask).candidates.remove(0);
    let (mut compared, mut unclear) = (0, 0);
    for (candidate, answer) in candidates.iter().zip(&answers) {
        let at = format!("{name}, position {}", candidate.position);
        assert_eq!(candidate.position as u64, answer["pos"].as_u64().unwrap(), "{at}");
        let (ids, probabilities) = (numbers(&answer["ids"]), numbers(&answer["probs"]));
        let margins = numbers(&answer["margins"]);
        assert_eq!((candidate.top.len(), ids.len()), (3, 3), "{at}");
        for rank in 0..3 {
            let ours = candidate.top[rank].log_probability.exp();
            let difference = (ours - probabilities[rank] as f32).abs();
            assert!(difference < PROBABILITY, "{at}, rank {rank}: off by {difference}");
            // A rank is sure where it is clear of the one before and the one after.
            let above = if rank == 0 { 1.0 } else { margins[rank - 1] };
            if CLEAR < above.min(margins[rank]) {
                assert_eq!(candidate.top[rank].token, ids[rank] as u32, "{at}, rank {rank}");
                compared += 1;
            } else {
                unclear += 1;
            }
        }
        assert_eq!(candidate.token, candidate.top[0].token, "{at}");
        let margin = (f64::from(candidate.margin) - margins[0]).abs() as f32;
        assert!(margin < PROBABILITY, "{at}: margin off by {margin}");
    }
    assert!(unclear * 10 < compared, "{name}: {unclear} of {compared} ranks are unclear");
}

#[test]
fn shards_make_the_same_model() {
    let (question, _) = probe("llada-tiny");
    let questions = [question];
    let ask = Ask { top_k: 512, ..Ask::default() };
    let answer = |name| predict(&mut named(name, None), &questions, &ask).candidates;
    assert_eq!(answer("llada-tiny-sharded"), answer("llada-tiny"));
}

#[test]
fn statistics_follow_from_the_references_logits() {
    let cases = [
        ("llada-tiny", "probe128", "logits"),
        ("llada-tiny", "batch", "logits"),
        ("llada-gqa", "masked", "logits"),
        ("llada-tied", "masked", "logits"),
        ("llada-moe-tiny", "masked", "logits"),
        ("dream-tiny", "text", "logits_shifted"),
        ("dream-tiny", "masked", "logits_shifted"),
        ("bert-tiny", "masked", "logits"),
    ];
    for (name, case, key) in cases {
        let path = fixture(&format!("golden/{name}/logits_{case}.safetensors"));
        let logits = &crate::checkpoint::arrays(&path)[key];
        let mut model = named(name, None);
        let vocab = model.vocab();
        let target = |position: usize| Some((position * 37 % vocab) as u32);
        let questions: Vec<Question> = crate::checkpoint::sequences(&path)
            .into_iter()
            .map(|tokens| Question { tokens, ..Question::default() })
            .map(|question| {
                let all = 0..question.tokens.len();
                question.at(all).knowing(target)
            })
            .collect();
        let length = logits.shape[1];
        let ask = Ask { neighbours: true, ..Ask::default() };
        let answers = predict(&mut model, &questions, &ask).candidates;
        let whole = distributions(&mut model, &questions);
        for (row, question) in questions.iter().enumerate() {
            let rows: Vec<Vec<f32>> =
                (0..length).map(|i| logits.row(row * length + i).to_vec()).collect();
            let reference = dense(&rows, vocab);
            let expected = reference.read(&question.query(), &ask).unwrap();
            for (position, (ours, theirs)) in answers[row].iter().zip(&expected).enumerate() {
                let at = format!("{name} {case}, sequence {row}, position {position}");
                let near = |what: &str, a: f32, b: f32, tolerance: f32| {
                    assert!((a - b).abs() < tolerance, "{at}: {what} {a}, reference {b}");
                };
                near("entropy", ours.entropy, theirs.entropy, 2e-3);
                near("margin", ours.margin, theirs.margin, 4e-4);
                let (ours_target, theirs_target) = (ours.target.unwrap(), theirs.target.unwrap());
                let (a, b) = (ours_target.log_probability, theirs_target.log_probability);
                near("target", a, b, 2e-3);
                if position + 1 < length {
                    let (a, b) = (ours.next_divergence.unwrap(), theirs.next_divergence.unwrap());
                    near("divergence", a, b, 1e-3);
                }
                let p = reference.probabilities(position);
                let pairs = whole[row][position].iter().zip(&p);
                let differences = pairs.map(|(ours, &p)| (ours.exp() - p as f32).abs());
                let largest = differences.fold(0.0, f32::max);
                assert!(largest < PROBABILITY, "{at}: probabilities off by {largest}");
            }
        }
    }
}
