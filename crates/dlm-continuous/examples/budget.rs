//! How far each deterministic solver ends from the probability flow's own end, at equal
//! numbers of evaluations: the table on the crate's first page.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;

use dlm_continuous::noise::Recorded;
use dlm_continuous::sample;
use dlm_continuous::schedule::{Cosine, End, Grid, NoiseSchedule, Spacing};
use dlm_continuous::solver::Solver;
use dlm_core::{DenseLatent, Levels, NoiseLevel, Shape};
use dlm_testkit::{Component, GaussianMixture};

const BUDGETS: [usize; 5] = [8, 16, 32, 64, 128];

fn main() -> Result<(), Box<dyn Error>> {
    let bump = |weight, mean, std| Component { weight, mean: vec![mean], std };
    let mut data = GaussianMixture::new(vec![bump(0.4, -2.0, 0.3), bump(0.6, 1.5, 0.5)])?;
    let schedule = Cosine::default();
    let start = schedule.level(1.0)?;
    // Five hundred points spread evenly over the noisy distribution.
    let places: Vec<f64> = (0..500).map(|i| (f64::from(i) + 0.5) / 500.0).collect();
    let x: Vec<f64> = places.iter().map(|&place| data.quantile(place, start)).collect();
    let x = DenseLatent::new(Shape { batch: 500, length: 1, dim: 1 }, x)?;
    let ends = |data: &GaussianMixture, end: NoiseLevel| -> Vec<f64> {
        places.iter().map(|&place| data.quantile(place, end)).collect()
    };

    print!("{:10}", "");
    BUDGETS.iter().for_each(|budget| print!("{budget:>10}"));
    println!();
    for name in ["ddim", "euler", "heun", "dpmpp-2m", "dpmpp-3m", "dpmpp-2s", "flow"] {
        let solver: Solver = name.parse()?;
        print!("{name:10}");
        for budget in BUDGETS {
            let steps = budget / solver.nfe();
            let grid = Grid { steps, spacing: Spacing::Lambda {}, end: End::Time(0.01) };
            let levels: Vec<Levels> =
                grid.levels(&schedule)?.into_iter().map(Levels::from).collect();
            let mut silence = Recorded::new(Vec::new());
            let on = solver.on(schedule);
            let run = sample(&on, &levels, x.clone(), &mut data, &mut silence, &mut ())?;
            let exact = ends(&data, levels[steps].at(0));
            let off = run.x.values().iter().zip(exact).map(|(x, exact)| (x - exact).abs());
            print!("{:>10.1e}", off.sum::<f64>() / 500.0);
        }
        println!();
    }
    Ok(())
}
