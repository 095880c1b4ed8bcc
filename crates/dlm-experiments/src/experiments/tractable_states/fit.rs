//! How well draws fit the law that they should have.

use dlm_stats::total_variation;
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

/// Expected draws of an outcome below which it is pooled with others (Cochran 1954).
const LEAST_EXPECTED: f64 = 5.0;

/// `E sup |B|` of a Brownian bridge: `√(π/2)·ln 2` (Kolmogorov 1933).
const EXPECTED_SUPREMUM: f64 = 0.868_731_160_636_159_2;

/// A sample beside its law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    /// `X²` of Pearson's test, or Kolmogorov's `√n·D`.
    pub(super) statistic: f64,
    /// Of the chi-squared law, for outcomes that can be counted.
    pub(super) degrees: Option<usize>,
    /// The chance of a statistic as large; absent where there was nothing to tell apart.
    pub(super) p: Option<f64>,
    /// Total variation, or Kolmogorov's `D`.
    pub(super) distance: f64,
    /// What the distance is on average where sample and law agree.
    pub(super) expected: f64,
}

/// Counted outcomes beside their probabilities, by Pearson's test.
///
/// ```text
/// X² = Σ_v (n_v − n·p_v)²/(n·p_v)      E TV ≈ ½ Σ_v √(2 p_v (1 − p_v)/(π n))
/// ```
///
/// The least probable outcomes are pooled until five draws are expected of them. An outcome
/// that cannot be and was seen has a p value of 0.
pub(super) fn counted(counts: &[u64], law: &[f64]) -> Fit {
    let n = counts.iter().sum::<u64>() as f64;
    let shares: Vec<f64> = counts.iter().map(|&count| count as f64 / n).collect();
    let expected =
        law.iter().map(|p| (2.0 * p * (1.0 - p).max(0.0) / (std::f64::consts::PI * n)).sqrt());
    let expected = expected.sum::<f64>() / 2.0;
    let distance = total_variation(&shares, law).unwrap_or(f64::NAN);
    if counts.iter().zip(law).any(|(&count, &p)| 0 < count && p <= 0.0) {
        let statistic = f64::INFINITY;
        return Fit { statistic, degrees: None, p: Some(0.0), distance, expected };
    }
    let cells = pooled(counts, law, n);
    let statistic = cells.iter().map(|(seen, due)| (seen - due).powi(2) / due).sum();
    let degrees = cells.len().saturating_sub(1);
    let chi_squared = ChiSquared::new(degrees as f64).ok();
    let p = chi_squared.map(|law| law.sf(statistic));
    Fit { statistic, degrees: Some(degrees), p, distance, expected }
}

