//! Laws of noise schedules: where they begin and end, that they fall, that they are inverted.

use dlm_continuous::schedule::{
    Cosine, Interpolation, Karras, Knots, Learned, Linear, NoiseSchedule, ParameterError,
    PiecewiseLinear, ScaledLinear, Schedule, ScheduleError, Shifted, Sigmoid, Sqrt, TimeWarp,
    TruncatedCosine, TruncatedLinear, variance_exploding, variance_preserving,
};
use dlm_core::NoiseLevel;
use dlm_rng::Key;

fn knots(points: &[[f64; 2]]) -> Knots {
    Knots::new(points.to_vec()).unwrap()
}

/// Every schedule, with whether it keeps the variance.
fn all() -> Vec<(Schedule, bool)> {
    let cosine = Schedule::Cosine(Cosine::default());
    let plaid = [[0.0, -7.0], [0.2, -1.0], [0.3, -0.9], [0.8, 2.0], [1.0, 11.0]];
    let learned = |interpolation| {
        Schedule::Learned(Learned { knots: knots(&plaid), interpolation, ..Default::default() })
    };
    let warped = knots(&[[2.0, 0.0], [10.0, 0.6], [50.0, 0.9], [300.0, 1.0]]);
    vec![
        (Schedule::Linear(Linear::default()), true),
        (Schedule::ScaledLinear(ScaledLinear::default()), true),
        (Schedule::ScaledLinear(ScaledLinear { beta_min: 3.0, beta_max: 3.0 }), true),
        (cosine.clone(), true),
        (Schedule::Sqrt(Sqrt::default()), true),
        (Schedule::TruncatedCosine(TruncatedCosine::default()), true),
        (Schedule::TruncatedLinear(TruncatedLinear::default()), true),
        (Schedule::PiecewiseLinear(PiecewiseLinear::default()), true),
        (Schedule::Sigmoid(Sigmoid::default()), true),
        (Schedule::Karras(Karras::default()), false),
        (Schedule::Learned(Learned::default()), true),
        (learned(Interpolation::Linear), true),
        (learned(Interpolation::MonotoneCubic), true),
        (Schedule::TimeWarp(TimeWarp::default()), false),
        (Schedule::TimeWarp(TimeWarp { knots: warped }), false),
        (Schedule::Shifted(Shifted { scale: 0.5, schedule: Box::new(cosine) }), true),
    ]
}

fn close(x: f64, y: f64, tolerance: f64) -> bool {
    x == y || (x - y).abs() <= tolerance * y.abs().max(1e-300)
}

#[test]
fn the_signal_to_noise_ratio_falls_strictly() {
    const POINTS: u32 = 20_000;
    for (schedule, _) in all() {
        schedule.validate().unwrap();
        let mut before = f64::INFINITY;
        for k in 0..=POINTS {
            let t = f64::from(k) / f64::from(POINTS);
            let level = schedule.level(t).unwrap();
            assert!(level.is_valid() && level.t == t, "{schedule:?} at {t}: {level:?}");
            let lambda = level.lambda();
            assert!(k == 0 || lambda < before, "{schedule:?} at {t}: {before} then {lambda}");
            before = lambda;
        }
    }
}

#[test]
fn the_variance_or_the_signal_is_kept() {
    for (schedule, preserving) in all() {
        for k in 0..=1000 {
            let t = f64::from(k) / 1000.0;
            let level = schedule.level(t).unwrap();
            let NoiseLevel { alpha, sigma, .. } = level;
            match preserving {
                true => assert!((alpha * alpha + sigma * sigma - 1.0).abs() < 1e-12),
                false => assert_eq!(alpha, 1.0, "{schedule:?}"),
            }
            // Each scale holds the same process.
            let (one, other) = (variance_preserving(level), variance_exploding(level));
            assert!((one.alpha.powi(2) + one.sigma.powi(2) - 1.0).abs() < 1e-12);
            assert_eq!(other.alpha, 1.0);
            assert!(close(one.lambda(), level.lambda(), 1e-12) || level.lambda().abs() < 1e-3);
            assert!(close(one.ratio(), other.ratio(), 1e-14));
        }
    }
}

