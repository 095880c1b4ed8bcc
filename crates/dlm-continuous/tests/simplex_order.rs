//! How the law of a simplex sampler's words comes near that of the data, computed exactly.
//!
//! A step draws every token by itself, so that it loses what ties them together; the steps
//! after it, at less noise, bring it back. The step forgets its state and keeps the word it
//! drew, which makes the words of a run a Markov chain: with two tokens at two positions its
//! law is a product of matrices of four rows, and an entry is an integral over one normal
//! number a position. No sampling noise is left.

use dlm_continuous::noise::{Noise, Stepwise};
use dlm_continuous::sample;
use dlm_continuous::simplex::{OneHot, Projected, Projection, Renoise};
use dlm_core::{DenseLatent, Latent, Levels, ModelError, NoiseLevel, Rounding, Shape};
use dlm_rng::{Key, Purpose};
use statrs::distribution::{ChiSquared, ContinuousCDF};

const K: f64 = 5.0;

/// The words 00, 01, 10, 11; independent tokens would have 0.275, 0.225, 0.275, 0.225.
const JOINT: [f64; 4] = [0.4, 0.1, 0.15, 0.35];

/// The steps of a run whose law the chain tells and the sampler draws from.
const FEW: usize = 3;

/// What steps of equal width in `α²/σ²` give is of order 1.
///
/// With `r = α/σ`, a step at this level changes a token with a chance of about `f = e^{−r²}/r`,
/// so that the chain mixes at this rate. It draws tokens independently where a true posterior
/// ties them, which takes both positions in doubt: a chance of about `f²`. Between the two the
/// law is off by about `f` where the chain still mixes, and stays as it is once it no longer
/// does, when what is left of the way changes less than one token, `Σ f ≈ 1`. A level later `f`
/// is smaller by the factor `e^{−Δ}`, `Δ` being the width of a step in `r²`, and so `Σ f ≈ f/Δ`:
/// the law freezes where `f ≈ Δ`, off by about `Δ`, whatever the rest of the grid is like. On
/// this grid `Δ` is a constant over the number of steps.
#[test]
fn equal_steps_in_the_signal_to_noise_ratio_are_of_order_one() {
    let steps = [128, 256, 512];
    let off = steps.map(|steps| total_variation(&law(steps, in_ratio)));
    for order in orders(&off) {
        assert!((order - 1.0).abs() < 0.05, "order {order:.3} of {off:?}");
    }
}

/// Steps of equal width in time miss order 1 by a power of a logarithm.
///
/// Here `r ≈ 2/πt`, so that `Δ ≈ πr³/n`: the law freezes where `e^{−r²} ≈ πr⁴/n`, at an `r²` that
/// grows like `ln n`, and is off by about `(ln n)^{3/2}/n`. From `n` to `2n` steps that is an
/// order of about `1 − 3/(2r² + 4)`, below 1 at any number of steps, and rising to it as
/// `1 − 3/(2 ln n)` does.
#[test]
fn equal_steps_in_time_fall_short_of_order_one_by_less_and_less() {
    let steps = [1, 8, 16, 32, 64, 128, 256];
    let off = steps.map(|steps| total_variation(&law(steps, in_time)));
    assert!((off[0] - 0.25).abs() < 1e-3, "one step draws independent tokens: {off:?}");
    assert!(off.windows(2).all(|pair| pair[1] < pair[0]), "{off:?}");
    let orders = orders(&off[2..]);
    assert!(orders.windows(2).all(|pair| pair[0] < pair[1] && pair[1] < 1.0), "{orders:?}");
}

/// At each doubling.
fn orders(off: &[f64]) -> Vec<f64> {
    off.windows(2).map(|pair| (pair[0] / pair[1]).log2()).collect()
}

/// The chain is the sampler's: its words have the law that the chain tells, and not the data's.
#[test]
fn the_sampler_draws_from_the_law_that_is_computed() {
    let shape = Shape { batch: 20_000, length: 2, dim: 2 };
    let keys: Vec<Key> =
        (0..shape.batch as u64).map(|i| Key::new(17).sequence(i).purpose(Purpose::Test)).collect();
    let levels: Vec<Levels> = (0..=FEW).map(|i| in_time(i, FEW).into()).collect();
    let mut noise = Stepwise::new(keys.clone());
    let x: DenseLatent = noise.fresh(&DenseLatent::zeros(shape)).unwrap();
    let start = x.map_positions(&|_, row| row.iter_mut().for_each(|w| *w *= K)).unwrap();
    let one_hot = OneHot::new(2, K).unwrap();
    let mut network = network;
    let projection = Projection::Sampled { top_p: 1.0 };
    let mut denoiser = Projected::new(&mut network, one_hot, projection, keys).unwrap();
    let sampler = Renoise { k: K };
    let run = sample(&sampler, &levels, start, &mut denoiser, &mut noise, &mut ()).unwrap();
    let mut counts = [0.0; 4];
    for word in one_hot.round(&run.x).unwrap().chunks_exact(2) {
        counts[(2 * word[0].token + word[1].token) as usize] += 1.0;
    }
    let (own, data) = (chi_square(&counts, &law(FEW, in_time)), chi_square(&counts, &JOINT));
    assert!(1e-3 < own, "{counts:?}, p = {own}");
    assert!(data < 1e-12, "{counts:?}, p = {data}");
}

