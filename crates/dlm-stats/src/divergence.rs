//! How uncertain a distribution is, and how far apart distributions are, in nats.
//!
//! Distributions are slices of probabilities, `f32` or `f64`, summed in `f64`.
//! They have to be non-negative and sum to 1 within 10⁻³, which a softmax in half
//! precision over a large vocabulary still does. Where rounding would make a
//! result smaller than 0, it is 0.

use crate::{Error, check};

/// The entropy of `p` in nats, from 0 (one outcome is certain) to ln n (all are
/// alike).
///
/// ```text
/// H(p) = − Σ_v p_v ln p_v      0 ln 0 = 0
/// ```
///
/// # Errors
///
/// Probabilities that are negative, not finite, or do not sum to 1.
///
/// Source: Shannon, *A mathematical theory of communication* (1948).
///
/// ```
/// assert_eq!(dlm_stats::entropy(&[0.5, 0.5, 0.0])?, 2_f64.ln());
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn entropy<T: Copy + Into<f64>>(p: &[T]) -> Result<f64, Error> {
    distribution("p", p)?;
    let sum: f64 = p.iter().map(|&p| p.into()).map(|p: f64| times_log(p, p)).sum();
    Ok((-sum).max(0.0))
}

/// The Kullback–Leibler divergence of `q` from `p` in nats: what it costs to
/// expect `q` where `p` holds, from 0 to infinity.
///
/// ```text
/// KL(p ‖ q) = Σ_v p_v ln(p_v / q_v)      0 ln 0 = 0
/// ```
///
/// It is infinite where `q` rules out what `p` does not.
///
/// # Errors
///
/// Slices that differ in length; probabilities as in [`entropy`].
///
/// Source: Kullback and Leibler, *On information and sufficiency* (1951).
///
/// ```
/// use dlm_stats::kl;
///
/// assert_eq!(kl(&[1.0, 0.0], &[0.5, 0.5])?, 2_f64.ln());
/// assert_eq!(kl(&[0.5, 0.5], &[1.0, 0.0])?, f64::INFINITY);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn kl<T: Copy + Into<f64>>(p: &[T], q: &[T]) -> Result<f64, Error> {
    pair(p, q)?;
    let terms = p.iter().zip(q).map(|(&p, &q)| (p.into(), q.into()));
    let sum: f64 = terms.map(|(p, q): (f64, f64)| times_log(p, p / q)).sum();
    Ok(sum.max(0.0))
}

/// The Jensen–Shannon divergence of `p` and `q` in nats, from 0 (equal) to ln 2
/// (nothing in common).
///
/// ```text
/// JS(p, q) = ½ KL(p ‖ m) + ½ KL(q ‖ m)      m = ½ (p + q)
/// ```
///
/// It is symmetric and always finite, and its square root is a metric.
///
/// # Errors
///
/// As [`kl`].
///
/// Source: Lin, *Divergence measures based on the Shannon entropy* (1991).
///
/// ```
/// use dlm_stats::jensen_shannon;
///
/// assert_eq!(jensen_shannon(&[1.0, 0.0], &[0.0, 1.0])?, 2_f64.ln());
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn jensen_shannon<T: Copy + Into<f64>>(p: &[T], q: &[T]) -> Result<f64, Error> {
    pair(p, q)?;
    let terms = p.iter().zip(q).map(|(&p, &q)| (p.into(), q.into()));
    let sum: f64 = terms
        .map(|(p, q): (f64, f64)| {
            let m = 0.5 * (p + q);
            times_log(0.5 * p, p / m) + times_log(0.5 * q, q / m)
        })
        .sum();
    Ok(sum.clamp(0.0, std::f64::consts::LN_2))
}

