//! The laws of noise: each draw's, and those of a path that runs share.

use dlm_continuous::NoiseError;
use dlm_continuous::noise::{Brownian, Noise, Recorded, Stepwise};
use dlm_continuous::sample;
use dlm_continuous::schedule::Cosine;
use dlm_continuous::solver::{Ddim, Ddpm, Solver, Variance, Vdm};
use dlm_core::{Denoiser, DenseLatent, Levels, ModelError, NoiseLevel, Shape};
use dlm_rng::{Key, Purpose};
use dlm_testkit::{Component, GaussianMixture};
use statrs::distribution::{ContinuousCDF, Normal};

/// Enough numbers for a law.
const MANY: Shape = Shape { batch: 2, length: 10, dim: 500 };
/// Enough for an identity.
const FEW: Shape = Shape { batch: 2, length: 3, dim: 4 };

/// Where the path starts, `τ ≈ 0`.
const SOURCE: NoiseLevel = NoiseLevel { t: 1.0, alpha: 1e-200, sigma: 1.0 };

#[test]
fn draws_are_normal_and_independent() {
    let mut noise = Stepwise::new(keys());
    let mut draws: Vec<Vec<f64>> =
        (0..4).map(|_| noise.fresh(&zeros()).unwrap().values().to_vec()).collect();
    draws.push(draw(&mut noise, MANY, at(-1.0), at(1.0)));
    assert_independent(&draws, "stepwise");
}

/// Wide steps, narrow ones, and those that pass the ends of the tree or stop at data.
#[test]
fn increments_are_normal_and_independent() {
    let ladders = [
        ("wide", vec![at(-9.0), at(-3.0), at(-1.0), at(0.5), at(0.6), at(4.0), NoiseLevel::CLEAN]),
        ("beyond the tree", [-40.0, -37.0, -16.0, -15.0, 15.5, 16.0, 17.0, 30.0].map(at).to_vec()),
        ("end to end", vec![at(-40.0), at(-15.99), at(15.99), NoiseLevel::CLEAN]),
        ("within a leaf", (0..7).map(|i| at(0.25 + 6e-5 * f64::from(i))).collect()),
        ("across leaves", (0..7).map(|i| at(0.25 + 3e-4 * f64::from(i))).collect()),
    ];
    for (what, levels) in ladders {
        let mut noise = Brownian::new(keys());
        let mut draws: Vec<Vec<f64>> =
            levels.windows(2).map(|pair| draw(&mut noise, MANY, pair[0], pair[1])).collect();
        for _ in 0..2 {
            draws.push(noise.fresh(&zeros()).unwrap().values().to_vec());
        }
        assert_independent(&draws, what);
    }
}

/// `E W(τ)W(τ') = min(τ, τ')`: after division by `√(ττ')`, `e^{−|λ−λ'|}`.
#[test]
fn the_path_has_the_covariance_of_brownian_motion() {
    let mut stream = Key::new(8).purpose(Purpose::Test).stream();
    let mut lambdas: Vec<f64> = (0..12).map(|_| 6.0 * stream.uniform() - 3.0).collect();
    lambdas.extend([-0.1, -0.1 + 1e-3, 12.0, 20.0]);
    let values: Vec<Vec<f64>> = lambdas.iter().map(|&lambda| path(at(lambda))).collect();
    for (i, x) in values.iter().enumerate() {
        assert_normal(x, "W/√τ");
        for (j, y) in values[..i].iter().enumerate() {
            let expected = (-(lambdas[i] - lambdas[j]).abs()).exp();
            // The difference is normal with variance 2(1 − e^{−|λ−λ'|}), small for neighbours.
            let square: f64 = x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum();
            let ratio = square / x.len() as f64 / (2.0 * (1.0 - expected));
            let off = (ratio - 1.0) / (2.0 / x.len() as f64).sqrt();
            assert!(off.abs() < 4.5, "λ = {}, {}: {off} deviations", lambdas[i], lambdas[j]);
        }
    }
}

