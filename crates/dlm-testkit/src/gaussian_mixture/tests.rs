//! Integrals, differences and draws instead of closed forms.

use dlm_core::{Denoiser, DenseLatent, Differentiable, Levels, NoiseLevel, Shape};
use dlm_rng::{Key, Purpose};

use super::{Component, GaussianMixture, MixtureError};

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel { t: angle / 2.0, alpha: angle.cos(), sigma: angle.sin() }
}

fn mixture(parts: &[(f64, &[f64], f64)]) -> GaussianMixture {
    let component = |&(weight, mean, std): &(f64, &[f64], f64)| {
        let mean = mean.to_vec();
        Component { weight, mean, std }
    };
    GaussianMixture::new(parts.iter().map(component).collect()).unwrap()
}

fn line() -> GaussianMixture {
    mixture(&[(1.0, &[-1.5], 0.3), (2.0, &[0.4], 0.1), (1.0, &[2.0], 0.7)])
}

fn space() -> GaussianMixture {
    mixture(&[(1.0, &[-1.0, 0.5, 0.0], 0.4), (3.0, &[1.0, 0.2, -0.7], 0.0)])
}

/// The trapezoidal rule, which is exact to rounding for smooth functions that fade out.
fn integral(f: impl Fn(f64) -> f64) -> f64 {
    let step = 1e-3;
    (-10_000..=10_000).map(|i| step * f(f64::from(i) * step)).sum()
}

#[test]
fn the_density_integrates_to_one_and_has_the_moments() {
    for angle in [0.1, 0.7, 1.4] {
        let (mixture, level) = (line(), level(angle));
        let density = |x: f64| mixture.log_density(&[x], level).exp();
        let mean = mixture.mean(level)[0];
        let variance = mixture.covariance(level)[0];
        assert!((integral(density) - 1.0).abs() < 1e-12);
        assert!((integral(|x| x * density(x)) - mean).abs() < 1e-12);
        assert!((integral(|x| (x - mean).powi(2) * density(x)) - variance).abs() < 1e-12);
    }
}

/// Tweedie's formula: `E[x₀ | x] = (x + σ²·∇ ln p(x))/α`.
#[test]
fn the_posterior_mean_follows_from_the_density() {
    for angle in [0.2, 0.8, 1.4] {
        for x in [[0.1, 0.2, 0.3], [-1.0, 0.5, 0.9], [2.0, -1.0, 0.0]] {
            let (mixture, level) = (space(), level(angle));
            let mean = mixture.posterior_mean(&x, level);
            for i in 0..3 {
                let moved = |by: f64| {
                    let mut x = x;
                    x[i] += by;
                    mixture.log_density(&x, level)
                };
                let score = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let tweedie = (x[i] + level.sigma.powi(2) * score) / level.alpha;
                assert!((mean[i] - tweedie).abs() < 1e-8, "{} {tweedie}", mean[i]);
            }
        }
    }
}

#[test]
fn the_derivative_is_that_of_the_posterior_mean() {
    let (x, v) = ([0.1, 0.2, -0.3], [1.0, -0.5, 2.0]);
    for angle in [0.2, 0.8, 1.4] {
        let (mixture, level) = (space(), level(angle));
        let moved = |by: f64| {
            let x: Vec<f64> = x.iter().zip(v).map(|(x, v)| x + by * v).collect();
            mixture.posterior_mean(&x, level)
        };
        let (ahead, behind) = (moved(1e-5), moved(-1e-5));
        let product = mixture.jacobian_product(&x, level, &v);
        for i in 0..3 {
            let difference = (ahead[i] - behind[i]) / 2e-5;
            assert!((product[i] - difference).abs() < 1e-7, "{} {difference}", product[i]);
        }
    }
}

#[test]
fn quantiles_invert_the_distribution_function_which_the_density_adds_up_to() {
    for angle in [0.1, 0.7, 1.4] {
        let (mixture, level) = (line(), level(angle));
        for u in [1e-6, 0.1, 0.5, 0.77, 0.999] {
            let x = mixture.quantile(u, level);
            assert!((mixture.cdf(x, level) - u).abs() < 1e-12);
            let density = mixture.log_density(&[x], level).exp();
            let slope = (mixture.cdf(x + 1e-5, level) - mixture.cdf(x - 1e-5, level)) / 2e-5;
            assert!((slope - density).abs() < 1e-7, "{slope} {density}");
        }
    }
}

