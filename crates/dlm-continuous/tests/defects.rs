//! Defects of published samplers, kept out by name.

mod blur;

use blur::{Blur, levels, mixture, row, times};
use dlm_continuous::noise::Recorded;
use dlm_continuous::solver::{DpmSolverPp, SecondOrder, Solver};
use dlm_continuous::{Sampler, Step, Stepped, sample};
use dlm_core::{DenseLatent, Latent, Levels, NoiseLevel, Weights};

/// Predicts `x̂₀ = k` in its call `k`, counted from 1.
fn counting() -> impl FnMut(&DenseLatent, &Levels) -> Result<DenseLatent, dlm_core::ModelError> {
    let mut call = 0.0;
    move |x, _| {
        call += 1.0;
        let one = DenseLatent::new(x.shape(), vec![1.0; x.shape().numbers()])?;
        Ok(DenseLatent::combine(&Weights::Shared([call]), [&one])?)
    }
}

/// LD4LG's second-order sampler keeps no previous prediction and so stays of first order.
#[test]
fn defect_9_a_multistep_solver_leaves_first_order() {
    let levels = levels(&Blur, &times(0.8, 0.2, 3));
    for (order, second) in
        [(2, SecondOrder::Midpoint), (2, SecondOrder::Heun), (3, SecondOrder::Midpoint)]
    {
        let solver = DpmSolverPp { order, second, ..DpmSolverPp::default() };
        let mut denoiser = counting();
        let mut memory = Default::default();
        let mut x = row(vec![0.3]);
        for (index, pair) in levels.windows(2).enumerate() {
            let (from, to) = (&pair[0], &pair[1]);
            let step = Step { index, steps: levels.len() - 1, from, to };
            let mut silence = Recorded::new([]);
            let next = solver.step(x.clone(), &step, &mut memory, &mut denoiser, &mut silence);
            let next = next.unwrap().x;
            let (from, to) = (pair[0].at(0), pair[1].at(0));
            let alone = |prediction: f64| {
                let share = -(from.lambda() - to.lambda()).exp_m1();
                to.sigma / from.sigma * x.values()[0] + to.alpha * share * prediction
            };
            let latest = index as f64 + 1.0;
            // Predictions that rise by 1 a step are extrapolated beyond the latest.
            match index {
                0 => assert!((next.values()[0] - alone(latest)).abs() < 1e-12),
                _ => {
                    assert!(alone(latest) + 1e-3 < next.values()[0], "order {order}, {index}");
                    assert!(next.values()[0] < alone(latest + 1.5), "order {order}, {index}");
                }
            }
            x = next;
        }
    }
}

/// LD4LG's last step returns a data prediction from before the step. At `σ = 0` state and
/// prediction are one, and both come from the latest state.
#[test]
fn defect_9_the_last_step_returns_the_fresh_state() {
    let levels = levels(&Blur, &times(0.8, 0.0, 4));
    for solver in Solver::ALL {
        let mut noise = Recorded::new(vec![row(vec![0.5, -0.2]); 8]);
        let mut states = Vec::new();
        let mut observer = |_: &Step<'_>, next: &Stepped<DenseLatent>| {
            states.push(next.x.clone());
            std::ops::ControlFlow::Continue(())
        };
        let start = row(vec![0.3, -1.0]);
        let sampler = solver.on(Blur);
        let outcome =
            sample(&sampler, &levels, start, &mut mixture(), &mut noise, &mut observer).unwrap();
        assert_eq!(Some(&outcome.x), states.last());
        let before = levels[3].at(0);
        for ((x, x0), last) in
            outcome.x.values().iter().zip(outcome.x0.values()).zip(states[2].values())
        {
            let expected = mixture().posterior_mean(&[*last], before)[0];
            assert!((x - expected).abs() < 1e-12, "{}", solver.name());
            assert!((x0 - expected).abs() < 1e-12, "{}", solver.name());
        }
    }
}

/// diffusers' ancestral samplers give no numbers on cosine schedules, whose last levels have
/// almost no signal: `ᾱ` of 1e-9 and, at the other end, equal levels.
#[test]
fn defect_18_levels_almost_without_signal_or_almost_alike_give_numbers() {
    let kept = |t: f64, alpha_bar: f64| {
        Levels::from(NoiseLevel { t, alpha: alpha_bar.sqrt(), sigma: (1.0 - alpha_bar).sqrt() })
    };
    let levels = [
        kept(1.0, 2.4e-9),
        kept(0.9, 1e-3),
        kept(0.5, 0.5),
        kept(0.5 - 1e-9, 0.5),
        kept(0.4, 0.5 + 1e-15),
        kept(1e-3, 1.0 - 1e-12),
        kept(1e-9, 1.0),
        NoiseLevel::CLEAN.into(),
    ];
    for solver in Solver::ALL {
        // What lies between levels is not the point here, only those that look there ask.
        if matches!(solver, Solver::DpmSolverPp2S {} | Solver::Flow {}) {
            continue;
        }
        let mut noise = Recorded::new(vec![row(vec![0.5, -0.2]); 8]);
        let sampler = solver.on(Blur);
        let start = row(vec![0.3, -1.0]);
        let outcome =
            sample(&sampler, &levels, start, &mut mixture(), &mut noise, &mut ()).unwrap();
        assert!(outcome.x.values().iter().all(|x| x.abs() < 10.0), "{}", solver.name());
    }
}
