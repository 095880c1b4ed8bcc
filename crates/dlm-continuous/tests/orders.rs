//! Every solver converges at the order it claims, with the evaluations it claims.

mod blur;

use blur::{Blur, Spread, levels, mixture, row, times};
use dlm_continuous::noise::{Noise, Recorded};
use dlm_continuous::schedule::NoiseSchedule;
use dlm_continuous::solver::{
    Churn, Churned, Ddim, Ddpm, DpmSolverPp, DpmSolverPp2S, Euler, Heun, ProbabilityFlow,
    SecondOrder, Solver, ThirdOrder, Variance, Vdm,
};
use dlm_continuous::{Sampler, Step, sample};
use dlm_core::DenseLatent;
use dlm_testkit::GaussianMixture;

/// Where the flow of the mixture ends is known, because the flow keeps the distribution
/// function: the distance of 19 quantiles from where they belong.
fn error<S: Sampler<DenseLatent>>(
    sampler: &S,
    schedule: &impl NoiseSchedule,
    times: &[f64],
    nfe: usize,
) -> f64 {
    let mut data = mixture();
    let levels = levels(schedule, times);
    let (first, last) = (levels[0].at(0), levels[levels.len() - 1].at(0));
    let quantiles = |level| -> Vec<f64> {
        (1..20).map(|i| data.quantile(f64::from(i) / 20.0, level)).collect()
    };
    let (start, end) = (row(quantiles(first)), quantiles(last));
    let mut silence = Recorded::new([]);
    let outcome = sample(sampler, &levels, start, &mut data, &mut silence, &mut ()).unwrap();
    assert_eq!(outcome.nfe, nfe * (times.len() - 1));
    let off = |(x, end): (&f64, &f64)| (x - end).powi(2);
    outcome.x.values().iter().zip(&end).map(off).sum::<f64>().sqrt()
}

/// The order between `n` and `2n` steps, and between `2n` and `4n`.
#[track_caller]
fn check(order: f64, n: usize, error: impl Fn(usize) -> f64) {
    let errors = [n, 2 * n, 4 * n].map(error);
    for (pair, steps) in errors.windows(2).zip([n, 2 * n]) {
        let measured = (pair[0] / pair[1]).log2();
        let off = (measured - order).abs();
        assert!(off < 0.05, "from {steps} steps on order {measured:.3}, claimed {order}");
    }
}

/// On both kinds of process.
#[track_caller]
fn check_flow<S: Sampler<DenseLatent>>(sampler: S, order: f64, n: usize) {
    check(order, n, |n| error(&sampler, &Blur, &times(0.95, 0.1, n), 1));
    check(order, n, |n| error(&sampler, &Spread, &times(0.95, 0.1, n), 1));
}

#[test]
fn methods_of_order_one() {
    check_flow(Ddim::default(), 1.0, 128);
    check_flow(Euler {}, 1.0, 128);
    check_flow(DpmSolverPp { order: 1, ..DpmSolverPp::default() }, 1.0, 128);
}

#[test]
fn heun() {
    check(2.0, 128, |n| error(&Heun {}, &Blur, &times(0.95, 0.1, n), 2));
    check(2.0, 128, |n| error(&Heun {}, &Spread, &times(0.95, 0.1, n), 2));
}

#[test]
fn dpm_solver_of_order_two() {
    check_flow(DpmSolverPp::default(), 2.0, 256);
    let heun = DpmSolverPp { second: SecondOrder::Heun, ..DpmSolverPp::default() };
    check_flow(heun, 2.0, 256);
}

#[test]
fn dpm_solver_singlestep() {
    let blur = DpmSolverPp2S { schedule: Blur };
    check(2.0, 64, |n| error(&blur, &Blur, &times(0.95, 0.1, n), 2));
    let spread = DpmSolverPp2S { schedule: Spread };
    check(2.0, 64, |n| error(&spread, &Spread, &times(0.95, 0.1, n), 2));
}

#[test]
fn flow() {
    let blur = ProbabilityFlow { schedule: Blur };
    check(4.0, 128, |n| error(&blur, &Blur, &times(0.95, 0.1, n), 4));
    let spread = ProbabilityFlow { schedule: Spread };
    check(4.0, 64, |n| error(&spread, &Spread, &times(0.95, 0.1, n), 4));
}

/// Equal steps but for a first one so short that its order 1 does no harm to order 3.
fn after_a_short_step(n: usize) -> Vec<f64> {
    let mut times = times(0.95, 0.1, n);
    times.insert(1, 0.95 - 0.85 * (n as f64).powf(-1.5));
    times
}