#[test]
fn increments_of_fine_steps_add_up_to_those_of_coarse_steps() {
    let fine = evenly(-6.0, 6.0, 2160);
    for stride in [2, 9, 72, 2160] {
        let coarse: Vec<NoiseLevel> = fine.iter().copied().step_by(stride).collect();
        let (mut of_fine, mut of_coarse) = (Brownian::new(keys()), Brownian::new(keys()));
        for (part, ends) in coarse.windows(2).enumerate() {
            let mut sum = vec![0.0; FEW.numbers()];
            for pair in fine[part * stride..=(part + 1) * stride].windows(2) {
                let z = draw(&mut of_fine, FEW, pair[0], pair[1]);
                sum.iter_mut().zip(z).for_each(|(sum, z)| *sum += z * spread(pair[0], pair[1]));
            }
            let z = draw(&mut of_coarse, FEW, ends[0], ends[1]);
            for (sum, z) in sum.into_iter().zip(z) {
                let off = sum / spread(ends[0], ends[1]) - z;
                assert!(off.abs() < 1e-9, "stride {stride}, step {part}: {off}");
            }
        }
    }
}

/// Where the prediction is constant the steps of a path add up, for every ancestral sampler.
#[test]
fn ten_steps_and_a_thousand_land_on_the_same_state() {
    let x0 = DenseLatent::new(FEW, vec![0.7; FEW.numbers()]).unwrap();
    let mut constant =
        |_: &DenseLatent, _: &Levels| -> Result<DenseLatent, ModelError> { Ok(x0.clone()) };
    let fine = evenly(-5.0, 3.0, 1000);
    let coarse: Vec<NoiseLevel> = fine.iter().copied().step_by(100).collect();
    for solver in ancestral() {
        let on_a_path = [&coarse, &fine]
            .map(|levels| walk(solver, levels, &mut constant, &mut Brownian::new(keys()), FEW));
        assert!(furthest(&on_a_path) < 1e-9, "{solver:?}: {}", furthest(&on_a_path));
        let stepwise = [&coarse, &fine]
            .map(|levels| walk(solver, levels, &mut constant, &mut Stepwise::new(keys()), FEW));
        assert!(furthest(&stepwise) > 0.1, "{solver:?}: {}", furthest(&stepwise));
    }
}

/// Where it is not constant, the distance from a run of very many steps on the same path is the
/// discretisation's alone: it falls with order 1 (measured 0.96 and 1.10), that of a method whose
/// noise does not depend on the state. Between runs that share no path luck does not fall.
#[test]
fn on_one_path_more_steps_come_closer() {
    let part = |weight, mean, std| Component { weight, mean: vec![mean], std };
    let mut data = GaussianMixture::new(vec![part(0.35, -1.0, 0.4), part(0.65, 0.8, 0.6)]).unwrap();
    let shape = Shape { batch: 2, length: 40, dim: 1 };
    let fine = evenly(-4.0, 3.0, 2048);
    let every = |stride: usize| fine.iter().copied().step_by(stride).collect::<Vec<_>>();
    for solver in ancestral() {
        let mut path =
            |levels: &[_]| walk(solver, levels, &mut data, &mut Brownian::new(keys()), shape);
        let end = path(&fine);
        let off = [64, 32, 16].map(|stride| rms(&path(&every(stride)), &end));
        for pair in off.windows(2) {
            let order = (pair[0] / pair[1]).log2();
            assert!((order - 1.0).abs() < 0.15, "{solver:?}: order {order:.3} of {off:?}");
        }
        let mut stepwise =
            |levels: &[_]| walk(solver, levels, &mut data, &mut Stepwise::new(keys()), shape);
        let end = stepwise(&fine);
        let off = [64, 16].map(|stride| rms(&stepwise(&every(stride)), &end));
        assert!(off.iter().all(|&off| 0.5 < off), "{solver:?}: {off:?}");
        assert!((off[0] / off[1]).log2().abs() < 0.3, "{solver:?}: {off:?}");
    }
}

/// A level that another grid computes with another last digit is the same place.
#[test]
fn the_path_does_not_jump() {
    for lambda in [-8.3, -0.001, 0.7, 5.0 + 1e-4] {
        let (here, there) = (path(at(lambda)), path(at(lambda + 1e-13)));
        let off = here.iter().zip(&there).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
        assert!(off < 1e-8, "λ = {lambda}: {off}");
    }
}

