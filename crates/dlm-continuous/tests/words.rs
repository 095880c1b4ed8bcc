//! Words from samplers, end to end: noise, steps, rounding, and the law of what comes out.
//!
//! The tokens of a word depend on each other. No sampler and no rounding knows that: every
//! position is stepped and rounded by itself, and what ties them together is the denoiser's
//! prediction alone, as the last test shows.

use std::sync::Arc;

use dlm_continuous::noise::{Noise, Stepwise};
use dlm_continuous::rounding::{Embeddings, NearestEmbedding};
use dlm_continuous::schedule::{Clock, Cosine, End, Grid, NoiseSchedule, Spacing};
use dlm_continuous::solver::Solver;
use dlm_continuous::{forward, sample};
use dlm_core::{DenseLatent, Rounding, Shape, TokenId};
use dlm_rng::Key;
use dlm_testkit::{CategoricalMixture, Tabular};
use statrs::distribution::{ChiSquared, ContinuousCDF};

const WORDS: u64 = 2000;
const VOCAB: usize = 3;
const SHAPE: Shape = Shape { batch: WORDS as usize, length: 2, dim: 2 };

/// Words of two tokens of three: the second mostly follows the first.
const JOINT: [f64; 9] = [0.05, 0.20, 0.05, 0.02, 0.08, 0.25, 0.22, 0.04, 0.09];

/// Of each token, one row.
const EMBEDDINGS: [f32; 6] = [1.0, 0.25, -0.75, 1.0, -0.25, -1.25];

/// The smallest probability of a test at a fixed seed that passes.
const SIGNIFICANCE: f64 = 1e-3;

/// Samplers with the steps that make their own error too small to be noticed.
const SAMPLERS: [(&str, usize); 4] = [("ddpm", 200), ("ddim", 200), ("dpmpp-2m", 60), ("heun", 60)];

#[test]
fn words_have_their_joint_law() {
    for (name, steps) in SAMPLERS {
        let counts = counts(name, steps, &Clock::shared(2), &JOINT);
        let p = chi_square(&counts, &JOINT);
        assert!(SIGNIFICANCE < p, "{name}: {counts:?}, p = {p}");
    }
}

/// The first position is told and stays what it is; the other follows from it.
#[test]
fn words_continue_a_prompt_by_the_conditional_law() {
    let row = &JOINT[PROMPT as usize * VOCAB..][..VOCAB];
    let total: f64 = row.iter().sum();
    let law: Vec<f64> = row.iter().map(|p| p / total).collect();
    for (name, steps) in SAMPLERS {
        let counts = counts(name, steps, &Clock::shared(2).freeze(0..1), &JOINT);
        let (told, others): (Vec<_>, Vec<_>) =
            counts.iter().enumerate().partition(|(word, _)| word / VOCAB == PROMPT as usize);
        assert!(others.iter().all(|(_, count)| **count == 0.0), "{name}: {counts:?}");
        let told: Vec<f64> = told.into_iter().map(|(_, count)| *count).collect();
        let p = chi_square(&told, &law);
        assert!(SIGNIFICANCE < p, "{name}: {told:?}, p = {p}");
    }
}

/// The second position lags behind by half of the way.
#[test]
fn words_have_their_joint_law_under_clocks_of_their_own() {
    for (name, steps) in SAMPLERS {
        let counts = counts(name, 2 * steps, &Clock::staggered(2, 0.5), &JOINT);
        let p = chi_square(&counts, &JOINT);
        assert!(SIGNIFICANCE < p, "{name}: {counts:?}, p = {p}");
    }
}

/// A denoiser that knows the law of each position, and not that they depend on each other,
/// gives words of independent tokens.
#[test]
fn a_denoiser_of_independent_positions_is_noticed() {
    let product = product(&JOINT);
    for (name, steps) in SAMPLERS {
        let counts = counts(name, steps, &Clock::shared(2), &product);
        let (own, joint) = (chi_square(&counts, &product), chi_square(&counts, &JOINT));
        assert!(SIGNIFICANCE < own, "{name}: {counts:?}, p = {own}");
        assert!(joint < 1e-12, "{name}: {counts:?}, p = {joint}");
    }
}

/// What a frozen first position holds.
const PROMPT: TokenId = 1;

/// How often each word came out, with the exact denoiser of `law`.
fn counts(name: &str, steps: usize, clock: &Clock, law: &[f64]) -> Vec<f64> {
    let schedule = Cosine::default();
    let embeddings = Arc::new(Embeddings::new(VOCAB, 2, EMBEDDINGS.to_vec()).unwrap());
    let rounding = NearestEmbedding::new(embeddings);
    let table = Tabular::new(2, VOCAB, law.to_vec()).unwrap();
    let mut data = CategoricalMixture::new(table, EMBEDDINGS.map(f64::from).to_vec()).unwrap();

    let grid = Grid { steps, spacing: Spacing::Time {}, end: End::CleanAfter(1e-3) };
    let levels = clock.levels(&grid.levels(&schedule).unwrap(), &schedule).unwrap();
    assert!(schedule.level(1.0).unwrap().alpha < 1e-3);
    let mut noise = Stepwise::new((0..WORDS).map(|i| Key::new(5).sequence(i)).collect::<Vec<_>>());
    // Positions that are not frozen start as noise, whatever is put there.
    let prompt: DenseLatent =
        rounding.embed(&vec![PROMPT; SHAPE.positions()], &DenseLatent::zeros(SHAPE)).unwrap();
    let start = forward::corrupt(&prompt, &levels[0], &noise.fresh(&prompt).unwrap()).unwrap();

    let solver = name.parse::<Solver>().unwrap().on(schedule);
    let run = sample(&solver, &levels, start, &mut data, &mut noise, &mut ()).unwrap();
    let mut counts = vec![0.0; VOCAB * VOCAB];
    for word in rounding.round(&run.x).unwrap().chunks_exact(2) {
        counts[word[0].token as usize * VOCAB + word[1].token as usize] += 1.0;
    }
    counts
}

/// The law of independent tokens with the same marginals.
fn product(joint: &[f64]) -> Vec<f64> {
    let first = |a: usize| (0..VOCAB).map(|b| joint[a * VOCAB + b]).sum::<f64>();
    let second = |b: usize| (0..VOCAB).map(|a| joint[a * VOCAB + b]).sum::<f64>();
    (0..VOCAB * VOCAB).map(|word| first(word / VOCAB) * second(word % VOCAB)).collect()
}

/// The chance of counts further from `law` than these.
fn chi_square(counts: &[f64], law: &[f64]) -> f64 {
    let n: f64 = counts.iter().sum();
    let term = |(count, p): (&f64, &f64)| (count - n * p).powi(2) / (n * p);
    let square: f64 = counts.iter().zip(law).map(term).sum();
    1.0 - ChiSquared::new(law.len() as f64 - 1.0).unwrap().cdf(square)
}
