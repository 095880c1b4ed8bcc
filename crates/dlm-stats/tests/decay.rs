//! Decays are recovered, told apart, and refused where there are none.

use dlm_rng::{Key, Purpose};
use dlm_stats::{Curve, Error, Family, fit, fit_better};

fn distances(n: u32) -> Vec<f64> {
    (0..n).map(f64::from).collect()
}

fn values(curve: Curve, x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| curve.at(x)).collect()
}

fn parameters(curve: Curve) -> (Family, [f64; 3]) {
    match curve {
        Curve::Exponential { a, tau, c } => (Family::Exponential, [a, tau, c]),
        Curve::Power { a, b, c } => (Family::Power, [a, b, c]),
    }
}

const CURVES: [Curve; 8] = [
    Curve::Exponential { a: 0.8, tau: 6.0, c: 0.1 },
    Curve::Exponential { a: -2.5, tau: 20.0, c: 4.0 },
    Curve::Exponential { a: 1.0, tau: 0.4, c: 0.0 },
    Curve::Exponential { a: 5.0, tau: 300.0, c: -1.0 },
    Curve::Power { a: 0.8, b: 0.5, c: 0.1 },
    Curve::Power { a: -3.0, b: 1.0, c: 7.0 },
    Curve::Power { a: 1.0, b: 3.0, c: 0.0 },
    Curve::Power { a: 1.0, b: 0.15, c: -0.5 },
];

#[test]
fn noiseless_curves_are_recovered() {
    let x = distances(128);
    for curve in CURVES {
        let (family, truth) = parameters(curve);
        let y = values(curve, &x);
        let found = fit(family, &x, &y).unwrap();
        let (_, found_parameters) = parameters(found.curve);
        for (found, truth) in found_parameters.iter().zip(truth) {
            assert!((found - truth).abs() < 1e-7 * (1.0 + truth.abs()), "{found} in {curve:?}");
        }
        assert!(found.residual < 1e-20, "{found:?}");
        let better = fit_better(&x, &y).unwrap();
        assert_eq!(parameters(better.curve).0, family, "{curve:?}");
    }
}

#[test]
fn uneven_and_repeated_distances() {
    let x = [3.0, 0.0, 0.5, 40.0, 8.0, 8.0, 100.0, 1.0, 20.0];
    for curve in CURVES {
        let (family, truth) = parameters(curve);
        let found = fit(family, &x, &values(curve, &x)).unwrap();
        let (_, found) = parameters(found.curve);
        assert!((found[1] / truth[1] - 1.0).abs() < 1e-7, "{found:?} for {curve:?}");
    }
}

#[test]
fn half_of_the_fall_is_lost_at_the_half_life() {
    for curve in CURVES {
        let (_, [a, _, c]) = parameters(curve);
        assert!((curve.at(0.0) - (a + c)).abs() < 1e-12);
        assert!((curve.at(curve.half_life()) - (a / 2.0 + c)).abs() < 1e-12, "{curve:?}");
    }
}

/// No curve nearby leaves less: the fit is a minimum in all three parameters.
#[test]
fn a_fit_is_a_minimum() {
    let x = distances(60);
    let mut stream = Key::new(3).purpose(Purpose::Test).stream();
    let y: Vec<f64> = x.iter().map(|x| 2.0 * (-x / 9.0).exp() + 0.3 * stream.normal()).collect();
    for family in [Family::Exponential, Family::Power] {
        let found = fit(family, &x, &y).unwrap();
        let (_, best) = parameters(found.curve);
        for which in 0..3 {
            for step in [-1e-3, 1e-3] {
                let mut other = best;
                other[which] *= 1.0 + step;
                let [a, shape, c] = other;
                let curve = match family {
                    Family::Exponential => Curve::Exponential { a, tau: shape, c },
                    Family::Power => Curve::Power { a, b: shape, c },
                };
                let squares: f64 = x.iter().zip(&y).map(|(&x, y)| (y - curve.at(x)).powi(2)).sum();
                assert!(squares > found.residual, "{family}, parameter {which}, {step}");
            }
        }
    }
}

