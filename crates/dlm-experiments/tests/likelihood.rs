//! Likelihoods of networks against the values that the published code computed.

use std::path::Path;

use dlm_core::TokenId;
use dlm_discrete::{
    Clock, Schedule,
    likelihood::{Answer, Clean, Elbo, Masking, MonteCarlo, Scoring},
};
use dlm_rng::Key;
use dlm_runtime::Model;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/likelihood");
    std::fs::read(folder.join(name)).unwrap()
}

fn model(name: &str) -> Model {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dlm-runtime/tests/fixtures/models");
    Model::try_from(&*crates.join(name)).unwrap()
}

fn numbers(tensors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let tensor = tensors.tensor(name).unwrap();
    match tensor.dtype() {
        Dtype::I64 => {
            let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap()) as f64;
            tensor.data().chunks(8).map(number).collect()
        }
        _ => {
            let number = |bytes: &[u8]| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()));
            tensor.data().chunks(4).map(number).collect()
        }
    }
}

/// The recorded maskings, each batch a replicate: `value = −mean(Σ nll/p_mask / batch)`.
#[test]
fn lladas_values_from_its_own_maskings() {
    for (name, case) in
        [("llada-tiny", "cfg0.0"), ("llada-tiny", "cfg0.5"), ("llada-gqa", "cfg0.0")]
    {
        let facts: Value =
            serde_json::from_slice(&fixture(&format!("{name}-{case}.json"))).unwrap();
        let bytes = fixture(&format!("{name}-{case}.safetensors"));
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let ids =
            |field: &str| -> Vec<TokenId> { serde_json::from_value(facts[field].clone()).unwrap() };
        let mask = facts["mask_id"].as_u64().unwrap() as TokenId;
        let batch = facts["batch_size"].as_u64().unwrap() as usize;
        let answer = Answer::after(&ids("prompt_ids"), &ids("answer_ids"), mask).unwrap();
        let length = answer.tokens().len();
        let (masked, shares) = (numbers(&tensors, "perturbed"), numbers(&tensors, "p_mask"));
        let maskings: Vec<Masking> = masked
            .chunks(length)
            .zip(shares.chunks(length))
            .map(|(tokens, shares)| {
                let is_masked = |&i: &usize| tokens[i] == f64::from(mask);
                let positions: Vec<usize> = (0..length).filter(is_masked).collect();
                let weights = positions.iter().map(|&i| 1.0 / (shares[i] * batch as f64)).collect();
                Masking { positions, weights, time: None }
            })
            .collect();
        let replicates: Vec<Vec<Masking>> = maskings.chunks(batch).map(<[_]>::to_vec).collect();
        let guidance = facts["cfg_scale"].as_f64().unwrap();
        let scoring = Scoring { guidance, ..Scoring::default() };
        let estimator = MonteCarlo { scoring, ..MonteCarlo::default() };
        let estimate = estimator.estimate(&mut model(name), &answer, &replicates).unwrap();
        let recorded = facts["log_likelihood"].as_f64().unwrap();
        let off = (estimate.value / recorded - 1.0).abs();
        assert!(off < 1e-5, "{name} {case}: {} and not {recorded}", estimate.value);
    }
}

/// The recorded times and uniform numbers; a row's loss is minus its masking's value.
#[test]
fn mdlms_bound_from_its_own_times_and_masks() {
    for name in ["mdlm-tiny", "mdlm-notime"] {
        let bytes = fixture(&format!("{name}-nelbo.safetensors"));
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let read = |field: &str| numbers(&tensors, field);
        let clock = Clock::Shared(Schedule::LogLinear { eps: 1e-3 });
        let clean = |position, t| Clean::of(&clock, position, t);
        let elbo = Elbo::new(4, 1e-3, Key::new(0), clean).unwrap();
        let (words, uniforms) = (read("x0"), read("mask_uniform"));
        let (times, losses) = (elbo.times(&read("t_uniform")), read("loss_per_token"));
        let length = words.len() / times.len();
        let mut network = model(name);
        for (row, &t) in times.iter().enumerate() {
            let part = |values: &[f64]| values[row * length..][..length].to_vec();
            let word: Vec<TokenId> = part(&words).into_iter().map(|id| id as TokenId).collect();
            let answer = Answer::after(&[], &word, 299).unwrap();
            let masking = elbo.at(&answer, t, &part(&uniforms));
            let estimator = MonteCarlo::default();
            let estimate = estimator.estimate(&mut network, &answer, &vec![vec![masking]]).unwrap();
            let recorded: f64 = part(&losses).iter().sum();
            let off = (estimate.value + recorded).abs();
            assert!(off < 1e-4 * recorded, "{name}, row {row}: {estimate:?}, loss {recorded}");
        }
    }
}
