//! A run counts what it does, and whoever watches may stop it.

mod blur;

use std::ops::ControlFlow;

use blur::{Blur, levels, mixture, row, times};
use dlm_continuous::noise::Stepwise;
use dlm_continuous::solver::Solver;
use dlm_continuous::{Outcome, Step, Stepped, sample};
use dlm_core::DenseLatent;
use dlm_rng::Key;

/// The run stopped after so many steps, and the states it went through.
fn stopped(solver: Solver, most: usize) -> (Outcome<DenseLatent>, Vec<DenseLatent>) {
    let levels = levels(&Blur, &times(0.9, 0.1, 5));
    let mut seen = vec![];
    let mut watch = |step: &Step<'_>, next: &Stepped<DenseLatent>| {
        assert_eq!((step.from, step.to), (&levels[step.index], &levels[step.index + 1]));
        seen.push(next.x.clone());
        match step.index + 1 < most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    };
    let mut noise = Stepwise::new([Key::new(3)]);
    let start = row(vec![0.2, -0.3]);
    let sampler = solver.on(Blur);
    let outcome = sample(&sampler, &levels, start, &mut mixture(), &mut noise, &mut watch);
    (outcome.unwrap(), seen)
}

#[test]
fn a_run_counts_its_steps_and_evaluations_and_stops_when_told() {
    for solver in Solver::ALL {
        let (whole, seen) = stopped(solver, 5);
        assert_eq!((whole.steps, whole.nfe), (5, 5 * solver.nfe()), "{}", solver.name());
        for most in 1..5 {
            let (part, states) = stopped(solver, most);
            assert_eq!((part.steps, part.nfe), (most, most * solver.nfe()), "{}", solver.name());
            assert_eq!(states, seen[..most]);
            assert_eq!(part.x, seen[most - 1]);
        }
    }
}