#[test]
fn every_position_has_its_own_clock() {
    let like = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 3, dim: 4 });
    let levels =
        |first, second| Levels::PerPosition(vec![NoiseLevel::CLEAN, at(first), at(second)]);
    let key = vec![Key::new(5)];
    let mut noise = Brownian::new(key.clone());
    let own = noise.between(&like, &levels(-2.0, -1.0), &levels(0.0, 3.0)).unwrap();
    let rows: Vec<&[f64]> = own.rows().collect();
    assert_eq!(rows[0], [0.0; 4]);
    assert_ne!(rows[1], rows[2]);
    for (position, (from, to)) in [(1, (-2.0, 0.0)), (2, (-1.0, 3.0))] {
        let mut noise = Brownian::new(key.clone());
        let shared = noise.between(&like, &at(from).into(), &at(to).into()).unwrap();
        assert_eq!(shared.rows().nth(position).unwrap(), rows[position]);
    }
}

/// A result recorded once can be had again: these numbers do not change.
#[test]
fn the_first_numbers_are_pinned() {
    let like = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 1, dim: 2 });
    let key = vec![Key::new(7).sequence(3)];
    let mut stepwise = Stepwise::new(key.clone());
    let mut brownian = Brownian::new(key);
    let mut increment =
        |from, to| brownian.between(&like, &at(from).into(), &at(to).into()).unwrap();
    let draws = [
        stepwise.fresh(&like).unwrap(),
        stepwise.fresh(&like).unwrap(),
        increment(-3.0, 0.1),
        increment(0.1, 0.100_01),
        increment(0.100_01, 18.0),
    ];
    let pinned = [
        [0.14218523693275845, 0.659135515360548],
        [-0.052156417369987156, 1.2386311478463414],
        [0.31093290132344376, -0.8270115176336903],
        [1.290005121518777, 0.25054057463190865],
        [0.5064986974697678, -1.580193749724515],
    ];
    for (draw, pinned) in draws.iter().zip(pinned) {
        for (z, pinned) in draw.values().iter().zip(pinned) {
            // The exponential function of a platform may differ in the last digits.
            assert!((z - pinned).abs() < 1e-9, "{draws:?}");
        }
    }
}

#[test]
fn recorded_noise_comes_in_order_until_it_is_used_up() {
    let shape = Shape { batch: 1, length: 1, dim: 1 };
    let number = |x: f64| DenseLatent::new(shape, vec![x]).unwrap();
    let mut noise = Recorded::new([number(1.0), number(2.0)]);
    let level = Levels::Shared(at(0.0));
    assert_eq!(noise.between(&number(0.0), &level, &level).unwrap(), number(1.0));
    assert_eq!(noise.left(), 1);
    assert_eq!(noise.fresh(&number(0.0)).unwrap(), number(2.0));
    let message = noise.fresh(&number(0.0)).unwrap_err().to_string();
    assert_eq!(message, "all 2 recorded draws are used up: record more, or take fewer steps");
    let mut noise = Recorded::new([number(1.0)]);
    assert!(matches!(noise.fresh(&zeros()), Err(NoiseError::Latent(_))));
}

#[test]
fn every_sequence_needs_a_key_and_a_path_keeps_its_shape() {
    let one = vec![Key::new(1)];
    let wrong = |error: NoiseError| {
        assert_eq!(error.to_string(), "1 keys for 2 sequences: give each sequence its own");
    };
    let (from, to) = (Levels::Shared(at(0.0)), Levels::Shared(at(1.0)));
    wrong(Stepwise::new(one.clone()).fresh(&zeros()).unwrap_err());
    wrong(Brownian::new(one.clone()).fresh(&zeros()).unwrap_err());
    wrong(Brownian::new(one.clone()).between(&zeros(), &from, &to).unwrap_err());

    let three = vec![Key::new(1); 3];
    for error in
        [Stepwise::new(three.clone()).fresh(&zeros()), Brownian::new(three).fresh(&zeros())]
    {
        assert!(matches!(error, Err(NoiseError::Keys { keys: 3, sequences: 2 })));
    }

    let mut noise = Brownian::new(one);
    let mut between = |length| {
        let like = DenseLatent::<f64>::zeros(Shape { batch: 1, length, dim: 3 });
        noise.between(&like, &from, &to)
    };
    assert!(between(5).is_ok());
    assert!(matches!(between(6), Err(NoiseError::Latent(_))));
}

