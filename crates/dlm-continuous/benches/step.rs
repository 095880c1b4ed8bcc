//! What a solver's step costs beside the network, in host memory: predictions and noise are
//! there before the clock starts. What drawing the noise costs stands beside it.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dlm_continuous::noise::{Brownian, Noise, Recorded, Stepwise};
use dlm_continuous::schedule::{Cosine, NoiseSchedule};
use dlm_continuous::solver::Solver;
use dlm_continuous::{Sampler, Step};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, Shape};
use dlm_rng::Key;

type X = DenseLatent<f32>;

const SHAPES: [Shape; 2] =
    [Shape { batch: 1, length: 128, dim: 576 }, Shape { batch: 32, length: 128, dim: 768 }];

/// Hands out predictions that were made before.
struct Ready(Vec<X>);

impl Denoiser<X> for Ready {
    fn denoise(&mut self, _: &X, _: &Levels) -> Result<X, ModelError> {
        self.0.pop().ok_or_else(|| ModelError::new("no prediction is left"))
    }
}

fn state(shape: Shape) -> X {
    let number = |position: usize, row: &mut [f64]| {
        row.iter_mut().enumerate().for_each(|(i, x)| *x = ((position + 7 * i) % 13) as f64);
    };
    X::zeros(shape).map_positions(&number).expect("host memory")
}

fn levels() -> [Levels; 4] {
    [0.52, 0.51, 0.5, 0.49].map(|t| Cosine::default().level(t).expect("a time").into())
}

fn step(criterion: &mut Criterion) {
    let times = levels();
    for shape in SHAPES {
        let x = state(shape);
        let mut group = criterion.benchmark_group(format!("step/{shape}"));
        group.throughput(Throughput::Elements(shape.numbers() as u64));
        for solver in Solver::ALL {
            let sampler = solver.on(Cosine::default());
            let ready = || (Ready(vec![x.clone(); 4]), Recorded::new([x.clone()]));
            // A multistep method is timed once it has the past that it uses.
            let before = || {
                let mut memory = Default::default();
                for index in 0..2 {
                    let (from, to) = (&times[index], &times[index + 1]);
                    let step = Step { index, steps: 3, from, to };
                    let (mut denoiser, mut noise) = ready();
                    sampler
                        .step(x.clone(), &step, &mut memory, &mut denoiser, &mut noise)
                        .expect("a step");
                }
                (state(shape), memory, ready())
            };
            group.bench_function(BenchmarkId::from_parameter(solver.name()), |bencher| {
                bencher.iter_batched(
                    before,
                    |(x, mut memory, (mut denoiser, mut noise))| {
                        let (from, to) = (&times[2], &times[3]);
                        let step = Step { index: 2, steps: 3, from, to };
                        let next = sampler.step(x, &step, &mut memory, &mut denoiser, &mut noise);
                        (black_box(next).expect("a step"), memory, denoiser, noise)
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

fn noise(criterion: &mut Criterion) {
    let times = levels();
    for shape in SHAPES {
        let x = state(shape);
        let keys: Vec<Key> = (0..shape.batch as u64).map(|row| Key::new(1).sequence(row)).collect();
        let mut group = criterion.benchmark_group(format!("noise/{shape}"));
        group.throughput(Throughput::Elements(shape.numbers() as u64));
        let mut stepwise = Stepwise::new(keys.clone());
        group.bench_function("stepwise", |bencher| {
            bencher.iter(|| stepwise.between(&x, &times[0], &times[1]).expect("noise"));
        });
        group.bench_function("brownian", |bencher| {
            bencher.iter_batched_ref(
                || Brownian::new(keys.clone()),
                |brownian| brownian.between(&x, &times[0], &times[1]).expect("noise"),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = step, noise
}
criterion_main!(benches);
