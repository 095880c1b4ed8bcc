//! Whether numbers are drawn from a law whose distribution function is known.

/// The smallest probability of a test at a fixed seed that passes.
pub(crate) const SIGNIFICANCE: f64 = 1e-3;

/// The probability, were `values` drawn from `cdf`, of a distribution function at least this
/// far off (Kolmogorov & Smirnov, with the correction of Stephens 1970).
pub(crate) fn probability(mut values: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let gap = |(i, &x): (usize, &f64)| {
        let share = cdf(x);
        (share - i as f64 / n).max((i + 1) as f64 / n - share)
    };
    let gap = values.iter().enumerate().map(gap).fold(0.0, f64::max);
    let z = gap * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(k * k) * z * z).exp()
    };
    // Below this the alternating series no longer settles, and the probability is 1.
    if z < 0.2 { 1.0 } else { (1..100).map(term).sum::<f64>().clamp(0.0, 1.0) }
}
