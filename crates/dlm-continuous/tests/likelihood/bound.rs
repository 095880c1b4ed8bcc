//! The bound's expectation is an entropy, or a cross-entropy.

use std::f64::consts::{E, TAU};

use dlm_continuous::likelihood::{EmbeddingSoftmax, Integral, Path, Reconstruction, Vlb};
use dlm_continuous::schedule::NoiseSchedule;
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, NoiseLevel, TokenId};
use dlm_rng::{Key, Purpose};
use dlm_testkit::{CategoricalMixture, Component, GaussianMixture, Tabular};

use crate::straight::{Straight, numbers, sequences};

/// Data `N(MEAN, STD²)`.
const MEAN: f64 = 0.4;
const STD: f64 = 0.7;

/// Copies of each datum: their mean has less noise from the times than one has.
const COPIES: usize = 32;

fn key() -> Key {
    Key::new(21)
}

/// `E_ε(x₀ − x̂₀)²` of the denoiser that is perfect for `N(mean, STD²)`, at given data.
fn squared_error(x0: f64, mean: f64, level: NoiseLevel) -> f64 {
    let gain = level.alpha * STD * STD / ((level.alpha * STD).powi(2) + level.sigma.powi(2));
    ((1.0 - gain * level.alpha) * (x0 - mean)).powi(2) + (gain * level.sigma).powi(2)
}

/// The mean of the bound over data and noise, both exactly, with the denoiser that is perfect
/// for `N(mean, STD²)`: the denoiser here errs by the root of its own mean squared error, so
/// only the integral over levels is left to be a sum. The bound is quadratic in the data, and
/// the mean of its values at `MEAN ± STD` is that over all data.
fn expected_bound(integral: &Integral<'_>, mean: f64) -> f64 {
    let x0 = numbers([[MEAN - STD; COPIES], [MEAN + STD; COPIES]].concat());
    let data = x0.values().to_vec();
    let mut denoiser = |x: &DenseLatent, levels: &Levels| -> Result<DenseLatent, ModelError> {
        let off = |(i, x0): (usize, &f64)| x0 - squared_error(*x0, mean, levels.at(i)).sqrt();
        let prediction = data.iter().enumerate().map(off).collect();
        Ok(DenseLatent::new(x.shape(), prediction)?)
    };
    let mut posterior = |_: &DenseLatent, levels: &Levels| {
        let of = |(i, &x0): (usize, &f64)| {
            let level = levels.at(i);
            let noisy = (level.alpha * STD).powi(2) + level.sigma.powi(2);
            let variance = (STD * level.sigma).powi(2) / noisy;
            0.5 * ((TAU * variance).ln() + squared_error(x0, mean, level) / variance)
        };
        Ok(data.iter().enumerate().map(of).collect())
    };
    let names: Vec<u64> = (0..x0.shape().batch as u64).collect();
    let vlb = Vlb { draws: 1, key: key() };
    let bounds = vlb.estimate(integral, &x0, &names, &mut denoiser, &mut posterior).unwrap();
    assert!(bounds.iter().all(|bound| bound.standard_error.is_none()));
    bounds.iter().map(|bound| bound.value).sum::<f64>() / bounds.len() as f64
}

/// Entropy of the data, plus the divergence to the model's, plus what the prior misses.
fn exact_bound(mean: f64, noise: NoiseLevel) -> f64 {
    let entropy = 0.5 * (TAU * E * STD * STD).ln();
    let divergence = (MEAN - mean).powi(2) / (2.0 * STD * STD);
    let (signal, variance) = (noise.alpha.powi(2), noise.sigma.powi(2));
    let noisy = signal * STD * STD + variance;
    let ratio = noisy / variance;
    let to_prior = 0.5 * (ratio + signal * MEAN * MEAN / variance - 1.0 - ratio.ln());
    let to_model = signal * (MEAN - mean).powi(2) / (2.0 * noisy);
    entropy + divergence + to_prior - to_model
}

