//! How often intervals hold the truth, over many data sets at fixed seeds.
//!
//! Each band is about four standard errors of a share over the data sets wide on
//! either side of what theory, or for small samples experience, expects.

use dlm_rng::{Key, Purpose, Stream};
use dlm_stats::{Bootstrap, Error, Estimate, Method, Stretch, block_length, jackknife, wilson};

const DATA_SETS: u64 = 1000;

/// The share of data sets whose interval holds `truth`.
fn coverage(
    truth: f64,
    interval: impl Fn(u64, &mut Stream) -> Result<Estimate, Error>,
) -> Result<f64, Error> {
    let mut held = 0;
    for data_set in 0..DATA_SETS {
        let mut stream = Key::new(77).sequence(data_set).purpose(Purpose::Test).stream();
        held += u32::from(interval(data_set, &mut stream)?.contains(truth));
    }
    Ok(f64::from(held) / DATA_SETS as f64)
}

fn sample(n: usize, mut draw: impl FnMut() -> f64) -> Vec<f64> {
    (0..n).map(|_| draw()).collect()
}

fn exponential(stream: &mut Stream) -> f64 {
    -(1.0 - stream.uniform()).ln()
}

fn assert_within(share: f64, (low, high): (f64, f64), what: &str) {
    assert!((low..=high).contains(&share), "{what}: {share}, not in [{low}, {high}]");
}

/// For 40 normal units an interval of 95 % holds the mean in about 94 % of cases,
/// as it knows no t and takes the sample's own variance for the true one; skewed
/// units cost some more, of which BCa wins a part back.
#[test]
fn bootstrap_of_a_mean() -> Result<(), Error> {
    for method in [Method::Percentile, Method::Bca] {
        let bootstrap =
            |data_set| Bootstrap { resamples: 499, seed: data_set, method, ..Bootstrap::default() };
        let normal = coverage(0.0, |data_set, stream| {
            bootstrap(data_set).mean(&sample(40, || stream.normal()))
        })?;
        assert_within(normal, (0.91, 0.965), &format!("{method:?}, normal"));
        let skewed = coverage(1.0, |data_set, stream| {
            bootstrap(data_set).mean(&sample(40, || exponential(stream)))
        })?;
        assert_within(skewed, (0.89, 0.955), &format!("{method:?}, exponential"));
    }
    Ok(())
}

#[test]
fn bootstrap_at_another_level() -> Result<(), Error> {
    let share = coverage(0.0, |data_set, stream| {
        let bootstrap =
            Bootstrap { resamples: 199, level: 0.8, seed: data_set, ..Bootstrap::default() };
        bootstrap.mean(&sample(100, || stream.normal()))
    })?;
    assert_within(share, (0.74, 0.85), "80 %");
    Ok(())
}

/// The ratio of two means: smooth, but not a mean.
#[test]
fn bootstrap_of_a_ratio() -> Result<(), Error> {
    let share = coverage(2.0, |data_set, stream| {
        let below = sample(60, || 1.0 + 0.3 * stream.normal());
        let above: Vec<f64> = below.iter().map(|b| 2.0 * b + 0.5 * stream.normal()).collect();
        let bootstrap = Bootstrap { resamples: 499, seed: data_set, ..Bootstrap::default() };
        bootstrap.statistic(60, |units| {
            let sum = |of: &[f64]| units.iter().map(|&u| of[u]).sum::<f64>();
            sum(&above) / sum(&below)
        })
    })?;
    assert_within(share, (0.91, 0.97), "ratio");
    Ok(())
}

/// Values of which each is half the one before: drawn singly, the interval of a mean holds it
/// in three cases of four. Blocks win most of that back where there are many of them; of 32
/// values, which make some six, they still leave a sixth of the cases out.
#[test]
fn circular_blocks_of_a_mean() -> Result<(), Error> {
    let share = |n: usize, in_blocks: bool| {
        coverage(0.0, |data_set, stream| {
            let mut x = stream.normal();
            let values = sample(n, || {
                x = 0.5 * x + 0.75_f64.sqrt() * stream.normal();
                x
            });
            let bootstrap = Bootstrap { resamples: 199, seed: data_set, ..Bootstrap::default() };
            if !in_blocks {
                return bootstrap.mean(&values);
            }
            let stretch = Stretch { length: n, block: block_length(&values)? };
            bootstrap.circular_blocks(&[stretch], |chosen| {
                chosen.iter().map(|&i| values[i]).sum::<f64>() / n as f64
            })
        })
    };
    assert_within(share(200, false)?, (0.68, 0.80), "200 values, singly");
    assert_within(share(200, true)?, (0.87, 0.95), "200 values, in blocks");
    assert_within(share(32, true)?, (0.75, 0.90), "32 values, in blocks");
    Ok(())
}

/// For a mean of normal units the jackknife's t interval is exact.
#[test]
fn jackknife_of_a_mean() -> Result<(), Error> {
    for (units, groups) in [(10, 10), (60, 12)] {
        let share = coverage(0.0, |_, stream| {
            let values = sample(units, || stream.normal());
            let total: f64 = values.iter().sum();
            let size = units / groups;
            let left_out: Vec<f64> = values
                .chunks(size)
                .map(|group| (total - group.iter().sum::<f64>()) / (units - size) as f64)
                .collect();
            jackknife(total / units as f64, &left_out, 0.95)
        })?;
        assert_within(share, (0.922, 0.978), &format!("{groups} groups"));
    }
    Ok(())
}

/// Wilson's interval holds the truth about as often as it says for any share;
/// near 0 its coverage swings by the steps of the count.
#[test]
fn wilson_of_a_share() -> Result<(), Error> {
    for (truth, band) in [(0.5, (0.92, 0.975)), (0.2, (0.92, 0.975)), (0.03, (0.90, 0.99))] {
        let share = coverage(truth, |_, stream| {
            let successes = (0..60).filter(|_| stream.uniform() < truth).count();
            wilson(successes, 60, 0.95)
        })?;
        assert_within(share, band, &format!("share {truth}"));
    }
    Ok(())
}
