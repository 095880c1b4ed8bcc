//! A run counts every evaluation of a network, whatever is wrapped around it.

use dlm_continuous::{
    denoiser::{
        Clamped, Clamping, Clipped, DataPrediction, Guided, Mixture, Pair, Predicts,
        SelfConditioned, Tempered, TokenGuided, TokenLogits,
    },
    noise::Stepwise,
    rounding::{Embeddings, NearestEmbedding},
    sample,
    schedule::{Cosine, Grid},
    simplex::{OneHot, Projected, Projection},
    solver::Solver,
};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, Shape};
use dlm_rng::Key;

const SHAPE: Shape = Shape { batch: 1, length: 2, dim: 2 };
const STEPS: usize = 3;

/// Two tokens, equally likely, for two evaluations.
struct Twice;

impl TokenLogits<DenseLatent> for Twice {
    fn logits(
        &mut self,
        x: &DenseLatent,
        _: &Levels,
        _: Option<&DenseLatent>,
    ) -> Result<DenseLatent, ModelError> {
        Ok(DenseLatent::zeros(x.shape()))
    }

    fn evaluations(&self) -> usize {
        2
    }
}

fn half(x: &DenseLatent, _: &Levels) -> Result<DenseLatent, ModelError> {
    Ok(x.map_positions(&|_, row| row.iter_mut().for_each(|x| *x *= 0.5))?)
}

fn embeddings() -> Embeddings {
    Embeddings::new(2, SHAPE.dim, vec![1.0, 0.0, 0.0, 1.0]).unwrap()
}

/// Evaluations of a run that calls its denoiser once a step.
fn assert_evaluations(mut denoiser: impl Denoiser<DenseLatent>, per_call: usize) {
    assert_eq!(denoiser.evaluations(), per_call);
    let schedule = Cosine::default();
    let levels: Vec<Levels> =
        Grid::uniform(STEPS).levels(&schedule).unwrap().into_iter().map(Levels::from).collect();
    let solver = Solver::Ddim(Default::default()).on(schedule);
    let (x, mut noise) = (DenseLatent::zeros(SHAPE), Stepwise::new([Key::new(1)]));
    let run = sample(&solver, &levels, x, &mut denoiser, &mut noise, &mut ()).unwrap();
    assert_eq!((run.steps, run.nfe), (STEPS, STEPS * per_call));
}

#[test]
fn a_guided_step_is_two_evaluations() {
    let guided = || Guided::new(Pair(half, half), 1.5).unwrap();
    assert_evaluations(half, 1);
    assert_evaluations(guided(), 2);
    assert_evaluations(Guided::new(Pair(guided(), half), 1.0).unwrap(), 3);
    let both = |x: &DenseLatent, levels: &Levels| Ok((half(x, levels)?, x.clone()));
    assert_evaluations(Guided::new(both, 1.5).unwrap(), 2);
}

#[test]
fn adaptors_hide_no_evaluation() {
    let guided = || Guided::new(Pair(half, half), 1.5).unwrap();
    let rounding = NearestEmbedding::new(embeddings());
    assert_evaluations(Clamped { denoiser: guided(), rounding, when: Clamping::default() }, 2);
    assert_evaluations(Clipped::new(guided(), 9.0).unwrap(), 2);
    assert_evaluations(Tempered::new(guided(), 0.9).unwrap(), 2);
    assert_evaluations(TokenGuided::new(guided(), half, 0.2).unwrap(), 2);
    assert_evaluations(DataPrediction { network: guided(), predicts: Predicts::Noise }, 2);
    assert_evaluations(Mixture::new(Twice, embeddings()), 2);
    assert_evaluations(SelfConditioned::new(Mixture::new(Twice, embeddings())), 2);
    let (one_hot, projection) = (OneHot::new(2, 5.0).unwrap(), Projection::Greedy {});
    let mut network = Twice;
    let projected = Projected::new(&mut network, one_hot, projection, [Key::new(1)]).unwrap();
    assert_evaluations(SelfConditioned::new(projected), 2);
}
