//! A solver's step in host memory, fused, against the same step as a chain of libtorch
//! operations; and rounding through the device's product.
//!
//! Both sides run the same solver with the same coefficients, and predictions and noise that
//! are there before the clock starts. A chain has one operation for each product and each sum
//! of a formula, and each makes a tensor: as few as an expression `&x * a + &y * b` can have.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dlm_continuous::noise::Recorded;
use dlm_continuous::rounding::{Embeddings, NearestEmbedding};
use dlm_continuous::schedule::{Cosine, NoiseSchedule};
use dlm_continuous::solver::Solver;
use dlm_continuous::{Sampler, Step};
use dlm_core::{Denoiser, DenseLatent, Latent, LatentError, Levels, ModelError, Shape, Weights};
use dlm_rng::Key;
use dlm_runtime::{DeviceChoice, LatentDtype, TensorLatent, TensorRounding};

/// A tensor whose combinations are chains of operations.
struct Chain(TensorLatent);

impl Latent for Chain {
    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn combine<const N: usize>(
        weights: &Weights<N>,
        terms: [&Self; N],
    ) -> Result<Self, LatentError> {
        let Weights::Shared(weights) = weights else { unreachable!("levels are shared") };
        let failed = |error: dlm_runtime::Error| LatentError::Backend(Box::new(error));
        let mut sum = terms[0].0.scaled(weights[0]).map_err(failed)?;
        for (term, &weight) in terms.iter().zip(weights).skip(1) {
            sum = sum.plus(&term.0.scaled(weight).map_err(failed)?).map_err(failed)?;
        }
        Ok(Self(sum))
    }

    fn map_positions(
        &self,
        change: &(dyn Fn(usize, &mut [f64]) + Sync),
    ) -> Result<Self, LatentError> {
        self.0.map_positions(change).map(Self)
    }

    fn dot(&self, other: &Self) -> Result<Vec<f64>, LatentError> {
        self.0.dot(&other.0)
    }
}

/// Hands out predictions that were made before.
struct Ready<X>(Vec<X>);

impl<X> Denoiser<X> for Ready<X> {
    fn denoise(&mut self, _: &X, _: &Levels) -> Result<X, ModelError> {
        self.0.pop().ok_or_else(|| ModelError::new("no prediction is left"))
    }
}

fn dense(shape: Shape) -> DenseLatent<f32> {
    let mut stream = Key::new(1).stream();
    let values = (0..shape.numbers()).map(|_| stream.normal() as f32).collect();
    DenseLatent::new(shape, values).expect("as many numbers as the shape says")
}

fn chain(shape: Shape) -> Chain {
    let latent = TensorLatent::from_dense(&dense(shape), DeviceChoice::Cpu, LatentDtype::F32);
    Chain(latent.expect("the processor"))
}

/// Times the third step of a run, when a multistep method has the past that it uses.
fn time<X: Latent>(
    criterion: &mut Criterion,
    way: &str,
    shape: Shape,
    solver: Solver,
    state: &dyn Fn(Shape) -> X,
) {
    let times =
        [0.52, 0.51, 0.5, 0.49].map(|t| Levels::from(Cosine::default().level(t).expect("a time")));
    let sampler = solver.on(Cosine::default());
    let x = state(shape);
    let ready = || {
        let predictions = (0..solver.nfe()).map(|_| state(shape)).collect();
        (Ready(predictions), Recorded::new([state(shape)]))
    };
    let before = || {
        let mut memory = Default::default();
        for index in 0..2 {
            let (from, to) = (&times[index], &times[index + 1]);
            let step = Step { index, steps: 3, x: &x, from, to };
            let (mut denoiser, mut noise) = ready();
            sampler.step(&step, &mut memory, &mut denoiser, &mut noise).expect("a step");
        }
        (memory, ready())
    };
    let mut group = criterion.benchmark_group(format!("step/{shape}/{}", solver.name()));
    group.throughput(Throughput::Elements(shape.numbers() as u64));
    group.bench_function(BenchmarkId::from_parameter(way), |bencher| {
        bencher.iter_batched_ref(
            before,
            |(memory, (denoiser, noise))| {
                let (from, to) = (&times[2], &times[3]);
                let step = Step { index: 2, steps: 3, x: &x, from, to };
                black_box(sampler.step(&step, memory, denoiser, noise)).expect("a step")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn step(criterion: &mut Criterion) {
    for (batch, length, dim) in [(1, 128, 576), (32, 128, 768)] {
        let shape = Shape { batch, length, dim };
        for solver in Solver::ALL {
            time(criterion, "fused", shape, solver, &dense);
            time(criterion, "chain", shape, solver, &chain);
        }
    }
}

fn rounding(criterion: &mut Criterion) {
    let (vocab, shape) = (49_152, Shape { batch: 1, length: 128, dim: 576 });
    let table = dense(Shape { batch: 1, length: vocab, dim: shape.dim }).values().to_vec();
    let on_device = TensorRounding::from_values(&table, shape.dim, DeviceChoice::Cpu);
    let on_device = on_device.expect("a vocabulary");
    let embeddings = Embeddings::new(vocab, shape.dim, table).expect("a vocabulary");
    let on_host = NearestEmbedding::new(embeddings);
    let (host, device) = (dense(shape), chain(shape).0);
    let mut group = criterion.benchmark_group("rounding/128x49152x576");
    group.bench_function("host", |bencher| {
        bencher.iter(|| black_box(on_host.nearest(&host)).expect("finite"));
    });
    group.bench_function("device", |bencher| {
        bencher.iter(|| black_box(on_device.nearest(&device)).expect("finite"));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = step, rounding
}
criterion_main!(benches);
