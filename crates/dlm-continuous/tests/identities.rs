//! Samplers that are the same, and targets that make no difference.

mod blur;

use blur::{Blur, Spread, levels, mixture, row, times};
use dlm_continuous::denoiser::{DataPrediction, Predicts};
use dlm_continuous::noise::Stepwise;
use dlm_continuous::schedule::NoiseSchedule;
use dlm_continuous::solver::{
    Churn, Churned, Ddim, Ddpm, DpmSolverPp, Euler, Heun, SecondOrder, Solver, ThirdOrder,
    Variance, Vdm,
};
use dlm_continuous::{Sampler, sample};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, NoiseLevel};
use dlm_rng::Key;

/// Every solver, and the two that churn.
fn solvers() -> impl Iterator<Item = Solver> {
    let churn = Some(Churn { gamma: 0.2, ..Churn::default() });
    let more = [Solver::Ddim(Ddim { eta: 0.7 }), Solver::Euler { churn }, Solver::Heun { churn }];
    Solver::ALL.into_iter().chain(more)
}

fn start() -> DenseLatent {
    row(vec![-1.7, -0.4, 0.0, 0.9, 2.1])
}

fn run<S: Sampler<DenseLatent>>(
    sampler: &S,
    levels: &[Levels],
    denoiser: &mut dyn Denoiser<DenseLatent>,
) -> Vec<f64> {
    let mut noise = Stepwise::new(vec![Key::new(3)]);
    let outcome = sample(sampler, levels, start(), denoiser, &mut noise, &mut ()).unwrap();
    outcome.x.values().to_vec()
}

#[track_caller]
fn same(left: &[f64], right: &[f64], name: &str) {
    let close = |(x, y): (&f64, &f64)| (x - y).abs() < 1e-12;
    assert!(left.iter().zip(right).all(close), "{name}: {left:?} and {right:?}");
}

/// The mixture's denoiser, put into the words of another target.
fn network(
    predicts: Predicts,
) -> impl FnMut(&DenseLatent, &Levels) -> Result<DenseLatent, ModelError> {
    let mut data = mixture();
    move |x, levels| {
        let x0 = data.denoise(x, levels)?;
        Ok(DenseLatent::combine(&levels.weights(|level| predicts.of_data(level)), [x, &x0])?)
    }
}

/// Levels whose first position is data throughout, and whose last is always a step behind.
fn with_own_clocks(schedule: &impl NoiseSchedule, times: &[f64]) -> Vec<Levels> {
    let level = |time: f64| schedule.level(time).unwrap();
    let at = |i: usize| {
        let mut positions = vec![level(times[i]); start().shape().length];
        positions[0] = NoiseLevel::CLEAN;
        positions[4] = level(times[i.saturating_sub(1)]);
        Levels::PerPosition(positions)
    };
    (0..times.len()).map(at).collect()
}

#[test]
fn every_target_gives_the_same_run() {
    fn check(schedule: impl NoiseSchedule + Copy, end: f64) {
        let times = times(0.9, end, 8);
        for levels in [levels(&schedule, &times), with_own_clocks(&schedule, &times)] {
            for solver in solvers() {
                let sampler = solver.on(schedule);
                let of_data = run(&sampler, &levels, &mut mixture());
                for predicts in [Predicts::Noise, Predicts::Velocity, Predicts::Score] {
                    let mut denoiser = DataPrediction { network: network(predicts), predicts };
                    let name = format!("{} with {predicts:?}", solver.name());
                    same(&run(&sampler, &levels, &mut denoiser), &of_data, &name);
                }
            }
        }
    }
    check(Blur, 0.0);
    check(Spread, 0.1);
}

/// Both kinds of process, stopped at data and before, shared and with own clocks.
fn every_run(mut check: impl FnMut(&[Levels])) {
    for end in [0.0, 0.1] {
        let times = times(0.9, end, 8);
        check(&levels(&Blur, &times));
        check(&with_own_clocks(&Blur, &times));
        check(&levels(&Spread, &times));
        check(&with_own_clocks(&Spread, &times));
    }
}

#[test]
fn ddim_with_all_noise_is_ddpm() {
    every_run(|levels| {
        let ddim = run(&Ddim { eta: 1.0 }, levels, &mut mixture());
        same(&ddim, &run(&Ddpm::default(), levels, &mut mixture()), "η = 1");
    });
}

#[test]
fn vdm_is_ddpm() {
    every_run(|levels| {
        let vdm = run(&Vdm {}, levels, &mut mixture());
        same(&vdm, &run(&Ddpm::default(), levels, &mut mixture()), "VDM");
    });
}

