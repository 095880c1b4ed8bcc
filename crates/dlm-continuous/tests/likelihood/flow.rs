//! The flow's density is the data's, at the order of its steps.

use std::f64::consts::TAU;

use dlm_continuous::likelihood::{FiniteDifference, Flow, LogDensity, Path, ProbeLaw, Trace};
use dlm_continuous::schedule::NoiseSchedule;
use dlm_core::{DenseLatent, Differentiable, Latent, Levels, NoiseLevel, Shape};
use dlm_rng::Key;
use dlm_testkit::{CategoricalMixture, Component, GaussianMixture, Tabular};

use crate::straight::{Straight, numbers, sequences};

fn densities(
    path: &Path<'_>,
    steps: usize,
    trace: Trace,
    x: &DenseLatent,
    denoiser: &mut dyn Differentiable<DenseLatent>,
) -> Vec<LogDensity> {
    let names: Vec<u64> = (0..x.shape().batch as u64).collect();
    Flow { path: path.clone(), steps, trace }.estimate(x, &names, denoiser).unwrap()
}

/// `ln p(x)` of the model that starts from `N(0, σ²)` and flows as the mixture does, where `x`
/// is known to arrive.
fn exact(mixture: &GaussianMixture, x: f64, arrived: f64, schedule: &Straight) -> f64 {
    let (clean, noise) = (schedule.level(0.0).unwrap(), schedule.level(1.0).unwrap());
    let prior = -0.5 * ((arrived / noise.sigma).powi(2) + (TAU * noise.sigma.powi(2)).ln());
    mixture.log_density(&[x], clean) + prior - mixture.log_density(&[arrived], noise)
}

#[test]
fn the_error_falls_at_order_four() {
    for keeps_variance in [true, false] {
        let schedule = Straight { keeps_variance, ..Straight::new(3.0, -5.0) };
        let path = Path::from_noise(&schedule, 0.0).unwrap();
        let (clean, noise) = (schedule.level(0.0).unwrap(), schedule.level(1.0).unwrap());
        let mut gaussian = GaussianMixture::gaussian(0.4, 0.7).unwrap();
        for x in [-0.9, 0.2, 1.5] {
            // The flow of a Gaussian keeps the distance to its mean, in standard deviations.
            let std = |level| gaussian.covariance(level)[0].sqrt();
            let off = (x - gaussian.mean(clean)[0]) / std(clean);
            let arrived = gaussian.mean(noise)[0] + off * std(noise);
            let truth = exact(&gaussian, x, arrived, &schedule);
            let mut error = |steps: usize| {
                let x = numbers(vec![x]);
                let found = densities(&path, steps, Trace::Exact, &x, &mut gaussian)[0];
                assert_eq!((found.nfe, found.products), (4 * steps, 4 * steps));
                (found.value - truth).abs()
            };
            let errors = [256, 512].map(&mut error);
            let order = (errors[0] / errors[1]).log2();
            assert!((order - 4.0).abs() < 0.1, "{order} {errors:?}");
            assert!(errors[1] < 1e-11, "{errors:?}");
        }
    }
}

