//! Brute force: Bayes' rule word by word, and differences instead of derivatives.

use dlm_core::{Denoiser, DenseLatent, Differentiable, Levels, NoiseLevel, Shape};
use dlm_rng::{Key, Purpose};

use super::{CategoricalError, CategoricalMixture};
use crate::{Component, GaussianMixture, Tabular};

const CLEAN: NoiseLevel = NoiseLevel::CLEAN;

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel { t: angle / 2.0, alpha: angle.cos(), sigma: angle.sin() }
}

/// Three tokens in the plane, words of two or three.
fn mixture(length: usize) -> CategoricalMixture {
    let key = Key::new(3).purpose(Purpose::Test);
    let table = Tabular::random(length, 3, 0.7, key).unwrap();
    CategoricalMixture::new(table, vec![1.0, 0.2, -0.8, 0.9, 0.1, -1.1]).unwrap()
}

fn density(x: &[f64], mean: &[f64], level: NoiseLevel) -> f64 {
    let normal = |(x, mean): (&f64, &f64)| {
        let z = (x - level.alpha * mean) / level.sigma;
        (-0.5 * z * z).exp() / (level.sigma * std::f64::consts::TAU.sqrt())
    };
    x.iter().zip(mean).map(normal).product()
}

/// The definition, with nothing shared with the code: Bayes' rule word by word.
#[test]
fn posteriors_and_means_are_those_of_bayes_rule() {
    let mixture = mixture(2);
    let levels = [level(0.6), level(1.1)];
    let x = [0.3, -0.2, 0.9, 0.1];
    let e = [[1.0, 0.2], [-0.8, 0.9], [0.1, -1.1]];
    let mut weights = vec![];
    for first in e {
        for second in e {
            let noisy = density(&x[..2], &first, levels[0]) * density(&x[2..], &second, levels[1]);
            weights.push(mixture.table().joint()[weights.len()] * noisy);
        }
    }
    let total: f64 = weights.iter().sum();
    assert!((mixture.log_density(&x, &levels).unwrap() - total.ln()).abs() < 1e-12);
    let words = mixture.word_posterior(&x, &levels).unwrap();
    let tokens = mixture.token_posteriors(&x, &levels).unwrap();
    let mean = mixture.posterior_mean(&x, &levels).unwrap();
    let mut expected = [0.0; 4];
    for a in 0..3 {
        for b in 0..3 {
            let p = weights[3 * a + b] / total;
            assert!((words[3 * a + b] - p).abs() < 1e-12);
            for d in 0..2 {
                expected[d] += p * e[a][d];
                expected[2 + d] += p * e[b][d];
            }
        }
        let of_first: f64 = weights[3 * a..3 * a + 3].iter().sum();
        let of_second: f64 = (0..3).map(|first| weights[3 * first + a]).sum();
        assert!((tokens[0][a] - of_first / total).abs() < 1e-12);
        assert!((tokens[1][a] - of_second / total).abs() < 1e-12);
    }
    for (mean, expected) in mean.iter().zip(expected) {
        assert!((mean - expected).abs() < 1e-12);
    }
}

/// Differences of `f` along each coordinate of `x`.
fn gradient(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let moved = |i: usize, by: f64| {
        let mut x = x.to_vec();
        x[i] += by;
        f(&x)
    };
    (0..x.len()).map(|i| (moved(i, 1e-5) - moved(i, -1e-5)) / 2e-5).collect()
}

#[test]
fn mean_derivative_and_guidance_follow_from_the_density() {
    let mixture = mixture(3);
    // The middle position is known to hold token 1.
    let levels = [level(0.5), CLEAN, level(1.2)];
    let x = [0.3, -0.2, -0.8, 0.9, 0.5, 0.1];
    let noisy = |i: usize| i / 2 != 1;
    let mean = mixture.posterior_mean(&x, &levels).unwrap();
    let score = gradient(&x, |x| mixture.log_density(x, &levels).unwrap());
    let v = [0.4, -1.0, 0.3, 0.2, 1.5, -0.7];
    let product = mixture.jacobian_product(&x, &levels, &v).unwrap();
    let guidance = mixture.token_gradient(&x, &levels, 2, 0).unwrap();
    let of_token = |x: &[f64]| mixture.token_posteriors(x, &levels).unwrap()[2][0].ln();
    let differences = gradient(&x, of_token);
    for i in 0..x.len() {
        let level = levels[i / 2];
        let tweedie = (x[i] + level.sigma.powi(2) * score[i]) / level.alpha;
        let along = gradient(&x, |x| mixture.posterior_mean(x, &levels).unwrap()[i]);
        let along: f64 = along.iter().zip(v).map(|(slope, v)| slope * v).sum();
        match noisy(i) {
            true => assert!((mean[i] - tweedie).abs() < 1e-8),
            false => assert_eq!(mean[i], x[i]),
        }
        assert!((product[i] - along).abs() < 1e-7, "{i}: {} {along}", product[i]);
        assert!((guidance[i] - differences[i]).abs() < 1e-7);
    }
}