/// The Jensen–Shannon divergence of many distributions with weights, in nats:
/// what an outcome tells about which of them it came from.
///
/// ```text
/// JS_w(p₁, …, p_k) = Σ_i w_i KL(p_i ‖ m) = H(m) − Σ_i w_i H(p_i)      m = Σ_i w_i p_i
/// ```
///
/// It lies between 0 and the entropy of the weights. With equal weights over the
/// predictions for many prompts it is the information a prediction holds about
/// its prompt.
///
/// # Errors
///
/// No distributions, as many weights as there are not distributions, slices that
/// differ in length; distributions and weights as in [`entropy`].
///
/// Source: Lin (1991).
///
/// ```
/// use dlm_stats::jensen_shannon_of_many;
///
/// let apart = [&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0_f64]];
/// let divergence = jensen_shannon_of_many(&apart, &[0.25, 0.25, 0.5])?;
/// assert!((divergence - 1.5 * 2_f64.ln()).abs() < 1e-12);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn jensen_shannon_of_many<T, P>(distributions: &[P], weights: &[f64]) -> Result<f64, Error>
where
    T: Copy + Into<f64>,
    P: AsRef<[T]>,
{
    check::enough("distributions", distributions.len(), 1)?;
    check::same_length("weights", weights.len(), distributions.len())?;
    distribution("the weights", weights)?;
    let outcomes = distributions[0].as_ref().len();
    for p in distributions {
        check::same_length("probabilities", p.as_ref().len(), outcomes)?;
        distribution("a distribution", p.as_ref())?;
    }
    // Outcome by outcome, so that the mixture is never held as a whole.
    let mut sum = 0.0;
    for v in 0..outcomes {
        let at = |(p, &w): (&P, &f64)| -> (f64, f64) { (p.as_ref()[v].into(), w) };
        let m: f64 = distributions.iter().zip(weights).map(at).map(|(p, w)| w * p).sum();
        let terms = distributions.iter().zip(weights).map(at);
        sum += terms.map(|(p, w)| times_log(w * p, p / m)).sum::<f64>();
    }
    Ok(sum.max(0.0))
}

/// The total variation distance of `p` and `q`: the largest difference in
/// probability that they give to any event, from 0 to 1.
///
/// ```text
/// TV(p, q) = ½ Σ_v |p_v − q_v|
/// ```
///
/// # Errors
///
/// As [`kl`].
///
/// ```
/// assert_eq!(dlm_stats::total_variation(&[0.5, 0.5], &[0.25, 0.75])?, 0.25);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn total_variation<T: Copy + Into<f64>>(p: &[T], q: &[T]) -> Result<f64, Error> {
    pair(p, q)?;
    let terms = p.iter().zip(q).map(|(&p, &q)| (p.into(), q.into()));
    let sum: f64 = terms.map(|(p, q): (f64, f64)| (p - q).abs()).sum();
    Ok((0.5 * sum).min(1.0))
}

/// `a ln x`, with 0 for `a` = 0 whatever `x` is.
fn times_log(a: f64, x: f64) -> f64 {
    if a == 0.0 { 0.0 } else { a * x.ln() }
}

fn pair<T: Copy + Into<f64>>(p: &[T], q: &[T]) -> Result<(), Error> {
    check::same_length("probabilities of q", q.len(), p.len())?;
    distribution("p", p)?;
    distribution("q", q)
}

