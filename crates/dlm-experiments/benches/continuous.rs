//! A solver's step in host memory, fused, against the same step as a chain of libtorch
//! operations; and rounding through the device's product.
//!
//! Both sides make the same run with the same coefficients, and predictions and noise that are
//! there before the clock starts. A step's time is that of one in the midst of a run: it ends
//! when the run has let go of the state and the prediction before. A chain has one operation
//! for each product and each sum of a formula, and each makes a tensor: as few as an expression
//! `&x * a + &y * b` can have. What is only kept is shared and not copied, on both sides.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
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
        if Weights::keeps(weights) {
            let terms = terms.map(|term| &term.0);
            return TensorLatent::combine(&Weights::Shared(*weights), terms).map(Self);
        }
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

fn normals(count: usize) -> Vec<f32> {
    let mut stream = Key::new(1).stream();
    (0..count).map(|_| stream.normal() as f32).collect()
}

fn dense(shape: Shape, values: &[f32]) -> DenseLatent<f32> {
    DenseLatent::new(shape, values.to_vec()).expect("as many numbers as the shape says")
}

fn chain(shape: Shape, values: &[f32]) -> Chain {
    let dense = dense(shape, values);
    let latent = TensorLatent::from_dense(&dense, DeviceChoice::Cpu, LatentDtype::F32);
    Chain(latent.expect("the processor"))
}

/// Times the steps of a run, again and again from its first to its last.
fn time<X: Latent>(
    criterion: &mut Criterion,
    way: &str,
    solver: Solver,
    x: X,
    another: &dyn Fn() -> X,
) {
    const STEPS: usize = 50;
    let at = |index: usize| 0.9 - 0.5 * index as f64 / STEPS as f64;
    let levels: Vec<Levels> =
        (0..=STEPS).map(|i| Cosine::default().level(at(i)).expect("a time").into()).collect();
    let sampler = solver.on(Cosine::default());
    let shape = x.shape();
    let (mut state, mut memory) = (Some(x), Default::default());
    let mut index = 0;
    let mut step = || {
        let predictions = (0..solver.nfe()).map(|_| another()).collect();
        let (mut denoiser, mut noise) = (Ready(predictions), Recorded::new([another()]));
        if index == STEPS {
            (index, memory) = (0, Default::default());
        }
        let (x, from, to) =
            (state.take().expect("a run's state"), &levels[index], &levels[index + 1]);
        let step = Step { index, steps: STEPS, from, to };
        let start = Instant::now();
        let next = sampler.step(x, &step, &mut memory, &mut denoiser, &mut noise);
        let taken = start.elapsed();
        let next = black_box(next).expect("a step");
        state = Some(next.x);
        index += 1;
        taken
    };
    let mut group = criterion.benchmark_group(format!("step/{shape}/{}", solver.name()));
    group.throughput(Throughput::Elements(shape.numbers() as u64));
    group.bench_function(BenchmarkId::from_parameter(way), |bencher| {
        bencher.iter_custom(|steps| (0..steps).map(|_| step()).sum::<Duration>());
    });
    group.finish();
}

fn step(criterion: &mut Criterion) {
    for (batch, length, dim) in [(1, 128, 576), (32, 128, 768)] {
        let shape = Shape { batch, length, dim };
        let values = normals(shape.numbers());
        let tensor = chain(shape, &values);
        for solver in Solver::ALL {
            time(criterion, "fused", solver, dense(shape, &values), &|| dense(shape, &values));
            // A product is a tensor of its own.
            let another = || Chain(tensor.0.scaled(1.0).expect("the processor"));
            time(criterion, "chain", solver, another(), &another);
        }
    }
}

fn rounding(criterion: &mut Criterion) {
    let (vocab, shape) = (49_152, Shape { batch: 1, length: 128, dim: 576 });
    let table = normals(vocab * shape.dim);
    let on_device = TensorRounding::from_values(&table, shape.dim, DeviceChoice::Cpu);
    let on_device = on_device.expect("a vocabulary");
    let embeddings = Embeddings::new(vocab, shape.dim, table).expect("a vocabulary");
    let on_host = NearestEmbedding::new(embeddings);
    let values = normals(shape.numbers());
    let (host, device) = (dense(shape, &values), chain(shape, &values).0);
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
