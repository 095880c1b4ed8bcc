//! Likelihoods against recorded runs of the reference implementations.

use dlm_core::{Ask, Candidate, MaskPredictor, ModelError, Prediction, Query, Target, TokenId};
use dlm_discrete::likelihood::{Answer, Clean, Elbo, Masking, MonteCarlo, Scoring};
use dlm_rng::Key;
use safetensors::SafeTensors;

/// Says what was recorded, in the order recorded, and checks that it is asked the same.
struct Replay {
    /// Masked sequences and the losses of their masked tokens.
    recorded: std::vec::IntoIter<(Vec<TokenId>, Vec<f32>)>,
    /// The length of the prompt, which the unconditional sequence masks.
    prompt: usize,
    mask: TokenId,
    guidance: f64,
}

impl MaskPredictor for Replay {
    fn vocab(&self) -> usize {
        512
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        assert_eq!(ask.shaping.guidance, self.guidance);
        let mut answer = |query: &Query<'_>| {
            let (tokens, losses) = self.recorded.next().unwrap();
            assert_eq!(query.tokens, tokens);
            let mut unconditional = tokens.clone();
            unconditional[..self.prompt].fill(self.mask);
            assert_eq!(query.unconditional, Some(&unconditional[..]));
            let candidate = |(&position, loss): (&usize, f32)| Candidate {
                position,
                token: 0,
                log_probability: 0.0,
                margin: 0.0,
                entropy: 0.0,
                top: vec![],
                expectations: vec![],
                next_divergence: None,
                target: Some(Target { rank: 0, log_probability: -loss }),
                watched: vec![],
                divergence: None,
            };
            query.positions.iter().zip(losses).map(candidate).collect()
        };
        let candidates = queries.iter().map(&mut answer).collect();
        Ok(Prediction { candidates, ..Prediction::default() })
    }
}

#[test]
fn recorded_maskings_give_lladas_value() {
    const BATCH: usize = 4;
    let fixture: serde_json::Value =
        serde_json::from_str(include_str!("fixtures/likelihood/loglik_cfg0.5.json")).unwrap();
    let ids = |field: &str| -> Vec<TokenId> {
        let list = fixture[field].as_array().unwrap();
        list.iter().map(|id| id.as_u64().unwrap() as TokenId).collect()
    };
    let bytes = include_bytes!("fixtures/likelihood/loglik_cfg0.5.safetensors");
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let mask = fixture["mask_id"].as_u64().unwrap() as TokenId;
    let prompt = ids("prompt_ids");
    let answer = Answer::after(&prompt, &ids("answer_ids"), mask).unwrap();

    let length = answer.tokens().len();
    let sequences: Vec<Vec<TokenId>> =
        integers(&tensors, "perturbed").chunks(length).map(<[TokenId]>::to_vec).collect();
    let shares = floats(&tensors, "p_mask");
    let (mut recorded, mut replicates) = (Vec::new(), Vec::new());
    for (batch, sequences) in sequences.chunks(BATCH).enumerate() {
        let mut losses = floats(&tensors, &format!("nll_{batch:03}")).into_iter();
        let mut replicate = Vec::new();
        for (row, tokens) in sequences.iter().enumerate() {
            let positions: Vec<usize> = (0..length).filter(|&i| tokens[i] == mask).collect();
            let share = f64::from(shares[(batch * BATCH + row) * length]);
            let weights = vec![1.0 / share / BATCH as f64; positions.len()];
            recorded.push((tokens.clone(), losses.by_ref().take(positions.len()).collect()));
            replicate.push(Masking { positions, weights, time: None });
        }
        replicates.push(replicate);
    }
    // Of its four counts the second and the fourth are rounded to even ones.
    for replicate in &replicates {
        assert!([1, 3].iter().all(|&k: &usize| replicate[k].positions.len() % 2 == 0));
    }

    let guidance = fixture["cfg_scale"].as_f64().unwrap();
    let mut model = Replay { recorded: recorded.into_iter(), prompt: prompt.len(), mask, guidance };
    let scoring = Scoring { batch: 3, guidance };
    let settings = MonteCarlo { scoring, ..MonteCarlo::default() };
    let estimate = settings.estimate(&mut model, &answer, &replicates).unwrap();
    let value = fixture["log_likelihood"].as_f64().unwrap();
    assert!((estimate.value / value - 1.0).abs() < 1e-6, "{} against {value}", estimate.value);
    assert_eq!((estimate.replicates, estimate.evaluations), (4, 16));
}

#[test]
fn times_and_masks_are_mdlms() {
    const EPSILON: f64 = 1e-3;
    let bytes = include_bytes!("fixtures/likelihood/nelbo.safetensors");
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let log_linear =
        |_: usize, t: f64| Clean { alpha: 1.0 - (1.0 - EPSILON) * t, derivative: EPSILON - 1.0 };
    let elbo = Elbo::new(4, EPSILON, Key::new(0), log_linear).unwrap();
    let doubles =
        |name| -> Vec<f64> { floats(&tensors, name).into_iter().map(f64::from).collect() };

    let times = elbo.times(&doubles("t_uniform"));
    for (t, recorded) in times.iter().zip(doubles("t")) {
        assert!((t - recorded).abs() < 1e-7);
    }
    let (clean, noisy) = (integers(&tensors, "x0"), integers(&tensors, "xt"));
    let uniforms = doubles("mask_uniform");
    let losses = doubles("loss_per_token");
    for (row, (t, clean)) in times.iter().zip(clean.chunks(16)).enumerate() {
        let mask = 299;
        let answer = Answer::after(&[], clean, mask).unwrap();
        let masking = elbo.at(&answer, *t, &uniforms[row * 16..][..16]);
        let noisy = &noisy[row * 16..][..16];
        let masked: Vec<usize> = (0..16).filter(|&i| noisy[i] == mask).collect();
        assert_eq!(masking.positions, masked);
        // Losses are recorded where, and only where, a token is masked.
        assert!((0..16).all(|i| masked.contains(&i) == (losses[row * 16 + i] != 0.0)));
        // The schedule's −α'/(1 − α) is 1/t.
        assert!(masking.weights.iter().all(|weight| (weight * t - 1.0).abs() < 1e-12));
    }
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let data = tensors.tensor(name).unwrap();
    data.data().chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn integers(tensors: &SafeTensors<'_>, name: &str) -> Vec<TokenId> {
    let data = tensors.tensor(name).unwrap();
    let integer = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap()) as TokenId;
    data.data().chunks(8).map(integer).collect()
}
