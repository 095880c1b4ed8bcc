//! Numbers drawn for sequences by name, and what independent draws say together.

use dlm_core::{Latent, LatentError};
use dlm_rng::{Key, Stream};

use super::LikelihoodError;

/// A latent like `like`, filled number by number by `draw`: the numbers of position `i` of the
/// sequence named `n` come from `key` at that sequence and position.
pub(super) fn filled<X: Latent>(
    like: &X,
    sequences: &[u64],
    key: Key,
    draw: impl Fn(&mut Stream) -> f64 + Sync,
) -> Result<X, LatentError> {
    let length = like.shape().length.max(1);
    like.map_positions(&|i, row| {
        let key = key.sequence(sequences[i / length]).position((i % length) as u64);
        let mut stream = key.stream();
        row.iter_mut().for_each(|number| *number = draw(&mut stream));
    })
}

/// Whether there is a name for each sequence, and every number is one.
pub(super) fn check<X: Latent>(x: &X, sequences: &[u64]) -> Result<(), LikelihoodError> {
    each("names", sequences.len(), x.shape().batch)?;
    match first_not_finite(&x.dot(x)?) {
        Some(sequence) => Err(LikelihoodError::Data { sequence }),
        None => Ok(()),
    }
}

/// Whether there are as many of something as sequences.
pub(super) fn each(what: &'static str, given: usize, batch: usize) -> Result<(), LikelihoodError> {
    match given == batch {
        true => Ok(()),
        false => Err(LikelihoodError::Sequences { what, given, batch }),
    }
}

/// The first sequence whose value is not finite.
pub(super) fn first_not_finite(values: &[f64]) -> Option<usize> {
    values.iter().position(|value| !value.is_finite())
}

/// The mean of independent values and its standard error `√(Σ(v − v̄)²/(n(n − 1)))`, which one
/// value does not have.
pub(super) fn mean_and_error(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (1.0 < n).then(|| (squares / (n * (n - 1.0))).sqrt()))
}
