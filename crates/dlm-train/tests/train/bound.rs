//! The masked objective's expectation against a likelihood that is known.

use dlm_rng::Key;
use dlm_testkit::Tabular;
use dlm_train::Masking;

/// With the true conditionals of a joint in the place of a network, the weighted sum over
/// masked tokens is on average `−ln p(x)` exactly: every order of revealing tokens multiplies
/// to the joint.
#[test]
fn the_mean_of_the_weighted_sum_is_the_enumerated_bound() {
    let joint = Tabular::random(4, 3, 0.6, Key::new(2)).unwrap();
    let masking = Masking { least: 1e-6, whole: 0.0 };
    for word in [0, 17, 53] {
        let tokens = joint.word(word);
        let exact = -joint.joint()[word].ln();
        let (rows, batches) = (8, 3000);
        let (mut sum, mut squares) = (0.0, 0.0);
        for batch in 0..batches {
            let key = Key::new(40).step(batch);
            let times = masking.times(rows, key);
            let mut mean = 0.0;
            for (row, t) in times.into_iter().enumerate() {
                let masked = Masking::mask(0..4, t, key.sequence(row as u64));
                let mut known = tokens.clone();
                masked.positions.iter().for_each(|&position| known[position] = joint.mask());
                for &position in &masked.positions {
                    let p = joint.conditional(&known, position)[tokens[position] as usize];
                    mean -= masked.weight() * p.ln() / rows as f64;
                }
            }
            sum += mean;
            squares += mean * mean;
        }
        let n = batches as f64;
        let (mean, variance) = (sum / n, squares / n - (sum / n).powi(2));
        let error = (variance / n).sqrt();
        assert!((mean - exact).abs() < 4.0 * error, "{mean} ± {error} and {exact}");
        // The test would notice a weight that is off by a twentieth.
        assert!(error < 0.0125 * exact, "{error} of {exact}");
    }
}

/// Times are spread evenly over the rows of a batch, in an order of their own, and each row
/// is as often wholly masked as asked.
#[test]
fn times_are_stratified() {
    let masking = Masking { least: 0.1, whole: 0.0 };
    let mut first = [0; 6];
    for batch in 0..600 {
        let times = masking.times(6, Key::new(1).step(batch));
        let stratum = |t: f64| ((t - 0.1) / 0.15).floor() as usize;
        let mut strata: Vec<usize> = times.iter().map(|&t| stratum(t)).collect();
        first[strata[0]] += 1;
        strata.sort_unstable();
        assert_eq!(strata, [0, 1, 2, 3, 4, 5]);
    }
    assert!(first.iter().all(|&n| 60 < n && n < 140), "{first:?}");
    let masking = Masking { least: 0.1, whole: 0.25 };
    let whole = (0..500).flat_map(|batch| masking.times(8, Key::new(2).step(batch)));
    let whole = whole.filter(|&t| t == 1.0).count();
    assert!((900..1100).contains(&whole), "{whole}");
}
