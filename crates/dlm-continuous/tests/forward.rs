//! Laws of the forward process: its marginals, transitions and posteriors are of one kind.

mod kolmogorov;

use dlm_continuous::forward::{
    ForwardError, corrupt, corrupt_further, marginal, posterior, restore, transition,
};
use dlm_continuous::schedule::{
    Cosine, Karras, Learned, Linear, NoiseSchedule, Schedule, Sqrt, variance_exploding,
};
use dlm_core::{DenseLatent, Latent, Levels, NoiseLevel, Shape};
use dlm_rng::Key;
use dlm_testkit::{Component, GaussianMixture};
use kolmogorov::{SIGNIFICANCE, probability};

/// Processes of both scales.
fn processes() -> Vec<Schedule> {
    vec![
        Schedule::Linear(Linear::default()),
        Schedule::Cosine(Cosine::default()),
        Schedule::Sqrt(Sqrt::default()),
        Schedule::Learned(Learned::default()),
        Schedule::Karras(Karras::default()),
    ]
}

/// Pairs of levels of one process, the cleaner first; data and the smallest steps included.
fn pairs() -> Vec<(NoiseLevel, NoiseLevel)> {
    let mut pairs = Vec::new();
    for schedule in processes() {
        for (s, t) in [(0.0, 1e-6), (0.0, 0.5), (0.1, 0.100001), (0.1, 0.9), (0.3, 0.3), (0.5, 1.0)]
        {
            let (s, t) = (schedule.level(s).unwrap(), schedule.level(t).unwrap());
            pairs.push((s, t));
            pairs.push((variance_exploding(s), variance_exploding(t)));
            pairs.push((NoiseLevel::CLEAN, t));
        }
    }
    pairs.push((NoiseLevel::CLEAN, NoiseLevel::CLEAN));
    pairs
}

fn close(x: f64, y: f64) -> bool {
    (x - y).abs() <= 1e-12 * x.abs().max(y.abs())
}

#[test]
fn a_transition_after_a_marginal_is_a_marginal() {
    for (s, t) in pairs() {
        let ([alpha_s, sigma_s], [alpha_t, sigma_t]) = (marginal(s), marginal(t));
        let [scale, std] = transition(s, t);
        assert!(close(scale * alpha_s, alpha_t), "{s:?} {t:?}");
        assert!(close((scale * sigma_s).powi(2) + std.powi(2), sigma_t.powi(2)), "{s:?} {t:?}");
    }
}

#[test]
fn transitions_compose() {
    for schedule in processes() {
        let [s, r, t] = [0.05, 0.4, 0.8].map(|t| schedule.level(t).unwrap());
        let (first, second, both) = (transition(s, r), transition(r, t), transition(s, t));
        assert!(close(first[0] * second[0], both[0]));
        assert!(close((second[0] * first[1]).powi(2) + second[1].powi(2), both[1].powi(2)));
    }
}

#[test]
fn the_posterior_is_bayes_rule() {
    // Given x₀, the pair (x_s, x_t) is Gaussian; the forward way and the backward way to
    // write its means, variances and covariance agree.
    for (s, t) in pairs() {
        let [scale, _] = transition(s, t);
        let [of_xt, of_x0, std] = posterior(t, s);
        let (var_s, var_t) = (s.sigma.powi(2), t.sigma.powi(2));
        if s == t {
            // One and the same state; its noise tells nothing new.
            assert_eq!([of_xt, of_x0, std], [1.0, 0.0, 0.0]);
            continue;
        }
        assert!(close(of_xt * t.alpha + of_x0, s.alpha), "mean: {s:?} {t:?}");
        assert!(close(of_xt * var_t, scale * var_s), "covariance: {s:?} {t:?}");
        assert!(close(of_xt.powi(2) * var_t + std.powi(2), var_s), "variance: {s:?} {t:?}");
    }
}

#[test]
fn the_posterior_has_the_form_of_discrete_time() {
    // β̃ and both coefficients of Ho et al. (2020), from ᾱ.
    let schedule = Linear::default();
    for (s, t) in [(0.1, 0.2), (0.5, 0.501), (0.9, 1.0)] {
        let (s, t) = (schedule.level(s).unwrap(), schedule.level(t).unwrap());
        let (bar_s, bar_t) = (s.alpha.powi(2), t.alpha.powi(2));
        let beta = 1.0 - bar_t / bar_s;
        let [of_xt, of_x0, std] = posterior(t, s);
        let loose = |x: f64, y: f64| (x - y).abs() < 1e-10 * y;
        assert!(loose(of_x0, bar_s.sqrt() * beta / (1.0 - bar_t)));
        assert!(loose(of_xt, (1.0 - beta).sqrt() * (1.0 - bar_s) / (1.0 - bar_t)));
        assert!(loose(std.powi(2), beta * (1.0 - bar_s) / (1.0 - bar_t)));
    }
}