#[test]
fn the_ends_are_where_the_documents_say() {
    let ends: Vec<(NoiseLevel, NoiseLevel)> = all()
        .iter()
        .map(|(schedule, _)| (schedule.level(0.0).unwrap(), schedule.level(1.0).unwrap()))
        .collect();
    let half_gamma = |gamma: f64| (1.0 / (1.0 + gamma.exp())).sqrt();
    for (index, sigma_0, alpha_1) in [
        (0, 0.0, (-0.25f64 * 20.1).exp()),
        (1, 0.0, (-(12.85 + (12.0f64 * 0.85).sqrt()) / 6.0).exp()),
        (2, 0.0, (-1.5f64).exp()),
        (3, 0.0, 1e-4),
        (4, 0.1, 1e-4),
        (5, (std::f64::consts::FRAC_PI_2 / 11.0).sin(), 1e-4),
        (6, 0.0, (-0.25f64 * 60.1).exp()),
        (7, 0.0, (-0.5 * (0.0025 * 20.2 + 0.4975 * 20.1f64)).exp()),
        (8, half_gamma(20.0), half_gamma(15.0)),
        (10, half_gamma(3.0), half_gamma(6.0)),
        (11, half_gamma(3.0), half_gamma(6.0)),
        (12, half_gamma(3.0), half_gamma(6.0)),
        (15, 0.0, (1.0 / (1.0 + 4.0 * (1e8 - 1.0f64))).sqrt()),
    ] {
        let (data, noise) = ends[index];
        assert!(close(data.sigma, sigma_0, 1e-12), "schedule {index}: σ(0) = {}", data.sigma);
        assert!(close(noise.alpha, alpha_1, 1e-12), "schedule {index}: α(1) = {}", noise.alpha);
    }
    for (index, sigma_0, sigma_1) in [(9, 0.002, 80.0), (13, 2.0, 300.0), (14, 2.0, 300.0)] {
        assert_eq!((ends[index].0.sigma, ends[index].1.sigma), (sigma_0, sigma_1));
    }
}

#[test]
fn level_at_inverts_level() {
    for (schedule, _) in all() {
        for k in 0..=997 {
            let t = f64::from(k) / 997.0;
            let level = schedule.level(t).unwrap();
            let found = schedule.level_at(level.lambda()).unwrap();
            assert!((found.t - t).abs() < 1e-12, "{schedule:?} at {t}: {found:?}");
            assert!(close(found.alpha, level.alpha, 1e-12), "{schedule:?} at {t}: {found:?}");
            assert!(close(found.sigma, level.sigma, 1e-12), "{schedule:?} at {t}: {found:?}");
        }
    }
}

#[test]
fn closed_inverses_agree_with_bisection() {
    /// Knows nothing but its levels.
    struct Plain(Schedule);

    impl NoiseSchedule for Plain {
        fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
            self.0.level(t)
        }
    }

    for (schedule, _) in all() {
        let plain = Plain(schedule.clone());
        for k in -20..=20 {
            let lambda = 0.17 * f64::from(k);
            match (schedule.level_at(lambda), plain.level_at(lambda)) {
                (Ok(one), Ok(other)) => {
                    assert!((one.t - other.t).abs() < 1e-12, "{schedule:?} at λ = {lambda}");
                    assert!((one.lambda() - lambda).abs() < 1e-12, "{schedule:?}");
                }
                (Err(one), Err(other)) => assert_eq!(one, other),
                (one, other) => panic!("{schedule:?} at λ = {lambda}: {one:?}, {other:?}"),
            }
        }
    }
}