/// The level before step `k` of `steps`, `α = cos(πt/2)`; without signal at first.
fn in_time(k: usize, steps: usize) -> NoiseLevel {
    let t = 1.0 - k as f64 / steps as f64;
    let (sigma, alpha) = (t * std::f64::consts::FRAC_PI_2).sin_cos();
    NoiseLevel { t, alpha, sigma }
}

/// The same with `α²/σ²` from 0 to 8, where a step changes one token in ten thousand.
fn in_ratio(k: usize, steps: usize) -> NoiseLevel {
    let share = k as f64 / steps as f64;
    let snr = 8.0 * share;
    let [alpha, sigma] = [snr, 1.0].map(|part| (part / (1.0 + snr)).sqrt());
    NoiseLevel { t: 1.0 - share, alpha, sigma }
}

/// The exact logits of both positions.
fn network(
    w: &DenseLatent,
    levels: &Levels,
    _: Option<&DenseLatent>,
) -> Result<DenseLatent, ModelError> {
    let NoiseLevel { alpha, sigma, .. } = levels.at(0);
    let rows: Vec<&[f64]> = w.rows().collect();
    let evidence = |row: &[f64]| 2.0 * alpha / (K * sigma.powi(2)) * (row[0] - row[1]);
    Ok(w.map_positions(&|position, row| {
        let word = position - position % 2;
        let chance = zeros([evidence(rows[word]), evidence(rows[word + 1])])[position % 2];
        row.copy_from_slice(&[chance.ln(), (1.0 - chance).ln()]);
    })?)
}

/// The chances that the first and the second token are 0, from `ln p(w | 0) − ln p(w | 1)` of
/// each position.
fn zeros(evidence: [f64; 2]) -> [f64; 2] {
    let weight = |word: usize| {
        let of = |token: usize, evidence: f64| {
            let more = if token == 0 { evidence } else { -evidence };
            // Half of the evidence for, half against, less what keeps it from overflowing.
            0.5 * (more - evidence.abs())
        };
        JOINT[word] * (of(word / 2, evidence[0]) + of(word % 2, evidence[1])).exp()
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(weight);
    let total = a + b + c + d;
    [(a + b) / total, (a + c) / total]
}

/// The law of the words after a run: each step draws from the posterior at its first level.
fn law(steps: usize, level: fn(usize, usize) -> NoiseLevel) -> [f64; 4] {
    // The first level has no signal, so it does not matter from which word it came.
    let mut law = [1.0, 0.0, 0.0, 0.0];
    for k in 0..steps {
        let rows: [[f64; 4]; 4] = [0, 1, 2, 3].map(|word| next(word, level(k, steps)));
        law = [0, 1, 2, 3].map(|to| (0..4).map(|from| law[from] * rows[from][to]).sum());
    }
    law
}

/// The law of the word that is drawn from the noisy vectors of `word`.
///
/// A position's evidence for its first token is normal with mean `±4r²` and variance `8r²`,
/// `r = α/σ`. The rule of equal steps converges faster than any power on such integrals.
fn next(word: usize, level: NoiseLevel) -> [f64; 4] {
    let r = level.alpha / level.sigma;
    let nodes = (-48..=48).map(|i| f64::from(i) / 7.0);
    let nodes: Vec<(f64, f64)> = nodes.map(|z| (z, (-0.5 * z * z).exp())).collect();
    let total: f64 = nodes.iter().map(|node| node.1).sum();
    let evidence = |token: usize, z: f64| {
        let sign = if token == 0 { 1.0 } else { -1.0 };
        4.0 * r * r * sign + 8.0_f64.sqrt() * r * z
    };
    let mut law = [0.0; 4];
    for &(z, weight) in &nodes {
        for &(other, other_weight) in &nodes {
            let [a, b] = zeros([evidence(word / 2, z), evidence(word % 2, other)]);
            let share = weight * other_weight / total.powi(2);
            let each = [a * b, a * (1.0 - b), (1.0 - a) * b, (1.0 - a) * (1.0 - b)];
            law.iter_mut().zip(each).for_each(|(law, p)| *law += share * p);
        }
    }
    law
}

fn total_variation(law: &[f64; 4]) -> f64 {
    0.5 * law.iter().zip(JOINT).map(|(p, q)| (p - q).abs()).sum::<f64>()
}

/// The chance of counts further from `law` than these.
fn chi_square(counts: &[f64], law: &[f64]) -> f64 {
    let n: f64 = counts.iter().sum();
    let term = |(count, p): (&f64, &f64)| (count - n * p).powi(2) / (n * p);
    let square: f64 = counts.iter().zip(law).map(term).sum();
    1.0 - ChiSquared::new(law.len() as f64 - 1.0).unwrap().cdf(square)
}
