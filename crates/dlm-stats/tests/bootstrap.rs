//! What the bootstrap promises, in closed form where there is one.

use dlm_rng::{Key, Purpose};
use dlm_stats::{Bootstrap, Error, Method, Table};

const VALUES: [f64; 12] = [0.1, 0.9, 2.0, 0.4, 0.3, 5.0, 0.2, 1.1, 0.6, 0.1, 3.0, 0.5];

fn with(method: Method) -> Bootstrap {
    Bootstrap { method, ..Bootstrap::default() }
}

#[test]
fn the_value_is_the_statistic_of_the_units() {
    let estimate = Bootstrap::default().mean(&VALUES).unwrap();
    assert_eq!(estimate.value, VALUES.iter().sum::<f64>() / 12.0);
    assert_eq!((estimate.level, estimate.units), (0.95, 12));
}

/// The percentile interval of a mean of many units is the normal one.
#[test]
fn many_units_give_the_normal_interval() {
    let n = 400;
    let mut stream = Key::new(5).purpose(Purpose::Test).stream();
    let values: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
    let mean = values.iter().sum::<f64>() / n as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
    let half_width = 1.959964 * (variance / n as f64).sqrt();
    for method in [Method::Percentile, Method::Bca] {
        let bootstrap = Bootstrap { resamples: 20_000, ..with(method) };
        let estimate = bootstrap.mean(&values).unwrap();
        assert!((estimate.upper - mean - half_width).abs() < 0.04 * half_width, "{estimate}");
        assert!((mean - estimate.lower - half_width).abs() < 0.04 * half_width, "{estimate}");
    }
}

/// Two units, one at 0 and one at 1: a resample's mean is 0, ½ or 1 with
/// chances ¼, ½, ¼, so the 80 % interval is all of [0, 1] and the 40 % one
/// is ½.
#[test]
fn two_units_have_a_closed_form() {
    for (level, lower, upper) in [(0.8, 0.0, 1.0), (0.4, 0.5, 0.5)] {
        let estimate = Bootstrap { level, ..Bootstrap::default() }.mean(&[0.0, 1.0]).unwrap();
        assert_eq!((estimate.lower, estimate.upper), (lower, upper));
    }
}

/// The interval of an increasing function is the function of the interval.
#[test]
fn percentiles_carry_over_to_increasing_functions() {
    let bootstrap = Bootstrap { resamples: 1999, ..Bootstrap::default() };
    let sum = |units: &[usize]| units.iter().map(|&u| VALUES[u]).sum::<f64>();
    let plain = bootstrap.statistic(12, sum).unwrap();
    let doubled = bootstrap.statistic(12, |units| 2.0 * sum(units) + 1.0).unwrap();
    assert!((doubled.lower - 2.0 * plain.lower - 1.0).abs() < 1e-12);
    let log = bootstrap.statistic(12, |units| sum(units).ln()).unwrap();
    assert!((log.lower.exp() - plain.lower).abs() < 1e-9, "(1999 + 1) · 0.025 is a rank");
    assert!((log.upper.exp() - plain.upper).abs() < 1e-9);
}

/// Of a mean of normal numbers, the expanded interval is Student's, which covers as often as it
/// says; the percentile one covers less often.
#[test]
fn few_units_are_covered_by_the_expanded_interval() {
    const SERIES: u64 = 2000;
    let covered = |method| {
        let bootstrap = Bootstrap { resamples: 400, ..with(method) };
        let hit = |series| {
            let key = Key::new(11).purpose(Purpose::Test).sequence(series);
            let mut stream = key.stream();
            let values: Vec<f64> = (0..8).map(|_| stream.normal()).collect();
            let estimate = Bootstrap { seed: series, ..bootstrap }.mean(&values).unwrap();
            estimate.lower <= 0.0 && 0.0 <= estimate.upper
        };
        (0..SERIES).filter(|&series| hit(series)).count() as f64 / SERIES as f64
    };
    // Three standard errors of 2000 series are 0.015. A normal interval of as little spread
    // would cover P(|T₇| < 1.96·√(7/8)) = 0.891.
    let (expanded, percentile) = (covered(Method::Expanded), covered(Method::Percentile));
    assert!((expanded - 0.95).abs() < 0.02, "{expanded}");
    assert!((percentile - 0.891).abs() < 0.02, "{percentile}");
}

#[test]
fn the_expanded_interval_of_many_units_is_that_of_percentiles() {
    let values: Vec<f64> = (0..400).map(|k| f64::from(k * k % 97)).collect();
    let of = |method| with(method).mean(&values).unwrap();
    let (expanded, percentile) = (of(Method::Expanded), of(Method::Percentile));
    let width = percentile.upper - percentile.lower;
    assert!((expanded.upper - expanded.lower - width).abs() < 0.02 * width);
    // Two units tell next to nothing: all that resamples reach.
    let two = with(Method::Expanded).mean(&[0.0, 1.0]).unwrap();
    assert_eq!((two.lower, two.upper), (0.0, 1.0));
}

#[test]
fn bca_leans_towards_the_long_tail() {
    let percentile = with(Method::Percentile).mean(&VALUES).unwrap();
    let bca = with(Method::Bca).mean(&VALUES).unwrap();
    assert!(bca.lower > percentile.lower && bca.upper > percentile.upper);
}

