//! What a sampler's step costs beside the network: every preset with a predictor that
//! answers at once.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dlm_core::{
    Ask, Candidate, Canvas, MaskPredictor, ModelError, Prediction, Query, Ranked, Target, TokenId,
};
use dlm_discrete::unmasking::{Filling, UnmaskingSampler, presets};
use dlm_rng::Key;

const VOCAB: usize = 49_152;
const MASK: TokenId = VOCAB as TokenId - 1;
const STEPS: usize = 32;

/// Answers every position with numbers that only depend on where it stands.
struct Instant;

impl MaskPredictor for Instant {
    fn vocab(&self) -> usize {
        VOCAB
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let candidate = |position: usize| {
            let log_probability = -0.1 - (position * 7919 % 101) as f32 / 50.0;
            let token = (position * 31 % 1000) as TokenId;
            Candidate {
                position,
                token,
                log_probability,
                margin: 0.3,
                entropy: -log_probability,
                top: vec![Ranked { token, log_probability }; ask.top_k],
                expectations: Vec::new(),
                next_divergence: None,
                target: Some(Target { rank: 0, log_probability }),
                watched: Vec::new(),
                divergence: Some(0.1),
            }
        };
        let answers = queries.iter().map(|query| query.answered().map(candidate).collect());
        Ok(Prediction { candidates: answers.collect(), ..Prediction::default() })
    }
}

fn step(criterion: &mut Criterion) {
    let frequencies = vec![1.0 / VOCAB as f32; VOCAB];
    for (length, batch) in [(128, 1), (128, 32), (1024, 1), (1024, 32)] {
        let mut group = criterion.benchmark_group(format!("fill/{length}x{batch}"));
        // Time per element is the time of a step of a row.
        group.throughput(Throughput::Elements((STEPS * batch) as u64));
        for preset in presets::ALL {
            let sampler = UnmaskingSampler { steps: Some(STEPS), ..(preset.sampler)() };
            let canvas = Canvas::continuation(&[1, 2, 3], length, MASK).expect("there are masks");
            let mut keys: Vec<Key> = (0..batch).map(|i| Key::new(1).sequence(i as u64)).collect();
            group.bench_function(BenchmarkId::from_parameter(preset.name), |bencher| {
                bencher.iter(|| {
                    let mut canvases = vec![canvas.clone(); batch];
                    let mut predictor = Instant;
                    let filling = Filling {
                        frequencies: &frequencies,
                        ..Filling::new(&sampler, &mut predictor)
                    };
                    black_box(filling.run(&mut canvases, &mut keys, &mut ()))
                        .expect("every preset runs")
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = step
}
criterion_main!(benches);
