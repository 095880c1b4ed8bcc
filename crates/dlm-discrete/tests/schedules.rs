//! Laws of schedules, clocks and grids, and the published values of MDLM's.

mod golden;

use dlm_discrete::{Clock, Grid, ParameterError, Schedule};
use golden::Golden;

const ALL: [Schedule; 11] = [
    Schedule::Linear,
    Schedule::LogLinear { eps: 1e-3 },
    Schedule::Geometric { sigma_min: 1e-3, sigma_max: 1.0 },
    Schedule::ConstantRate { sigma_min: 0.0, sigma_max: 10.0 },
    Schedule::Cosine { squeeze: 1e-4 },
    Schedule::Cosine { squeeze: 0.0 },
    Schedule::Polynomial { exponent: 2.0, squeeze: 1e-4 },
    Schedule::Polynomial { exponent: 0.5, squeeze: 0.0 },
    Schedule::CosinePower { power: 1.0, eps: 1e-3 },
    Schedule::CosinePower { power: 2.0, eps: 0.0 },
    Schedule::SquaredCosine { offset: 0.008 },
];

#[test]
fn schedules_begin_and_end_where_their_fields_say() {
    for (schedule, first, last) in [
        (ALL[0], 1.0, 0.0),
        (ALL[1], 1.0, 1e-3),
        (ALL[2], (-1e-3f64).exp(), (-1f64).exp()),
        (ALL[3], 1.0, (-10f64).exp()),
        (ALL[4], 1.0 - 1e-4, 1e-4),
        (ALL[5], 1.0, 0.0),
        (ALL[6], 1.0 - 1e-4, 1e-4),
        (ALL[7], 1.0, 0.0),
        (ALL[8], 1.0, 1e-3),
        (ALL[9], 1.0, 0.0),
        (ALL[10], 1.0, 0.0),
    ] {
        let (alpha_0, alpha_1) = (schedule.alpha(0.0), schedule.alpha(1.0));
        assert!((alpha_0 - first).abs() < 1e-12, "{schedule:?}: α(0) = {alpha_0}");
        assert!((alpha_1 - last).abs() < 1e-12, "{schedule:?}: α(1) = {alpha_1}");
        assert!(0.0 <= alpha_1 && alpha_0 <= 1.0, "{schedule:?}");
    }
}

#[test]
fn alpha_falls_and_its_slope_is_its_derivative() {
    const H: f64 = 1e-6;
    for schedule in ALL {
        for k in 1..40 {
            let t = f64::from(k) / 40.0;
            let difference = (schedule.alpha(t + H) - schedule.alpha(t - H)) / (2.0 * H);
            let slope = schedule.alpha_slope(t);
            assert!(slope < 0.0, "{schedule:?} at {t}");
            assert!((difference - slope).abs() < 1e-7, "{schedule:?} at {t}: {difference} {slope}");
            let rate = -slope / schedule.alpha(t);
            assert!((schedule.rate(t) / rate - 1.0).abs() < 1e-12, "{schedule:?} at {t}");
            let sigma = -schedule.alpha(t).ln();
            assert!((schedule.sigma(t) - sigma).abs() < 1e-12, "{schedule:?} at {t}");
        }
    }
}

#[test]
fn published_noise_of_mdlm() {
    let golden = Golden::open("mdlm_noise.safetensors");
    let geometric = Schedule::Geometric { sigma_min: f64::from(1e-4f32), sigma_max: 20.0 };
    for (name, schedule, has_rate) in [
        ("loglinear", ALL[1], true),
        ("geometric", geometric, true),
        ("linear", ALL[3], true),
        ("cosine", ALL[8], false),
        ("cosinesqr", Schedule::CosinePower { power: 2.0, eps: 1e-3 }, false),
    ] {
        let sigma = golden.floats(&format!("{name}.sigma"));
        let rate = has_rate.then(|| golden.floats(&format!("{name}.rate")));
        for (i, &t) in golden.floats("t").iter().enumerate() {
            // The published values were computed through a small α in single precision:
            // beside the tolerance stands what rounding 1 − α leaves of α's digits.
            let rounding = f64::from(f32::EPSILON) / schedule.alpha(t);
            let rounding = if name == "geometric" || name == "linear" { 0.0 } else { rounding };
            let off = (schedule.sigma(t) - sigma[i]).abs();
            assert!(off <= 1e-6 * sigma[i] + rounding, "σ of {name} at {t}: off by {off}");
            if let Some(rate) = &rate {
                let off = (schedule.rate(t) - rate[i]).abs();
                assert!(off <= (1e-6 + rounding) * rate[i], "rate of {name} at {t}: {off}");
            }
        }
    }
}

/// Dividing two whole numbers leaves every time of the grid at 0 but the last: a cosine
/// schedule of nothing, nothing, …, everything.
#[test]
fn defect_10_betas_of_a_cosine_are_not_nothing_and_then_everything() {
    for (schedule, cap) in [(ALL[10], 0.999), (ALL[5], 1.0), (ALL[9], 1.0)] {
        let betas = schedule.betas(1000, cap);
        assert!(betas[1..].iter().all(|&beta| 1e-9 < beta), "{schedule:?}");
        assert!(betas[1..].windows(2).all(|pair| pair[0] < pair[1]), "{schedule:?}");
        assert!(betas[500] < 0.01 && betas[999] == cap, "{schedule:?}: {}", betas[500]);
        let left: f64 = betas[..500].iter().map(|beta| 1.0 - beta).product();
        assert!((left - schedule.alpha(0.5)).abs() < 1e-12, "{schedule:?}");
    }
}