#[test]
fn authors_formulas_hold_but_for_the_ends() {
    for k in 0..1000 {
        let t = f64::from(k) / 1000.0;
        let alpha_bar = |schedule: &dyn NoiseSchedule| schedule.level(t).unwrap().alpha.powi(2);
        let quarter = |s: f64| (std::f64::consts::FRAC_PI_2 * (t + s) / (1.0 + s)).cos().powi(2);
        let turn = std::f64::consts::FRAC_PI_2 * 0.008 / 1.008;
        let cosine = quarter(0.008) / turn.cos().powi(2);
        assert!((alpha_bar(&Cosine::default()) - cosine).abs() < 2e-4);
        assert!((alpha_bar(&TruncatedCosine::default()) - quarter(0.1)).abs() < 2e-4);
        let sqrt = 1.0 - (t + 1e-4).sqrt();
        assert!((alpha_bar(&Sqrt::default()) - sqrt).abs() < 6e-5);
        let s = |x: f64| 1.0 / (1.0 + (-x).exp());
        let sigmoid = (s(3.0) - s(6.0 * t - 3.0)) / (s(3.0) - s(-3.0));
        assert!((alpha_bar(&Sigmoid::default()) - sigmoid).abs() < 4e-7);
    }
}

#[test]
fn rates_integrate_to_levels() {
    // α′/α = −½β, by a difference of ln α.
    const H: f64 = 1e-5;
    let slope = |schedule: &dyn NoiseSchedule, t: f64| {
        let log = |t: f64| schedule.level(t).unwrap().alpha.ln();
        -(log(t + H) - log(t - H)) / H
    };
    for k in 1..50 {
        let t = f64::from(k) / 50.0 + 1e-3;
        let linear = 0.1 + 19.9 * t;
        assert!(close(slope(&Linear::default(), t), linear, 1e-7));
        assert!(close(slope(&TruncatedLinear::default(), t), linear + 20.0, 1e-7));
        let root = 0.85f64.sqrt() + t * (12f64.sqrt() - 0.85f64.sqrt());
        assert!(close(slope(&ScaledLinear::default(), t), root * root, 1e-7));
        let piece = 0.1 + 19.9 * (t - 0.005) / 0.995;
        assert!(close(slope(&PiecewiseLinear::default(), t), piece, 1e-7));
    }
    let early = slope(&PiecewiseLinear::default(), 0.002);
    assert!(close(early, 20.1 - 20.0 * 0.4, 1e-7), "{early}");
}

#[test]
fn cubics_pass_through_their_knots_and_bend_no_line() {
    let points = [[0.0, -7.0], [0.2, -1.0], [0.3, -0.9], [0.8, 2.0], [1.0, 11.0]];
    let curve = knots(&points);
    for [x, y] in points {
        for interpolation in [Interpolation::Linear, Interpolation::MonotoneCubic] {
            assert!((curve.at(x, interpolation) - y).abs() < 1e-14);
            assert!((curve.x_at(y, interpolation) - x).abs() < 1e-14);
        }
    }
    let line = Knots::evenly(&[1.0, 3.0, 5.0, 7.0]).unwrap();
    for k in 0..=100 {
        let x = f64::from(k) / 100.0;
        let cubic = line.at(x, Interpolation::MonotoneCubic);
        assert!((cubic - (1.0 + 6.0 * x)).abs() < 1e-14, "{x}: {cubic}");
    }
    // Smooth: the slopes to both sides of a knot agree, where those of the pieces do not.
    let side = |x: f64, h: f64| {
        let y = |x: f64| curve.at(x, Interpolation::MonotoneCubic);
        (y(x + h) - y(x)) / h
    };
    let (left, right) = (side(0.3, -1e-7), side(0.3, 1e-7));
    assert!((left - right).abs() < 1e-4 && (left - 5.8).abs() > 1.0, "{left}, {right}");
}