fn distribution<T: Copy + Into<f64>>(what: &'static str, p: &[T]) -> Result<(), Error> {
    const TOLERANCE: f64 = 1e-3;
    let mut sum = 0.0;
    for (index, &p) in p.iter().enumerate() {
        let value: f64 = p.into();
        if !value.is_finite() {
            return Err(Error::NotFinite { what: "probability", index, value });
        }
        if value < 0.0 {
            return Err(Error::OutOfRange { what: "a probability", value, range: "from 0 to 1" });
        }
        sum += value;
    }
    if (sum - 1.0).abs() <= TOLERANCE { Ok(()) } else { Err(Error::NotNormalized { what, sum }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::LN_2;

    const SLACK: f64 = 1e-12;

    #[test]
    fn closed_forms() {
        for n in [1, 2, 7, 1000] {
            let uniform = vec![1.0 / f64::from(n); n as usize];
            assert!((entropy(&uniform).unwrap() - f64::from(n).ln()).abs() < SLACK);
            let mut certain = vec![0.0; n as usize];
            certain[0] = 1.0;
            assert_eq!(entropy(&certain).unwrap(), 0.0);
            assert!((kl(&certain, &uniform).unwrap() - f64::from(n).ln()).abs() < SLACK);
        }
        // KL of coins with p = ½ and q = ¼: ½ ln 2 + ½ ln ⅔.
        let coins = kl(&[0.5, 0.5], &[0.25, 0.75]).unwrap();
        assert!((coins - 0.5 * (4.0_f64 / 3.0).ln()).abs() < SLACK);
        // JS of (1, 0) and (½, ½): ½ ln(4/3) + ¼ ln(2/3) + ¼ ln 2.
        let js = jensen_shannon(&[1.0, 0.0], &[0.5, 0.5]).unwrap();
        assert!((js - 0.75 * (4.0_f64 / 3.0).ln()).abs() < SLACK);
    }

    #[test]
    fn half_precision_is_taken_as_it_is() {
        assert_eq!(entropy(&[0.5_f32, 0.25, 0.25]), entropy(&[0.5_f64, 0.25, 0.25]));
        assert!(entropy(&[0.3335_f32, 0.3335, 0.3335]).is_ok());
    }

    #[test]
    fn what_is_no_distribution_is_an_error() {
        let sum = Error::NotNormalized { what: "p", sum: 0.75 };
        assert_eq!(entropy(&[0.5, 0.25]), Err(sum));
        assert!(matches!(entropy::<f64>(&[]), Err(Error::NotNormalized { .. })));
        assert!(matches!(entropy(&[1.5, -0.5]), Err(Error::OutOfRange { .. })));
        assert!(matches!(entropy(&[f64::NAN, 1.0]), Err(Error::NotFinite { index: 0, .. })));
        for divergence in [kl::<f64>, jensen_shannon::<f64>, total_variation::<f64>] {
            assert!(matches!(divergence(&[1.0], &[0.5, 0.5]), Err(Error::Length { .. })));
            assert!(matches!(
                divergence(&[1.0, 0.0], &[0.5, 0.1]),
                Err(Error::NotNormalized { what: "q", .. })
            ));
        }
        let none: [&[f64]; 0] = [];
        assert!(matches!(jensen_shannon_of_many(&none, &[]), Err(Error::TooFew { .. })));
        let one: [&[f64]; 1] = [&[1.0]];
        assert!(matches!(jensen_shannon_of_many(&one, &[]), Err(Error::Length { .. })));
        assert!(matches!(jensen_shannon_of_many(&one, &[0.5]), Err(Error::NotNormalized { .. })));
    }

    /// A distribution of `n` outcomes, about a third of which are impossible.
    fn any_distribution(n: usize) -> impl Strategy<Value = Vec<f64>> {
        let mass = prop_oneof![1 => Just(0.0), 2 => 1e-6..1.0_f64];
        prop::collection::vec(mass, n).prop_filter_map("no mass", |mass| {
            let sum: f64 = mass.iter().sum();
            (sum > 0.0).then(|| mass.iter().map(|m| m / sum).collect())
        })
    }

    proptest! {
        #[test]
        fn inequalities(p in any_distribution(6), q in any_distribution(6)) {
            let (kl, tv) = (super::kl(&p, &q).unwrap(), total_variation(&p, &q).unwrap());
            let js = jensen_shannon(&p, &q).unwrap();
            // Pinsker's, and its reverse for JS: JS ≤ ln 2 · TV.
            prop_assert!(kl + SLACK >= 2.0 * tv * tv);
            prop_assert!(2.0 * js + SLACK >= tv * tv);
            prop_assert!(js <= LN_2 * tv + SLACK);
            // KL is convex, and m is halfway.
            let both_ways = kl + super::kl(&q, &p).unwrap();
            prop_assert!(js <= 0.25 * both_ways + SLACK);
            prop_assert_eq!(kl.is_infinite(), p.iter().zip(&q).any(|(&p, &q)| p > 0.0 && q == 0.0));
            prop_assert!((0.0..=1.0).contains(&tv));
        }

        #[test]
        fn symmetric_and_zero_for_equals(p in any_distribution(5), q in any_distribution(5)) {
            prop_assert!((jensen_shannon(&p, &q).unwrap() - jensen_shannon(&q, &p).unwrap()).abs() < SLACK);
            prop_assert_eq!(total_variation(&p, &q).unwrap(), total_variation(&q, &p).unwrap());
            for zero in [kl(&p, &p), jensen_shannon(&p, &p), total_variation(&p, &p)] {
                prop_assert_eq!(zero.unwrap(), 0.0);
            }
        }

        #[test]
        fn the_root_of_jensen_shannon_is_a_metric(
            p in any_distribution(4), q in any_distribution(4), r in any_distribution(4)
        ) {
            let distance = |a: &Vec<f64>, b: &Vec<f64>| jensen_shannon(a, b).unwrap().sqrt();
            prop_assert!(distance(&p, &r) <= distance(&p, &q) + distance(&q, &r) + 1e-9);
        }

        #[test]
        fn of_many(
            ps in prop::collection::vec(any_distribution(5), 3),
            weights in any_distribution(3),
        ) {
            let js = jensen_shannon_of_many(&ps, &weights).unwrap();
            prop_assert!(js <= entropy(&weights).unwrap() + SLACK);
            // H(m) − Σ w H(p)
            let mixture: Vec<f64> = (0..5)
                .map(|v| ps.iter().zip(&weights).map(|(p, w)| w * p[v]).sum())
                .collect();
            let within: f64 = ps.iter().zip(&weights).map(|(p, w)| w * entropy(p).unwrap()).sum();
            prop_assert!((js - (entropy(&mixture).unwrap() - within)).abs() < SLACK);
            // Two with equal weights are the ordinary divergence.
            let two = jensen_shannon_of_many(&ps[..2], &[0.5, 0.5]).unwrap();
            prop_assert!((two - jensen_shannon(&ps[0], &ps[1]).unwrap()).abs() < SLACK);
        }
    }
}
