//! Runs that cannot be made say why.

mod blur;

use blur::{Blur, Spread, levels, mixture, row, times};
use dlm_continuous::noise::{Recorded, Stepwise};
use dlm_continuous::schedule::NoiseSchedule;
use dlm_continuous::solver::{Churn, Ddim, DpmSolverPp, Solver};
use dlm_continuous::{LevelsError, SampleError, Sampler, sample};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, NoiseLevel, Shape};
use dlm_rng::Key;

fn run<S: Sampler<DenseLatent>>(sampler: &S, levels: &[Levels], x: DenseLatent) -> SampleError {
    run_with(sampler, levels, x, &mut mixture())
}

fn run_with<S: Sampler<DenseLatent>>(
    sampler: &S,
    levels: &[Levels],
    x: DenseLatent,
    denoiser: &mut dyn Denoiser<DenseLatent>,
) -> SampleError {
    let mut noise = Stepwise::new(vec![Key::new(1)]);
    sample(sampler, levels, x, denoiser, &mut noise, &mut ()).unwrap_err()
}

fn x() -> DenseLatent {
    row(vec![0.2, -0.3])
}

#[test]
fn a_parameter_outside_its_range_is_named() {
    let levels = levels(&Blur, &times(0.9, 0.1, 4));
    for (eta, said) in [(1.5, "1.5"), (-0.1, "-0.1"), (f64::NAN, "NaN")] {
        let error = run(&Ddim { eta }, &levels, x()).to_string();
        assert_eq!(error, format!("eta = {said} is outside [0, 1]"));
    }
    for order in [0, 4] {
        let solver = DpmSolverPp { order, ..DpmSolverPp::default() };
        let error = run(&solver, &levels, x()).to_string();
        assert_eq!(error, format!("order = {order} is outside [1, 3]"));
    }
    let churn = Churn::default();
    for (churn, said) in [
        (Churn { gamma: 0.5, ..churn }, "gamma = 0.5 is outside [0, √2 − 1]"),
        (Churn { least: -1.0, ..churn }, "least = -1 is outside [0, ∞)"),
        (Churn { least: 2.0, most: 1.0, ..churn }, "most = 1 is outside [least, ∞]"),
        (Churn { noise: -1.0, ..churn }, "noise = -1 is outside [0, ∞)"),
    ] {
        let solver = Solver::Heun { churn: Some(churn) };
        assert_eq!(run(&solver.on(Blur), &levels, x()).to_string(), said);
    }
}

#[test]
fn a_prediction_that_is_no_number_names_its_step() {
    let levels = levels(&Blur, &times(0.9, 0.1, 4));
    for solver in Solver::ALL {
        let mut call = 0;
        let mut denoiser = |x: &DenseLatent, levels: &Levels| {
            call += 1;
            match call == 2 * solver.nfe() + 1 {
                true => Ok(DenseLatent::new(x.shape(), vec![0.0, f64::NAN])?),
                false => mixture().denoise(x, levels),
            }
        };
        let error = run_with(&solver.on(Blur), &levels, x(), &mut denoiser);
        let named = matches!(error, SampleError::NotFinite { step: 2, sequence: 0 });
        assert!(named, "{}: {error}", solver.name());
    }
}

#[test]
fn a_denoiser_that_fails_names_its_step() {
    let levels = levels(&Blur, &times(0.9, 0.1, 4));
    for solver in Solver::ALL {
        let mut call = 0;
        let mut denoiser = |x: &DenseLatent, levels: &Levels| {
            call += 1;
            match call > solver.nfe() {
                true => Err(ModelError::new("out of memory")),
                false => mixture().denoise(x, levels),
            }
        };
        let error = run_with(&solver.on(Blur), &levels, x(), &mut denoiser);
        let named = matches!(error, SampleError::Model { step: 1, .. });
        assert!(named, "{}: {error}", solver.name());
    }
}

