//! A sequence turns out the same alone and in any batch, in any place of it, and on any number
//! of threads: to the last bit, for every kind of sampler and of noise.

use dlm_continuous::denoiser::TokenLogits;
use dlm_continuous::noise::{Brownian, Noise, Stepwise};
use dlm_continuous::sample;
use dlm_continuous::schedule::{NoiseSchedule, ScheduleError};
use dlm_continuous::simplex::{Filling, Projection, SimplexSettings};
use dlm_continuous::solver::{Churn, Ddim, Solver};
use dlm_core::{DenseLatent, Latent, Levels, ModelError, NoiseLevel, Real, Shape, TokenId};
use dlm_rng::Key;
use dlm_testkit::{Component, GaussianMixture};

/// Every solver as it comes, and those that add noise on request.
fn solvers() -> Vec<Solver> {
    let churn = Some(Churn { gamma: 0.3, ..Churn::default() });
    let noisy = [Solver::Ddim(Ddim { eta: 0.7 }), Solver::Euler { churn }, Solver::Heun { churn }];
    Solver::ALL.into_iter().chain(noisy).collect()
}

#[test]
fn a_sequence_does_not_depend_on_its_batch_or_its_place() {
    for solver in solvers() {
        for is_path in [false, true] {
            let run = |keys: &[Key]| rows(&solve::<f64>(solver, keys, 4, is_path), keys.len());
            let together = run(&keys());
            let backwards: Vec<Key> = keys().into_iter().rev().collect();
            assert_eq!(run(&backwards), reversed(&together), "{solver:?}");
            for (key, row) in keys().into_iter().zip(&together) {
                assert_eq!(run(&[key]), std::slice::from_ref(row), "{solver:?}");
            }
            assert_ne!(together[0], together[1], "{solver:?}");
        }
    }
}

/// Noise and predictions of different positions are the work of several threads. A combination
/// of so few numbers is that of one; dlm-core has its own test of more.
#[test]
fn a_sequence_does_not_depend_on_the_threads() {
    for solver in solvers() {
        for is_path in [false, true] {
            let run = || solve::<f32>(solver, &keys(), 2_000, is_path);
            assert!(on_threads(1, run) == on_threads(2, run), "{solver:?}");
        }
    }
}

#[test]
fn a_text_does_not_depend_on_batch_place_or_threads() {
    for projection in [
        Projection::Greedy {},
        Projection::Sampled { top_p: 0.9 },
        Projection::MultiHot { top_p: 0.5 },
        Projection::Shifted { top_p: 0.9 },
    ] {
        for block in [None, Some(3)] {
            let settings =
                SimplexSettings { projection, block, steps: 5, ..SimplexSettings::tess() };
            let together = write(settings, &keys());
            let backwards: Vec<Key> = keys().into_iter().rev().collect();
            assert_eq!(write(settings, &backwards), reversed(&together), "{settings:?}");
            for (key, text) in keys().into_iter().zip(&together) {
                assert_eq!(write(settings, &[key]), std::slice::from_ref(text), "{settings:?}");
            }
            for threads in [1, 2] {
                assert_eq!(on_threads(threads, || write(settings, &keys())), together);
            }
            assert_ne!(together[0], together[1], "{settings:?}");
        }
    }
}

/// What a whole batch of independent numbers could hide: every position has numbers of its own.
#[test]
fn no_two_numbers_of_a_draw_are_the_same() {
    let like = DenseLatent::<f64>::zeros(Shape { batch: 3, length: 7, dim: 5 });
    let (from, to) =
        (Levels::Shared(Cosine.level(0.8).unwrap()), Levels::Shared(Cosine.level(0.2).unwrap()));
    let (mut stepwise, mut brownian) = (Stepwise::new(keys()), Brownian::new(keys()));
    let mut numbers = vec![];
    for _ in 0..2 {
        numbers.extend_from_slice(stepwise.between(&like, &from, &to).unwrap().values());
    }
    numbers.extend_from_slice(brownian.between(&like, &from, &to).unwrap().values());
    numbers.sort_by(f64::total_cmp);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
}

fn keys() -> Vec<Key> {
    [4, 9, 2].map(|sequence| Key::new(21).sequence(sequence)).to_vec()
}

/// `α = cos(πt/2)`, and a little noise at the end of it.
#[derive(Clone, Copy)]
struct Cosine;

impl NoiseSchedule for Cosine {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        let (sigma, alpha) = ((0.01 + 0.98 * t) * std::f64::consts::FRAC_PI_2).sin_cos();
        Ok(NoiseLevel { t, alpha, sigma })
    }
}

/// The end of a run of five steps on two Gaussians, from noise of its own. The first position is
/// a prompt, the last has a clock of its own.
fn solve<F: Real>(solver: Solver, keys: &[Key], dim: usize, is_path: bool) -> DenseLatent<F> {
    let component = |mean: f64, weight| {
        let mean = (0..dim).map(|i| mean / (1 + i) as f64).collect();
        Component { weight, mean, std: 0.4 }
    };
    let mut mixture =
        GaussianMixture::new(vec![component(1.5, 0.3), component(-1.0, 0.7)]).unwrap();
    let levels: Vec<Levels> = (0..=5)
        .map(|step| {
            let level = |t: f64| Cosine.level(t).unwrap();
            let t = 1.0 - f64::from(step) / 5.0;
            let mut each = vec![NoiseLevel::CLEAN; 7];
            each[1..6].fill(level(t));
            each[6] = level(t * t);
            Levels::PerPosition(each)
        })
        .collect();
    let mut noise: Box<dyn Noise<DenseLatent<F>>> = match is_path {
        true => Box::new(Brownian::new(keys)),
        false => Box::new(Stepwise::new(keys)),
    };
    let shape = Shape { batch: keys.len(), length: 7, dim };
    let x = noise.fresh(&DenseLatent::zeros(shape)).unwrap();
    let sampler = solver.on(Cosine);
    sample(&sampler, &levels, x, &mut mixture, &mut *noise, &mut ()).unwrap().x
}

/// The sequences of a batch.
fn rows(x: &DenseLatent, batch: usize) -> Vec<Vec<f64>> {
    x.values().chunks_exact(x.values().len() / batch).map(<[f64]>::to_vec).collect()
}

fn reversed<T: Clone>(rows: &[T]) -> Vec<T> {
    rows.iter().rev().cloned().collect()
}

fn on_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

/// Logits of a position that lean on what stands there and on the position before.
struct Leaning;

impl TokenLogits<DenseLatent<f32>> for Leaning {
    fn logits(
        &mut self,
        w: &DenseLatent<f32>,
        _: &Levels,
        _: Option<&DenseLatent<f32>>,
    ) -> Result<DenseLatent<f32>, ModelError> {
        let all: Vec<&[f32]> = w.rows().collect();
        let length = w.shape().length;
        Ok(w.map_positions(&|position, row| {
            if !position.is_multiple_of(length) {
                for (token, logit) in row.iter_mut().enumerate() {
                    *logit = 0.5 * *logit + 0.3 * f64::from(all[position - 1][(token + 6) % 7]);
                }
            }
        })?)
    }
}

fn write(settings: SimplexSettings, keys: &[Key]) -> Vec<Vec<TokenId>> {
    let blank = |shape| DenseLatent::zeros(shape);
    let mut network = Leaning;
    let prompt: &[TokenId] = &[3, 0];
    let prompts = vec![prompt; keys.len()];
    Filling { settings, network: &mut network, vocab: 7, schedule: &Cosine, blank: &blank }
        .run(&prompts, 8, keys, &mut ())
        .unwrap()
}
