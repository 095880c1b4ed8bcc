//! The Mann–Kendall test for a monotone trend.

use serde::{Deserialize, Serialize};

use crate::distribution::normal_two_sided;
use crate::{Error, check};

/// What the Mann–Kendall test finds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MannKendall {
    /// The number of values.
    pub n: usize,
    /// `S`: pairs that rise less pairs that fall.
    pub s: i64,
    /// The variance of `S` if there is no trend, ties taken into account.
    pub variance: f64,
    /// `S` moved by 1 towards 0 and divided by its standard deviation; 0 where
    /// `S` is.
    pub z: f64,
    /// The two-sided p-value of `z`.
    pub p: f64,
    /// Kendall's τ_b between value and order, from −1 (always falling) to 1
    /// (always rising); absent where all values are equal.
    pub tau_b: Option<f64>,
}

/// Tests whether `values`, in their order, go up or down more than chance would
/// have them.
///
/// With `tⱼ` the sizes of the groups of equal values:
///
/// ```text
/// S     = Σ_{i<k} sign(x_k − x_i)
/// var S = (n(n − 1)(2n + 5) − Σ_j t_j(t_j − 1)(2t_j + 5)) / 18
/// z     = (S − sign S) / √(var S)
/// τ_b   = S / √(N (N − T))      N = n(n − 1)/2      T = Σ_j t_j(t_j − 1)/2
/// ```
///
/// The normal approximation of `S` holds from about ten values on, and for
/// values that are independent if there is no trend; along the positions of one
/// prompt neighbours go together, which makes the p-value too small. Values that
/// are all equal have no trend: S = 0 and p = 1.
///
/// # Errors
///
/// Fewer than three values, and values that are not finite.
///
/// Sources: Mann, *Nonparametric tests against trend* (1945); Kendall, *Rank
/// correlation methods* (1975).
///
/// ```
/// let test = dlm_stats::mann_kendall(&[9.0, 7.5, 7.0, 5.0, 4.5, 4.0, 2.0, 1.5])?;
/// assert_eq!((test.s, test.tau_b), (-28, Some(-1.0)));
/// assert!(test.p < 0.001);
/// # Ok::<(), dlm_stats::Error>(())
/// ```
pub fn mann_kendall(values: &[f64]) -> Result<MannKendall, Error> {
    check::enough("values", values.len(), 3)?;
    check::finite("value", values)?;

    let mut s: i64 = 0;
    for (i, early) in values.iter().enumerate() {
        for late in &values[i + 1..] {
            s += i64::from(late > early) - i64::from(late < early);
        }
    }

    let spread = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let pairs = |count: f64| count * (count - 1.0) / 2.0;
    let n = values.len() as f64;
    let ties = tie_sizes(values);
    let variance = (spread(n) - ties.iter().copied().map(spread).sum::<f64>()) / 18.0;
    let untied = pairs(n) - ties.iter().copied().map(pairs).sum::<f64>();

    let z = if s == 0 { 0.0 } else { (s - s.signum()) as f64 / variance.sqrt() };
    let tau_b = (untied > 0.0).then(|| s as f64 / (pairs(n) * untied).sqrt());
    Ok(MannKendall { n: values.len(), s, variance, z, p: normal_two_sided(z), tau_b })
}