/// Bayes once more: the posterior-weighted guidance towards all tokens cancels.
#[test]
fn guidance_towards_all_tokens_cancels() {
    let mixture = mixture(3);
    let levels = [level(0.5), level(0.9), level(1.2)];
    let x = [0.3, -0.2, -0.5, 0.4, 0.5, 0.1];
    let tokens = mixture.token_posteriors(&x, &levels).unwrap();
    let mut sum = [0.0; 6];
    for token in 0..3 {
        let gradient = mixture.token_gradient(&x, &levels, 1, token).unwrap();
        for (sum, gradient) in sum.iter_mut().zip(gradient) {
            *sum += tokens[1][token as usize] * gradient;
        }
    }
    assert!(sum.iter().all(|sum| sum.abs() < 1e-12), "{sum:?}");
}

#[test]
fn a_known_position_conditions_the_others() {
    let mixture = mixture(3);
    let mut x = mixture.embed(&[0, 2, 1]).unwrap();
    x[4..].copy_from_slice(&[0.0, 0.0]);
    // Almost no signal is left at the last position: its law is that of the table.
    let faint = NoiseLevel { t: 1.0, alpha: 1e-9, sigma: 1.0 };
    let tokens = mixture.token_posteriors(&x, &[CLEAN, CLEAN, faint]).unwrap();
    let table = mixture.table().conditional(&[0, 2, 3], 2);
    for (token, p) in table.iter().enumerate() {
        assert!((tokens[2][token] - p).abs() < 1e-8);
    }
    assert_eq!((tokens[0][1], tokens[0][2]), (0.0, 0.0));
    assert_eq!((tokens[1][0], tokens[1][1]), (0.0, 0.0));
}

/// Independent positions with points for embeddings are a Gaussian mixture of points.
#[test]
fn one_token_is_a_mixture_of_points() {
    let weights = [0.5, 0.2, 0.3];
    let e = [[1.0, 0.2], [-0.8, 0.9], [0.1, -1.1]];
    let table = Tabular::new(1, 3, weights.to_vec()).unwrap();
    let mut words = CategoricalMixture::new(table, e.concat()).unwrap();
    let component =
        |(weight, mean): (f64, [f64; 2])| Component { weight, mean: mean.to_vec(), std: 0.0 };
    let components = weights.into_iter().zip(e).map(component).collect();
    let mut points = GaussianMixture::new(components).unwrap();
    let shape = Shape { batch: 4, length: 1, dim: 2 };
    let values = vec![0.3, 0.1, -0.5, 0.9, 1.4, 0.0, -2.0, -0.3];
    let x = DenseLatent::new(shape, values.clone()).unwrap();
    let v = DenseLatent::new(shape, values.into_iter().rev().collect()).unwrap();
    for angle in [0.3, 1.0] {
        let levels = Levels::Shared(level(angle));
        let (a, b) = (words.denoise(&x, &levels).unwrap(), points.denoise(&x, &levels).unwrap());
        let close = |a: &DenseLatent, b: &DenseLatent| {
            a.values().iter().zip(b.values()).all(|(a, b)| (a - b).abs() < 1e-12)
        };
        assert!(close(&a, &b));
        let a = Differentiable::jacobian_product(&mut words, &x, &levels, &v).unwrap();
        let b = Differentiable::jacobian_product(&mut points, &x, &levels, &v).unwrap();
        assert!(close(&a, &b));
    }
}

#[test]
fn sequences_of_a_batch_have_their_own_levels_and_do_not_mix() {
    let mut mixture = mixture(2);
    let shape = Shape { batch: 2, length: 2, dim: 2 };
    let values: Vec<f32> = vec![1.0, 0.2, 0.5, 0.4, -0.3, 0.7, 0.1, -1.1];
    let x = DenseLatent::new(shape, values.clone()).unwrap();
    let levels = vec![CLEAN, level(0.9), level(1.3), CLEAN];
    let mean = mixture.denoise(&x, &Levels::PerPosition(levels.clone())).unwrap();
    for row in 0..2 {
        let x: Vec<f64> = values[4 * row..4 * row + 4].iter().map(|&x| f64::from(x)).collect();
        let alone = mixture.posterior_mean(&x, &levels[2 * row..2 * row + 2]).unwrap();
        let alone: Vec<f32> = alone.into_iter().map(|x| x as f32).collect();
        assert_eq!(mean.values()[4 * row..4 * row + 4], alone);
    }
    // What is known comes back to the bit, in f32 too.
    assert_eq!(mean.values()[..2], values[..2]);
    assert_eq!(mean.values()[6..], values[6..]);
}

