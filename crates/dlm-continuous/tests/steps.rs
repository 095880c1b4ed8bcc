//! What a single step asks for, and where it ends.

mod blur;

use blur::{Blur, Spread, levels, mixture, row, times};
use dlm_continuous::noise::{Noise, NoiseError, Recorded, Stepwise};
use dlm_continuous::schedule::NoiseSchedule;
use dlm_continuous::solver::{
    Ddim, Ddpm, DpmSolverPp, DpmSolverPp2S, History, Solver, Variance, Vdm,
};
use dlm_continuous::{Sampler, Step, Stepped, sample};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, NoiseLevel};
use dlm_rng::Key;

/// The samplers that draw noise for every step.
const ANCESTRAL: [Solver; 4] = [
    Solver::Ddpm(Ddpm { variance: Variance::FixedSmall }),
    Solver::Ddpm(Ddpm { variance: Variance::FixedLarge }),
    Solver::Ddim(Ddim { eta: 1.0 }),
    Solver::Vdm(Vdm {}),
];

/// Zeros, and a list of what they were asked for.
#[derive(Default)]
struct Asked(Vec<(Levels, Levels)>);

impl Noise<DenseLatent> for Asked {
    fn fresh(&mut self, _: &DenseLatent) -> Result<DenseLatent, NoiseError> {
        panic!("the noise of an ancestral step belongs to its levels")
    }

    fn between(
        &mut self,
        like: &DenseLatent,
        from: &Levels,
        to: &Levels,
    ) -> Result<DenseLatent, NoiseError> {
        self.0.push((from.clone(), to.clone()));
        Ok(DenseLatent::zeros(like.shape()))
    }
}

#[test]
fn an_ancestral_step_asks_for_the_noise_between_its_levels() {
    let levels = levels(&Blur, &times(0.9, 0.1, 3));
    let steps: Vec<_> = levels.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    for solver in ANCESTRAL {
        let (mut asked, x) = (Asked::default(), row(vec![0.2, -0.3]));
        sample(&solver.on(Blur), &levels, x, &mut mixture(), &mut asked, &mut ()).unwrap();
        assert_eq!(asked.0, steps, "{}", solver.name());
    }
}

#[test]
fn a_prompt_takes_no_noise_from_its_neighbour() {
    let alone = levels(&Blur, &times(0.9, 0.1, 3));
    let beside = |level: &Levels| Levels::PerPosition(vec![NoiseLevel::CLEAN, level.at(0)]);
    let beside: Vec<Levels> = alone.iter().map(beside).collect();
    let draws = [0.7, -1.2, 0.4];
    for solver in ANCESTRAL {
        let run = |levels: &[Levels], x: DenseLatent, draws: Vec<DenseLatent>| {
            let mut noise = Recorded::new(draws);
            let outcome = sample(&solver.on(Blur), levels, x, &mut mixture(), &mut noise, &mut ());
            outcome.unwrap().x.values().to_vec()
        };
        let lonely = run(&alone, row(vec![0.5]), draws.map(|z| row(vec![z])).to_vec());
        let pair = run(&beside, row(vec![0.3, 0.5]), draws.map(|z| row(vec![9.0, z])).to_vec());
        assert_eq!(pair, [0.3, lonely[0]], "{}", solver.name());
    }
}

/// `σ' = 0` is the end wherever the signal is: `x' = α'·x̂₀`, alone or beside others.
#[test]
fn a_step_to_no_noise_ends_on_the_prediction() {
    let (from, half) = (Blur.level(0.5).unwrap(), NoiseLevel { alpha: 0.5, ..NoiseLevel::CLEAN });
    let later = Blur.level(0.4).unwrap();
    let mut constant = |x: &DenseLatent, _: &Levels| -> Result<DenseLatent, ModelError> {
        Ok(x.map_positions(&|_, row| row.fill(1.5))?)
    };
    for solver in Solver::ALL.into_iter().chain(ANCESTRAL) {
        let ends = [Levels::Shared(half), Levels::PerPosition(vec![half, later])];
        for end in ends {
            let mut noise = Stepwise::new([Key::new(2)]);
            let (x, levels) = (row(vec![0.2, -0.3]), [Levels::Shared(from), end]);
            let outcome =
                sample(&solver.on(Blur), &levels, x, &mut constant, &mut noise, &mut ()).unwrap();
            let off = (outcome.x.values()[0] - 0.75).abs();
            assert!(off < 1e-12, "{}: {off}", solver.name());
        }
    }
}