#[test]
fn dpm_solver_of_order_three() {
    let exact = DpmSolverPp { order: 3, ..DpmSolverPp::default() };
    check(3.0, 64, |n| error(&exact, &Blur, &after_a_short_step(n), 1));
    check(3.0, 128, |n| error(&exact, &Spread, &after_a_short_step(n), 1));
    // A first step of full length leaves an error of order 2, which shows only when the rest
    // of the run is as good as that.
    check(2.0, 1024, |n| error(&exact, &Blur, &times(0.95, 0.1, n), 1));
}

#[test]
fn dpm_solver_of_order_three_as_published_is_of_order_two() {
    let published =
        DpmSolverPp { order: 3, third: ThirdOrder::Published, ..DpmSolverPp::default() };
    check(2.0, 1024, |n| error(&published, &Blur, &after_a_short_step(n), 1));
    check(2.0, 128, |n| error(&published, &Spread, &after_a_short_step(n), 1));
}

/// The law that a run gives to Gaussian data, without sampling.
///
/// The denoiser of a Gaussian is affine, and so is a step in the state and its noise,
/// `x' = a·x + b + c·z`. Three rows find the coefficients: `x, z = (0, 0), (1, 0), (0, 1)`.
fn law<S: Sampler<DenseLatent>>(
    sampler: &S,
    schedule: &impl NoiseSchedule,
    times: &[f64],
) -> (f64, f64) {
    let mut data = data();
    let levels = levels(schedule, times);
    let first = levels[0].at(0);
    let mut mean = first.alpha * MEAN;
    let mut variance = (first.alpha * STD).powi(2) + first.sigma.powi(2);
    for (index, pair) in levels.windows(2).enumerate() {
        let x = row(vec![0.0, 1.0, 0.0]);
        let (from, to) = (&pair[0], &pair[1]);
        let step = Step { index, steps: levels.len() - 1, from, to };
        let mut noise = Recorded::new([row(vec![0.0, 0.0, 1.0])]);
        let memory = &mut S::Memory::default();
        let next = sampler.step(x, &step, memory, &mut data, &mut noise).unwrap().x;
        let [b, one, noisy] = *next.values() else { panic!("three rows went in") };
        mean = (one - b) * mean + b;
        variance = (one - b).powi(2) * variance + (noisy - b).powi(2);
    }
    (mean, variance)
}

const MEAN: f64 = 0.7;
const STD: f64 = 0.6;

fn data() -> GaussianMixture {
    GaussianMixture::gaussian(MEAN, STD).unwrap()
}

/// Distance of mean and variance from those of the process at the run's end.
fn weak_error<S: Sampler<DenseLatent>>(
    sampler: &S,
    schedule: &impl NoiseSchedule,
    n: usize,
) -> f64 {
    let times = times(0.95, 0.1, n);
    let (mean, variance) = law(sampler, schedule, &times);
    let last = schedule.level(times[n]).unwrap();
    let exact = (last.alpha * STD).powi(2) + last.sigma.powi(2);
    (mean - last.alpha * MEAN).abs() + (variance - exact).abs()
}

#[test]
fn ancestral_samplers_are_of_weak_order_one() {
    for variance in [Variance::FixedSmall, Variance::FixedLarge] {
        check(1.0, 256, |n| weak_error(&Ddpm { variance }, &Blur, n));
        check(1.0, 256, |n| weak_error(&Ddpm { variance }, &Spread, n));
    }
    check(1.0, 256, |n| weak_error(&Vdm {}, &Blur, n));
    check(1.0, 256, |n| weak_error(&Vdm {}, &Spread, n));
    for eta in [0.25, 0.5, 1.0] {
        check(1.0, 256, |n| weak_error(&Ddim { eta }, &Blur, n));
        check(1.0, 256, |n| weak_error(&Ddim { eta }, &Spread, n));
    }
}

#[test]
fn churn_keeps_the_order() {
    let churn = |n: usize| Churn { gamma: 8.0 / n as f64, ..Churn::default() };
    let euler = |n| Churned { sampler: Euler {}, churn: churn(n), schedule: Blur };
    check(1.0, 256, |n| weak_error(&euler(n), &Blur, n));
    let heun = |n| Churned { sampler: Heun {}, churn: churn(n), schedule: Blur };
    check(2.0, 256, |n| weak_error(&heun(n), &Blur, n));
}

#[test]
fn evaluations_are_those_that_are_told() {
    for solver in Solver::ALL {
        let run = |times: &[f64]| {
            let levels = levels(&Blur, times);
            let mut noise = Recorded::new(vec![row(vec![0.3, -0.4]); times.len()]);
            let start = noise.fresh(&row(vec![0.0; 2])).unwrap();
            let solver = solver.on(Blur);
            sample(&solver, &levels, start, &mut mixture(), &mut noise, &mut ()).unwrap().nfe
        };
        assert_eq!(run(&times(0.9, 0.1, 6)), 6 * solver.nfe(), "{}", solver.name());
        assert_eq!(run(&times(0.9, 0.0, 6)), 5 * solver.nfe() + 1, "{}", solver.name());
    }
}
