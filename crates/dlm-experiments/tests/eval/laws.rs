//! What the figures have to be: where the network's predictions are known, and where
//! another command computes the same.

use std::{collections::BTreeMap, fs, path::Path};

use dlm_core::{Ask, MaskPredictor, Query, TokenId};
use dlm_experiments::evaluation::Author;
use dlm_rng::{Key, Purpose};
use dlm_runtime::{Hub, LoadOptions, Model, Source};
use serde_json::{Value, json};

use crate::{
    Evaluation, dlm,
    models::{MASK, fixture, id, idle_adapter, known, nats, random},
    rows,
};

const TEXTS: [(&str, &str); 3] =
    [("why is it so", "because."), ("who", "he is the one"), ("a", "eeeeee")];

fn texts() -> Evaluation {
    let row = |(prompt, response): &(&str, &str)| json!({"prompt": prompt, "response": response});
    Evaluation::of_rows(&TEXTS.iter().map(row).collect::<Vec<_>>())
}

fn letter(id: usize) -> char {
    match id {
        46 => ' ',
        47 => '.',
        _ => (b'a' + (id - 20) as u8) as char,
    }
}

/// The ids of a text under the tests' tokenizer.
fn ids(text: &str) -> Vec<usize> {
    text.chars().map(|c| (20..48).find(|&id| letter(id) == c).unwrap()).collect()
}

/// `−ln p` of the tokens that `is_read` chooses, and how many were predicted.
fn expected(
    text: &str,
    rules_out_mask: bool,
    is_read: impl Fn(usize) -> bool,
) -> (f64, f64, usize) {
    let base = nats('a', rules_out_mask) + crate::models::logits()[id('a')];
    let read: Vec<usize> =
        ids(text).into_iter().enumerate().filter(|(j, _)| is_read(*j)).map(|(_, id)| id).collect();
    let sum = read.iter().map(|&id| base - crate::models::logits()[id]).sum();
    (sum, read.iter().filter(|&&token| token == id('e')).count() as f64, read.len())
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 2e-5 * (1.0 + expected.abs()), "{found}, not {expected}");
}

#[test]
fn a_causal_network_of_known_predictions_has_exactly_their_nats() {
    let (evaluation, model) = (texts(), known());
    evaluation.run(&[model.path()], "--samples 0");
    let rows = evaluation.rows();
    let mut sums = [0.0; 3];
    for (place, (_, response)) in TEXTS.iter().enumerate() {
        let (nats, hits, tokens) = expected(response, false, |_| true);
        let of = |measure: &str| {
            rows.iter().find(|row| row.line == place + 1 && row.measure == measure).unwrap()
        };
        near(of("nats per token").sum, nats);
        assert_eq!(of("next-token accuracy").sum, hits);
        assert_eq!(of("next-token accuracy").tokens, tokens);
        sums = [sums[0] + nats, sums[1] + hits, sums[2] + tokens as f64];
    }
    let measures = evaluation.measures();
    let measure = &measures["nats per token"];
    near(measure.value.unwrap(), sums[0] / sums[2]);
    near(measures["next-token accuracy"].value.unwrap(), sums[1] / sums[2]);
    assert!(measure.low < measure.value && measure.value < measure.high && measure.n == 3);
    assert!(!evaluation.out.join("samples.csv").exists());
}

#[test]
fn a_masked_network_of_known_predictions_has_exactly_their_cross_entropy() {
    let (evaluation, model, adapter) = (texts(), known(), idle_adapter());
    evaluation.run(&[model.path(), adapter.path()], "--samples 0 --seed 3 --bound-samples 6");
    let rows = evaluation.rows();
    for (place, (_, response)) in TEXTS.iter().enumerate() {
        let of =
            |measure: &str| rows.iter().find(|row| row.line == place + 1 && row.measure == measure);
        for t in [0.15_f64, 0.5, 1.0] {
            let key = Key::new(3).sequence(place as u64).purpose(Purpose::Corrupt);
            let key = key.step(t.to_bits());
            let is_masked = |j: usize| key.position(j as u64).uniform() < t;
            let (nats, hits, tokens) = expected(response, true, is_masked);
            match of(&format!("masked cross-entropy at t = {t}")) {
                None => assert_eq!(tokens, 0),
                Some(row) => {
                    near(row.sum, nats);
                    let accuracy = of(&format!("masked accuracy at t = {t}")).unwrap();
                    assert_eq!((accuracy.sum, accuracy.tokens), (hits, tokens));
                }
            }
        }
        // Every order has the same likelihood.
        let (nats, _, tokens) = expected(response, true, |_| true);
        let bound = of("bound on nats per token").unwrap();
        let error = bound.standard_error.unwrap();
        assert!((bound.sum - nats).abs() <= 4.0 * error + 1e-3, "{bound:?}, not {nats}");
        assert_eq!(bound.tokens, tokens);
    }
    // In a text of one letter so has every masking.
    let bound = rows.iter().find(|row| row.line == 3 && row.measure.starts_with("bound")).unwrap();
    near(bound.sum, 6.0 * nats('e', true));
    let measures = evaluation.measures();
    let errors = rows.iter().filter_map(|row| row.standard_error);
    let tokens: usize = TEXTS.iter().map(|(_, response)| response.len()).sum();
    let joint = errors.map(|error| error * error).sum::<f64>().sqrt() / tokens as f64;
    near(measures["bound on nats per token: standard error of its estimate"].value.unwrap(), joint);
}

