//! Numbers as a reader wants them.

use crate::results::{Cell, Estimate};

/// Four significant digits: intervals are wider than the fifth. The file keeps
/// them all.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..7.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_string();
    }
    text
}

/// A number that may be absent.
pub(super) fn optional(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

/// `[lower, upper]`; nothing where there is no bound.
pub(super) fn interval(estimate: &Estimate) -> String {
    match (estimate.lower, estimate.upper) {
        (None, None) => String::new(),
        (lower, upper) => format!("[{}, {}]", optional(lower), optional(upper)),
    }
}

/// `value [lower, upper]`; what is absent stays out.
pub(super) fn with_interval(estimate: &Estimate) -> String {
    let (value, interval) = (optional(estimate.value), interval(estimate));
    format!("{value} {interval}").trim().to_string()
}

/// A level of confidence, in percent.
pub(super) fn level(estimate: &Estimate) -> String {
    estimate.level.map(|level| format!("{} %", number(level * 100.0))).unwrap_or_default()
}

/// A cell of an experiment's own table as text.
pub(super) fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Absent(()) => String::new(),
        Cell::Flag(flag) => if *flag { "yes" } else { "no" }.to_string(),
        Cell::Number(found) if found.is_f64() => optional(found.as_f64()),
        Cell::Number(found) => found.to_string(),
        Cell::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let cases = [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (-12.0, "-12"),
            (61.25, "61.25"),
            (123_456.0, "123456"),
            (0.000_012_345, "1.234e-5"),
            (1e9, "1.000e9"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_absent_stays_out_of_an_interval() {
        let estimate = |value, lower, upper| Estimate {
            name: String::new(),
            value,
            lower,
            upper,
            level: Some(0.95),
            units: None,
            meaning: String::new(),
        };
        let cases = [
            (estimate(Some(0.5), Some(0.25), Some(1.0)), "0.5 [0.25, 1]"),
            (estimate(Some(0.5), Some(0.25), None), "0.5 [0.25, ]"),
            (estimate(Some(0.5), None, None), "0.5"),
            (estimate(None, None, None), ""),
        ];
        for (estimate, expected) in cases {
            assert_eq!(with_interval(&estimate), expected);
            assert_eq!(level(&estimate), "95 %");
        }
    }
}