#[test]
fn levels_that_make_no_run_are_refused_before_it() {
    let mut never = |_: &DenseLatent, _: &Levels| -> Result<DenseLatent, ModelError> {
        panic!("nothing was to be asked")
    };
    let level = |t| Blur.level(t).unwrap();
    let mut refused =
        |levels: &[Levels]| run_with(&Solver::default().on(Blur), levels, x(), &mut never);
    let few = refused(&[level(0.9).into()]);
    assert!(matches!(few, SampleError::Levels(LevelsError::TooFew(1))), "{few}");
    let rising = refused(&[level(0.9).into(), level(0.5).into(), level(0.6).into()]);
    assert!(
        matches!(rising, SampleError::Levels(LevelsError::Rising { step: 1, position: 0 })),
        "{rising}"
    );
    let own = Levels::PerPosition(vec![level(0.5), NoiseLevel { alpha: 0.9, ..level(0.9) }]);
    let rising = refused(&[level(0.5).into(), own]);
    assert!(
        matches!(rising, SampleError::Levels(LevelsError::Rising { step: 0, position: 1 })),
        "{rising}"
    );
    for wrong in [
        NoiseLevel { t: 1.5, ..level(0.5) },
        NoiseLevel { sigma: -0.1, ..level(0.5) },
        NoiseLevel { sigma: f64::NAN, ..level(0.5) },
        NoiseLevel { alpha: 0.0, ..level(0.5) },
    ] {
        let error = refused(&[level(0.9).into(), wrong.into()]);
        assert!(
            matches!(
                error,
                SampleError::Levels(LevelsError::Invalid { index: 1, position: 0, .. })
            ),
            "{error}"
        );
    }
    let three = Levels::PerPosition(vec![level(0.1); 3]);
    let error = refused(&[level(0.9).into(), level(0.5).into(), three]);
    assert!(error.to_string().starts_with("3 levels for a latent of shape [1, 2, 1]"), "{error}");
    let error = run(&Ddim::default(), &levels(&Blur, &[0.9, 0.1]), row(vec![f64::INFINITY]));
    assert!(matches!(error, SampleError::Start { sequence: 0 }), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let three = Levels::PerPosition(vec![Blur.level(0.9).unwrap(); 3]);
    let clean = Levels::from(NoiseLevel::CLEAN);
    let shared = levels(&Blur, &times(0.9, 0.0, 2));
    for solver in Solver::ALL {
        let sampler = solver.on(Blur);
        let error = run(&sampler, &[three.clone(), clean.clone()], x());
        assert!(matches!(error, SampleError::Latent(_)), "{}: {error}", solver.name());

        let mut larger = |_: &DenseLatent, _: &Levels| Ok(row(vec![0.0; 3]));
        let error = run_with(&sampler, &shared, x(), &mut larger);
        let message = error.to_string();
        assert!(message.contains("[1, 2, 1] and [1, 3, 1]"), "{}: {message}", solver.name());
    }

    let mut other = Recorded::new([row(vec![0.0; 3])]);
    let ancestral = Ddim { eta: 1.0 };
    let error = sample(&ancestral, &shared, x(), &mut mixture(), &mut other, &mut ()).unwrap_err();
    assert!(matches!(error, SampleError::Noise(_)), "{error}");
    let mut none = Recorded::new([]);
    let error = sample(&ancestral, &shared, x(), &mut mixture(), &mut none, &mut ()).unwrap_err();
    assert!(error.to_string().contains("0 recorded draws"), "{error}");
    let shape = Shape { batch: 2, length: 1, dim: 1 };
    let error = run(&ancestral, &shared, DenseLatent::zeros(shape));
    assert!(error.to_string().starts_with("1 keys for 2 sequences"), "{error}");
}

/// Methods that look between two levels ask the schedule, which has to reach there.
#[test]
fn a_schedule_that_is_not_the_runs_is_noticed() {
    let quiet = NoiseLevel { t: 0.1, alpha: 1.0, sigma: 1e-6 };
    let quieter = NoiseLevel { t: 0.05, alpha: 1.0, sigma: 1e-7 };
    for name in ["dpmpp-2s", "flow"] {
        let solver: Solver = name.parse().unwrap();
        let error = run(&solver.on(Spread), &[quiet.into(), quieter.into()], x());
        assert!(matches!(error, SampleError::Schedule(_)), "{name}: {error}");
    }
}
