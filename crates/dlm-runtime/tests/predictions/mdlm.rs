//! MDLM through the model: the probe, the choice of a parametrisation, and the time.

use std::error::Error as _;

use dlm_core::{Ask, Candidate, MaskPredictor, Query};
use dlm_runtime::{Error, LoadOptions, Model, Parametrisation};
use serde_json::json;

use crate::{
    checkpoint::{Checkpoint, fixture, load},
    goldens::assert_probe,
};

const MASK: u32 = 299;

/// Tokens and masks in turn.
fn tokens() -> Vec<u32> {
    (0..12).map(|i| if i % 2 == 0 { 17 * i + 3 } else { MASK }).collect()
}

fn read_as(parametrisation: Parametrisation) -> Model {
    let options = LoadOptions { parametrisation: Some(parametrisation), ..Default::default() };
    load(&fixture("models/mdlm-tiny"), None, options).unwrap()
}

/// Everything that is said about every position at `time`.
fn answers(model: &mut Model, time: Option<f64>) -> Vec<Candidate> {
    let tokens = tokens();
    let positions: Vec<usize> = (0..tokens.len()).collect();
    let query = Query { time, ..Query::new(&tokens, &positions) };
    let ask = Ask { top_k: 300, ..Ask::default() };
    model.predict(&[query], &ask).unwrap().candidates.remove(0)
}

/// `p(token)` at a position.
fn probability(candidate: &Candidate, token: u32) -> f32 {
    let ranked = candidate.top.iter().find(|ranked| ranked.token == token).unwrap();
    ranked.log_probability.exp()
}

#[test]
fn the_probe_names_the_tokens_the_reference_named() {
    for name in ["mdlm-tiny", "mdlm-notime"] {
        let mut checkpoint = Checkpoint::model(name);
        // The reference asked beyond the length that the fixture is configured for.
        checkpoint.json.get_mut("config.json").unwrap()["model_length"] = json!(140);
        let folder = checkpoint.write();
        assert_probe(name, &mut load(folder.path(), None, LoadOptions::default()).unwrap());
    }
}

#[test]
fn a_folder_without_a_tokenizer_says_what_it_is() {
    let model = load(&fixture("models/mdlm-tiny"), None, LoadOptions::default()).unwrap();
    let is = model.description();
    assert_eq!((is.family.as_str(), is.mask, is.context), ("MDLM", Some(MASK), 64));
    assert!(!is.causal && !is.shifted && !model.has_text());
    let mut named = Checkpoint::model("mdlm-tiny");
    named.json.get_mut("config.json").unwrap()["mask_token_id"] = json!(7);
    let folder = named.write();
    let named = load(folder.path(), None, LoadOptions::default()).unwrap();
    assert_eq!(named.description().mask, Some(7));
}

#[test]
fn substitution_keeps_what_is_known_and_never_predicts_a_mask() {
    let mut model = read_as(Parametrisation::Subs);
    for (candidate, token) in answers(&mut model, Some(0.5)).iter().zip(tokens()) {
        assert_eq!(probability(candidate, MASK), 0.0);
        assert!(candidate.entropy.is_finite());
        if token != MASK {
            assert_eq!((candidate.token, candidate.log_probability), (token, 0.0));
            assert_eq!(candidate.entropy, 0.0);
        }
    }
}

#[test]
fn d3pm_differs_from_substitution_by_the_mask_alone() {
    let subs = answers(&mut read_as(Parametrisation::Subs), Some(0.5));
    let d3pm = answers(&mut read_as(Parametrisation::D3pm), Some(0.5));
    for ((subs, d3pm), token) in subs.iter().zip(&d3pm).zip(tokens()) {
        let mask = probability(d3pm, MASK);
        assert!(0.0 < mask);
        if token == MASK {
            for token in 0..MASK {
                let (expected, ours) = (probability(subs, token), probability(d3pm, token));
                assert!((ours / (1.0 - mask) - expected).abs() < 1e-5, "token {token}");
            }
        }
    }
}

