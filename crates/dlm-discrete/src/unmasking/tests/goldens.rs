//! The rules against tables of the published samplers.

use dlm_core::{Ask, Candidate, Canvas, Crossing, DenseLogits, Query, Shaping, TokenId, TopP};
use dlm_rng::Key;
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::hand::By;
use crate::{
    Clock, Schedule,
    unmasking::{Commit, Faults, Order, Step, UnmaskingSampler, order::Surroundings},
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/schedules/", $name))
    };
}

/// How many tokens each of `steps` steps commits of `masks`.
fn transfers(commit: Commit, masks: usize, steps: usize) -> Vec<u64> {
    let mut counts = vec![0; steps];
    if let Ok(canvas) = Canvas::continuation(&[], masks, 1) {
        let sampler = UnmaskingSampler {
            steps: Some(steps),
            ..UnmaskingSampler::new(Order::LeftToRight, commit)
        };
        let mut observer = |step: &Step<'_>| {
            counts[step.step] = step.committed.len() as u64;
            std::ops::ControlFlow::Continue(())
        };
        let mut model = By { vocab: 1, p: |_: &[TokenId], _| vec![1.0] };
        sampler.fill(&mut model, &mut [canvas], &[Key::new(1)], &mut observer).unwrap();
    }
    counts
}

fn rows(json: &[u8]) -> Vec<Vec<Value>> {
    let table: Value = serde_json::from_slice(json).unwrap();
    serde_json::from_value(table["rows"].clone()).unwrap()
}

#[test]
fn the_even_split_is_lladas_table() {
    for row in rows(fixture!("llada_num_transfer_tokens.json")) {
        let (masks, steps) = (row[0].as_u64().unwrap(), row[1].as_u64().unwrap());
        let expected: Vec<u64> = serde_json::from_value(row[2].clone()).unwrap();
        let found = transfers(Commit::EvenSplit, masks as usize, steps as usize);
        assert_eq!(found, expected, "{masks} masks in {steps} steps");
    }
}

/// Dream counts in float32, this crate in double precision with 10⁻⁹ to spare. The rows
/// agree because no `n·(1 − s/t)` of the table comes nearer to an integer than 10⁻⁵.
#[test]
fn the_schedule_is_dreams_table() {
    for row in rows(fixture!("dream_transfer_per_step.json")) {
        let (masks, steps) = (row[0].as_u64().unwrap(), row[1].as_u64().unwrap());
        let until = row[2].as_f64().unwrap();
        let expected: Vec<u64> = serde_json::from_value(row[3].clone()).unwrap();
        let commit = Commit::Scheduled { clock: Clock::Shared(Schedule::Linear), until };
        let found = transfers(commit, masks as usize, steps as usize);
        assert_eq!(found, expected, "{masks} masks in {steps} steps down to {until}");
    }
}

fn f32s(view: &TensorView<'_>) -> Vec<f32> {
    view.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn f64s(view: &TensorView<'_>) -> Vec<f64> {
    view.data().chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn tokens(view: &TensorView<'_>) -> Vec<TokenId> {
    view.data().chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as TokenId).collect()
}

/// The first step's positions, best first, on a canvas of recorded logits.
fn first_step(sampler: &UnmaskingSampler, logits: &[f32], tokens: &[TokenId]) -> Vec<usize> {
    let vocab = logits.len() / tokens.len();
    let mask = vocab as TokenId;
    let row = |_: &[TokenId], i: usize| {
        let row = &logits[i * vocab..(i + 1) * vocab];
        row.iter().map(|&l| f64::from(l).exp()).collect()
    };
    let mut first = None;
    let mut observer = |step: &Step<'_>| {
        let positions = || step.committed.iter().map(|c| c.position).collect();
        first.get_or_insert_with(positions);
        std::ops::ControlFlow::Continue(())
    };
    let canvas = Canvas::infill(tokens.to_vec(), mask).unwrap();
    let mut model = By { vocab, p: row };
    sampler.fill(&mut model, &mut [canvas], &[Key::new(1)], &mut observer).unwrap();
    first.unwrap()
}

