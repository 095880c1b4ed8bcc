//! MDLM's published samplers on its own network, state for state.

use dlm_core::{Ask, Canvas, MaskPredictor, ModelError, Prediction, Query, TokenId};
use dlm_discrete::{
    Clock, Schedule,
    forward::{Noise, Reverse},
    jump::{JumpSampler, Rule},
};
use dlm_rng::Key;
use dlm_runtime::Model;
use safetensors::SafeTensors;
use serde_json::Value;

use super::published::{folder, model, numbers};

/// A recorded run, its schedule, and whether its last denoising draws.
struct Recorded {
    model: &'static str,
    case: &'static str,
    schedule: Schedule,
    draws_last: bool,
}

/// `ddpm` moves by the network's own schedule and `ddpm_cache` by the linear one.
/// `analytic` is score entropy's step with the score of SUBS probabilities,
/// `p/(e^σ − 1)`, and `(e^Δσ − 1)/(e^σ − 1) = (α_s − α_t)/(1 − α_t)`: the same step again.
const RUNS: &[Recorded] = &[
    run("mdlm-notime", "sample_ddpm", Schedule::LogLinear { eps: 1e-3 }),
    run("mdlm-tiny", "sample_ddpm", Schedule::LogLinear { eps: 1e-3 }),
    run("mdlm-notime", "sample_ddpm_cache", Schedule::Linear),
    run("mdlm-tiny", "sample_ddpm_cache", Schedule::Linear),
    run("mdlm-notime", "sample_ddpm_cache_long", Schedule::Linear),
    Recorded {
        draws_last: true,
        ..run("mdlm-notime", "sample_analytic", Schedule::LogLinear { eps: 1e-3 })
    },
];

const fn run(model: &'static str, case: &'static str, schedule: Schedule) -> Recorded {
    Recorded { model, case, schedule, draws_last: false }
}

#[test]
fn ancestral_steps() {
    RUNS.iter().for_each(Recorded::check);
}

impl Recorded {
    fn check(&self) {
        let stem = folder(self.model).join(self.case);
        let facts = std::fs::read(stem.with_extension("json")).unwrap();
        let facts: Value = serde_json::from_slice(&facts).unwrap();
        let number = |field: &str| facts[field].as_u64().unwrap() as usize;
        let (steps, batch, length) = (number("num_steps"), number("batch"), number("length"));
        let mask = number("mask_id") as TokenId;
        let bytes = std::fs::read(stem.with_extension("safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let read = |name: &str| numbers(&tensors.tensor(name).unwrap());
        let mut states = read("states");
        states.extend(read("final"));

        let model = model(self.model);
        let pass = batch * length * model.vocab();
        let mut noise: Vec<Vec<f64>> = read("uniform").chunks(pass).map(<[f64]>::to_vec).collect();
        if !self.draws_last {
            // The last denoising takes the most probable token: equal noise for all.
            noise.push(vec![0.5; pass]);
        }
        let mut predictor = WithNoise { model, noise, pass: 0, length };
        let sampler = JumpSampler {
            end: 1e-5,
            ..JumpSampler::new(
                Rule::Posterior { reverse: Reverse::Joint },
                Noise::Absorbing,
                Clock::Shared(self.schedule),
                steps,
            )
        };
        let mut canvases = vec![Canvas::infill(vec![mask; length], mask).unwrap(); batch];
        for (step, recorded) in states.chunks(batch * length).enumerate() {
            predictor.pass = step;
            sampler.step(&mut predictor, &mut canvases, &vec![Key::new(0); batch], step).unwrap();
            let ours = canvases.iter().flat_map(Canvas::tokens).map(|&token| f64::from(token));
            let (model, case) = (self.model, self.case);
            assert!(ours.eq(recorded.iter().copied()), "{model} {case}: after step {step}");
        }
    }
}

/// The network, with each next token drawn from its transition's weights `w` as the
/// published code draws: `argmax w/(10⁻¹⁰ − ln(u + 10⁻¹⁰))`.
struct WithNoise {
    model: Model,
    /// For each forward pass, a number for every row, position and token.
    noise: Vec<Vec<f64>>,
    pass: usize,
    length: usize,
}

impl MaskPredictor for WithNoise {
    fn vocab(&self) -> usize {
        self.model.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let vocab = self.vocab();
        let plain: Vec<Query<'_>> =
            queries.iter().map(|query| Query { transitions: &[], ..*query }).collect();
        let mut prediction = self.model.predict(&plain, &Ask { top_k: vocab, ..*ask })?;
        for (row, (query, candidates)) in queries.iter().zip(&mut prediction.candidates).enumerate()
        {
            for (candidate, transition) in candidates.iter_mut().zip(query.transitions) {
                let mut p = vec![0.0; vocab];
                for ranked in &candidate.top {
                    p[ranked.token as usize] = f64::from(ranked.log_probability).exp();
                }
                let weights = transition.weights(&p, query.tokens[candidate.position]);
                let u = &self.noise[self.pass][(row * self.length + candidate.position) * vocab..];
                let value = |v: usize| weights[v] / (1e-10 - (u[v] + 1e-10).ln());
                let best = (0..vocab).max_by(|&a, &b| value(a).total_cmp(&value(b)));
                candidate.token = best.unwrap() as TokenId;
            }
        }
        Ok(prediction)
    }
}