/// Levels that differ in their last bits: the difference of their logarithms has the wrong
/// sign, and yet a step between them has to be a step.
#[test]
fn ancestral_steps_may_be_as_short_as_numbers_allow() {
    let from = NoiseLevel { t: 0.6, alpha: 0.642827590788897, sigma: 0.7660108932127156 };
    let to = NoiseLevel { t: 0.5, alpha: 0.6428275907888968, sigma: 0.7660108932127155 };
    assert!(to.ratio() <= from.ratio() && to.lambda() < from.lambda());
    let levels = [from.into(), to.into()];
    let still = start().values().to_vec();
    for name in ["vdm", "ddpm", "ddim"] {
        let solver: Solver = name.parse().unwrap();
        let x = run(&solver.on(Blur), &levels, &mut mixture());
        assert!(x.iter().zip(&still).all(|(x, y)| (x - y).abs() < 1e-6), "{name}: {x:?}");
    }
}

#[test]
fn ddim_without_noise_is_euler_is_dpm_solver_of_order_one() {
    every_run(|levels| {
        let ddim = run(&Ddim::default(), levels, &mut mixture());
        same(&ddim, &run(&Euler {}, levels, &mut mixture()), "Euler");
        let first = DpmSolverPp { order: 1, ..DpmSolverPp::default() };
        same(&ddim, &run(&first, levels, &mut mixture()), "DPM-Solver++ of order 1");
    });
}

#[test]
fn churn_of_nothing_is_no_churn() {
    every_run(|levels| {
        for (with, without) in [
            (Solver::Euler { churn: Some(Churn::default()) }, Solver::Euler { churn: None }),
            (Solver::Heun { churn: Some(Churn::default()) }, Solver::Heun { churn: None }),
        ] {
            let with = run(&with.on(Blur), levels, &mut mixture());
            assert_eq!(with, run(&without.on(Blur), levels, &mut mixture()));
        }
    });
}

/// A process that keeps the variance and one that lets it grow are the same but for the
/// scale of the state: `x/α` and the prediction agree.
#[test]
fn the_flow_does_not_depend_on_the_scale_of_the_process() {
    #[derive(Clone, Copy)]
    struct Grown;
    impl NoiseSchedule for Grown {
        fn level(&self, t: f64) -> Result<NoiseLevel, dlm_continuous::schedule::ScheduleError> {
            let level = Blur.level(t)?;
            Ok(NoiseLevel { t, alpha: 1.0, sigma: level.ratio() })
        }
    }
    let times = times(0.9, 0.0, 8);
    let alpha = Blur.level(0.9).unwrap().alpha;
    for solver in solvers() {
        let kept = run(&solver.on(Blur), &levels(&Blur, &times), &mut mixture());
        let mut noise = Stepwise::new(vec![Key::new(3)]);
        let larger = row(start().values().iter().map(|x| x / alpha).collect());
        let levels = levels(&Grown, &times);
        let grown = solver.on(Grown);
        let grown = sample(&grown, &levels, larger, &mut mixture(), &mut noise, &mut ()).unwrap().x;
        let close = |(x, y): (&f64, &f64)| (x - y).abs() < 1e-9;
        let alike = kept.iter().zip(grown.values()).all(close);
        assert!(alike, "{}: {kept:?} and {grown:?}", solver.name());
    }
}

/// Every setting of a solver that is chosen by name reaches the method.
#[test]
fn a_named_solver_is_its_method() {
    let levels = levels(&Blur, &times(0.9, 0.1, 6));
    let churn = Churn { gamma: 0.2, noise: 1.1, ..Churn::default() };
    let outcome = |sampler: &dyn Fn(&mut dyn Denoiser<DenseLatent>) -> Vec<f64>| {
        let mut denoiser = mixture();
        sampler(&mut denoiser)
    };
    let named = |solver: Solver| outcome(&|d| run(&solver.on(Blur), &levels, d));
    let multistep = |method: DpmSolverPp| outcome(&|d| run(&method, &levels, d));
    for last in [false, true] {
        for second in [SecondOrder::Midpoint, SecondOrder::Heun] {
            let two = DpmSolverPp { second, lower_order_final: last, ..DpmSolverPp::default() };
            let solver = Solver::DpmSolverPp2M { second, lower_order_final: last };
            assert_eq!(named(solver), multistep(two), "{solver:?}");
            for third in [ThirdOrder::Exact, ThirdOrder::Published] {
                let three = DpmSolverPp { order: 3, third, ..two };
                let solver = Solver::DpmSolverPp3M { second, third, lower_order_final: last };
                assert_eq!(named(solver), multistep(three), "{solver:?}");
            }
        }
    }
    let euler = Churned { sampler: Euler {}, churn, schedule: Blur };
    let heun = Churned { sampler: Heun {}, churn, schedule: Blur };
    let churn = Some(churn);
    assert_eq!(named(Solver::Euler { churn }), outcome(&|d| run(&euler, &levels, d)));
    assert_eq!(named(Solver::Heun { churn }), outcome(&|d| run(&heun, &levels, d)));
    let large = Ddpm { variance: Variance::FixedLarge };
    assert_eq!(named(Solver::Ddpm(large)), outcome(&|d| run(&large, &levels, d)));
}
