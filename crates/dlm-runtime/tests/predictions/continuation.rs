//! Text continued with keys and values kept, against the network that keeps nothing.

use dlm_core::{Ask, MaskPredictor, Query};
use dlm_rng::{Key, Purpose};
use dlm_runtime::{
    Answer, Continuation, Continuer, DeviceChoice, DtypeChoice, LoadOptions, Model, Opening,
};
use serde_json::json;

use crate::checkpoint::{Checkpoint, named, open};

const NAMES: [&str; 2] = ["llama-tiny", "llama-tiny-biased"];

/// What f32 leaves of a logarithm after a few blocks summed in another order.
const LOGARITHM: f32 = 1e-4;

/// Prompts of these lengths, of tokens at random.
fn openings(lengths: &[usize]) -> Vec<Opening> {
    let opening = |(id, &length): (usize, &usize)| {
        let mut stream = Key::new(3).purpose(Purpose::Test).sequence(id as u64).stream();
        let tokens = (0..length).map(|_| stream.below(320) as u32).collect();
        Opening { id, tokens, key: Key::new(11).sequence(id as u64) }
    };
    lengths.iter().enumerate().map(opening).collect()
}

/// `ln p` of every token after `tokens`, by a forward pass over all of them.
fn next(model: &mut Model, tokens: &[u32]) -> Vec<f32> {
    let whole = [tokens, &[0]].concat();
    let ask = Ask { top_k: model.vocab(), ..Ask::default() };
    let answer = model.predict(&[Query::new(&whole, &[tokens.len()])], &ask).unwrap();
    let mut row = vec![0.0; model.vocab()];
    let top = &answer.candidates[0][0].top;
    top.iter().for_each(|ranked| row[ranked.token as usize] = ranked.log_probability);
    row
}

/// All tokens, the most probable of `row` first.
fn ranked(row: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..row.len() as u32).collect();
    order.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]));
    order
}

fn texts(answers: &[Answer]) -> Vec<(usize, &[u32], bool)> {
    answers.iter().map(|answer| (answer.id, answer.tokens.as_slice(), answer.ended)).collect()
}

#[test]
fn greedy_text_is_that_of_the_network_that_keeps_nothing() {
    for name in NAMES {
        let mut model = named(name, None);
        let openings = openings(&[1, 60, 7, 64, 63]);
        let how = Continuation { max_tokens: 70, scored: true, ..Continuation::default() };
        let answers = model.continue_batch(&openings, &how).unwrap();
        for (opening, answer) in openings.iter().zip(&answers) {
            let mut tokens = opening.tokens.clone();
            assert_eq!((answer.id, answer.tokens.len(), answer.ended), (opening.id, 70, false));
            assert_eq!(answer.log_probabilities.len(), 70);
            for (step, (&token, ours)) in
                answer.tokens.iter().zip(&answer.log_probabilities).enumerate()
            {
                let row = next(&mut model, &tokens);
                let at = format!("{name}, opening {}, step {step}", opening.id);
                assert_eq!(token, ranked(&row)[0], "{at}");
                let theirs = row[token as usize];
                assert!((ours - theirs).abs() < LOGARITHM, "{at}: {ours}, whole {theirs}");
                tokens.push(token);
            }
        }
    }
}

#[test]
fn a_draw_inverts_the_cumulative_distribution_in_the_order_of_ids() {
    let mut model = named("llama-tiny", None);
    for (temperature, top_k) in [(0.7, Some(5)), (1.3, Some(40)), (0.5, None), (1.0, Some(320))] {
        let how = Continuation {
            temperature,
            top_k,
            max_tokens: 30,
            scored: true,
            ..Continuation::default()
        };
        let openings = openings(&[3, 50]);
        let answers = model.continue_batch(&openings, &how).unwrap();
        for (opening, answer) in openings.iter().zip(&answers) {
            let mut tokens = opening.tokens.clone();
            for (step, &token) in answer.tokens.iter().enumerate() {
                let row = next(&mut model, &tokens);
                let mut kept = ranked(&row);
                kept.truncate(top_k.unwrap_or(row.len()));
                kept.sort_unstable();
                let weight = |&id: &u32| (f64::from(row[id as usize]) / temperature).exp();
                let total: f64 = kept.iter().map(weight).sum();
                let upto = |id: u32| kept.iter().filter(|&&k| k <= id).map(weight).sum::<f64>();
                let u = opening.key.step(step as u64).uniform();
                let at = format!("T = {temperature}, k = {top_k:?}, step {step}");
                assert!(kept.contains(&token), "{at}");
                let (above, below) = (upto(token) / total, (upto(token) - weight(&token)) / total);
                assert!(below - 1e-5 <= u && u <= above + 1e-5, "{at}: {below} {u} {above}");
                let ours = answer.log_probabilities[step];
                assert!((ours - row[token as usize]).abs() < LOGARITHM, "{at}");
                tokens.push(token);
            }
        }
    }
}