#[test]
fn from_data_and_to_data() {
    let t = Cosine::default().level(0.7).unwrap();
    assert_eq!(transition(NoiseLevel::CLEAN, t), [t.alpha, t.sigma]);
    assert_eq!(posterior(t, NoiseLevel::CLEAN), [0.0, 1.0, 0.0]);
}

fn normal(shape: Shape, key: Key) -> DenseLatent {
    let mut stream = key.stream();
    let values = (0..shape.numbers()).map(|_| stream.normal()).collect();
    DenseLatent::new(shape, values).unwrap()
}

/// Each position at its own place of the way from data to `τ = 1`.
fn levels(schedule: &Schedule, tau: f64) -> Levels {
    let level = |reach: f64| schedule.level(reach * tau).unwrap();
    Levels::PerPosition(vec![NoiseLevel::CLEAN, level(0.3), level(0.7), level(1.0)])
}

#[test]
fn a_simulated_chain_has_the_marginals_of_the_process_at_every_position() {
    let mixture = GaussianMixture::new(vec![
        Component { weight: 0.3, mean: vec![-1.5], std: 0.2 },
        Component { weight: 0.7, mean: vec![0.9], std: 0.5 },
    ])
    .unwrap();
    let shape = Shape { batch: 6000, length: 4, dim: 1 };
    for (run, schedule) in processes().into_iter().enumerate() {
        let key = Key::new(5).sequence(run as u64);
        let mut stream = key.step(1000).stream();
        let mut x0 = DenseLatent::zeros(shape);
        for row in x0.values_mut().chunks_mut(1) {
            mixture.draw(NoiseLevel::CLEAN, &mut stream, row);
        }
        // Eight transitions up, then eight posteriors down, given where all began.
        let mut at = levels(&schedule, 0.0);
        let mut x = corrupt(&x0, &at, &normal(shape, key)).unwrap();
        for k in 1..=8 {
            let next = levels(&schedule, f64::from(k) / 8.0);
            let z = normal(shape, key.step(k as u64));
            x = corrupt_further(&x, &at, &next, &z).unwrap();
            at = next;
        }
        follows(&x, &mixture, &at);
        for k in (4..8).rev() {
            let next = levels(&schedule, f64::from(k) / 8.0);
            let z = normal(shape, key.step(100 + k as u64));
            x = restore(&x, &x0, &at, &next, &z).unwrap();
            at = next;
        }
        follows(&x, &mixture, &at);
        // The position that has no noise was never touched.
        let clean =
            |x: &DenseLatent| -> Vec<f64> { x.values().iter().step_by(4).copied().collect() };
        assert_eq!(clean(&x), clean(&x0));
    }
}

/// Mean and variance within four standard errors, and the distribution by Kolmogorov's test.
fn follows(x: &DenseLatent, mixture: &GaussianMixture, levels: &Levels) {
    for position in 0..4 {
        let level = levels.at(position);
        let sample: Vec<f64> = x.values().iter().skip(position).step_by(4).copied().collect();
        let n = sample.len() as f64;
        let expected: f64 = mixture.components().iter().map(|c| c.weight * c.mean[0]).sum();
        let expected = level.alpha * expected;
        let moment =
            |power: i32| sample.iter().map(|x| (x - expected).powi(power)).sum::<f64>() / n;
        let variance: f64 = mixture
            .components()
            .iter()
            .map(|c| {
                let inside = (level.alpha * c.std).powi(2) + level.sigma.powi(2);
                c.weight * (inside + (level.alpha * c.mean[0] - expected).powi(2))
            })
            .sum();
        assert!(moment(1).abs() < 4.0 * (variance / n).sqrt(), "{level:?}");
        let error = ((moment(4) - moment(2).powi(2)) / n).sqrt();
        assert!((moment(2) - variance).abs() < 4.0 * error, "{level:?}");
        let p = probability(sample, |x| mixture.cdf(x, level));
        assert!(SIGNIFICANCE < p, "{level:?}: {p}");
    }
}