#[test]
fn a_fitted_warp_makes_the_loss_grow_evenly() {
    // Losses that rise like ln σ, with errors of measurement.
    let (sigma_min, sigma_max): (f64, f64) = (2.0, 300.0);
    let mut stream = Key::new(11).stream();
    let measured: Vec<[f64; 2]> = (0..20_000)
        .map(|_| {
            let sigma = sigma_min * (sigma_max / sigma_min).powf(stream.uniform());
            [sigma, sigma.ln() + 0.2 * stream.normal()]
        })
        .collect();
    let warp = TimeWarp::fit(sigma_min, sigma_max, 100, &measured).unwrap();
    let span = (sigma_max / sigma_min).ln();
    for k in 0..=20 {
        let t = f64::from(k) / 20.0;
        let loss = (warp.level(t).unwrap().sigma / sigma_min).ln() / span;
        assert!((loss - t).abs() < 0.02, "t = {t}: {loss} of the loss");
    }
    // A uniform time draws σ by F.
    let sigma = 40.0;
    let below = |u: f64| warp.level(u).unwrap().sigma <= sigma;
    let draws = 40_000;
    let share = (0..draws).filter(|_| below(stream.uniform())).count() as f64 / f64::from(draws);
    let expected = warp.level_at(-f64::ln(sigma)).unwrap().t;
    let error = (expected * (1.0 - expected) / f64::from(draws)).sqrt();
    assert!((share - expected).abs() < 4.0 * error, "{share} against {expected}");
}

#[test]
fn a_loss_that_grows_evenly_already_is_not_warped() {
    let measured: Vec<[f64; 2]> =
        (0..500).map(|k| 2.0 + 298.0 * f64::from(k) / 499.0).map(|s| [s, 3.0 * s]).collect();
    let warp = TimeWarp::fit(2.0, 300.0, 100, &measured).unwrap();
    let uniform = TimeWarp::default();
    for k in 0..=100 {
        let t = f64::from(k) / 100.0;
        let (one, other) = (warp.level(t).unwrap().sigma, uniform.level(t).unwrap().sigma);
        assert!(close(one, other, 1e-10), "t = {t}: {one} against {other}");
    }
    // Noisy losses that fall on the way give a warp all the same.
    let wavy: Vec<[f64; 2]> = measured.iter().map(|&[s, _]| [s, s + 40.0 * s.sin()]).collect();
    let warp = TimeWarp::fit(2.0, 300.0, 100, &wavy).unwrap();
    Schedule::TimeWarp(warp).validate().unwrap();
}