#[test]
fn draws_have_the_words_frequencies_and_the_level_s_noise() {
    const DRAWS: usize = 20_000;
    let mixture = mixture(2);
    let levels = [level(0.4), CLEAN];
    let mut stream = Key::new(8).purpose(Purpose::Test).stream();
    let mut counts = [0.0; 9];
    let mut square = 0.0;
    for _ in 0..DRAWS {
        let mut x = [0.0; 4];
        let index = mixture.draw(&levels, &mut stream, &mut x).unwrap();
        let word = mixture.embed(&mixture.table().word(index)).unwrap();
        assert_eq!(x[2..], word[2..]);
        counts[index] += 1.0 / DRAWS as f64;
        square += ((x[0] - levels[0].alpha * word[0]) / levels[0].sigma).powi(2) / DRAWS as f64;
    }
    for (count, p) in counts.iter().zip(mixture.table().joint()) {
        assert!((count - p).abs() < 4.0 * (p / DRAWS as f64).sqrt(), "{count} {p}");
    }
    assert!((square - 1.0).abs() < 4.0 * (2.0 / DRAWS as f64).sqrt(), "{square}");
}

#[test]
fn the_entropy_is_that_of_the_words() {
    let table = Tabular::new(2, 2, vec![0.5, 0.25, 0.25, 0.0]).unwrap();
    let mixture = CategoricalMixture::new(table, vec![-1.0, 1.0]).unwrap();
    assert!((mixture.entropy() - 1.5 * std::f64::consts::LN_2).abs() < 1e-15);
    // Two ones are no word: no latent that is known to be that has a posterior.
    let x = [1.0, 1.0];
    assert_eq!(mixture.log_density(&x, &[CLEAN; 2]).unwrap(), f64::NEG_INFINITY);
    let refused = mixture.word_posterior(&x, &[CLEAN; 2]).unwrap_err();
    assert_eq!(refused, CategoricalError::Impossible);
    let refused = mixture.token_gradient(&x, &[CLEAN, level(1.0)], 1, 1).unwrap_err();
    assert_eq!(refused, CategoricalError::Impossible);
    let refused = mixture.word_posterior(&[f64::NAN, 0.0], &[level(1.0); 2]).unwrap_err();
    assert_eq!(refused, CategoricalError::Impossible);
}

#[test]
fn what_does_not_fit_is_refused() {
    let table = || Tabular::new(2, 2, vec![0.25; 4]).unwrap();
    let embeddings = |e: Vec<f64>| CategoricalMixture::new(table(), e).unwrap_err();
    assert_eq!(embeddings(vec![]), CategoricalError::Embeddings { found: 0, vocab: 2 });
    assert_eq!(embeddings(vec![0.0; 3]), CategoricalError::Embeddings { found: 3, vocab: 2 });
    assert!(CategoricalMixture::new(table(), vec![0.0, f64::NAN]).is_err());
    let empty = Tabular::new(0, 2, vec![1.0]).unwrap();
    assert_eq!(
        CategoricalMixture::new(empty, vec![0.0; 2]).unwrap_err(),
        CategoricalError::NoTokens
    );
    let mixture = CategoricalMixture::new(table(), vec![-1.0, 1.0]).unwrap();
    let levels = [level(0.5); 2];
    assert_eq!(
        mixture.log_density(&[0.0; 3], &levels).unwrap_err().to_string(),
        "3 numbers, not 2: give as many as a word has"
    );
    assert!(mixture.log_density(&[0.0; 2], &levels[..1]).is_err());
    assert!(mixture.jacobian_product(&[0.0; 2], &levels, &[0.0]).is_err());
    assert!(mixture.token_gradient(&[0.0; 2], &levels, 2, 0).is_err());
    assert!(mixture.token_gradient(&[0.0; 2], &levels, 0, 2).is_err());
    assert!(mixture.embed(&[0, 2]).is_err());
    assert!(mixture.embed(&[0]).is_err());
    let stream = &mut Key::new(1).stream();
    assert!(mixture.draw(&levels, stream, &mut [0.0]).is_err());
    let mut mixture = mixture;
    for shape in [[1, 3, 1], [1, 2, 2]] {
        let shape = Shape { batch: shape[0], length: shape[1], dim: shape[2] };
        let x = DenseLatent::<f64>::zeros(shape);
        assert!(mixture.denoise(&x, &Levels::Shared(level(0.5))).is_err());
    }
}