#[test]
fn the_density_of_a_mixture_is_found_at_every_point() {
    let component = |weight, mean, std| Component { weight, mean: vec![mean], std };
    let mut mixture =
        GaussianMixture::new(vec![component(1.0, -1.2, 0.3), component(2.0, 0.8, 0.5)]).unwrap();
    let schedule = Straight::new(4.0, -5.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let (clean, noise) = (schedule.level(0.0).unwrap(), schedule.level(1.0).unwrap());
    let points = vec![-2.0, -1.2, -0.3, 0.0, 0.8, 2.1];
    let x = numbers(points.clone());
    let found = densities(&path, 400, Trace::Exact, &x, &mut mixture);
    for (found, x) in found.iter().zip(points) {
        // The flow keeps the distribution function.
        let arrived = mixture.quantile(mixture.cdf(x, clean), noise);
        let truth = exact(&mixture, x, arrived, &schedule);
        assert!((found.value - truth).abs() < 1e-6, "{x}: {} {truth}", found.value);
        assert_eq!(found.standard_error, None);
    }
}

/// Words of two tokens that depend on each other, in the plane.
fn words() -> CategoricalMixture {
    let joint = vec![0.25, 0.05, 0.05, 0.02, 0.18, 0.10, 0.03, 0.02, 0.30];
    let embeddings = vec![1.0, 0.2, -0.8, 0.9, 0.1, -1.1];
    CategoricalMixture::new(Tabular::new(2, 3, joint).unwrap(), embeddings).unwrap()
}

#[test]
fn positions_are_jointly_dense_and_may_have_clocks_of_their_own() {
    let schedule = Straight::new(1.5, -14.0);
    let at = |lambdas: [f64; 2]| lambdas.map(|lambda| schedule.level_at(lambda).unwrap());
    for clean in [at([1.5, 1.5]), at([0.5, 1.5])] {
        let noise = Levels::PerPosition(at([-14.0, -13.0]).to_vec());
        let path = Path::new(&schedule, noise, Levels::PerPosition(clean.to_vec())).unwrap();
        let x = sequences([2, 2, 2], vec![0.8, 0.1, -0.4, 0.9, 0.0, -0.3, 0.5, 0.6]);
        let found = densities(&path, 1000, Trace::Exact, &x, &mut words());
        for (found, x) in found.iter().zip(x.values().chunks(4)) {
            let truth = words().log_density(x, &clean).unwrap();
            assert!((found.value - truth).abs() < 1e-5, "{} {truth}", found.value);
        }
    }
}

#[test]
fn a_prompt_is_a_condition() {
    let schedule = Straight::new(1.5, -14.0);
    let after_one =
        |t: f64| Levels::PerPosition(vec![NoiseLevel::CLEAN, schedule.level(t).unwrap()]);
    let path = Path::new(&schedule, after_one(1.0), after_one(0.0)).unwrap();
    let x = sequences([1, 2, 2], vec![-0.8, 0.9, 0.3, 0.1]);
    let found = densities(&path, 1000, Trace::Exact, &x, &mut words())[0];
    let levels = [NoiseLevel::CLEAN, schedule.level(0.0).unwrap()];
    // The first token is the second of the vocabulary, of probability 0.3.
    let truth = words().log_density(x.values(), &levels).unwrap() - 0.3f64.ln();
    assert!((found.value - truth).abs() < 1e-5, "{} {truth}", found.value);
}

/// With 16 probes an interval of 2.131 standard errors covers in 95 of 100 cases (Student).
#[test]
fn probes_find_the_trace_and_know_how_well() {
    const NAMES: usize = 200;
    let schedule = Straight::new(1.5, -5.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let one = [0.4, 0.1, -0.4, 0.5];
    let exact =
        densities(&path, 20, Trace::Exact, &sequences([1, 2, 2], one.to_vec()), &mut words());
    let exact = exact[0].value;
    let x = sequences([NAMES, 2, 2], one.repeat(NAMES));
    for law in [ProbeLaw::Rademacher, ProbeLaw::Gaussian] {
        let trace = Trace::Hutchinson { probes: 16, law, key: Key::new(5) };
        let found = densities(&path, 20, trace, &x, &mut words());
        assert_eq!((found[0].nfe, found[0].products), (80, 80 * 16));
        let covers = |found: &&LogDensity| {
            (found.value - exact).abs() < 2.131 * found.standard_error.unwrap()
        };
        let covered = found.iter().filter(covers).count();
        assert!((180..=199).contains(&covered), "{law:?}: {covered}");
        let mean = found.iter().map(|found| found.value).sum::<f64>() / NAMES as f64;
        let squares = found.iter().map(|found| found.standard_error.unwrap().powi(2));
        let error = squares.sum::<f64>().sqrt() / NAMES as f64;
        assert!((mean - exact).abs() < 3.0 * error, "{law:?}: {mean} ± {error}, not {exact}");
    }
}

#[test]
fn a_sequence_has_its_density_in_any_batch() {
    let schedule = Straight::new(1.5, -5.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let trace = Trace::Hutchinson { probes: 3, law: ProbeLaw::Gaussian, key: Key::new(5) };
    let flow = Flow { path, steps: 5, trace };
    let rows = [[0.4, 0.1, -0.4, 0.5], [0.0, 1.0, 0.3, -0.9]];
    let both = sequences([2, 2, 2], rows.concat());
    let together = flow.estimate(&both, &[7, 3], &mut words()).unwrap();
    let alone = sequences([1, 2, 2], rows[1].to_vec());
    assert_eq!(flow.estimate(&alone, &[3], &mut words()).unwrap()[0], together[1]);
    assert_ne!(flow.estimate(&alone, &[4], &mut words()).unwrap()[0], together[1]);
}

#[test]
fn differences_agree_with_the_derivative_in_closed_form() {
    let schedule = Straight::new(4.0, -5.0);
    let x = sequences([1, 2, 2], vec![0.4, 0.1, -0.4, 0.5]);
    let v = sequences([1, 2, 2], vec![1.0, -2.0, 0.5, 0.3]);
    let mut differences = FiniteDifference::new(words(), 1e-3).unwrap();
    for lambda in [4.0, 1.0, 0.0, -2.0] {
        let level = schedule.level_at(lambda).unwrap();
        for levels in [
            Levels::Shared(level),
            Levels::PerPosition(vec![NoiseLevel::CLEAN, level]),
            Levels::Shared(NoiseLevel::CLEAN),
        ] {
            let closed = Differentiable::jacobian_product(&mut words(), &x, &levels, &v).unwrap();
            let found = differences.jacobian_product(&x, &levels, &v).unwrap();
            for (closed, found) in closed.values().iter().zip(found.values()) {
                let scale = 1.0 + closed.abs();
                assert!((closed - found).abs() < 1e-5 * scale, "{lambda}: {closed} {found}");
            }
        }
    }
    let path = Path::from_noise(&schedule, 0.3).unwrap();
    let closed = densities(&path, 30, Trace::Exact, &x, &mut words())[0].value;
    let found = densities(&path, 30, Trace::Exact, &x, &mut differences)[0].value;
    assert!((closed - found).abs() < 1e-5, "{closed} {found}");
}

/// In f32 a step of a hundredth of the noise leaves a few correct digits.
#[test]
fn differences_serve_single_precision() {
    let schedule = Straight::new(1.5, -5.0);
    let path = Path::from_noise(&schedule, 0.0).unwrap();
    let shape = Shape { batch: 1, length: 2, dim: 2 };
    let x = DenseLatent::<f32>::new(shape, vec![0.4, 0.1, -0.4, 0.5]).unwrap();
    let flow = Flow { path: path.clone(), steps: 50, trace: Trace::Exact };
    let wide = sequences([1, 2, 2], x.values().iter().map(|&x| f64::from(x)).collect());
    let truth = densities(&path, 50, Trace::Exact, &wide, &mut words())[0].value;
    for step in [1e-1, 1e-2] {
        let mut differences = FiniteDifference::new(words(), step).unwrap();
        let found = flow.estimate(&x, &[0], &mut differences).unwrap()[0].value;
        assert!((found - truth).abs() < 0.02, "{step}: {found} {truth}");
    }
}
