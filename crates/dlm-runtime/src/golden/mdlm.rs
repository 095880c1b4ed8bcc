//! MDLM's network, its three parametrisations and what follows from them in closed form,
//! against the reference.

use tch::{Device, Kind, Tensor};

use super::{F32_TOLERANCE, Golden, fixture, largest, load};
use crate::{
    DtypeChoice, LoadOptions, Model, Parametrisation,
    network::{Pack, Place, dit::sigma},
};

const MASK: u32 = 299;

/// Sequences at their times, and what a network says of them.
struct Noised {
    rows: Vec<Vec<u32>>,
    times: Vec<Option<f64>>,
}

impl Noised {
    /// The sequences of `tokens` at the times of `t`.
    fn of(golden: &Golden, tokens: &str) -> Self {
        let rows = golden.rows(tokens).unwrap();
        let rows = rows.iter().map(|row| row.iter().map(|&id| id as u32).collect()).collect();
        let times = Vec::<f64>::try_from(golden.tensor("t").unwrap().view([-1])).unwrap();
        Self { rows, times: times.into_iter().map(Some).collect() }
    }

    fn logits(&self, model: &Model) -> Tensor {
        let rows: Vec<&[u32]> = self.rows.iter().map(Vec::as_slice).collect();
        let mut pack = Pack::new(&rows, Device::Cpu).unwrap();
        pack.times = self.times.clone();
        let hidden = model.network().hidden(&pack).unwrap();
        model.network().logits(&hidden).unwrap().to_kind(Kind::Float)
    }

    fn parametrised(&self, model: &Model) -> Tensor {
        let places = self.rows.iter().zip(&self.times);
        let places = places.flat_map(|(row, &time)| row.iter().map(move |&t| (t, time)));
        let places: Vec<Place> = places.map(|(token, time)| Place { token, time }).collect();
        model.network().parametrise(self.logits(model), &places).unwrap()
    }
}

fn model(name: &str, parametrisation: Option<Parametrisation>) -> Model {
    let options = LoadOptions { dtype: DtypeChoice::F32, parametrisation, ..Default::default() };
    load(name, options)
}

/// `[places, V]` of a golden tensor `[batch, length, V]`.
fn flat(golden: &Golden, name: &str) -> Tensor {
    let tensor = golden.tensor(name).unwrap();
    tensor.view([-1, tensor.size()[2]])
}

fn logits_golden(name: &str) -> Golden {
    Golden(fixture(&format!("golden/{name}/logits.safetensors")))
}

#[test]
fn logits_agree_with_and_without_time() {
    for name in ["mdlm-tiny", "mdlm-notime", "mdlm-tiny-bf16"] {
        let golden = logits_golden(name);
        let ours = Noised::of(&golden, "input_ids").logits(&model(name, None));
        let difference = largest(&(ours - flat(&golden, "logits")));
        assert!(difference < F32_TOLERANCE, "{name}: {difference}");
    }
}

#[test]
fn bf16_arithmetic_stays_near() {
    let golden = logits_golden("mdlm-tiny-bf16");
    let options = LoadOptions { dtype: DtypeChoice::Bf16, ..Default::default() };
    let ours = Noised::of(&golden, "input_ids").logits(&load("mdlm-tiny-bf16", options));
    let expected = flat(&golden, "logits");
    let difference = (&ours - &expected).abs();
    let agree = ours.argmax(-1, false).eq_tensor(&expected.argmax(-1, false));
    let agree = agree.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
    let (median, most) = (difference.median().double_value(&[]), largest(&difference));
    assert!(median <= 0.1 && most <= 2.5 && 0.9 <= agree, "{median} {most} {agree}");
}

#[test]
fn the_noise_level_is_the_references() {
    let golden = logits_golden("mdlm-tiny");
    let of = |name: &str| Vec::<f64>::try_from(golden.tensor(name).unwrap()).unwrap();
    for (t, expected) in of("t").into_iter().zip(of("sigma")) {
        // The reference computes it in f32, where it is steep at t = 1.
        assert!((sigma(t).unwrap() / expected - 1.0).abs() < 3e-6, "{t}");
    }
    assert_eq!(sigma(0.0).unwrap(), 0.0);
    for t in [-0.1, 1.1, f64::NAN] {
        assert!(sigma(t).is_err(), "{t}");
    }
}