/// The I-MMSE relation (Guo, Shamai & Verdú 2005).
#[test]
fn the_expected_bound_is_the_cross_entropy_of_gaussians() {
    for keeps_variance in [true, false] {
        let schedule = Straight { keeps_variance, ..Straight::new(4.0, -5.0) };
        let path = Path::from_noise(&schedule, 0.0).unwrap();
        let integral = Integral::Continuous { path, strata: 1 << 13 };
        for mean in [MEAN, MEAN + 0.5] {
            let exact = exact_bound(mean, schedule.level(1.0).unwrap());
            let found = expected_bound(&integral, mean);
            assert!((found - exact).abs() < 1e-6, "{found} {exact}");
        }
    }
}

#[test]
fn the_bound_of_a_chain_falls_to_the_integral_at_order_one() {
    let schedule = Straight::new(4.0, -5.0);
    let exact = exact_bound(MEAN, schedule.level(1.0).unwrap());
    let excess = |steps: usize| {
        let level = |k: usize| schedule.level(1.0 - k as f64 / steps as f64).unwrap();
        let grid: Vec<_> = (0..=steps).map(|k| Levels::Shared(level(k))).collect();
        expected_bound(&Integral::Grid(&grid), MEAN) - exact
    };
    let errors = [256, 512, 1024].map(excess);
    assert!(0.0 < errors[2]);
    for pair in errors.windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((order - 1.0).abs() < 0.05, "{order} {errors:?}");
    }
}

fn pair_of_gaussians() -> GaussianMixture {
    let component = |weight, mean, std| Component { weight, mean: vec![mean], std };
    GaussianMixture::new(vec![component(1.0, -1.2, 0.3), component(2.0, 0.8, 0.5)]).unwrap()
}

/// `−ln p(x₀ | x)` of a mixture's data, by Bayes' rule.
fn named<'a>(
    mixture: &'a GaussianMixture,
    x0: &'a DenseLatent,
) -> impl FnMut(&DenseLatent, &Levels) -> Result<Vec<f64>, ModelError> + 'a {
    move |x, levels| {
        let of = |(i, (&x, &x0)): (usize, (&f64, &f64))| {
            let level = levels.at(i);
            let z = (x - level.alpha * x0) / level.sigma;
            let forward = -0.5 * (z * z + (TAU * level.sigma.powi(2)).ln());
            let prior = mixture.log_density(&[x0], NoiseLevel::CLEAN);
            mixture.log_density(&[x], level) - prior - forward
        };
        Ok(x.values().iter().zip(x0.values()).enumerate().map(of).collect())
    }
}

