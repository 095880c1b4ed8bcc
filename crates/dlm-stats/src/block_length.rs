//! How many neighbours of a series to draw together.

use crate::{Error, check};

/// Correlations above this are taken for this, so that the length stays finite.
const MOST: f64 = 0.99;

/// The block length of [`Bootstrap::circular_blocks`](crate::Bootstrap::circular_blocks) that makes
/// the variance of a mean most exact, if the series is an autoregression of order 1.
///
/// ```text
/// ρ̂ = Σ (xᵢ − x̄)(xᵢ₊₁ − x̄) / Σ (xᵢ − x̄)²
/// ρ = (n ρ̂ + 1)/(n − 3)                            within 0 and 0.99
/// b = (3/2)^⅓ · (2ρ/(1 − ρ²))^⅔ · n^⅓               rounded, within ⌈n^⅓⌉ and ⌊n/2⌋
/// ```
///
/// The second line undoes the bias of `ρ̂`, whose mean is `ρ − (1 + 3ρ)/n` to first order.
/// Half of the series is the most, so that there are always two blocks; up to four values tell
/// nothing about `ρ`, and get that most. A series that is equal throughout has `ρ̂ = 0`.
///
/// # Errors
///
/// Fewer than two values, and values that are not finite.
///
/// Sources: Künsch, *The jackknife and the bootstrap for general stationary observations*
/// (1989); Politis and White, *Automatic block-length selection for the dependent bootstrap*
/// (2004), with the correction of Patton, Politis and White (2009); the bias: Kendall, *Note
/// on bias in the estimation of autocorrelation* (1954).
///
/// ```
/// let slow: Vec<f64> = (0..64).map(|i| (f64::from(i) / 10.0).sin()).collect();
/// assert_eq!(dlm_stats::block_length(&slow)?, 32);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn block_length(values: &[f64]) -> Result<usize, Error> {
    check::enough("values", values.len(), 2)?;
    check::finite("value", values)?;
    let n = values.len() as f64;
    let most = values.len() / 2;
    if values.len() < 5 {
        return Ok(most);
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    let products: f64 = values.windows(2).map(|x| (x[0] - mean) * (x[1] - mean)).sum();
    let found = if squares == 0.0 { 0.0 } else { products / squares };
    let rho = ((n * found + 1.0) / (n - 3.0)).clamp(0.0, MOST);
    let best = 1.5_f64.cbrt() * (2.0 * rho / (1.0 - rho * rho)).cbrt().powi(2) * n.cbrt();
    Ok((best.round() as usize).max(n.cbrt().ceil() as usize).min(most))
}

#[cfg(test)]
pub(crate) mod tests {
    use dlm_rng::{Key, Purpose};

    use super::*;

    /// `xᵢ₊₁ = ρ xᵢ + √(1 − ρ²)·z`, of mean 0 and variance 1 throughout.
    pub(crate) fn autoregression(rho: f64, n: usize, seed: u64) -> Vec<f64> {
        let mut stream = Key::new(seed).purpose(Purpose::Test).stream();
        let mut x = stream.normal();
        let next = |_| {
            let now = x;
            x = rho * x + (1.0 - rho * rho).sqrt() * stream.normal();
            now
        };
        (0..n).map(next).collect()
    }

    /// The formula at the ρ that the series was made with, and at 0 where it has none.
    #[test]
    fn long_series_have_the_length_of_their_correlation() {
        for (rho, expected) in [(0.5_f64, 37.6), (0.8, 83.9)] {
            let found = block_length(&autoregression(rho, 20_000, 3)).unwrap() as f64;
            assert!((found / expected - 1.0).abs() < 0.1, "{rho}: {found}");
        }
        let found = block_length(&autoregression(0.0, 20_000, 3)).unwrap();
        assert_eq!(found, 28, "the cube root of 20000, rounded up");
    }

    #[test]
    fn two_blocks_are_the_fewest() {
        for (n, most) in [(2, 1), (4, 2), (5, 2), (8, 4), (33, 16)] {
            let line: Vec<f64> = (0..n).map(f64::from).collect();
            assert_eq!(block_length(&line), Ok(most));
        }
        assert_eq!(block_length(&[1.0; 27]), Ok(3));
    }

    #[test]
    fn input_without_a_length_is_an_error() {
        let too_few = Error::TooFew { what: "values", found: 1, needed: 2 };
        assert_eq!(block_length(&[1.0]), Err(too_few));
        assert!(matches!(block_length(&[1.0, f64::NAN]), Err(Error::NotFinite { index: 1, .. })));
    }
}
