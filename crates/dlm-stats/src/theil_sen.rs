//! The Theil–Sen line: a slope that outliers do not move.

use serde::{Deserialize, Serialize};

use crate::{Error, check};

/// A straight line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// By how much `y` grows where `x` grows by 1.
    pub slope: f64,
    /// `y` at `x = 0`.
    pub intercept: f64,
}

/// The line whose slope is the median of the slopes between all pairs of points.
///
/// ```text
/// slope = median { (y_k − y_i) / (x_k − x_i) : x_i ≠ x_k }
/// intercept = median y − slope · median x
/// ```
///
/// It withstands outliers in up to 29 % of the points. Time and memory grow with
/// the square of their number.
///
/// # Errors
///
/// Inputs that differ in length, fewer than two points, numbers that are not
/// finite, and points that all have one `x`.
///
/// Sources: Theil (1950); Sen, *Estimates of the regression coefficient based on
/// Kendall's tau* (1968).
///
/// ```
/// let line = dlm_stats::theil_sen(&[0.0, 1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 5.0, 7.0, 900.0])?;
/// assert_eq!(line.slope, 2.0);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn theil_sen(x: &[f64], y: &[f64]) -> Result<Line, Error> {
    check::same_length("values of y", y.len(), x.len())?;
    check::enough("points", x.len(), 2)?;
    check::finite("x", x)?;
    check::finite("y", y)?;
    let mut slopes = Vec::with_capacity(x.len() * (x.len() - 1) / 2);
    for i in 0..x.len() {
        for k in i + 1..x.len() {
            if x[i] != x[k] {
                slopes.push((y[k] - y[i]) / (x[k] - x[i]));
            }
        }
    }
    if slopes.is_empty() {
        return Err(Error::Constant { what: "values of x" });
    }
    let slope = median(&mut slopes);
    let intercept = median(&mut y.to_vec()) - slope * median(&mut x.to_vec());
    Ok(Line { slope, intercept })
}

/// The middle of the values, which are not empty, or the mean of the middle two.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mann_kendall::tests::NILE;

    /// The line that SciPy gives for the Nile's flow.
    #[test]
    fn the_nile() {
        let years: Vec<f64> = (0..100).map(f64::from).collect();
        let line = theil_sen(&years, &NILE).unwrap();
        assert!((line.slope + 2.6).abs() < 1e-12, "{line:?}");
        assert!((line.intercept - 1022.2).abs() < 1e-9, "{line:?}");
    }

    #[test]
    fn a_quarter_of_outliers_moves_nothing() {
        let x: Vec<f64> = (0..40).map(f64::from).collect();
        let y: Vec<f64> =
            (0..40).map(|i| if i % 4 == 0 { 1e6 } else { 3.0 - 0.5 * f64::from(i) }).collect();
        assert!((theil_sen(&x, &y).unwrap().slope + 0.5).abs() < 0.1);
        let clean: Vec<f64> = x.iter().map(|x| 3.0 - 0.5 * x).collect();
        assert_eq!(theil_sen(&x, &clean).unwrap(), Line { slope: -0.5, intercept: 3.0 });
    }

    #[test]
    fn points_that_share_an_x_make_no_pair() {
        let line = theil_sen(&[0.0, 0.0, 1.0], &[0.0, 2.0, 3.0]).unwrap();
        assert_eq!(line, Line { slope: 2.0, intercept: 2.0 });
    }

    #[test]
    fn input_without_a_line_is_an_error() {
        assert_eq!(
            theil_sen(&[1.0, 1.0], &[0.0, 2.0]),
            Err(Error::Constant { what: "values of x" })
        );
        assert!(matches!(theil_sen(&[1.0], &[0.0, 2.0]), Err(Error::Length { .. })));
        assert!(matches!(theil_sen(&[1.0], &[0.0]), Err(Error::TooFew { .. })));
        let infinite = theil_sen(&[1.0, 2.0], &[0.0, f64::INFINITY]);
        assert!(matches!(infinite, Err(Error::NotFinite { what: "y", index: 1, .. })));
    }
}