#[test]
fn the_bound_is_tight_at_every_point_of_a_mixture() {
    let schedule = Straight::new(4.0, -6.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let integral = Integral::Continuous { path, strata: 32 };
    let mixture = pair_of_gaussians();
    let x0 = numbers(vec![-2.0, -1.2, -0.2, 0.8, 1.7]);
    let names = [0, 1, 2, 3, 4];
    let vlb = Vlb { draws: 200, key: key() };
    let denoiser = &mut mixture.clone();
    let bounds = vlb.estimate(&integral, &x0, &names, denoiser, &mut named(&mixture, &x0)).unwrap();
    for (bound, &x) in bounds.iter().zip(x0.values()) {
        let exact = -mixture.log_density(&[x], NoiseLevel::CLEAN);
        let error = bound.standard_error.unwrap();
        assert!((bound.value - exact).abs() < 3.0 * error, "{bound:?} {exact}");
        assert!(error < 0.15, "{error}");
        let sum = bound.prior + bound.denoising + bound.reconstruction;
        assert!((sum - bound.value).abs() < 1e-12);
        assert_eq!(bound.nfe, 200 * 32);
    }
}

/// With 8 draws an interval of 2.365 standard errors covers in 95 of 100 cases (Student).
#[test]
fn the_standard_error_is_honest() {
    const NAMES: usize = 200;
    let schedule = Straight::new(4.0, -6.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let integral = Integral::Continuous { path, strata: 8 };
    let mixture = pair_of_gaussians();
    let x0 = numbers(vec![0.3; NAMES]);
    let names: Vec<u64> = (0..NAMES as u64).collect();
    let vlb = Vlb { draws: 8, key: key() };
    let denoiser = &mut mixture.clone();
    let bounds = vlb.estimate(&integral, &x0, &names, denoiser, &mut named(&mixture, &x0)).unwrap();
    let exact = -mixture.log_density(&[0.3], NoiseLevel::CLEAN);
    let covers = |bound: &&dlm_continuous::likelihood::Bound| {
        (bound.value - exact).abs() < 2.365 * bound.standard_error.unwrap()
    };
    let covered = bounds.iter().filter(covers).count();
    assert!((180..=199).contains(&covered), "{covered}");
}

/// Words of two tokens out of three, in one dimension.
fn words(joint: Vec<f64>) -> CategoricalMixture {
    CategoricalMixture::new(Tabular::new(2, 3, joint).unwrap(), vec![-1.5, 0.2, 1.3]).unwrap()
}

fn joint() -> Vec<f64> {
    vec![0.25, 0.05, 0.05, 0.02, 0.18, 0.10, 0.03, 0.02, 0.30]
}

fn marginals(joint: &[f64]) -> [[f64; 3]; 2] {
    let first = std::array::from_fn(|a| (0..3).map(|b| joint[3 * a + b]).sum());
    let second = std::array::from_fn(|b| (0..3).map(|a| joint[3 * a + b]).sum());
    [first, second]
}

fn all_words() -> Vec<TokenId> {
    (0..9).flat_map(|index| [index / 3, index % 3]).collect()
}

/// The mean over all words of the bound, and its standard error.
fn cost(denoiser: &mut dyn Denoiser<DenseLatent>, path: Path<'_>) -> (f64, f64) {
    let truth = words(joint());
    let latents = (0..9).flat_map(|w| truth.embed(&truth.table().word(w)).unwrap()).collect();
    let x0 = sequences([9, 2, 1], latents);
    let names = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    let mut tokens = EmbeddingSoftmax::new(truth.embeddings().to_vec(), 1, all_words()).unwrap();
    let integral = Integral::Continuous { path, strata: 32 };
    let vlb = Vlb { draws: 200, key: key() };
    let bounds = vlb.estimate(&integral, &x0, &names, denoiser, &mut tokens).unwrap();
    let (mut mean, mut variance) = (0.0, 0.0);
    for (bound, p) in bounds.iter().zip(joint()) {
        mean += p * bound.value;
        variance += (p * bound.standard_error.unwrap()).powi(2);
    }
    (mean, variance.sqrt())
}

fn assert_near((mean, error): (f64, f64), exact: f64) {
    assert!((mean - exact).abs() < 3.0 * error, "{mean} ± {error}, not {exact}");
    assert!(error < 0.05, "{error}");
}

#[test]
fn a_perfect_denoiser_of_words_pays_their_entropy() {
    let schedule = Straight::new(4.0, -6.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let entropy = words(joint()).entropy();
    assert_near(cost(&mut words(joint()), path), entropy);
}

/// The value does not depend on the way, for a perfect denoiser: clocks may differ.
#[test]
fn positions_with_clocks_of_their_own_pay_the_same() {
    let schedule = Straight::new(6.0, -7.0);
    let at = |lambdas: [f64; 2]| {
        Levels::PerPosition(lambdas.map(|lambda| schedule.level_at(lambda).unwrap()).to_vec())
    };
    let path = Path::new(&schedule, at([-7.0, -5.0]), at([3.0, 6.0])).unwrap();
    assert_near(cost(&mut words(joint()), path), words(joint()).entropy());
}

/// A denoiser that knows every position and no dependence pays the mutual information too.
#[test]
fn what_a_denoiser_does_not_know_is_paid_for() {
    let schedule = Straight::new(4.0, -6.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let [first, second] = marginals(&joint());
    let product = first.iter().flat_map(|a| second.iter().map(move |b| a * b)).collect();
    let mut independent = words(product);
    let exact = independent.entropy();
    let information = exact - words(joint()).entropy();
    assert!(0.3 < information);
    assert_near(cost(&mut independent, path), exact);
}

#[test]
fn a_prompt_is_a_condition_and_costs_nothing() {
    let schedule = Straight::new(4.0, -6.0);
    let level = |t: f64| schedule.level(t).unwrap();
    let after_one = |level| Levels::PerPosition(vec![NoiseLevel::CLEAN, level]);
    let path = Path::new(&schedule, after_one(level(1.0)), after_one(level(0.0))).unwrap();
    let [first, _] = marginals(&joint());
    let of_first: f64 = first.iter().map(|p| -p * p.ln()).sum();
    let mut inner = words(joint());
    let prompts = words(joint()).embeddings().to_vec();
    let mut watched = |x: &DenseLatent, levels: &Levels| {
        for (word, sequence) in x.values().chunks(2).enumerate() {
            assert_eq!(sequence[0].to_bits(), prompts[word / 3].to_bits());
        }
        inner.denoise(x, levels)
    };
    assert_near(cost(&mut watched, path), words(joint()).entropy() - of_first);
}

#[test]
fn a_sequence_has_its_bound_in_any_batch() {
    let schedule = Straight::new(4.0, -6.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let level = |t: f64| Levels::Shared(schedule.level(t).unwrap());
    let grid = [level(1.0), level(0.6), level(0.2), level(0.0)];
    let mixture = pair_of_gaussians();
    let bounds = |integral: &Integral<'_>, values: Vec<f64>, names: &[u64]| {
        let x0 = numbers(values);
        let vlb = Vlb { draws: 3, key: key() };
        let denoiser = &mut mixture.clone();
        vlb.estimate(integral, &x0, names, denoiser, &mut named(&mixture, &x0)).unwrap()
    };
    for integral in [Integral::Continuous { path, strata: 5 }, Integral::Grid(&grid)] {
        let together = bounds(&integral, vec![0.1, -0.7, 1.1], &[4, 9, 2]);
        let turned = bounds(&integral, vec![1.1, 0.1, -0.7], &[2, 4, 9]);
        assert_eq!(together, [turned[1], turned[2], turned[0]]);
        assert_eq!(bounds(&integral, vec![-0.7], &[9])[0], together[1]);
    }
}

#[test]
fn tokens_are_read_by_bayes_rule_where_there_is_noise() {
    let embeddings = [[1.0, 0.2], [-0.8, 0.9], [0.1, -1.1]];
    let tokens = vec![2, 0, 1, 1];
    let mut softmax = EmbeddingSoftmax::new(embeddings.concat(), 2, tokens.clone()).unwrap();
    let mut stream = key().purpose(Purpose::Test).stream();
    let x = sequences([2, 2, 2], (0..8).map(|_| stream.normal()).collect());
    let level = NoiseLevel { t: 0.5, alpha: 0.8, sigma: 0.6 };
    let levels = Levels::PerPosition(vec![level, NoiseLevel::CLEAN]);
    let nats = softmax.nats(&x, &levels).unwrap();
    let rows: Vec<&[f64]> = x.rows().collect();
    for sequence in 0..2 {
        let weight = |e: &[f64; 2]| {
            let square = (0..2).map(|d| (rows[2 * sequence][d] - 0.8 * e[d]).powi(2)).sum::<f64>();
            (-square / 0.72).exp()
        };
        let total: f64 = embeddings.iter().map(weight).sum();
        let p = weight(&embeddings[tokens[2 * sequence] as usize]) / total;
        assert!((nats[sequence] + p.ln()).abs() < 1e-12);
    }
}

/// Levels that differ in their last bits: the difference of their signal-to-noise ratios has
/// the wrong sign, and has no root.
#[test]
fn steps_of_a_bound_may_be_as_short_as_numbers_allow() {
    let noisier = NoiseLevel { t: 0.6, alpha: 0.642827590788897, sigma: 0.7660108932127156 };
    let cleaner = NoiseLevel { t: 0.5, alpha: 0.6428275907888968, sigma: 0.7660108932127155 };
    assert!(cleaner.ratio() <= noisier.ratio() && cleaner.snr() < noisier.snr());
    let grid = [noisier, cleaner].map(Levels::Shared);
    let vlb = Vlb { draws: 2, key: Key::new(1) };
    let mut data = GaussianMixture::gaussian(0.4, 0.7).unwrap();
    let mut free = |_: &DenseLatent, _: &Levels| -> Result<Vec<f64>, ModelError> { Ok(vec![0.0]) };
    let grid = Integral::Grid(&grid);
    let x0 = numbers(vec![0.3]);
    let bound = vlb.estimate(&grid, &x0, &[0], &mut data, &mut free).unwrap()[0];
    assert!((0.0..1e-12).contains(&bound.denoising), "{bound:?}");
}
