//! From a number in `[0, 1)` to an index.

/// The first index whose cumulative weight exceeds the share `u` of the whole.
pub(crate) fn invert_cdf(weights: &[f64], u: f64) -> usize {
    let mut left = u * weights.iter().sum::<f64>();
    for (i, &weight) in weights.iter().enumerate() {
        if left < weight {
            return i;
        }
        left -= weight;
    }
    // Rounding left the sum at the threshold.
    weights.iter().rposition(|&weight| 0.0 < weight).unwrap_or(0)
}