#[test]
fn scores_differ_from_d3pm_by_a_shift_and_the_token_that_stands_there() {
    let d3pm = answers(&mut read_as(Parametrisation::D3pm), Some(0.5));
    let sedd = answers(&mut read_as(Parametrisation::Sedd), Some(0.5));
    for ((d3pm, sedd), token) in d3pm.iter().zip(&sedd).zip(tokens()) {
        let rest = (1.0 - probability(sedd, token)) / (1.0 - probability(d3pm, token));
        for other in (0..300).filter(|&other| other != token) {
            let (expected, ours) = (probability(d3pm, other), probability(sedd, other));
            assert!((ours - rest * expected).abs() < 1e-5, "token {other}");
        }
    }
}

#[test]
fn the_configuration_chooses_where_the_caller_does_not() {
    let names = [
        ("subs", Parametrisation::Subs),
        ("d3pm", Parametrisation::D3pm),
        ("sedd", Parametrisation::Sedd),
    ];
    let mut checkpoint = Checkpoint::model("mdlm-tiny");
    for (name, parametrisation) in names {
        checkpoint.json.get_mut("config.json").unwrap()["parameterization"] = json!(name);
        let folder = checkpoint.write();
        let mut configured = load(folder.path(), None, LoadOptions::default()).unwrap();
        let expected = answers(&mut read_as(parametrisation), Some(0.4));
        assert_eq!(answers(&mut configured, Some(0.4)), expected, "{name}");
    }
    checkpoint.json.get_mut("config.json").unwrap()["parameterization"] = json!("ar");
    let error = load(checkpoint.write().path(), None, LoadOptions::default()).err().unwrap();
    assert!(matches!(&error, Error::Malformed { field, .. } if field == "parameterization"));

    let options =
        LoadOptions { parametrisation: Some(Parametrisation::Subs), ..Default::default() };
    let error = load(&fixture("models/llada-tiny"), None, options).err().unwrap();
    assert!(error.to_string().contains("only MDLM"), "{error}");
}

#[test]
fn sequences_of_a_batch_keep_their_own_times() {
    let tokens = [tokens(), tokens()[..5].to_vec(), vec![MASK; 3], tokens()];
    let times = [Some(0.9), None, Some(0.2), Some(0.1)];
    let queries: Vec<Query<'_>> = tokens
        .iter()
        .zip(times)
        .map(|(tokens, time)| Query { time, ..Query::new(tokens, &[1, 2]) })
        .collect();
    let mut model = read_as(Parametrisation::D3pm);
    let ask = Ask { top_k: 300, ..Ask::default() };
    let together = model.predict(&queries, &ask).unwrap().candidates;
    for (query, together) in queries.iter().zip(&together) {
        let alone = model.predict(std::slice::from_ref(query), &ask).unwrap().candidates;
        for (alone, together) in alone[0].iter().zip(together) {
            for token in 0..300 {
                let difference = (probability(alone, token) - probability(together, token)).abs();
                assert!(difference < 1e-5, "token {token}: {difference}");
            }
        }
    }
    let (late, early) = (&together[0][0], &together[3][0]);
    let change = |token| (probability(late, token) - probability(early, token)).abs();
    assert!(0.01 < (0..300).map(change).fold(0.0, f32::max), "the time should matter");
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let tokens = tokens();
    let refused = |parametrisation, time| {
        let query = Query { time, ..Query::new(&tokens, &[1]) };
        let answer = read_as(parametrisation).predict(&[query], &Ask::default());
        answer.err().map(|error| error.source().unwrap().to_string())
    };
    for time in [-0.5, 1.5, f64::NAN] {
        let message = refused(Parametrisation::Subs, Some(time)).unwrap();
        assert!(message.contains("time") && message.contains("[0, 1]"), "{message}");
    }
    for time in [None, Some(0.0)] {
        assert_eq!(refused(Parametrisation::Subs, time), None);
        let message = refused(Parametrisation::Sedd, time).unwrap();
        assert!(message.contains("give every query its time"), "{message}");
    }
}
