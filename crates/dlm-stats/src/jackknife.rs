//! Intervals from leaving out one group of units at a time.

use crate::distribution::student_critical;
use crate::{Error, Estimate, check};

/// The delete-a-group jackknife with Student's t: the interval of a statistic
/// that is too costly to resample, such as one that needs a trained model.
///
/// The units are split at random into `G` groups of equal size (to within one).
/// With θ the statistic on all units and `θ_g` the one on all but group `g`:
///
/// ```text
/// v = (G − 1)/G · Σ_g (θ_g − θ)²      θ ± t √v      t from G − 1 degrees of freedom
/// ```
///
/// Squares are taken about θ itself rather than about the mean of the θ_g, which
/// makes the interval wider where the statistic is biased. For a mean and equal
/// groups both are the same, and `v` is the groups' variance over `G`. The
/// estimate's units are the groups.
///
/// The statistic has to be smooth in its units: a median, for one, is not.
///
/// # Errors
///
/// Fewer than two groups, numbers that are not finite, a level that is none.
///
/// Source: Kott, *The delete-a-group jackknife* (2001).
///
/// ```
/// // The mean of 1, 2, 3 and the means without each.
/// let estimate = dlm_stats::jackknife(2.0, &[2.5, 2.0, 1.5], 0.95)?;
/// assert!((estimate.upper - 2.0 - 4.302653 / 3_f64.sqrt()).abs() < 1e-6);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn jackknife(value: f64, left_out: &[f64], level: f64) -> Result<Estimate, Error> {
    check::level(level)?;
    check::enough("groups", left_out.len(), 2)?;
    check::finite("value", &[value])?;
    check::finite("value without group", left_out)?;
    let groups = left_out.len() as f64;
    let squares: f64 = left_out.iter().map(|theta| (theta - value).powi(2)).sum();
    let variance = (groups - 1.0) / groups * squares;
    let margin = student_critical(level, groups - 1.0) * variance.sqrt();
    Ok(Estimate {
        value,
        lower: value - margin,
        upper: value + margin,
        level,
        units: left_out.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With groups of one, the jackknife of a mean is the t interval of a mean.
    #[test]
    fn a_mean_has_the_textbook_interval() {
        let values = [4.1, 5.0, 3.2, 6.3, 4.4];
        let n = 5.0;
        let mean = values.iter().sum::<f64>() / n;
        let without: Vec<f64> = values.iter().map(|v| (n * mean - v) / (n - 1.0)).collect();
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let margin = 2.7764451051977934 * (variance / n).sqrt();

        let estimate = jackknife(mean, &without, 0.95).unwrap();
        assert!((estimate.upper - mean - margin).abs() < 1e-9);
        assert!((mean - estimate.lower - margin).abs() < 1e-9);
        assert_eq!((estimate.value, estimate.units), (mean, 5));
    }

    #[test]
    fn a_bias_widens_the_interval() {
        let centred = jackknife(1.0, &[0.9, 1.0, 1.1], 0.9).unwrap();
        let biased = jackknife(1.0, &[1.1, 1.2, 1.3], 0.9).unwrap();
        assert!(biased.upper - biased.lower > centred.upper - centred.lower);
    }

    #[test]
    fn groups_that_agree_give_no_width() {
        let estimate = jackknife(1.0, &[1.0; 4], 0.95).unwrap();
        assert_eq!((estimate.lower, estimate.upper), (1.0, 1.0));
    }

    #[test]
    fn input_without_an_interval_is_an_error() {
        let too_few = Error::TooFew { what: "groups", found: 1, needed: 2 };
        assert_eq!(jackknife(1.0, &[1.0], 0.95), Err(too_few));
        assert!(matches!(jackknife(f64::NAN, &[1.0; 3], 0.95), Err(Error::NotFinite { .. })));
        assert!(matches!(
            jackknife(1.0, &[1.0, f64::INFINITY], 0.95),
            Err(Error::NotFinite { index: 1, .. })
        ));
        assert!(matches!(jackknife(1.0, &[1.0; 3], 95.0), Err(Error::OutOfRange { .. })));
    }
}