#[test]
fn several_statistics_share_their_resamples() {
    for method in [Method::Percentile, Method::Bca] {
        let bootstrap = with(method);
        let mean =
            |units: &[usize]| units.iter().map(|&u| VALUES[u]).sum::<f64>() / units.len() as f64;
        let both = bootstrap.statistics(12, |units| vec![mean(units), f64::NAN]).unwrap();
        assert_eq!(both[0], bootstrap.mean(&VALUES));
        assert_eq!(both[1], Err(Error::UndefinedValue));
    }
}

#[test]
fn a_curve_is_a_mean_at_each_position() {
    let rows: Vec<[Option<f64>; 3]> = VALUES
        .iter()
        .enumerate()
        .map(|(unit, &v)| [Some(v), (unit < 8).then_some(v), (unit < 2).then_some(v)])
        .collect();
    let curve = Bootstrap::default().curve(&Table::new(&rows).unwrap(), 5).unwrap();
    assert_eq!(curve[0], Some(Bootstrap::default().mean(&VALUES).unwrap()));
    let second = curve[1].unwrap();
    assert_eq!((second.value, second.units), (VALUES[..8].iter().sum::<f64>() / 8.0, 8));
    assert_eq!(curve[2], None, "two units are too few");
}

/// The chance that a resample of 12 lacks one unit is (11/12)¹² = 0.35: more
/// than a tail, so a statistic that needs it has no interval.
#[test]
fn undefined_resamples_count_against_both_ends() {
    let needs_unit_0 = |units: &[usize]| if units.contains(&0) { 1.0 } else { f64::NAN };
    let error = Bootstrap::default().statistic(12, needs_unit_0).unwrap_err();
    let Error::UndefinedResamples { undefined, resamples: 2000 } = error else {
        panic!("{error}");
    };
    assert!((600..800).contains(&undefined), "{undefined}");

    let only_in_order = |units: &[usize]| if units.is_sorted() { 1.0 } else { f64::NAN };
    for method in [Method::Percentile, Method::Bca] {
        let error = with(method).statistic(12, only_in_order).unwrap_err();
        let all = Error::UndefinedResamples { undefined: 2000, resamples: 2000 };
        assert_eq!(error, all, "{method:?}");
    }

    // About one in a hundred is less than a tail and widens the interval.
    let total = |units: &[usize]| units.iter().map(|&u| VALUES[u]).sum::<f64>();
    let rarely = |units: &[usize]| match total(units) {
        sum if (12.9..13.0).contains(&sum) => f64::NAN,
        sum => sum,
    };
    let all = Bootstrap::default().statistic(12, total).unwrap();
    let some = Bootstrap::default().statistic(12, rarely).unwrap();
    assert!(some.lower <= all.lower && some.upper >= all.upper);
}

#[test]
fn infinite_values_are_in_order() {
    let far = |units: &[usize]| if units.contains(&0) { 1.0 } else { f64::INFINITY };
    let estimate = Bootstrap::default().statistic(12, far).unwrap();
    assert_eq!((estimate.lower, estimate.upper), (1.0, f64::INFINITY));
}

#[test]
fn equal_units_give_an_interval_without_width() {
    for method in [Method::Percentile, Method::Bca] {
        let estimate = with(method).mean(&[0.25; 5]).unwrap();
        assert_eq!((estimate.lower, estimate.value, estimate.upper), (0.25, 0.25, 0.25));
    }
}

#[test]
fn input_without_an_interval_is_an_error() {
    let bootstrap = Bootstrap::default();
    let too_few = |what, found, needed| Err(Error::TooFew { what, found, needed });
    assert_eq!(bootstrap.mean(&[]), too_few("independent units", 0, 2));
    assert_eq!(bootstrap.mean(&[1.0]), too_few("independent units", 1, 2));
    let sparse = Bootstrap { resamples: 10, ..bootstrap };
    assert!(matches!(sparse.mean(&VALUES), Err(Error::TooFew { what: "resamples", .. })));
    assert!(matches!(
        bootstrap.mean(&[1.0, f64::NAN]),
        Err(Error::NotFinite { what: "value", index: 1, .. })
    ));
    for level in [0.0, 1.0, -1.0, f64::NAN] {
        let error = Bootstrap { level, ..bootstrap }.mean(&VALUES).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { what: "level", .. }), "{error}");
    }
}

#[test]
fn a_value_outside_its_resamples_has_no_correction() {
    // No resample is all units in order, so all of them lie below the value.
    let in_order = |units: &[usize]| if units.is_sorted() && units.len() == 12 { 1.0 } else { 0.0 };
    let error = with(Method::Bca).statistic(12, in_order).unwrap_err();
    assert_eq!(error, Error::NoCorrection);
}

#[test]
fn a_spec_names_only_what_it_changes() {
    let spec: Bootstrap = serde_json::from_str(r#"{"seed": 3, "method": "bca"}"#).unwrap();
    assert_eq!(spec, Bootstrap { seed: 3, method: Method::Bca, ..Bootstrap::default() });
    assert!(serde_json::from_str::<Bootstrap>(r#"{"resample": 3}"#).is_err());
}
