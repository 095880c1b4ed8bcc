//! Samples from a mixture of two Gaussians with two solvers, and how far each ends from where
//! the probability flow leads.
//!
//! The denoiser is exact, so that nothing but the solvers' own error is seen: it falls with
//! the number of evaluations at the first order of DDIM and at the second of DPM-Solver++.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;

use dlm_continuous::noise::{Noise, Stepwise};
use dlm_continuous::sample;
use dlm_continuous::schedule::{Cosine, End, Grid, NoiseSchedule, Spacing};
use dlm_continuous::solver::Solver;
use dlm_core::{DenseLatent, Latent, Levels, Shape, Weights};
use dlm_rng::Key;
use dlm_testkit::{Component, GaussianMixture};

fn main() -> Result<(), Box<dyn Error>> {
    let bump = |weight, mean, std| Component { weight, mean: vec![mean], std };
    let mut data = GaussianMixture::new(vec![bump(0.4, -2.0, 0.3), bump(0.6, 1.5, 0.5)])?;
    let schedule = Cosine::default();

    // A thousand texts of one position and one number, all from the same noise.
    let shape = Shape { batch: 1000, length: 1, dim: 1 };
    let keys: Vec<Key> = (0..1000).map(|text| Key::new(7).sequence(text)).collect();
    let mut noise = Stepwise::new(keys);
    let z = noise.fresh(&DenseLatent::<f64>::zeros(shape))?;
    let start = schedule.level(1.0)?;
    let start_x = DenseLatent::combine(&Weights::Shared([start.sigma]), [&z])?;

    println!("evaluations  mean distance from the flow's end");
    println!("{:>11}  {:>12}  {:>12}", "", "ddim", "dpmpp-2m");
    for steps in [8, 16, 32, 64, 128] {
        let grid = Grid { steps, spacing: Spacing::Lambda {}, end: End::Time(0.01) };
        let levels: Vec<Levels> = grid.levels(&schedule)?.into_iter().map(Levels::from).collect();
        let end = levels[steps].at(0);
        let mut errors = Vec::new();
        for name in ["ddim", "dpmpp-2m"] {
            let solver = name.parse::<Solver>()?.on(schedule);
            let x = start_x.clone();
            let run = sample(&solver, &levels, x, &mut data, &mut noise, &mut ())?;
            // The flow keeps a point's place in the distribution.
            let off = start_x.values().iter().zip(run.x.values()).map(|(&from, &to)| {
                let exact = data.quantile(data.cdf(from, start), end);
                (to - exact).abs()
            });
            errors.push(off.sum::<f64>() / 1000.0);
        }
        println!("{steps:>11}  {:>12.6}  {:>12.6}", errors[0], errors[1]);
    }
    Ok(())
}
