//! The normal and Student's t distribution, as far as intervals and tests ask.

use std::f64::consts::SQRT_2;

use statrs::function::{beta, erf};

/// Φ(z), the chance that a standard normal number is below `z`.
pub(crate) fn normal_below(z: f64) -> f64 {
    0.5 * erf::erfc(-z / SQRT_2)
}

/// Φ⁻¹(p); infinite at p = 0 and p = 1.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * erf::erfc_inv(2.0 * p)
}

/// The chance that a standard normal number is at least as far from 0 as `z`.
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    erf::erfc(z.abs() / SQRT_2)
}

/// The chance that Student's t with `degrees` ≥ 1 degrees of freedom is at least
/// as far from 0 as `t`.
///
/// ```text
/// P(|T| ≥ |t|) = I_w(ν/2, 1/2)      w = ν / (ν + t²)
/// ```
pub(crate) fn student_two_sided(t: f64, degrees: f64) -> f64 {
    beta::beta_reg(degrees / 2.0, 0.5, degrees / (degrees + t * t))
}

/// The `t` that Student's t with `degrees` ≥ 1 degrees of freedom exceeds in
/// absolute value with the chance 1 − `level`.
pub(crate) fn student_critical(level: f64, degrees: f64) -> f64 {
    let w = beta::inv_beta_reg(degrees / 2.0, 0.5, 1.0 - level);
    (degrees * (1.0 - w) / w).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} is not {b}");
    }

    #[test]
    fn tabulated_normal_values() {
        for (p, z) in [(0.975, 1.959963984540054), (0.995, 2.5758293035489), (0.5, 0.0)] {
            assert!((normal_quantile(p) - z).abs() < 1e-9);
            assert_close(normal_below(z), p);
            assert_close(normal_two_sided(z), 2.0 * (1.0 - p));
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn tabulated_student_values() {
        for (level, degrees, t) in [
            (0.95, 1.0, 12.706204736174694),
            (0.95, 2.0, 4.302652729749462),
            (0.95, 4.0, 2.7764451051977934),
            (0.95, 9.0, 2.262157162798205),
            (0.95, 30.0, 2.0422724563012378),
            (0.95, 1000.0, 1.9623390808264083),
            (0.99, 3.0, 5.840909309733355),
        ] {
            assert_close(student_critical(level, degrees), t);
            assert_close(student_two_sided(t, degrees), 1.0 - level);
        }
    }
}
