//! Sentences made from numbers.

use dlm_stats::Estimate;

use crate::Estimates;

/// `0.42 [0.39, 0.45]`, or what stands for an absent estimate.
pub(super) fn with_interval(estimates: &Estimates, name: &str) -> String {
    match estimates.get(name) {
        Some(e) => {
            format!("{} [{}, {}]", rounded(e.value), rounded(e.lower), rounded(e.upper))
        }
        None => "(no estimate)".to_string(),
    }
}

/// The cell of a table; empty where there is no estimate.
pub(super) fn cell(estimate: Result<Estimate, dlm_stats::Error>) -> String {
    let Ok(e) = estimate else { return String::new() };
    format!("{} [{}, {}]", rounded(e.value), rounded(e.lower), rounded(e.upper))
}

/// Three significant digits where that is few characters, else fewer.
pub(super) fn rounded(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => if value < 0.0 { "−∞" } else { "∞" }.to_string(),
        size if size < 0.0005 => "0.000".to_string(),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn numbers_keep_about_three_digits() {
        let cases = [(0.12345, "0.123"), (-1.5, "-1.500"), (12.345, "12.3"), (345.6, "346")];
        for (value, text) in cases.into_iter().chain([(f64::INFINITY, "∞"), (0.00001, "0.000")]) {
            assert_eq!(rounded(value), text);
        }
    }
}