fn keys() -> Vec<Key> {
    vec![Key::new(3), Key::new(3).sequence(1)]
}

fn zeros() -> DenseLatent {
    DenseLatent::zeros(MANY)
}

/// The variance-keeping level of half log signal-to-noise ratio `lambda`.
fn at(lambda: f64) -> NoiseLevel {
    let alpha = (1.0 + (-2.0 * lambda).exp()).sqrt().recip();
    let sigma = (1.0 + (2.0 * lambda).exp()).sqrt().recip();
    NoiseLevel { t: 0.5, alpha, sigma }
}

fn evenly(from: f64, to: f64, steps: usize) -> Vec<NoiseLevel> {
    (0..=steps).map(|i| at(from + (to - from) * i as f64 / steps as f64)).collect()
}

fn draw(
    noise: &mut impl Noise<DenseLatent>,
    shape: Shape,
    from: NoiseLevel,
    to: NoiseLevel,
) -> Vec<f64> {
    let like = DenseLatent::zeros(shape);
    noise.between(&like, &from.into(), &to.into()).unwrap().values().to_vec()
}

/// `W/√τ` at `level`, seen by a run that goes there directly.
fn path(level: NoiseLevel) -> Vec<f64> {
    draw(&mut Brownian::new(keys()), MANY, SOURCE, level)
}

/// `√(τ' − τ)`.
fn spread(from: NoiseLevel, to: NoiseLevel) -> f64 {
    (to.snr() - from.snr()).sqrt()
}

/// The samplers that draw a step's noise from the posterior.
fn ancestral() -> [Solver; 3] {
    let variance = Variance::FixedSmall;
    [Solver::Ddpm(Ddpm { variance }), Solver::Vdm(Vdm {}), Solver::Ddim(Ddim { eta: 1.0 })]
}

/// The end of a run of a solver that needs no schedule, from fresh noise.
fn walk(
    solver: Solver,
    levels: &[NoiseLevel],
    denoiser: &mut dyn Denoiser<DenseLatent>,
    noise: &mut dyn Noise<DenseLatent>,
    shape: Shape,
) -> DenseLatent {
    let start = noise.fresh(&DenseLatent::zeros(shape)).unwrap();
    let levels: Vec<Levels> = levels.iter().copied().map(Levels::Shared).collect();
    let solver = solver.on(Cosine::default());
    sample(&solver, &levels, start, denoiser, noise, &mut ()).unwrap().x
}

/// The largest difference of two states.
fn furthest([x, y]: &[DenseLatent; 2]) -> f64 {
    x.values().iter().zip(y.values()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}

/// The root of the mean squared difference of two states.
fn rms(x: &DenseLatent, y: &DenseLatent) -> f64 {
    let square: f64 = x.values().iter().zip(y.values()).map(|(x, y)| (x - y).powi(2)).sum();
    (square / x.values().len() as f64).sqrt()
}

/// The mean of `x·y`: their correlation where both are standard.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / x.len() as f64
}

/// No further from the normal distribution function than one sample in a thousand is.
fn assert_normal(z: &[f64], what: &str) {
    let normal = Normal::standard();
    let mut sorted = z.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let off = |(i, &z): (usize, &f64)| {
        let (below, p) = (i as f64 / n, normal.cdf(z));
        (p - below).abs().max((below + 1.0 / n - p).abs())
    };
    let furthest = sorted.iter().enumerate().map(off).fold(0.0, f64::max) * n.sqrt();
    assert!(furthest < 1.95, "{what}: {furthest}");
}

/// Standard normal, one by one, and no two correlated.
fn assert_independent(draws: &[Vec<f64>], what: &str) {
    for (i, z) in draws.iter().enumerate() {
        assert_normal(z, &format!("{what}, draw {i}"));
        for (j, other) in draws[..i].iter().enumerate() {
            let correlation = correlation(z, other) * (z.len() as f64).sqrt();
            assert!(correlation.abs() < 4.5, "{what}: draws {i} and {j}: {correlation} deviations");
        }
    }
}
