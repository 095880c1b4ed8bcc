//! Spearman's rank correlation.

use serde::{Deserialize, Serialize};

use crate::distribution::student_two_sided;
use crate::{Error, check};

/// Spearman's rank correlation and its test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spearman {
    /// ρ, from −1 (the one falls where the other rises) to 1.
    pub rho: f64,
    /// The two-sided p-value of ρ if the two were independent.
    pub p: f64,
    /// The number of pairs.
    pub n: usize,
}

/// The correlation of the ranks of `x` and `y`: how nearly one is a monotone
/// function of the other.
///
/// Equal values share the mean of their ranks, and ρ is the product-moment
/// correlation of the ranks. The p-value takes
///
/// ```text
/// t = ρ √((n − 2) / (1 − ρ²))
/// ```
///
/// for Student's t with `n − 2` degrees of freedom, which holds from about ten
/// pairs on, if pairs are independent of each other.
///
/// # Errors
///
/// Inputs that differ in length, fewer than three pairs, numbers that are not
/// finite, and an input whose values are all equal.
///
/// Source: Spearman, *The proof and measurement of association between two
/// things* (1904).
///
/// ```
/// let monotone = dlm_stats::spearman(&[1.0, 2.0, 3.0, 4.0], &[0.1, 0.2, 7.0, 900.0])?;
/// assert_eq!(monotone.rho, 1.0);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Spearman, Error> {
    check::same_length("values of y", y.len(), x.len())?;
    check::enough("pairs", x.len(), 3)?;
    check::finite("x", x)?;
    check::finite("y", y)?;

    // Doubled ranks are integers, so their sums, and a ρ of ±1, are exact.
    let (a, b) = (doubled_ranks(x), doubled_ranks(y));
    let n = x.len();
    let mean = (n + 1) as f64;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let (xx, yy) = (product(&a, &a), product(&b, &b));
    if xx == 0.0 {
        return Err(Error::Constant { what: "values of x" });
    }
    if yy == 0.0 {
        return Err(Error::Constant { what: "values of y" });
    }
    let rho = product(&a, &b) / (xx * yy).sqrt();
    let rho = rho.clamp(-1.0, 1.0);
    let degrees = (n - 2) as f64;
    let t = rho * (degrees / (1.0 - rho * rho)).sqrt();
    Ok(Spearman { rho, p: student_two_sided(t, degrees), n })
}

/// Twice the rank of each value from 1, equal values at the mean of theirs.
pub(crate) fn doubled_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&i, &k| values[i].total_cmp(&values[k]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|&i, &k| values[i] == values[k]) {
        // Ranks before + 1 to before + group, whose mean is half their ends' sum.
        let ends = 2 * before + 1 + group.len();
        for &i in group {
            ranks[i] = ends as f64;
        }
        before += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of IQ and hours of television: ρ = −29/165, p = 0.627.
    #[test]
    fn published_example() {
        let iq = [106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0];
        let hours = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        let found = spearman(&iq, &hours).unwrap();
        assert!((found.rho + 29.0 / 165.0).abs() < 1e-12);
        assert!((found.p - 0.627_188).abs() < 5e-6);
        assert_eq!(found.n, 10);
    }

    /// Ranks 1, 2½, 2½, 4 against 1, 2, 3, 4: ρ = 4.5/√(4.5 · 5).
    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(doubled_ranks(&[1.0, 5.0, 5.0, 9.0]), [2.0, 5.0, 5.0, 8.0]);
        let found = spearman(&[1.0, 5.0, 5.0, 9.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert!((found.rho - 0.9_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn any_increasing_function_changes_nothing() {
        let x = [0.3, -1.0, 2.0, 0.7, 1.4, -0.2];
        let y = [1.0, 0.0, 0.5, 3.0, 2.0, 0.5];
        let plain = spearman(&x, &y).unwrap();
        assert_eq!(spearman(&x.map(f64::exp), &y.map(|v| v.powi(3))).unwrap(), plain);
        let turned = spearman(&x.map(|v| -v), &y).unwrap();
        assert_eq!((turned.rho, turned.p), (-plain.rho, plain.p));
        assert_eq!(spearman(&y, &x).unwrap().rho, plain.rho);
    }

    #[test]
    fn monotone_pairs_are_exact() {
        let x: Vec<f64> = (0..57).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|v| -v.sqrt()).collect();
        assert_eq!(spearman(&x, &y).unwrap(), Spearman { rho: -1.0, p: 0.0, n: 57 });
    }

    #[test]
    fn input_without_ranks_is_an_error() {
        let x = [1.0, 2.0, 3.0];
        assert_eq!(spearman(&x, &[4.0; 3]), Err(Error::Constant { what: "values of y" }));
        assert_eq!(spearman(&[4.0; 3], &x), Err(Error::Constant { what: "values of x" }));
        assert!(matches!(spearman(&x, &x[..2]), Err(Error::Length { .. })));
        assert!(matches!(spearman(&x[..2], &x[..2]), Err(Error::TooFew { .. })));
        assert!(matches!(
            spearman(&x, &[1.0, f64::NAN, 0.0]),
            Err(Error::NotFinite { what: "y", index: 1, .. })
        ));
    }
}
