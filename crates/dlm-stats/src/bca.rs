//! The correction of a BCa interval.

use crate::Error;
use crate::distribution::{normal_below, normal_quantile};

/// The levels of the quantiles that make a BCa interval.
///
/// With `z₀` from the share of resamples below the value (half of those equal to
/// it included), and the acceleration `a` from the values θᵢ without unit `i`:
///
/// ```text
/// z₀ = Φ⁻¹(share)      dᵢ = mean θ − θᵢ      a = Σ dᵢ³ / (6 (Σ dᵢ²)^{3/2})
/// p ↦ Φ(z₀ + (z₀ + Φ⁻¹(p)) / (1 − a (z₀ + Φ⁻¹(p))))
/// ```
pub(crate) fn corrected_levels(
    tail: f64,
    value: f64,
    resampled: &[f64],
    left_out: &[f64],
) -> Result<(f64, f64), Error> {
    let below = resampled.iter().filter(|&&r| r < value).count() as f64;
    let equal = resampled.iter().filter(|&&r| r == value).count() as f64;
    let bias = normal_quantile((below + equal / 2.0) / resampled.len() as f64);

    let mean = left_out.iter().sum::<f64>() / left_out.len() as f64;
    let squares: f64 = left_out.iter().map(|t| (mean - t).powi(2)).sum();
    let cubes: f64 = left_out.iter().map(|t| (mean - t).powi(3)).sum();
    let acceleration = if squares == 0.0 { 0.0 } else { cubes / (6.0 * squares.powf(1.5)) };

    let correct = |p: f64| {
        let z = bias + normal_quantile(p);
        let stretch = 1.0 - acceleration * z;
        // Past this pole the correction turns back on itself.
        (stretch > 0.0).then(|| normal_below(bias + z / stretch)).filter(|p| p.is_finite())
    };
    correct(tail).zip(correct(1.0 - tail)).ok_or(Error::NoCorrection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For a mean, the acceleration is the sample's skewness / (6√n).
    #[test]
    fn acceleration_of_a_mean_is_its_skewness() {
        let values = [0.1, 0.9, 2.0, 0.4, 0.3, 5.0, 0.2, 1.1];
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let moment = |k| values.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n;
        let a = moment(3) / moment(2).powf(1.5) / (6.0 * n.sqrt());
        let left_out: Vec<f64> = values.iter().map(|v| (n * mean - v) / (n - 1.0)).collect();

        // With as many resamples above the value as below, the bias is 0.
        let (low, high) = corrected_levels(0.025, 0.0, &[-1.0, 1.0], &left_out).unwrap();
        let z = 1.959963984540054;
        assert!((low - normal_below(-z / (1.0 + a * z))).abs() < 1e-9);
        assert!((high - normal_below(z / (1.0 - a * z))).abs() < 1e-9);
    }

    /// With no acceleration, the correction moves both levels by twice the bias.
    #[test]
    fn bias_alone_moves_both_levels() {
        let resampled: Vec<f64> = (0..1000).map(f64::from).collect();
        let value = 599.5;
        let bias = normal_quantile(0.6);
        let (low, high) = corrected_levels(0.025, value, &resampled, &[1.0, 2.0, 3.0]).unwrap();
        assert!((low - normal_below(2.0 * bias - 1.959963984540054)).abs() < 1e-9);
        assert!((high - normal_below(2.0 * bias + 1.959963984540054)).abs() < 1e-9);
    }
}
