//! How long the estimates of one experiment take: 100 prompts, 128 positions.

use criterion::{Criterion, criterion_group, criterion_main};
use dlm_rng::{Key, Purpose};
use dlm_stats::{Bootstrap, Family, Table, fit, half_life};

fn rows() -> Vec<Vec<Option<f64>>> {
    (0..100)
        .map(|unit| {
            let mut stream = Key::new(1).sequence(unit).purpose(Purpose::Test).stream();
            (0..128).map(|x| Some((-f64::from(x) / 8.0).exp() + 0.1 * stream.normal())).collect()
        })
        .collect()
}

fn estimates(criterion: &mut Criterion) {
    let rows = rows();
    let Ok(table) = Table::new(&rows) else { return };
    let firsts: Vec<f64> = rows.iter().filter_map(|row| row[0]).collect();
    let distances: Vec<f64> = (0..128).map(f64::from).collect();
    let unit: Vec<f64> = rows[0].iter().flatten().copied().collect();
    let bootstrap = Bootstrap::default();

    criterion.bench_function("mean", |b| b.iter(|| bootstrap.mean(&firsts)));
    criterion.bench_function("curve", |b| b.iter(|| bootstrap.curve(&table, 10)));
    criterion.bench_function("fit", |b| b.iter(|| fit(Family::Power, &distances, &unit)));
    let mut slow = criterion.benchmark_group("slow");
    slow.sample_size(10);
    slow.bench_function("half-life", |b| {
        b.iter(|| half_life(Family::Exponential, &distances, &table, &bootstrap));
    });
    slow.finish();
}

criterion_group!(benches, estimates);
criterion_main!(benches);
