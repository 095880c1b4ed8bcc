//! Positions with levels of their own: prompts, and clocks that stand still or run ahead.

mod blur;

use blur::{Blur, levels, mixture, times};
use dlm_continuous::noise::Stepwise;
use dlm_continuous::schedule::NoiseSchedule;
use dlm_continuous::solver::{Churn, Ddim, Ddpm, Solver, Variance};
use dlm_continuous::{Outcome, sample};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, NoiseLevel, Shape};
use dlm_rng::Key;

fn solvers() -> impl Iterator<Item = Solver> {
    let churn = Some(Churn { gamma: 0.2, ..Churn::default() });
    let more = [
        Solver::Ddim(Ddim { eta: 0.7 }),
        Solver::Ddpm(Ddpm { variance: Variance::FixedLarge }),
        Solver::Euler { churn },
        Solver::Heun { churn },
    ];
    Solver::ALL.into_iter().chain(more)
}

const SHAPE: Shape = Shape { batch: 2, length: 4, dim: 1 };

fn start() -> DenseLatent {
    DenseLatent::new(SHAPE, vec![0.1, -0.7, 1.3, -2.0, 1.0 / 3.0, 0.4, -0.2, 0.9]).unwrap()
}

fn run(solver: Solver, levels: &[Levels]) -> Outcome<DenseLatent> {
    let keys = vec![Key::new(5).sequence(0), Key::new(5).sequence(1)];
    let mut noise = Stepwise::new(keys);
    let sampler = solver.on(Blur);
    sample(&sampler, levels, start(), &mut mixture(), &mut noise, &mut ()).unwrap()
}

/// Lists of levels from one list of times for each position; absent is a prompt.
fn clocks(positions: &[Option<&[f64]>]) -> Vec<Levels> {
    let steps = positions.iter().flatten().next().unwrap().len();
    let level = |clock: &Option<&[f64]>, i: usize| match clock {
        Some(times) => Blur.level(times[i]).unwrap(),
        None => NoiseLevel::CLEAN,
    };
    let at = |i| Levels::PerPosition(positions.iter().map(|clock| level(clock, i)).collect());
    (0..steps).map(at).collect()
}

#[test]
fn prompts_come_out_bit_by_bit() {
    let times = times(0.9, 0.0, 6);
    let noisy = Some(times.as_slice());
    // The same places in both sequences, then others in each.
    for (positions, prompts) in [
        (vec![None, noisy, noisy, None], vec![0, 3, 4, 7]),
        (vec![None, noisy, noisy, noisy, noisy, noisy, None, None], vec![0, 6, 7]),
    ] {
        for solver in solvers() {
            let x = run(solver, &clocks(&positions)).x;
            for position in 0..SHAPE.positions() {
                let (now, then) = (x.values()[position], start().values()[position]);
                let kept = now.to_bits() == then.to_bits();
                assert_eq!(kept, prompts.contains(&position), "{} {position}", solver.name());
            }
        }
    }
}

/// What a network says where there is no noise is its own affair.
#[test]
fn answers_at_clean_positions_are_not_heard() {
    let prompt = times(0.9, 0.0, 7);
    let prompt = [None, Some(prompt.as_slice()), None, Some(prompt.as_slice())];
    let late = CLOCKS.each_ref().map(|clock| Some(clock.as_slice()));
    for positions in [prompt, late] {
        let levels = clocks(&positions);
        for solver in solvers() {
            let mut data = mixture();
            let mut deaf = |x: &DenseLatent, levels: &Levels| {
                let x0 = data.denoise(x, levels)?;
                Ok(x0.map_positions(&|i, row| {
                    if levels.at(i).sigma == 0.0 {
                        row.fill(f64::NAN);
                    }
                })?)
            };
            let sampler = solver.on(Blur);
            let start = start().map_positions(&|i, row| {
                if i == 0 {
                    row.fill(-0.0);
                }
            });
            let start = start.unwrap();
            let bits = |x: &DenseLatent| x.values().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let run = |denoiser: &mut dyn Denoiser<DenseLatent>| {
                let keys = vec![Key::new(5).sequence(0), Key::new(5).sequence(1)];
                let mut noise = Stepwise::new(keys);
                sample(&sampler, &levels, start.clone(), denoiser, &mut noise, &mut ()).unwrap().x
            };
            let x = run(&mut deaf);
            assert_eq!(bits(&x), bits(&run(&mut mixture())), "{}", solver.name());
            if positions[0].is_none() {
                assert_eq!(bits(&x)[0], (-0.0f64).to_bits(), "{}", solver.name());
            }
        }
    }
}

#[test]
fn a_clock_that_all_share_may_be_written_out() {
    let times = times(0.9, 0.0, 6);
    for solver in solvers() {
        let shared = run(solver, &levels(&Blur, &times));
        let written = run(solver, &clocks(&[Some(times.as_slice()); 4]));
        assert_eq!(shared.x, written.x, "{}", solver.name());
        assert_eq!(shared.nfe, written.nfe, "{}", solver.name());
    }
}

/// Positions that start late, pause, and arrive early.
const CLOCKS: [[f64; 8]; 4] = [
    [0.9, 0.9, 0.9, 0.7, 0.5, 0.3, 0.1, 0.0],
    [0.9, 0.6, 0.6, 0.6, 0.3, 0.3, 0.1, 0.0],
    [0.9, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.9, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2, 0.2],
];

/// The clock without its pauses.
fn moving(clock: &[f64; 8]) -> Vec<f64> {
    let mut times = clock.to_vec();
    times.dedup();
    times
}

#[test]
fn own_clocks_give_numbers() {
    let positions = CLOCKS.each_ref().map(|clock| Some(clock.as_slice()));
    for solver in solvers() {
        let x = run(solver, &clocks(&positions)).x;
        assert!(x.values().iter().all(|x| x.abs() < 10.0), "{}: {x:?}", solver.name());
    }
}

/// The mixture knows no neighbours, so a position on its own clock goes where it would go
/// alone, if the sampler draws no noise and remembers nothing.
#[test]
fn a_position_goes_its_own_way() {
    let positions = CLOCKS.each_ref().map(|clock| Some(clock.as_slice()));
    for name in ["ddim", "euler", "heun", "dpmpp-2s", "flow"] {
        let solver: Solver = name.parse().unwrap();
        let together = run(solver, &clocks(&positions)).x;
        for (position, clock) in CLOCKS.iter().enumerate() {
            let alone = run(solver, &levels(&Blur, &moving(clock))).x;
            for place in [position, position + SHAPE.length] {
                let off = (together.values()[place] - alone.values()[place]).abs();
                assert!(off < 1e-12, "{name}, position {place}: {off}");
            }
        }
    }
}

/// A clock that stood still gives a multistep method no difference: the step after the pause
/// is of first order, and the one after that of second again.
#[test]
fn a_pause_costs_a_multistep_method_its_memory() {
    let paused = [0.9, 0.7, 0.7, 0.5, 0.3];
    let solver: Solver = "dpmpp-2m".parse().unwrap();
    let x = run(solver, &levels(&Blur, &paused)).x;
    // The same as two runs, one until the pause and one from it.
    let before = run(solver, &levels(&Blur, &paused[..2])).x;
    let mut noise = Stepwise::new(vec![Key::new(5); 2]);
    let after = levels(&Blur, &paused[2..]);
    let sampler = solver.on(Blur);
    let after = sample(&sampler, &after, before, &mut mixture(), &mut noise, &mut ()).unwrap();
    assert_eq!(x, after.x);
}
