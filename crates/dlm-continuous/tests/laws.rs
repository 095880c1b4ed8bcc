//! What samplers give is distributed as it should be, and a test that could tell.

mod blur;
mod kolmogorov;

use std::ops::ControlFlow;

use blur::{Blur, Spread, levels, mixture, times};
use dlm_continuous::noise::Stepwise;
use dlm_continuous::schedule::NoiseSchedule;
use dlm_continuous::solver::{Churn, Ddim, Ddpm, SecondOrder, Solver, ThirdOrder, Variance, Vdm};
use dlm_continuous::{Step, Stepped, sample};
use dlm_core::{DenseLatent, Shape};
use dlm_rng::{Key, Purpose};
use kolmogorov::{SIGNIFICANCE, probability};

/// Independent numbers of a run, every one a position.
const DRAWS: usize = 4_000;

/// The probabilities of the states after each quarter of the steps.
fn run<S: NoiseSchedule + Copy>(solver: Solver, schedule: S, times: &[f64], seed: u64) -> Vec<f64> {
    let levels = levels(&schedule, times);
    let shape = Shape { batch: 1, length: DRAWS, dim: 1 };
    let mut data = mixture();
    let mut x = DenseLatent::zeros(shape);
    for (position, x) in x.values_mut().iter_mut().enumerate() {
        let key = Key::new(seed).position(position as u64).purpose(Purpose::Test);
        data.draw(levels[0].at(0), &mut key.stream(), std::slice::from_mut(x));
    }
    let mut noise = Stepwise::new(vec![Key::new(seed + 1)]);
    let mut probabilities = Vec::new();
    let watched = times.len() / 4;
    let mut observer = |step: &Step<'_>, next: &Stepped<DenseLatent>| {
        if (step.index + 1).is_multiple_of(watched) || step.index + 2 == times.len() {
            let (values, level) = (next.x.values().to_vec(), step.to.at(0));
            probabilities.push(probability(values, |x| mixture().cdf(x, level)));
        }
        ControlFlow::Continue(())
    };
    let sampler = solver.on(schedule);
    sample(&sampler, &levels, x, &mut data, &mut noise, &mut observer).unwrap();
    probabilities
}

fn solvers() -> Vec<(Solver, usize)> {
    let churn = Some(Churn { gamma: 0.05, ..Churn::default() });
    let ddpm = |variance| Solver::Ddpm(Ddpm { variance });
    let third = |third, lower_order_final| {
        let second = SecondOrder::Midpoint;
        Solver::DpmSolverPp3M { second, third, lower_order_final }
    };
    vec![
        (ddpm(Variance::FixedSmall), 200),
        (ddpm(Variance::FixedLarge), 200),
        (Solver::Ddim(Ddim { eta: 0.0 }), 200),
        (Solver::Ddim(Ddim { eta: 0.5 }), 200),
        (Solver::Ddim(Ddim { eta: 1.0 }), 200),
        (Solver::Vdm(Vdm {}), 200),
        (Solver::Euler { churn: None }, 200),
        (Solver::Euler { churn }, 200),
        (Solver::Heun { churn: None }, 60),
        (Solver::Heun { churn }, 60),
        ("dpmpp-2m".parse().unwrap(), 60),
        ("dpmpp-3m".parse().unwrap(), 60),
        ("dpmpp-2s".parse().unwrap(), 60),
        ("flow".parse().unwrap(), 20),
        (Solver::DpmSolverPp2M { second: SecondOrder::Heun, lower_order_final: false }, 60),
        (third(ThirdOrder::Published, false), 60),
        // Only runs of fewer than 15 steps end at a lower order.
        (Solver::DpmSolverPp2M { second: SecondOrder::Midpoint, lower_order_final: true }, 12),
        (third(ThirdOrder::Exact, true), 12),
    ]
}

/// After each quarter of the way and at its end, which is data.
#[test]
fn every_sampler_gives_the_mixture() {
    for (solver, steps) in solvers() {
        let probabilities = run(solver, Blur, &times(0.95, 0.0, steps), 11);
        assert!(probabilities.iter().all(|&p| SIGNIFICANCE < p), "{solver:?}: {probabilities:?}");
    }
}

#[test]
fn every_sampler_gives_the_mixture_where_the_variance_grows() {
    for (solver, steps) in solvers() {
        let probabilities = run(solver, Spread, &times(0.95, 0.05, steps), 23);
        assert!(probabilities.iter().all(|&p| SIGNIFICANCE < p), "{solver:?}: {probabilities:?}");
    }
}

/// Too few steps, or noise that is not the sampler's, are noticed.
#[test]
fn wrong_laws_are_noticed() {
    for solver in Solver::ALL {
        let probabilities = run(solver, Blur, &times(0.95, 0.0, 3), 11);
        assert!(probabilities.last().unwrap() < &SIGNIFICANCE, "{}", solver.name());
    }
    let churn = Some(Churn { gamma: 0.05, noise: 1.2, ..Churn::default() });
    let loud = run(Solver::Heun { churn }, Blur, &times(0.95, 0.1, 60), 11);
    assert!(loud.last().unwrap() < &SIGNIFICANCE, "{loud:?}");
}