#[test]
fn with_all_masked_it_is_the_network_seen_once() {
    let text = |line: usize, ended| json!({"prompt": TEXTS[line].0, "response": TEXTS[line].1, "ended": ended});
    let evaluation = Evaluation::of_rows(&[text(0, true), text(1, false)]);
    let (base, adapter) = (random(), fixture("llama-tiny-adapter"));
    evaluation.run(&[base.path(), &adapter], "--samples 0");
    let quiet = &mut |_: &dlm_runtime::Download<'_>| ();
    let folder = base.path().to_str().unwrap();
    let source = Source::find(folder, Some(&adapter), &mut Hub::from_env(quiet)).unwrap();
    let mut model = Model::load(source, LoadOptions::default()).unwrap();
    let rows = evaluation.rows();
    for (place, end) in [(0, Some(2)), (1, None)] {
        let (prompt, answer) = (ids(TEXTS[place].0), ids(TEXTS[place].1));
        let masks = vec![MASK; answer.len()];
        let canvas: Vec<TokenId> =
            prompt.iter().chain(&masks).copied().chain(end).map(|id| id as TokenId).collect();
        let positions: Vec<usize> = (prompt.len()..prompt.len() + answer.len()).collect();
        let targets: Vec<Option<TokenId>> = answer.iter().map(|&id| Some(id as TokenId)).collect();
        let query = Query { targets: &targets, ..Query::new(&canvas, &positions) };
        let prediction = model.predict(&[query], &Ask::default()).unwrap();
        let seen = prediction.candidates[0].iter().map(|c| c.target.unwrap().log_probability);
        let nats = -seen.map(f64::from).sum::<f64>();
        let name = "masked cross-entropy at t = 1";
        let row = rows.iter().find(|row| row.line == place + 1 && row.measure == name).unwrap();
        near(row.sum, nats);
    }
}

