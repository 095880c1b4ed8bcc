//! Intervals of proportions.

use crate::distribution::normal_quantile;
use crate::{Error, Estimate, check};

/// The share of successes among independent trials, with Wilson's interval.
///
/// With p = successes / n and z the normal quantile at (1 + level)/2:
///
/// ```text
/// (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)
/// ```
///
/// The interval stays within [0, 1] and has a width even where all trials, or
/// none, succeed. The estimate's units are the trials.
///
/// # Errors
///
/// No trials, more successes than trials, a level that is none.
///
/// Source: Wilson, *Probable inference, the law of succession, and statistical
/// inference* (1927).
///
/// ```
/// let share = dlm_stats::wilson(81, 263, 0.95)?;
/// assert_eq!(share.to_string(), "0.3080 [0.2553, 0.3662] (95 %, n = 263)");
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn wilson(successes: usize, trials: usize, level: f64) -> Result<Estimate, Error> {
    check::level(level)?;
    check::enough("trials", trials, 1)?;
    check::enough("trials", trials, successes)?;
    let n = trials as f64;
    let p = successes as f64 / n;
    let z = normal_quantile((1.0 + level) / 2.0);
    let centre = p + z * z / (2.0 * n);
    let margin = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // At the ends the formula gives 0 or 1 but for rounding.
    let lower = if successes == 0 { 0.0 } else { (centre - margin) / scale };
    let upper = if successes == trials { 1.0 } else { (centre + margin) / scale };
    Ok(Estimate { value: p, lower, upper, level, units: trials })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table I of Newcombe, *Two-sided confidence intervals for the single
    /// proportion* (1998), the score method.
    #[test]
    fn published_values() {
        for (successes, trials, lower, upper) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let share = wilson(successes, trials, 0.95).unwrap();
            assert!((share.lower - lower).abs() < 5.1e-5, "{share}");
            assert!((share.upper - upper).abs() < 5.1e-5, "{share}");
        }
    }

    /// The ends are where a test of the true share just rejects what was seen.
    #[test]
    fn the_ends_solve_the_score_equation() {
        let share = wilson(7, 31, 0.9).unwrap();
        for end in [share.lower, share.upper] {
            let z = (share.value - end) / (end * (1.0 - end) / 31.0).sqrt();
            assert!((z.abs() - 1.6448536269514722).abs() < 1e-9);
        }
    }

    #[test]
    fn failures_mirror_successes() {
        for successes in 0..=12 {
            let share = wilson(successes, 12, 0.95).unwrap();
            let mirror = wilson(12 - successes, 12, 0.95).unwrap();
            assert!((share.lower - (1.0 - mirror.upper)).abs() < 1e-12);
            assert!(share.lower >= 0.0 && share.lower < share.upper && share.upper <= 1.0);
        }
    }

    #[test]
    fn input_without_a_share_is_an_error() {
        assert!(matches!(wilson(0, 0, 0.95), Err(Error::TooFew { needed: 1, .. })));
        assert!(matches!(wilson(4, 3, 0.95), Err(Error::TooFew { found: 3, needed: 4, .. })));
        assert!(matches!(wilson(1, 3, 1.0), Err(Error::OutOfRange { .. })));
    }
}
