//! Many tests at once.

use crate::{Error, check};

/// The p-values of several tests, adjusted so that rejecting those below α errs
/// in any of them with a chance of at most α.
///
/// With p₍₁₎ ≤ … ≤ p₍ₘ₎ the p-values in order, the adjusted one of the `i`th is
///
/// ```text
/// max_{j ≤ i} min(1, (m − j + 1) p₍ⱼ₎)
/// ```
///
/// This holds however the tests depend on each other. The result is in the order
/// of the input; no tests give no p-values.
///
/// # Errors
///
/// A p-value outside [0, 1].
///
/// Source: Holm, *A simple sequentially rejective multiple test procedure* (1979).
///
/// ```
/// let adjusted = dlm_stats::holm(&[0.01, 0.04, 0.03, 0.005])?;
/// assert_eq!(adjusted, [0.03, 0.06, 0.06, 0.02]);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn holm(p: &[f64]) -> Result<Vec<f64>, Error> {
    check::unit_interval("a p-value", p)?;
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &k| p[i].total_cmp(&p[k]));
    let mut adjusted = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (smaller, &test) in order.iter().enumerate() {
        let others = (p.len() - smaller) as f64;
        largest = largest.max((others * p[test]).min(1.0));
        adjusted[test] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The usual textbook example: at α = 0.05 the tests with p = 0.005 and
    /// p = 0.01 are rejected, those with 0.03 and 0.04 are not.
    #[test]
    fn published_example() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]).unwrap(), [0.03, 0.06, 0.06, 0.02]);
    }

    #[test]
    fn ends_of_the_range() {
        assert!(holm(&[]).unwrap().is_empty());
        assert_eq!(holm(&[0.2]).unwrap(), [0.2]);
        assert_eq!(holm(&[0.0, 1.0, 0.9]).unwrap(), [0.0, 1.0, 1.0]);
        for bad in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(holm(&[0.1, bad]), Err(Error::OutOfRange { .. })), "{bad}");
        }
    }

    proptest! {
        /// Never below the p-value, never above Bonferroni's, in the same order,
        /// and whatever the order of the tests.
        #[test]
        fn between_the_p_value_and_bonferroni(p in prop::collection::vec(0.0..=1.0, 1..20)) {
            let adjusted = holm(&p).unwrap();
            for i in 0..p.len() {
                let bonferroni = (p.len() as f64 * p[i]).min(1.0);
                prop_assert!(p[i] <= adjusted[i] && adjusted[i] <= bonferroni);
                for k in 0..p.len() {
                    prop_assert!(p[i] > p[k] || adjusted[i] <= adjusted[k]);
                }
            }
            let backwards: Vec<f64> = p.iter().rev().copied().collect();
            let mut turned = holm(&backwards).unwrap();
            turned.reverse();
            prop_assert_eq!(turned, adjusted);
        }
    }
}