#[test]
fn further_from_data_is_noise_itself() {
    let shape = Shape { batch: 2, length: 3, dim: 5 };
    let (x0, z) = (normal(shape, Key::new(1)), normal(shape, Key::new(2)));
    let clean = Levels::Shared(NoiseLevel::CLEAN);
    for schedule in processes() {
        let level = |t: f64| schedule.level(t).unwrap();
        let own = Levels::PerPosition(vec![NoiseLevel::CLEAN, level(0.4), level(1.0)]);
        for t in [level(0.6).into(), own] {
            let further = corrupt_further(&x0, &clean, &t, &z).unwrap();
            assert_eq!(further, corrupt(&x0, &t, &z).unwrap(), "{schedule:?}");
        }
    }
}

#[test]
fn clean_positions_keep_their_bits() {
    let shape = Shape { batch: 2, length: 3, dim: 5 };
    let x0 = normal(shape, Key::new(1));
    let z = normal(shape, Key::new(2));
    let noisy = Linear::default().level(0.6).unwrap();
    let from = Levels::PerPosition(vec![NoiseLevel::CLEAN, noisy, NoiseLevel::CLEAN]);
    let x = corrupt(&x0, &from, &z).unwrap();
    let back = restore(&x, &x0, &from, &Levels::Shared(NoiseLevel::CLEAN), &z).unwrap();
    for (row, ((x0, x), back)) in x0.rows().zip(x.rows()).zip(back.rows()).enumerate() {
        assert_eq!(x0 == x, row % 3 != 1);
        assert_eq!(x0, back);
    }
}

#[test]
fn levels_in_the_wrong_order_are_refused() {
    let shape = Shape { batch: 1, length: 2, dim: 1 };
    let x = DenseLatent::<f64>::zeros(shape);
    let [s, t] = [0.2, 0.6].map(|t| Linear::default().level(t).unwrap());
    let (s, t) = (Levels::PerPosition(vec![s, t]), Levels::PerPosition(vec![s, s]));
    let error = corrupt_further(&x, &s, &t, &x).unwrap_err();
    assert!(matches!(error, ForwardError::Order { position: 1, .. }), "{error}");
    let error = restore(&x, &x, &t, &s, &x).unwrap_err().to_string();
    assert!(error.starts_with("position 1: σ/α = 6.09") && error.contains("cleaner"), "{error}");
    let three = Levels::PerPosition(vec![NoiseLevel::CLEAN; 3]);
    assert!(matches!(restore(&x, &x, &three, &three, &x), Err(ForwardError::Latent(_))));
    let wide = DenseLatent::<f64>::zeros(Shape { dim: 2, ..shape });
    assert!(corrupt(&x, &s, &wide).is_err() && x.shape() == shape);
}

#[test]
fn what_is_no_level_is_refused() {
    let x = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 3, dim: 1 });
    let good = Linear::default().level(0.5).unwrap();
    let clean = Levels::Shared(NoiseLevel::CLEAN);
    for bad in [
        NoiseLevel { t: f64::NAN, ..good },
        NoiseLevel { t: 1.1, ..good },
        NoiseLevel { alpha: 0.0, ..good },
        NoiseLevel { alpha: -0.1, ..good },
        NoiseLevel { alpha: f64::INFINITY, ..good },
        NoiseLevel { sigma: f64::NAN, ..good },
        NoiseLevel { sigma: -0.1, ..good },
        NoiseLevel { sigma: f64::INFINITY, ..good },
    ] {
        let own = Levels::PerPosition(vec![good, good, bad]);
        for (levels, at) in [(own, 2), (bad.into(), 0)] {
            let refused = |result: Result<DenseLatent, ForwardError>| {
                let error = result.unwrap_err();
                let ForwardError::Invalid { position, level } = error else { panic!("{error}") };
                // A level that is no number is not equal to itself.
                assert_eq!((position, format!("{level:?}")), (at, format!("{bad:?}")));
            };
            refused(corrupt(&x, &levels, &x));
            refused(corrupt_further(&x, &clean, &levels, &x));
            refused(corrupt_further(&x, &levels, &clean, &x));
            refused(restore(&x, &x, &levels, &clean, &x));
            refused(restore(&x, &x, &clean, &levels, &x));
        }
    }
    let error = corrupt(&x, &NoiseLevel { sigma: -0.5, ..NoiseLevel::CLEAN }.into(), &x);
    assert_eq!(
        error.unwrap_err().to_string(),
        "position 0: t = 0, α = 1, σ = -0.5 is no noise level: t lies in [0, 1], α is above 0 \
         and σ at least 0, all finite"
    );
}
