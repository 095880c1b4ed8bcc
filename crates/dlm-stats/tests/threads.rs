//! An estimate is the same to the last bit for any number of threads.

use dlm_rng::{Key, Purpose};
use dlm_stats::{Bootstrap, Error, Estimate, Family, Method, Table, half_life};

fn rows() -> Vec<Vec<Option<f64>>> {
    (0..30)
        .map(|unit| {
            let mut stream = Key::new(1).sequence(unit).purpose(Purpose::Test).stream();
            (0..40)
                .map(|x| {
                    let value = (-f64::from(x) / 8.0).exp() + 0.1 * stream.normal();
                    (stream.uniform() < 0.9).then_some(value)
                })
                .collect()
        })
        .collect()
}

type Everything = (Estimate, Vec<Option<Estimate>>, Estimate);

fn everything(method: Method) -> Result<Everything, Error> {
    let bootstrap = Bootstrap { resamples: 200, seed: 4, method, ..Bootstrap::default() };
    let rows = rows();
    let table = Table::new(&rows)?;
    let firsts: Vec<f64> = rows.iter().filter_map(|row| row[0]).collect();
    let distances: Vec<f64> = (0..40).map(f64::from).collect();
    Ok((
        bootstrap.mean(&firsts)?,
        bootstrap.curve(&table, 5)?,
        half_life(Family::Exponential, &distances, &table, &bootstrap)?,
    ))
}

#[test]
fn one_and_four_threads_agree() {
    for method in [Method::Percentile, Method::Bca] {
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| everything(method)).unwrap()
        };
        let one = with_threads(1);
        assert!(one.1.iter().all(Option::is_some));
        assert_eq!(one, with_threads(4), "{method:?}");
    }
}

/// A recorded interval can be had again: this number does not change.
#[test]
fn an_interval_is_pinned() {
    let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
    let estimate = Bootstrap { resamples: 999, ..Bootstrap::default() }.mean(&values).unwrap();
    assert_eq!((estimate.lower, estimate.value, estimate.upper), (2.25, 3.875, 5.75));
}
