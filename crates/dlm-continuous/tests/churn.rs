//! The noise that a step adds before it starts, by the letter of the algorithm.

mod blur;

use blur::{Blur, Spread, row};
use dlm_continuous::noise::Recorded;
use dlm_continuous::schedule::NoiseSchedule;
use dlm_continuous::solver::{Churn, Churned};
use dlm_continuous::{Noise, SampleError, Sampler, Step, Stepped};
use dlm_core::{Denoiser, DenseLatent, Levels, NoiseLevel};

/// A step that goes nowhere: what it is given is what comes out.
struct Given;

impl Sampler<DenseLatent> for Given {
    type Memory = Option<Levels>;

    fn step(
        &self,
        x: DenseLatent,
        step: &Step<'_>,
        from: &mut Option<Levels>,
        _: &mut dyn Denoiser<DenseLatent>,
        _: &mut dyn Noise<DenseLatent>,
    ) -> Result<Stepped<DenseLatent>, SampleError> {
        *from = Some(step.from.clone());
        Ok(Stepped { x0: x.clone(), x })
    }
}

const X: [f64; 6] = [0.3, -1.0, 0.5, 2.0, -0.4, 0.1];
const Z: [f64; 6] = [1.2, -0.5, 0.8, -1.9, 0.3, 0.6];

/// The levels and states that the inner step is given.
fn churned(
    schedule: &dyn NoiseSchedule,
    churn: Churn,
    from: &Levels,
    to: &Levels,
) -> (Levels, Vec<f64>) {
    let x = row(X.to_vec());
    let (mut given, mut noise) = (None, Recorded::new([row(Z.to_vec())]));
    let mut silent = |x: &DenseLatent, _: &Levels| Ok(x.clone());
    let step = Step { index: 0, steps: 1, from, to };
    let sampler = Churned { sampler: Given, churn, schedule: Borrowed(schedule) };
    let stepped = sampler.step(x, &step, &mut given, &mut silent, &mut noise).unwrap();
    (given.unwrap(), stepped.x.values().to_vec())
}

struct Borrowed<'a>(&'a dyn NoiseSchedule);

impl NoiseSchedule for Borrowed<'_> {
    fn level(&self, t: f64) -> Result<NoiseLevel, dlm_continuous::schedule::ScheduleError> {
        self.0.level(t)
    }
}

#[test]
fn noise_is_raised_by_gamma_within_the_window_where_positions_move() {
    let gamma = 0.3;
    for schedule in [&Blur as &dyn NoiseSchedule, &Spread] {
        let level = |t: f64| schedule.level(t).unwrap();
        let times = [0.2, 0.45, 0.55, 0.5, 0.8, 0.999];
        // The fourth position stays, the first is too quiet and the fifth too loud.
        let from: Vec<NoiseLevel> = times.iter().map(|&t| level(t)).collect();
        let mut to: Vec<NoiseLevel> = times.iter().map(|&t| level(0.9 * t)).collect();
        to[3] = from[3];
        let (least, most) = (level(0.43).ratio(), level(0.7).ratio());
        let churn = Churn { gamma, least, most, noise: 1.1 };
        let lists = (Levels::PerPosition(from.clone()), Levels::PerPosition(to.clone()));
        let (given, x) = churned(schedule, churn, &lists.0, &lists.1);
        for i in 0..6 {
            if ![1, 2].contains(&i) {
                assert_eq!((given.at(i), x[i]), (from[i], X[i]), "{i}");
                continue;
            }
            let (here, raised) = (from[i], given.at(i));
            assert!((raised.ratio() / (here.ratio() * (1.0 + gamma)) - 1.0).abs() < 1e-12);
            // The level is the schedule's own.
            assert!((level(raised.t).alpha - raised.alpha).abs() < 1e-12);
            let added = (raised.ratio().powi(2) - here.ratio().powi(2)).sqrt();
            let expected = raised.alpha * (X[i] / here.alpha + added * 1.1 * Z[i]);
            assert!((x[i] - expected).abs() < 1e-12, "{i}: {} and {expected}", x[i]);
        }
    }
}

#[test]
fn beyond_the_schedule_there_is_no_noise() {
    let churn = Churn { gamma: 0.4, ..Churn::default() };
    for schedule in [&Blur as &dyn NoiseSchedule, &Spread] {
        let level = |t: f64| schedule.level(t).unwrap();
        let (near, next, end) = (level(0.999), level(0.9), level(1.0));
        let (given, _) = churned(schedule, churn, &near.into(), &next.into());
        assert_eq!(given, end.into());
        // At the end nothing is left to add.
        let (given, x) = churned(schedule, churn, &end.into(), &next.into());
        assert_eq!((given, x), (end.into(), X.to_vec()));
    }
}