/// `u` and `x'` of DPM-Solver++(2S), written out with the `(αₘ, σₘ)` of the middle `λ`.
fn check_two_stages<S: NoiseSchedule + Copy>(schedule: S, middle: impl Fn(f64) -> [f64; 2]) {
    let levels = levels(&schedule, &[0.7, 0.4]);
    let [from, to] = [levels[0].at(0), levels[1].at(0)];
    let mut asked = Vec::new();
    let mut denoiser = |x: &DenseLatent, levels: &Levels| {
        asked.push((x.values().to_vec(), levels.at(0)));
        mixture().denoise(x, levels)
    };
    let (x, mut silence) = (vec![0.9, -1.7, 0.1], Recorded::new([]));
    let sampler = DpmSolverPp2S { schedule };
    let start = row(x.clone());
    let end = sample(&sampler, &levels, start, &mut denoiser, &mut silence, &mut ()).unwrap().x;
    let [(first, at_first), (second, at_second)] = asked.try_into().unwrap();
    assert_eq!((first, at_first), (x.clone(), from));

    let h = (to.alpha / to.sigma).ln() - (from.alpha / from.sigma).ln();
    let [alpha, sigma] = middle((from.alpha / from.sigma).ln() + h / 2.0);
    let near = |x: f64, y: f64| assert!((x - y).abs() < 1e-12, "{x} is not {y}");
    near(at_second.alpha, alpha);
    near(at_second.sigma, sigma);
    let level = NoiseLevel { t: 0.5, alpha, sigma };
    for (i, x) in x.into_iter().enumerate() {
        let x0 = mixture().posterior_mean(&[x], from)[0];
        let u = sigma / from.sigma * x + alpha * (1.0 - (-h / 2.0).exp()) * x0;
        near(second[i], u);
        let x0_middle = mixture().posterior_mean(&[u], level)[0];
        let x_end = to.sigma / from.sigma * x + to.alpha * (1.0 - (-h).exp()) * x0_middle;
        near(end.values()[i], x_end);
    }
}

#[test]
fn a_step_of_two_stages_is_its_closed_form() {
    let snr = |lambda: f64| (2.0 * lambda).exp();
    check_two_stages(Blur, |lambda| [snr(lambda), 1.0].map(|x| (x / (1.0 + snr(lambda))).sqrt()));
    check_two_stages(Spread, |lambda| [1.0, (-lambda).exp()]);
}

/// The step of this index in a run of so many, after three steps that remember all they may.
fn after_three(sampler: DpmSolverPp, index: usize, steps: usize) -> Vec<f64> {
    let levels = levels(&Blur, &times(0.9, 0.1, 5));
    let (mut x, mut memory) = (row(vec![0.2, -0.3]), History::default());
    let full = DpmSolverPp { order: 3, ..DpmSolverPp::default() };
    let mut step = |sampler: DpmSolverPp, x: &DenseLatent, index: usize, pair: &[Levels]| {
        let step = Step { index, steps, from: &pair[0], to: &pair[1] };
        let mut noise = Recorded::new([]);
        let stepped: Stepped<DenseLatent> =
            sampler.step(x.clone(), &step, &mut memory, &mut mixture(), &mut noise).unwrap();
        stepped.x
    };
    for (index, pair) in levels.windows(2).take(3).enumerate() {
        x = step(full, &x, index, pair);
    }
    step(sampler, &x, index, &levels[3..5]).values().to_vec()
}

/// Orders of the step by how many are left, in a run that is told its length.
#[test]
fn the_last_steps_of_a_short_run_are_of_lower_order() {
    let plain = |order| after_three(DpmSolverPp { order, ..DpmSolverPp::default() }, 3, 9);
    assert!(plain(1) != plain(2) && plain(2) != plain(3));
    for (order, steps, expected) in [
        (3, 4, 1),
        (3, 5, 2),
        (3, 6, 3),
        (2, 4, 1),
        (2, 5, 2),
        (1, 4, 1),
        // Beyond its own length, too.
        (3, 2, 1),
    ] {
        let told = DpmSolverPp { order, lower_order_final: true, ..DpmSolverPp::default() };
        assert_eq!(after_three(told, 3, steps), plain(expected), "{order} of {steps}");
    }
    // Runs of 15 steps need no care, those of 14 do.
    for (steps, expected) in [(14, 1), (15, 3)] {
        let told = DpmSolverPp { order: 3, lower_order_final: true, ..DpmSolverPp::default() };
        assert_eq!(after_three(told, steps - 1, steps), plain(expected), "{steps}");
    }
}