/// The largest gap between the two distribution functions, times `√n`, exceeds 1.63 in one
/// of a hundred samples (Kolmogorov 1933).
#[test]
fn draws_follow_the_distribution_function() {
    const DRAWS: usize = 4000;
    for (index, angle) in [0.0, 0.3, 1.2].into_iter().enumerate() {
        let (mixture, level) = (line(), level(angle));
        let mut stream = Key::new(11).purpose(Purpose::Test).step(index as u64).stream();
        let mut draw = |_| {
            let mut x = [0.0];
            mixture.draw(level, &mut stream, &mut x);
            mixture.cdf(x[0], level)
        };
        let mut ranks: Vec<f64> = (0..DRAWS).map(&mut draw).collect();
        ranks.sort_by(f64::total_cmp);
        let n = DRAWS as f64;
        let gap = |(i, u): (usize, &f64)| (u - i as f64 / n).max((i + 1) as f64 / n - u);
        let most = ranks.iter().enumerate().map(gap).fold(0.0, f64::max);
        assert!(most * n.sqrt() < 1.63, "{most}");
    }
}

#[test]
fn draws_in_space_have_the_mean_and_the_covariance() {
    const DRAWS: usize = 20_000;
    let (mixture, level) = (space(), level(0.4));
    let mut stream = Key::new(12).purpose(Purpose::Test).stream();
    let (mean, covariance) = (mixture.mean(level), mixture.covariance(level));
    let mut sums = [0.0; 9];
    for _ in 0..DRAWS {
        let mut x = [0.0; 3];
        mixture.draw(level, &mut stream, &mut x);
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += (x[at / 3] - mean[at / 3]) * (x[at % 3] - mean[at % 3]);
        }
    }
    for (sum, covariance) in sums.iter().zip(covariance) {
        // No fourth moment here is above 4, so 4 standard errors are at most 8/√n.
        assert!((sum / DRAWS as f64 - covariance).abs() < 8.0 / (DRAWS as f64).sqrt());
    }
}

#[test]
fn nothing_is_hidden_where_there_is_no_noise() {
    let x = [0.3, -2.0, 1e-3];
    assert_eq!(space().posterior_mean(&x, NoiseLevel::CLEAN), x);
    assert_eq!(space().jacobian_product(&x, NoiseLevel::CLEAN, &x), x);
}

#[test]
fn positions_of_a_latent_are_asked_about_at_their_own_levels() {
    let shape = Shape { batch: 2, length: 2, dim: 3 };
    let values: Vec<f64> = (0..12).map(|i| 0.3 * f64::from(i) - 1.5).collect();
    let x = DenseLatent::new(shape, values).unwrap();
    let v = DenseLatent::new(shape, vec![0.5; 12]).unwrap();
    let levels = Levels::PerPosition(vec![NoiseLevel::CLEAN, level(0.9)]);
    let mean = space().denoise(&x, &levels).unwrap();
    let product = Differentiable::jacobian_product(&mut space(), &x, &levels, &v).unwrap();
    for (i, row) in x.rows().enumerate() {
        let at = 3 * i..3 * (i + 1);
        assert_eq!(mean.values()[at.clone()], space().posterior_mean(row, levels.at(i)));
        let alone = space().jacobian_product(row, levels.at(i), &[0.5; 3]);
        assert_eq!(product.values()[at], alone);
    }
}

#[test]
fn what_is_no_mixture_is_refused() {
    let refused = |parts: &[(f64, &[f64], f64)]| {
        let component = |&(weight, mean, std): &(f64, &[f64], f64)| Component {
            weight,
            mean: mean.to_vec(),
            std,
        };
        GaussianMixture::new(parts.iter().map(component).collect()).unwrap_err()
    };
    assert_eq!(refused(&[]), MixtureError::Empty);
    let good: (f64, &[f64], f64) = (1.0, &[0.0], 1.0);
    for bad in [
        (0.0, &[0.0][..], 1.0),
        (f64::INFINITY, &[0.0], 1.0),
        (1.0, &[0.0], -1.0),
        (1.0, &[f64::NAN], 1.0),
        (1.0, &[0.0, 1.0], 1.0),
        (1.0, &[], 1.0),
    ] {
        assert_eq!(refused(&[good, bad]), MixtureError::Component(1));
    }
    assert_eq!(refused(&[(1.0, &[], 1.0)]), MixtureError::Component(0));
    let plane = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 1, dim: 2 });
    let error = line().denoise(&plane, &Levels::Shared(level(0.5))).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("positions of 2 numbers in a mixture of 1"), "{source}");
    let shared = Levels::Shared(level(0.5));
    let x = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 3, dim: 1 });
    let v = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 2, dim: 1 });
    assert!(Differentiable::jacobian_product(&mut line(), &x, &shared, &v).is_err());
}
