//! From a table of prompts and positions to a curve, its trend and its half-life.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use dlm_rng::{Key, Purpose};
use dlm_stats::{Bootstrap, Error, Family, Table, fit_better, half_life, mann_kendall};

/// A made-up probability of the best token at each of 48 positions of a prompt:
/// it halves every 6 positions, and one cell in ten was not measured.
fn prompt(index: u64) -> Vec<Option<f64>> {
    let mut stream = Key::new(2024).sequence(index).purpose(Purpose::Test).stream();
    let height = 0.6 + 0.1 * stream.normal();
    (0..48)
        .map(|position| {
            let value = 0.2 + height * (-f64::from(position) / 6.0).exp2();
            let noise = 0.05 * stream.normal();
            (stream.uniform() > 0.1).then_some(value + noise)
        })
        .collect()
}

fn main() -> Result<(), Error> {
    let rows: Vec<Vec<Option<f64>>> = (0..40).map(prompt).collect();
    let table = Table::new(&rows)?;
    let distances: Vec<f64> = (0..48).map(f64::from).collect();
    let bootstrap = Bootstrap { seed: 1, ..Bootstrap::default() };

    let curve = bootstrap.curve(&table, 10)?;
    for (position, estimate) in curve.iter().enumerate().step_by(12) {
        match estimate {
            Some(estimate) => println!("position {position:2}: {estimate:.3}"),
            None => println!("position {position:2}: too few prompts"),
        }
    }

    let values: Vec<f64> = curve.iter().flatten().map(|estimate| estimate.value).collect();
    let trend = mann_kendall(&values)?;
    println!("trend: S = {}, z = {:.1}, p = {:.1e}", trend.s, trend.z, trend.p);

    println!("better fit: {:?}", fit_better(&distances, &values)?.curve);
    let half_life = half_life(Family::Exponential, &distances, &table, &bootstrap)?;
    println!("half-life: {half_life:.2}");
    Ok(())
}