#[test]
fn aic_by_hand() {
    let x = distances(40);
    let y: Vec<f64> = x.iter().map(|x| (-x / 5.0).exp() + 0.01 * (x * 2.0).sin()).collect();
    let found = fit(Family::Exponential, &x, &y).unwrap();
    let squares: f64 = x.iter().zip(&y).map(|(&x, y)| (y - found.curve.at(x)).powi(2)).sum();
    assert!((found.residual - squares).abs() < 1e-12);
    assert!((found.aic - (40.0 * (squares / 40.0).ln() + 8.0)).abs() < 1e-6);
    assert_eq!(found.points, 40);
}

#[test]
fn aic_picks_the_family_that_made_the_values() {
    let x = distances(128);
    for curve in [CURVES[0], CURVES[1], CURVES[4], CURVES[5]] {
        let (family, [a, ..]) = parameters(curve);
        let right = (0..50)
            .filter(|&trial| {
                let mut stream = Key::new(8).sequence(trial).purpose(Purpose::Test).stream();
                let y: Vec<f64> =
                    x.iter().map(|&x| curve.at(x) + 0.03 * a.abs() * stream.normal()).collect();
                parameters(fit_better(&x, &y).unwrap().curve).0 == family
            })
            .count();
        assert!(right >= 48, "{right} of 50 for {curve:?}");
    }
}

#[test]
fn curves_without_a_half_life_are_errors() {
    let x = distances(64);
    for family in [Family::Exponential, Family::Power] {
        assert_eq!(fit(family, &x, &[0.3; 64]), Err(Error::Constant { what: "values" }));
    }
    let line: Vec<f64> = x.iter().map(|x| 3.0 - 0.01 * x).collect();
    assert!(matches!(
        fit(Family::Exponential, &x, &line),
        Err(Error::HalfLifeTooLong { family: Family::Exponential, bound: 1260.0 })
    ));
    let mut step = vec![0.0; 64];
    step[0] = 1.0;
    for family in [Family::Exponential, Family::Power] {
        let found = fit(family, &x, &step);
        assert!(matches!(found, Err(Error::HalfLifeTooShort { .. })), "{found:?}");
    }
}

/// Pure noise has no decay in most trials; AIC lets a decay through when its
/// two parameters gain more than 4, which chance does now and then.
#[test]
fn noise_is_flat() {
    let x = distances(128);
    let flat = (0..100)
        .filter(|&trial| {
            let mut stream = Key::new(9).sequence(trial).purpose(Purpose::Test).stream();
            let y: Vec<f64> = x.iter().map(|_| stream.normal()).collect();
            fit_better(&x, &y).is_err()
        })
        .count();
    assert!(flat >= 60, "{flat} of 100");
}

#[test]
fn input_without_a_curve_is_an_error() {
    let x = distances(6);
    let y = [6.0, 4.0, 3.0, 2.5, 2.2, 2.0];
    let fit = |x: &[f64], y: &[f64]| fit(Family::Power, x, y);
    assert!(fit(&x, &y).is_ok());
    assert!(matches!(fit(&x[..5], &y), Err(Error::Length { .. })));
    assert!(matches!(fit(&x[..4], &y[..4]), Err(Error::TooFew { what: "points", .. })));
    let few = fit(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0], &y);
    assert!(matches!(few, Err(Error::TooFew { what: "distinct distances", .. })));
    let below: Vec<f64> = x.iter().map(|x| x - 1.0).collect();
    assert!(matches!(fit(&below, &y), Err(Error::OutOfRange { what: "a distance", .. })));
    let nan = [f64::NAN; 6];
    assert!(matches!(fit(&x, &nan), Err(Error::NotFinite { what: "y", index: 0, .. })));
}