/// In no recorded row does the factor's last candidate alone fail, so with the published
/// fault and without it the positions are the same.
#[test]
fn thresholds_factors_and_quotas_choose_what_fast_dllm_does() {
    let file = SafeTensors::deserialize(fixture!("fast_transfer_index.safetensors")).unwrap();
    let view = |name: &str| file.tensor(name).unwrap();
    let (logits, masked) = (f32s(&view("logits")), view("mask_index").data().to_vec());
    let by = |commit| UnmaskingSampler::new(Order::TopProbability, commit);
    for row in 0..2 {
        let logits = &logits[row * 600..(row + 1) * 600];
        let masked = &masked[row * 20..(row + 1) * 20];
        // Known tokens are 0 here: these logits do not depend on them.
        let canvas: Vec<TokenId> = masked.iter().map(|&m| 30 * TokenId::from(m)).collect();
        let expected = |name: &str| -> Vec<usize> {
            let transfer = view(name).data()[row * 20..(row + 1) * 20].to_vec();
            (0..20).filter(|&i| transfer[i] == 1).collect()
        };
        let sorted = |sampler: &UnmaskingSampler| {
            let mut first = first_step(sampler, logits, &canvas);
            first.sort_unstable();
            first
        };
        for above in [0.3, 0.7, 0.9, 0.999] {
            let commit = Commit::Threshold { above, decay_to: None, keep_pace: false };
            for release in ["", "june_"] {
                let name = format!("{release}thr{above}.transfer");
                assert_eq!(sorted(&by(commit.clone())), expected(&name), "{name}, row {row}");
            }
            let drawn = tokens(&view(&format!("thr{above}.x0")));
            let read = DenseLogits::new(logits.to_vec(), 30).unwrap();
            let all: Vec<usize> = (0..20).collect();
            let read = read.read(&Query::new(&canvas, &all), &Ask::default()).unwrap();
            for candidate in read.iter().filter(|c| masked[c.position] == 1) {
                assert_eq!(candidate.token, drawn[row * 20 + candidate.position]);
            }
        }
        for factor in ["0.2", "0.5", "1.0", "2.0", "4.0"] {
            let name = format!("factor{factor}.transfer");
            let right = by(Commit::Factor { factor: factor.parse().unwrap() });
            let faults = Faults { factor_accepts_last: true, ..Faults::default() };
            let published = UnmaskingSampler { faults, ..right.clone() };
            let expected = expected(&name);
            assert_eq!(sorted(&published), expected, "{name}, row {row}");
            assert_eq!(sorted(&right), expected, "{name}, row {row}");
        }
        // A single step commits everything, best first: a quota is its beginning.
        let all = UnmaskingSampler { steps: Some(1), ..by(Commit::EvenSplit) };
        let mut best = first_step(&all, logits, &canvas);
        best.truncate([3, 6][row]);
        best.sort_unstable();
        assert_eq!(best, expected("quota_3_6.transfer"), "row {row}");
    }
}

#[test]
fn tokens_and_confidences_are_dreams() {
    let file = SafeTensors::deserialize(fixture!("dream_sample_tokens.safetensors")).unwrap();
    let view = |name: &str| file.tensor(name).unwrap();
    let logits = DenseLogits::new(f32s(&view("logits")), 50).unwrap();
    let top_p = |mass| Some(TopP { mass, crossing: Crossing::Kept });
    let shaped = |top_k, top_p| Shaping { top_k, top_p, ..Shaping::default() };
    let positions: Vec<usize> = (0..12).collect();
    let around = Surroundings { start: 0, leftmost: 0, frequencies: &[] };
    for (name, order, shaping) in [
        ("plain", Order::TopProbability, shaped(None, None)),
        ("margin", Order::Margin, shaped(None, None)),
        ("entropy", Order::Entropy, shaped(None, None)),
        ("top_k_5", Order::TopProbability, shaped(Some(5), None)),
        ("top_k_1_margin", Order::Margin, shaped(Some(1), None)),
        ("top_p_0.8", Order::TopProbability, shaped(None, top_p(0.8))),
        ("top_p_0.9_entropy", Order::Entropy, shaped(None, top_p(0.9))),
    ] {
        let ask = Ask { shaping, ..Ask::default() };
        let read: Vec<Candidate> = logits.read(&Query::new(&[50; 12], &positions), &ask).unwrap();
        let x0 = tokens(&view(&format!("{name}.x0")));
        let confidence = f32s(&view(&format!("{name}.confidence")));
        for (row, candidate) in read.iter().enumerate() {
            assert_eq!(candidate.token, x0[row], "{name}, row {row}");
            let ours = order.confidence(candidate, &around);
            let theirs = f64::from(confidence[row]);
            assert!((ours - theirs).abs() < 2e-6, "{name}, row {row}: {ours} for {theirs}");
        }
    }
    for (name, shaping) in
        [("top_k_logits_5", shaped(Some(5), None)), ("top_p_logits_0.8", shaped(None, top_p(0.8)))]
    {
        let theirs = DenseLogits::new(f32s(&view(name)), 50).unwrap();
        let ours = logits.shaped(&shaping).unwrap();
        for row in 0..12 {
            let (ours, theirs) = (ours.probabilities(row), theirs.probabilities(row));
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
            assert!(ours.iter().zip(&theirs).all(near), "{name}, row {row}");
        }
    }
}