#[test]
fn schedules_are_read_with_their_authors_values() {
    for (text, expected) in [
        (r#"{"kind": "linear"}"#, Schedule::Linear(Linear::default())),
        (r#"{"kind": "scaled-linear"}"#, Schedule::ScaledLinear(ScaledLinear::default())),
        (r#"{"kind": "sqrt", "offset": 0.01}"#, {
            Schedule::Sqrt(Sqrt { offset: 0.01, ..Sqrt::default() })
        }),
        (r#"{"kind": "learned", "knots": [[0, 1], [1, 3]]}"#, {
            let knots = knots(&[[0.0, 1.0], [1.0, 3.0]]);
            Schedule::Learned(Learned { knots, ..Learned::default() })
        }),
        (r#"{"kind": "shifted", "scale": 0.5, "schedule": {"kind": "sigmoid"}}"#, {
            let schedule = Box::new(Schedule::Sigmoid(Sigmoid::default()));
            Schedule::Shifted(Shifted { scale: 0.5, schedule })
        }),
    ] {
        assert_eq!(serde_json::from_str::<Schedule>(text).unwrap(), expected);
    }
    for (schedule, _) in all() {
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule, "{text}");
        let text = toml::to_string(&schedule).unwrap();
        assert_eq!(toml::from_str::<Schedule>(&text).unwrap(), schedule, "{text}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_by_name() {
    for (text, message) in [
        (r#"{"kind": "linear", "beta": 1}"#, "unknown field `beta`"),
        (r#"{"kind": "linar"}"#, "unknown variant `linar`"),
        (r#"{"kind": "learned", "knots": [[0, 0], [0.5, 2], [1, 1]]}"#, "knot 2 at (1, 1)"),
        (r#"{"kind": "time-warp", "knots": [[2, 0]]}"#, "1 knots make no curve"),
    ] {
        let error = serde_json::from_str::<Schedule>(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
    for (text, field) in [
        (r#"{"kind": "linear", "beta_min": 0}"#, "beta_min"),
        (r#"{"kind": "linear", "beta_max": 0.01}"#, "beta_max"),
        (r#"{"kind": "scaled-linear", "beta_max": 1e9}"#, "beta_max"),
        (r#"{"kind": "cosine", "offset": -1}"#, "offset"),
        (r#"{"kind": "cosine", "alpha_min": 0}"#, "alpha_min"),
        (r#"{"kind": "truncated-cosine", "alpha_min": 0.995}"#, "alpha_min"),
        (r#"{"kind": "truncated-linear", "steps": 0}"#, "steps"),
        (r#"{"kind": "sqrt", "offset": 1}"#, "offset"),
        (r#"{"kind": "piecewise-linear", "knots": [[0, 1], [0.9, 1]]}"#, "knots: last t"),
        (r#"{"kind": "piecewise-linear", "knots": [[0, 1], [1, 0]]}"#, "knots: β"),
        (r#"{"kind": "sigmoid", "end": -4}"#, "end"),
        (r#"{"kind": "sigmoid", "temperature": 0}"#, "temperature"),
        (r#"{"kind": "sigmoid", "log_snr_max": -20}"#, "log_snr_max"),
        (r#"{"kind": "karras", "sigma_min": 0}"#, "sigma_min"),
        (r#"{"kind": "karras", "sigma_max": 0.001}"#, "sigma_max"),
        (r#"{"kind": "karras", "rho": -7}"#, "rho"),
        (r#"{"kind": "karras", "rho": 0.001}"#, "rho"),
        (r#"{"kind": "karras", "rho": 1e20}"#, "rho"),
        (r#"{"kind": "learned", "gamma_max": -4}"#, "gamma_max"),
        (r#"{"kind": "learned", "knots": [[0.1, 0], [1, 1]]}"#, "knots: first t"),
        (r#"{"kind": "time-warp", "knots": [[0, 0], [1, 1]]}"#, "knots: first σ"),
        (r#"{"kind": "shifted", "scale": 0, "schedule": {"kind": "sqrt"}}"#, "scale"),
        (r#"{"kind": "shifted", "scale": 1, "schedule": {"kind": "karras", "rho": 0}}"#, "rho"),
    ] {
        let schedule: Schedule = serde_json::from_str(text).unwrap();
        let error = schedule.validate().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{field} = ")), "{text}: {error}");
    }
    let nan = Schedule::Karras(Karras { rho: f64::NAN, ..Karras::default() });
    assert!(nan.validate().is_err());
    let jump = PiecewiseLinear { knots: vec![[0.0, 1.0], [0.5, 1.0], [0.5, 2.0], [1.0, 1.0]] };
    let still = ParameterError::NotRising { knot: 2, x: 0.5, y: 2.0 };
    assert_eq!(jump.validate(), Err(still));
    for (measured, message) in [
        (vec![], "0 knots"),
        (vec![[3.0, 1.0], [3.0, 2.0]], "1 knots"),
        (vec![[3.0, 1.0], [1.0, 2.0]], "measured σ = 1"),
        (vec![[3.0, 1.0], [4.0, f64::NAN]], "measured loss = NaN"),
        (vec![[3.0, 2.0], [4.0, 1.0]], "measured loss = 0"),
    ] {
        let error = TimeWarp::fit(2.0, 300.0, 2, &measured).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn times_and_ratios_outside_are_refused() {
    for (schedule, _) in all() {
        for t in [-1e-9, 1.0 + 1e-9, f64::NAN, f64::INFINITY] {
            let error = schedule.level(t).unwrap_err();
            assert!(matches!(error, ScheduleError::Time(_)), "{schedule:?}: {error}");
        }
        let least = schedule.level(1.0).unwrap().lambda();
        for lambda in [least - 1e-6, f64::NEG_INFINITY, f64::NAN] {
            let error = schedule.level_at(lambda).unwrap_err();
            assert!(matches!(error, ScheduleError::Lambda { .. }), "{schedule:?}: {error}");
        }
    }
}