/// Seen and expected numbers of outcomes, rare ones together.
fn pooled(counts: &[u64], law: &[f64], n: f64) -> Vec<(f64, f64)> {
    let possible = counts.iter().zip(law).filter(|(_, p)| 0.0 < **p);
    let mut cells: Vec<(f64, f64)> = possible.map(|(&count, p)| (count as f64, n * p)).collect();
    cells.sort_by(|a, b| b.1.total_cmp(&a.1));
    while 1 < cells.len() && cells[cells.len() - 1].1 < LEAST_EXPECTED {
        if let (Some(rarest), Some(next)) = (cells.pop(), cells.last_mut()) {
            *next = (next.0 + rarest.0, next.1 + rarest.1);
        }
        cells.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    cells
}

/// Numbers that should be standard normal, by Kolmogorov's test.
///
/// ```text
/// D = sup_x |F_n(x) − Φ(x)|      p = 2 Σ_{k ≥ 1} (−1)^{k−1} e^{−2k²λ²}
/// λ = (√n + 0.12 + 0.11/√n)·D    E D ≈ 0.8687/√n
/// ```
///
/// with Stephens's (1970) correction for small samples.
pub(super) fn standard_normal(mut numbers: Vec<f64>) -> Fit {
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len() as f64;
    let normal = Normal::standard();
    let mut distance: f64 = 0.0;
    for (below, &x) in numbers.iter().enumerate() {
        let p = normal.cdf(x);
        let gap = (p - below as f64 / n).max((below + 1) as f64 / n - p);
        // A number that is none is as far away as can be.
        distance = distance.max(if gap.is_nan() { 1.0 } else { gap });
    }
    let root = n.sqrt();
    let p = kolmogorov((root + 0.12 + 0.11 / root) * distance);
    let expected = EXPECTED_SUPREMUM / root;
    Fit { statistic: root * distance, degrees: None, p: Some(p), distance, expected }
}

/// `P(sup |B| > λ)` of a Brownian bridge.
fn kolmogorov(lambda: f64) -> f64 {
    // Below, the sum alternates for long and the chance is 1 to ten digits.
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |k: u32| {
        let size = (-2.0 * f64::from(k * k) * lambda * lambda).exp();
        if k % 2 == 1 { size } else { -size }
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use dlm_rng::{Key, Purpose};

    use super::{counted, kolmogorov, standard_normal};

    #[test]
    fn a_chi_squared_by_hand() {
        // (16 − 10)²/10 + (14 − 20)²/20 + (30 − 30)²/30 = 5.4 on two degrees: e^{−2.7}.
        let fit = counted(&[16, 14, 30], &[1.0 / 6.0, 1.0 / 3.0, 0.5]);
        assert!((fit.statistic - 5.4).abs() < 1e-12 && fit.degrees == Some(2));
        assert!((fit.p.unwrap() - (-2.7f64).exp()).abs() < 1e-9, "{fit:?}");
        assert!((fit.distance - 0.1).abs() < 1e-12);
    }

    #[test]
    fn rare_outcomes_are_pooled_and_impossible_ones_decide() {
        // Two outcomes with 3 expected each become one with 6.
        let fit = counted(&[94, 2, 4], &[0.94, 0.03, 0.03]);
        assert_eq!((fit.degrees, fit.statistic), (Some(1), 0.0));
        // With 2 expected there is nothing to tell apart.
        let fit = counted(&[100, 0], &[0.98, 0.02]);
        assert_eq!((fit.degrees, fit.p), (Some(0), None));
        assert_eq!(counted(&[99, 1], &[1.0, 0.0]).p, Some(0.0));
    }

    /// Kolmogorov's limit at its usual critical values (Smirnov's table of 1948).
    #[test]
    fn the_limit_of_kolmogorov_has_its_tabulated_values() {
        for (lambda, p) in
            [(0.5, 0.963_945), (1.0, 0.269_999_7), (1.36, 0.049_486), (1.63, 0.009_846)]
        {
            assert!((kolmogorov(lambda) - p).abs() < 1e-5, "{lambda}: {}", kolmogorov(lambda));
        }
        assert_eq!((kolmogorov(0.0), kolmogorov(40.0)), (1.0, 0.0));
    }

    #[test]
    fn distances_of_right_samples_are_as_large_as_expected() {
        let key = Key::new(3).purpose(Purpose::Test);
        let normal = |run: u64| {
            let mut stream = key.sequence(run).stream();
            standard_normal((0..400).map(|_| stream.normal()).collect())
        };
        let thirds = |run: u64| {
            let mut stream = key.sequence(run).step(1).stream();
            let mut counts = [0; 3];
            (0..400).for_each(|_| counts[stream.below(3) as usize] += 1);
            counted(&counts, &[1.0 / 3.0; 3])
        };
        let fits: Vec<_> = (0..400).map(|run| [normal(run), thirds(run)]).collect();
        for which in 0..2 {
            let ratio: f64 = fits.iter().map(|fit| fit[which].distance / fit[which].expected).sum();
            assert!((ratio / 400.0 - 1.0).abs() < 0.06, "{ratio}");
            let below = |p| fits.iter().filter(|fit| fit[which].p.unwrap() < p).count();
            // Of 400 p values, 40 and 200 are expected, give or take 6 and 10.
            assert!((22..60).contains(&below(0.1)) && (165..235).contains(&below(0.5)));
        }
    }
}