#[test]
fn an_answer_depends_on_its_own_opening_alone() {
    // Some end early, so that others take their places.
    let mut base = Checkpoint::model("llama-tiny");
    base.json.get_mut("config.json").unwrap()["eos_token_id"] = json!(77);
    let folder = base.write();
    let lengths = [5, 61, 1, 64, 127, 20, 2, 40, 66, 9, 33, 62];
    let (openings, mut ended) = (openings(&lengths), 0);
    for (temperature, top_k) in [(0.0, None), (1.0, Some(8)), (1.5, None)] {
        let how = Continuation { temperature, top_k, max_tokens: 40, ..Continuation::default() };
        let run = |openings: &[Opening], batch: usize, batch_tokens: Option<usize>| {
            let model = open(folder.path(), None, batch_tokens);
            let how = Continuation { batch: Some(batch), ..how };
            model.continue_batch(openings, &how).unwrap()
        };
        let together = run(&openings, 64, None);
        for (batch, batch_tokens) in [(1, None), (3, Some(16)), (64, Some(1))] {
            let other = run(&openings, batch, batch_tokens);
            assert_eq!(texts(&other), texts(&together), "T = {temperature}, batch {batch}");
        }
        let backwards: Vec<Opening> = openings.iter().rev().cloned().collect();
        let mut other = run(&backwards, 5, None);
        other.reverse();
        assert_eq!(texts(&other), texts(&together), "T = {temperature}, backwards");
        ended += together.iter().filter(|answer| answer.ended).count();
    }
    assert!(0 < ended && ended < 3 * lengths.len(), "{ended} ended");
}

#[test]
fn the_token_that_ends_an_answer_is_not_part_of_it() {
    let openings = openings(&[4]);
    let how = Continuation { max_tokens: 12, scored: true, ..Continuation::default() };
    let whole = named("llama-tiny", None).continue_batch(&openings, &how).unwrap().remove(0);
    let mut base = Checkpoint::model("llama-tiny");
    let end = whole.tokens[7];
    base.json.get_mut("config.json").unwrap()["eos_token_id"] = json!(end);
    let folder = base.write();
    let model = open(folder.path(), None, None);
    let answer = model.continue_batch(&openings, &how).unwrap().remove(0);
    let length = whole.tokens.iter().position(|&token| token == end).unwrap();
    assert_eq!((answer.tokens.as_slice(), answer.ended), (&whole.tokens[..length], true));
    assert_eq!(answer.log_probabilities, whole.log_probabilities[..=length]);
}

#[test]
fn bf16_text_is_probable_in_f32() {
    let mut exact = named("llama-tiny", None);
    let (device, dtype) = (DeviceChoice::Cpu, DtypeChoice::Bf16);
    let options = LoadOptions { device, dtype, ..LoadOptions::default() };
    let rough = Model::load(exact.source().clone(), options).unwrap();
    let openings = openings(&[6, 63]);
    let how = Continuation {
        temperature: 0.7,
        top_k: Some(20),
        max_tokens: 20,
        scored: true,
        ..Continuation::default()
    };
    for (opening, answer) in openings.iter().zip(rough.continue_batch(&openings, &how).unwrap()) {
        let mut tokens = opening.tokens.clone();
        for (&token, ours) in answer.tokens.iter().zip(&answer.log_probabilities) {
            let theirs = next(&mut exact, &tokens)[token as usize];
            assert!((ours - theirs).abs() < 0.3, "{ours} in bf16, {theirs} in f32");
            tokens.push(token);
        }
    }
}

#[test]
fn places_are_filled_as_they_fall_free() {
    let model = named("llama-tiny", None);
    let how = Continuation { max_tokens: 4, batch: Some(3), ..Continuation::default() };
    let mut continuer = Continuer::new(&model, how).unwrap();
    for opening in openings(&[2, 3, 4, 5, 6, 7, 8]) {
        continuer.push(opening).unwrap();
    }
    let (mut finished, mut full) = (Vec::new(), 0);
    while !continuer.is_done() {
        finished.extend(continuer.step().unwrap().into_iter().map(|answer| answer.id));
        assert!(continuer.running() <= 3);
        full += usize::from(continuer.running() == 3);
        match (finished.len(), continuer.running()) {
            (3, 0) => assert_eq!(continuer.waiting(), 4),
            (6, 0) => continuer.turn_away(),
            _ => {}
        }
    }
    assert_eq!((finished, full), (vec![2, 1, 0, 5, 4, 3], 6));
    assert_eq!(continuer.step().unwrap(), []);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_remedy() {
    let model = named("llama-tiny", None);
    let settings = Continuation::default();
    let some = openings(&[5]);
    for (how, part) in [
        (Continuation { temperature: -0.1, ..settings }, "temperature of -0.1"),
        (Continuation { temperature: f64::NAN, ..settings }, "temperature of NaN"),
        (Continuation { top_k: Some(0), ..settings }, "raise top-k"),
        (Continuation { max_tokens: 0, ..settings }, "raise max-tokens"),
        (Continuation { batch: Some(0), ..settings }, "raise batch"),
        (Continuation { max_tokens: 508, ..settings }, "context has 512"),
        (Continuation { max_tokens: usize::MAX, ..settings }, "context has 512"),
    ] {
        let error = model.continue_batch(&some, &how).unwrap_err().to_string();
        assert!(error.contains(part), "{how:?}: {error}");
    }
    for (tokens, part) in [(vec![], "empty"), (vec![320], "vocabulary of 320")] {
        let opening = Opening { tokens, ..some[0].clone() };
        let error = model.continue_batch(&[opening], &settings).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    for name in ["llama-tiny+llama-tiny-adapter", "dream-tiny", "llada-tiny", "bert-tiny"] {
        let error = named(name, None).continue_batch(&some, &settings).unwrap_err().to_string();
        assert!(error.contains("is not causal"), "{name}: {error}");
    }
}

#[test]
fn logits_that_are_no_numbers_name_their_prompt() {
    let mut base = Checkpoint::model("llama-tiny");
    base.tensor("model.embed_tokens.weight").row_mut(19)[0] = f32::NAN;
    let folder = base.write();
    let model = open(folder.path(), None, None);
    let broken = Opening { id: 8, tokens: vec![3, 19], key: Key::default() };
    let error = model.continue_batch(&[broken], &Continuation::default()).unwrap_err().to_string();
    assert!(error.contains("position 2") && error.contains("NaN"), "{error}");
}