/// How many values are equal to each other, for every distinct value.
fn tie_sizes(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|group| group.len() as f64).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Yearly flow of the Nile at Aswan, 1871 to 1970, in 10⁸ m³ (Cobb, 1978).
    pub(crate) const NILE: [f64; 100] = [
        1120., 1160., 963., 1210., 1160., 1160., 813., 1230., 1370., 1140., 995., 935., 1110.,
        994., 1020., 960., 1180., 799., 958., 1140., 1100., 1210., 1150., 1250., 1260., 1220.,
        1030., 1100., 774., 840., 874., 694., 940., 833., 701., 916., 692., 1020., 1050., 969.,
        831., 726., 456., 824., 702., 1120., 1100., 832., 764., 821., 768., 845., 864., 862., 698.,
        845., 744., 796., 1040., 759., 781., 865., 845., 944., 984., 897., 822., 1010., 771., 676.,
        649., 846., 812., 742., 801., 1040., 860., 874., 848., 890., 744., 749., 838., 1050., 918.,
        986., 797., 923., 975., 815., 1020., 906., 901., 1170., 912., 746., 919., 718., 714., 740.,
    ];

    fn assert_close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} is not {b}");
    }

    /// A series with many ties; the values are those of SciPy, but for its lack
    /// of a continuity correction.
    #[test]
    fn the_nile() {
        let test = mann_kendall(&NILE).unwrap();
        assert_eq!((test.n, test.s), (100, -1387));
        assert_close(test.variance, 112_728.0 + 1.0 / 3.0);
        assert_close(test.z, -4.128066522844101);
        assert_close(test.p, 3.658262921664327e-5);
        assert_close(test.tau_b.unwrap(), -0.2807413347246131);
    }

    /// Lightness of tuna in the order of its rated quality, an example of
    /// Hollander and Wolfe, *Nonparametric statistical methods* (1973): T = 26 of
    /// 36 pairs rise, τ = 0.4444. Without ties var S = 9 · 8 · 23 / 18 = 92.
    #[test]
    fn published_example() {
        let quality = [2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8, 3.8];
        let lightness = [44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2, 60.1];
        let mut pairs: Vec<(f64, f64)> = quality.into_iter().zip(lightness).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ordered: Vec<f64> = pairs.into_iter().map(|(_, lightness)| lightness).collect();
        let test = mann_kendall(&ordered).unwrap();
        assert_eq!((test.s, test.variance), (26 - 10, 92.0));
        assert_close(test.tau_b.unwrap(), 4.0 / 9.0);
        assert_close(test.z, 15.0 / 92.0_f64.sqrt());
    }

    #[test]
    fn a_monotone_series_has_the_largest_s() {
        for n in [3_i64, 10, 128] {
            let rising: Vec<f64> = (0..n).map(|i| (i as f64).sqrt()).collect();
            let falling: Vec<f64> = rising.iter().map(|v| -v).collect();
            let (up, down) = (mann_kendall(&rising).unwrap(), mann_kendall(&falling).unwrap());
            assert_eq!((up.s, up.tau_b), (n * (n - 1) / 2, Some(1.0)));
            assert_eq!((down.s, down.tau_b), (-up.s, Some(-1.0)));
            assert_eq!((down.z, down.p), (-up.z, up.p));
        }
    }

    /// 1, 1, 2: two rising pairs; variance (66 − 18)/18; z = 1/√(8/3); τ_b = 2/√6.
    #[test]
    fn ties_by_hand() {
        let test = mann_kendall(&[1.0, 1.0, 2.0]).unwrap();
        assert_eq!(test.s, 2);
        assert_close(test.variance, 8.0 / 3.0);
        assert_close(test.z, (3.0_f64 / 8.0).sqrt());
        assert_close(test.tau_b.unwrap(), 2.0 / 6_f64.sqrt());
    }

    #[test]
    fn equal_values_have_no_trend() {
        let test = mann_kendall(&[0.5; 20]).unwrap();
        assert_eq!((test.s, test.variance, test.z, test.p, test.tau_b), (0, 0.0, 0.0, 1.0, None));
    }

    /// The variance of S, ties included, is its variance over all orders.
    #[test]
    fn the_variance_is_that_over_all_orders() {
        let mut orders = vec![vec![]];
        for value in [1.0, 1.0, 2.0, 3.0, 3.0, 3.0] {
            orders = orders
                .iter()
                .flat_map(|order: &Vec<f64>| {
                    (0..=order.len()).map(move |place| {
                        let mut longer = order.clone();
                        longer.insert(place, value);
                        longer
                    })
                })
                .collect();
        }
        assert_eq!(orders.len(), 720);
        let tests: Vec<MannKendall> = orders.iter().map(|o| mann_kendall(o).unwrap()).collect();
        assert_eq!(tests.iter().map(|t| t.s).sum::<i64>(), 0);
        let squares: i64 = tests.iter().map(|t| t.s * t.s).sum();
        assert_close(tests[0].variance, squares as f64 / 720.0);
    }

    #[test]
    fn input_without_an_order_is_an_error() {
        let too_few = Error::TooFew { what: "values", found: 2, needed: 3 };
        assert_eq!(mann_kendall(&[1.0, 2.0]), Err(too_few));
        let error = mann_kendall(&[1.0, f64::NAN, 2.0]).unwrap_err();
        assert!(matches!(error, Error::NotFinite { index: 1, .. }));
    }
}