/// A grid spaced by 1/(N − 1) with steps of width 1/N overlaps itself.
#[test]
fn defect_21_steps_join_and_cover_the_whole_time() {
    for grid in [Grid::Uniform, Grid::Cosine] {
        for steps in [1, 2, 7, 1000] {
            for end in [0.0, 1e-5, 0.25] {
                let times = grid.times(steps, end);
                assert_eq!(times.len(), steps + 1);
                assert_eq!((times[0], times[steps]), (1.0, end), "{grid:?}, {steps} steps");
                let widths: Vec<f64> = times.windows(2).map(|pair| pair[0] - pair[1]).collect();
                assert!(widths.iter().all(|&width| 0.0 < width), "{grid:?}, {steps} steps");
                assert!((widths.iter().sum::<f64>() - (1.0 - end)).abs() < 1e-12);
            }
        }
    }
    let uniform = Grid::Uniform.times(4, 0.0);
    assert_eq!(uniform, [1.0, 0.75, 0.5, 0.25, 0.0]);
    let cosine = Grid::Cosine.times(3, 0.0);
    assert!((cosine[1] - 0.75f64.sqrt()).abs() < 1e-12 && (cosine[2] - 0.5).abs() < 1e-12);
}

#[test]
fn a_clock_may_give_each_position_its_own_schedule() {
    let clock = Clock::PerPosition(vec![ALL[0], ALL[7]]);
    assert_eq!(clock.alpha(0, 0.25), 0.75);
    assert_eq!(clock.alpha(1, 0.25), 0.5);
    assert_eq!(clock.alpha(9, 0.25), 0.5);
    assert!((clock.reveal_probability(1, 0.04, 0.25) - 0.6).abs() < 1e-12);
    assert!((clock.survival(1, 0.04, 0.25) - 0.625).abs() < 1e-12);
    // At the ends, where the ratios are 0/0.
    assert_eq!(Clock::Shared(ALL[0]).reveal_probability(0, 0.0, 0.0), 1.0);
    assert_eq!(Clock::Shared(ALL[0]).survival(0, 1.0, 1.0), 1.0);
}

#[test]
fn files_hold_schedules_by_kind_and_may_leave_fields_out() {
    let read = |text: &str| serde_json::from_str::<Clock>(text);
    for (text, schedule) in [
        (r#"{"kind": "linear"}"#, ALL[0]),
        (r#"{"kind": "log-linear"}"#, ALL[1]),
        (r#"{"kind": "geometric"}"#, ALL[2]),
        (r#"{"kind": "constant-rate"}"#, ALL[3]),
        (r#"{"kind": "cosine"}"#, ALL[4]),
        (r#"{"kind": "cosine", "squeeze": 0.0}"#, ALL[5]),
        (r#"{"kind": "polynomial"}"#, ALL[6]),
        (r#"{"kind": "cosine-power"}"#, ALL[8]),
        (r#"{"kind": "squared-cosine"}"#, ALL[10]),
    ] {
        assert_eq!(read(text).unwrap(), Clock::Shared(schedule), "{text}");
    }
    for schedule in ALL {
        let text = serde_json::to_string(&vec![schedule]).unwrap();
        assert_eq!(read(&text).unwrap(), Clock::PerPosition(vec![schedule]));
    }
    assert!(read(r#"{"kind": "cosine", "sqeeze": 0.0}"#).is_err());
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    ALL.iter().for_each(|schedule| schedule.validate().unwrap());
    for (schedule, field) in [
        (Schedule::LogLinear { eps: 0.0 }, "eps"),
        (Schedule::LogLinear { eps: f64::NAN }, "eps"),
        (Schedule::Geometric { sigma_min: 0.0, sigma_max: 1.0 }, "sigma_min"),
        (Schedule::Geometric { sigma_min: 1.0, sigma_max: 1.0 }, "sigma_max"),
        (Schedule::ConstantRate { sigma_min: -1.0, sigma_max: 1.0 }, "sigma_min"),
        (Schedule::ConstantRate { sigma_min: 0.0, sigma_max: f64::INFINITY }, "sigma_max"),
        (Schedule::Cosine { squeeze: 0.5 }, "squeeze"),
        (Schedule::Polynomial { exponent: 0.0, squeeze: 0.0 }, "exponent"),
        (Schedule::CosinePower { power: 0.5, eps: 0.0 }, "power"),
        (Schedule::CosinePower { power: 1.0, eps: 1.0 }, "eps"),
        (Schedule::SquaredCosine { offset: -0.1 }, "offset"),
    ] {
        let refused = Clock::Shared(schedule).validate().unwrap_err();
        let ParameterError::OutOfRange { field: named, .. } = refused else { panic!("{refused}") };
        assert_eq!(named, field, "{schedule:?}");
    }
    assert_eq!(Clock::PerPosition(vec![]).validate(), Err(ParameterError::NoSchedule));
}