/// `exp(l)/(−ln u)^T` and `l/T − ln(−ln u)` have the same argmax, and its law is the
/// softmax of `l/T`; an inverted cumulative distribution draws from the same one.
#[test]
fn gumbel_noise_and_the_inverse_draw_follow_the_tempered_softmax() {
    let file = SafeTensors::deserialize(fixture!("llada_gumbel.safetensors")).unwrap();
    let logits = f32s(&file.tensor("logits").unwrap());
    let argmax = |values: &[f64]| {
        (0..values.len()).fold(0, |best, v| if values[best] < values[v] { v } else { best })
    };
    for temperature in ["0.2", "0.7", "1.0", "2.0"] {
        let t: f64 = temperature.parse().unwrap();
        let noisy = f64s(&file.tensor(&format!("T{temperature}")).unwrap());
        let u = f64s(&file.tensor(&format!("T{temperature}.uniform")).unwrap());
        let rows = logits.chunks(30).zip(noisy.chunks(30)).zip(u.chunks(30));
        for ((logits, noisy), u) in rows {
            let pairs = || logits.iter().map(|&l| f64::from(l)).zip(u);
            let ours: Vec<f64> = pairs().map(|(l, u)| l.exp() / (-u.ln()).powf(t)).collect();
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * b.abs();
            assert!(ours.iter().zip(noisy).all(near), "T = {t}");
            let gumbel: Vec<f64> = pairs().map(|(l, u)| l / t - (-u.ln()).ln()).collect();
            assert_eq!(argmax(&gumbel), argmax(noisy), "T = {t}");
        }

        const DRAWS: usize = 20_000;
        let row = &logits[..30];
        let weights: Vec<f64> = row.iter().map(|&l| (f64::from(l) / t).exp()).collect();
        let total: f64 = weights.iter().sum();
        let p: Vec<f64> = weights.iter().map(|w| w / total).collect();
        let ask = Ask { temperature: t, ..Ask::default() };
        let dense = DenseLogits::new(row.to_vec(), 30).unwrap();
        let (mut inverted, mut noised) = (vec![0.0; 30], vec![0.0; 30]);
        for draw in 0..DRAWS {
            let mut key = Key::new(5).sequence(draw as u64).stream();
            let query = Query { uniforms: &[key.uniform()], ..Query::new(&[30], &[0]) };
            let token = dense.read(&query, &ask).unwrap()[0].token;
            inverted[token as usize] += 1.0;
            let gumbel = |&l: &f32| f64::from(l) / t - (-(1.0 - key.uniform()).ln()).ln();
            noised[argmax(&row.iter().map(gumbel).collect::<Vec<_>>())] += 1.0;
        }
        for counts in [inverted, noised] {
            let chance = goodness(&p, &counts);
            assert!(1e-4 < chance, "T = {t}: p = {chance}");
        }
    }
}

/// The p-value of Pearson's test, tokens that are hardly expected taken together.
fn goodness(p: &[f64], counts: &[f64]) -> f64 {
    let draws: f64 = counts.iter().sum();
    let (mut cells, mut rest) = (Vec::new(), (0.0, 0.0));
    for (p, count) in p.iter().zip(counts) {
        match p * draws < 5.0 {
            true => rest = (rest.0 + p * draws, rest.1 + count),
            false => cells.push((p * draws, *count)),
        }
    }
    if 1.0 < rest.0 {
        cells.push(rest);
    }
    let statistic: f64 = cells.iter().map(|(expected, n)| (n - expected).powi(2) / expected).sum();
    1.0 - ChiSquared::new((cells.len() - 1) as f64).unwrap().cdf(statistic)
}