/// The nats per token that `dlm score` finds for the same texts.
fn scored(evaluation: &Evaluation, model: &[&Path], flags: &str) -> Vec<f64> {
    let out = evaluation.out.with_file_name("scored");
    let mut score = dlm("score", model);
    score.arg("--prompts").arg(&evaluation.data).arg("--out").arg(&out);
    let output = score.args(flags.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<BTreeMap<String, f64>> = rows(&out.join("scores.csv"));
    rows.iter().map(|row| -row["log_likelihood"]).collect()
}

#[test]
fn likelihoods_are_those_of_dlm_score() {
    let (evaluation, model) = (texts(), random());
    // The chain rule of a causal network, whose masks are seen by nobody.
    let named = json!({"mask_token": "?"}).to_string();
    fs::write(model.path().join("tokenizer_config.json"), named).unwrap();
    evaluation.run(&[model.path()], "--samples 0");
    let rows = evaluation.rows();
    let exact = rows.iter().filter(|row| row.measure == "nats per token");
    let expected = scored(&evaluation, &[model.path()], "--method left-to-right");
    exact.zip(&expected).for_each(|(row, expected)| near(row.sum, *expected));
    assert_eq!(expected.len(), TEXTS.len());

    let (evaluation, adapter) = (texts(), fixture("llama-tiny-adapter"));
    let model = random();
    let model: [&Path; 2] = [model.path(), &adapter];
    evaluation.run(&model, "--samples 0 --seed 4 --bound-samples 3");
    let rows = evaluation.rows();
    let bounds = rows.iter().filter(|row| row.measure == "bound on nats per token");
    let expected = scored(&evaluation, &model, "--samples 3 --strata 8 --seed 4");
    bounds.zip(&expected).for_each(|(row, expected)| near(row.sum, *expected));
}

/// A text's ids as samples.csv lists them.
fn listed(text: &str) -> String {
    let ids: Vec<String> = ids(text).iter().map(usize::to_string).collect();
    format!("[{}]", ids.join(","))
}

#[test]
fn what_a_network_of_known_predictions_writes_is_judged_exactly() {
    let (model, adapter) = (known(), idle_adapter());
    for model in [&[model.path()][..], &[model.path(), adapter.path()]] {
        let evaluation = texts();
        evaluation.run(model, "--samples 2 --gen-length 10");
        let (samples, measures) = (evaluation.samples(), evaluation.measures());
        assert_eq!(samples.len(), 6);
        let written: Vec<_> = samples.iter().filter(|row| row.author == Author::Model).collect();
        for row in &written {
            assert_eq!((&row.token_ids, row.tokens, row.ended), (&listed("eeeeeeeeee"), 10, false));
            near(row.nats, 10.0 * nats('e', false));
        }
        for (measure, expected) in [
            ("generative perplexity", nats('e', false).exp()),
            ("unigram entropy of samples", 0.0),
            ("bigram entropy of samples", 0.0),
            ("distinct-2 of samples", 1.0 / 9.0),
            ("distinct-3 of samples", 1.0 / 8.0),
            ("rep-4 of samples", 6.0 / 7.0),
            ("length of samples", 10.0),
            // "because." and the first ten letters of "he is the one", in which "he" and "e "
            // stand twice.
            ("length of references", 9.0),
            ("distinct-2 of references", (1.0 + 7.0 / 9.0) / 2.0),
            ("ended of references", 0.0),
        ] {
            near(measures[measure].value.unwrap(), expected);
        }
        let references = samples.iter().filter(|row| row.author == Author::Reference);
        let references: Vec<String> = references.map(|row| row.token_ids.clone()).collect();
        assert_eq!(references, ["because.", "he is the "].map(listed));
        let nats = TEXTS[..2].iter().map(|(_, text)| expected(text, false, |j| j < 10).0);
        near(measures["perplexity of references"].value.unwrap(), (nats.sum::<f64>() / 18.0).exp());
        let unordered = samples.iter().filter(|row| row.author == Author::Unigram);
        let unordered: Vec<f64> = unordered.map(|row| row.nats / row.tokens as f64).collect();
        let lead = unordered.iter().sum::<f64>() / 2.0 - self::nats('e', false);
        let lacked = &measures["nats per token that samples lack of unigram text"];
        near(lacked.value.unwrap(), lead);
        near(measures["length of unigram text"].value.unwrap(), 10.0);
    }
}

#[test]
fn samples_are_those_of_dlm_generate_and_dlm_distill() {
    let model = random();
    let adapter = fixture("llama-tiny-adapter");
    let flags = "--seed 5 --temperature 0.8 --top-k 9";
    let eval = format!("{flags} --samples 2 --gen-length 12");
    let texts_of = |evaluation: &Evaluation| -> Vec<String> {
        let written = evaluation.samples().into_iter().filter(|row| row.author == Author::Model);
        written.map(|row| row.text).collect()
    };

    let evaluation = texts();
    evaluation.run(&[model.path()], &eval);
    let out = evaluation.out.with_file_name("distilled.jsonl");
    let mut distill = dlm("distill", &[model.path()]);
    distill.arg("--prompts").arg(&evaluation.data).arg("--out").arg(&out);
    distill.args(flags.split_whitespace()).args(["--max-tokens", "12"]);
    assert!(distill.output().unwrap().status.success());
    let answers = fs::read_to_string(&out).unwrap();
    let answer = |line| serde_json::from_str::<Value>(line).unwrap()["response"].clone();
    let expected: Vec<Value> = answers.lines().take(2).map(answer).collect();
    assert_eq!(json!(texts_of(&evaluation)), json!(expected));

    let (evaluation, model) = (texts(), [model.path(), adapter.as_path()]);
    evaluation.run(&model, &format!("{eval} --steps 6"));
    let out = evaluation.out.with_file_name("generated");
    let mut generate = dlm("generate", &model);
    generate.arg("--prompts").arg(&evaluation.data).arg("--out").arg(&out);
    generate.args(flags.split_whitespace());
    generate.args(["--gen-length", "12", "--limit", "2", "--steps", "6"]);
    assert!(generate.output().unwrap().status.success());
    let expected: Vec<BTreeMap<String, String>> = rows(&out.join("samples.csv"));
    let expected: Vec<&String> = expected.iter().map(|row| &row["text"]).collect();
    assert_eq!(texts_of(&evaluation).iter().collect::<Vec<_>>(), expected);
}