#[test]
fn every_parametrisation_agrees() {
    let cases = [
        ("mdlm-tiny", Parametrisation::Subs, "subs_log_probs"),
        ("mdlm-notime", Parametrisation::Subs, "subs_log_probs"),
        ("mdlm-tiny-bf16", Parametrisation::Subs, "subs_log_probs"),
        ("mdlm-tiny", Parametrisation::D3pm, "d3pm_log_probs"),
        ("mdlm-tiny", Parametrisation::Sedd, "sedd_log_score"),
    ];
    for (name, parametrisation, key) in cases {
        let golden = logits_golden(name);
        let model = model(name, Some(parametrisation));
        let ours = Noised::of(&golden, "input_ids").parametrised(&model);
        let ours = match parametrisation {
            Parametrisation::Sedd => ours,
            _ => ours.log_softmax(-1, Kind::Float),
        };
        // The reference gives what it rules out a log-probability of about −10⁶.
        let (ours, expected) = (ours.clamp_min(-1e5), flat(&golden, key).clamp_min(-1e5));
        let difference = largest(&(ours - expected));
        assert!(difference < F32_TOLERANCE, "{name} {key}: {difference}");
    }
}

#[test]
fn posterior_and_score_follow_from_substitution() {
    for name in ["mdlm-tiny", "mdlm-notime"] {
        let golden = Golden(fixture(&format!("golden/{name}/posterior_step.safetensors")));
        let noised = Noised::of(&golden, "x");
        let p = noised.parametrised(&model(name, None)).softmax(-1, Kind::Float);
        let (t, dt) = (0.6, 0.1);
        let compare = |key: &str, ours: &Tensor| {
            let expected = flat(&golden, key);
            let difference = largest(&(ours - expected));
            assert!(difference < 2e-4, "{name} {key}: {difference}");
        };
        let column = i64::from(MASK);
        let posterior = |now: f64, before: f64| {
            let q = &p * (now - before);
            let _ = q.narrow(1, column, 1).fill_(before);
            q
        };
        let moved = |t: f64| 1.0 - (-sigma(t).unwrap()).exp();
        compare("ddpm_q_xs", &posterior(moved(t), moved(t - dt)));
        compare("ddpm_cache_q_xs", &posterior(t, t - dt));

        // p_t(v)/p_t(mask) = p(v)/(e^σ − 1); seen from a known token only the mask is
        // another place to have come from, at the inverse of that ratio.
        let odds = sigma(t).unwrap().exp_m1();
        let score = &p / odds;
        for (row, &token) in noised.rows.iter().flatten().enumerate() {
            let row = score.get(row as i64);
            if token == MASK {
                let _ = row.get(column).fill_(1.0);
            } else {
                let _ = row.get(i64::from(token)).fill_(1.0);
                let _ = row.get(column).fill_(odds);
            }
        }
        compare("subs_score", &score);
    }
}

#[test]
fn a_sequence_without_a_time_is_as_old_as_it_looks() {
    let golden = logits_golden("mdlm-tiny");
    let mut noised = Noised::of(&golden, "input_ids");
    let told = model("mdlm-tiny", None);
    let untold = model("mdlm-notime", None);
    let (at_times, never) = (noised.logits(&told), noised.logits(&untold));
    noised.times = vec![None; 3];
    let guessed = noised.logits(&told);
    assert_eq!(noised.logits(&untold), never);
    let masks = |row: &Vec<u32>| row.iter().filter(|&&token| token == MASK).count();
    let fraction = |row: &Vec<u32>| Some(masks(row) as f64 / row.len() as f64);
    noised.times = noised.rows.iter().map(fraction).collect();
    assert_eq!(noised.logits(&told), guessed);
    assert!(0.01 < largest(&(at_times - guessed)), "the time should matter");
}
