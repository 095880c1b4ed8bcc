//! How a step that may add noise ends.

use dlm_core::{Latent, Weights};

use crate::{Noise, SampleError, Step, Stepped};

/// `x' = c₀·x + c₁·x̂₀ + c₂·z`, where `z` belongs to the time between the step's levels.
///
/// Nothing is drawn where no position wants noise: a sampler without randomness then works
/// with any source, an empty one included, and its state is read once less.
pub(super) fn finish<X: Latent>(
    x: X,
    step: &Step<'_>,
    weights: &Weights<3>,
    x0: X,
    noise: &mut dyn Noise<X>,
) -> Result<Stepped<X>, SampleError> {
    let silent = |weights: &[f64; 3]| weights[2] == 0.0;
    let quiet = match weights {
        Weights::Shared(weights) => silent(weights),
        Weights::PerPosition(each) => each.iter().all(silent),
    };
    let x = match quiet {
        true => x.moved(&without_noise(weights), [&x0])?,
        false => {
            let z = noise.between(&x, step.from, step.to)?;
            x.moved(weights, [&x0, &z])?
        }
    };
    Ok(Stepped { x, x0 })
}

fn without_noise(weights: &Weights<3>) -> Weights<2> {
    match weights {
        Weights::Shared([x, x0, _]) => Weights::Shared([*x, *x0]),
        Weights::PerPosition(each) => {
            Weights::PerPosition(each.iter().map(|[x, x0, _]| [*x, *x0]).collect())
        }
    }
}
