//! Guidance without a classifier.

use dlm_core::{Denoiser, Latent, Levels, ModelError, Weights};

use crate::SampleError;

/// What predicts with a condition and without it: one network asked twice, or a [`Pair`].
///
/// A function of [`both`](Self::both)'s signature is one too.
pub trait ConditionalDenoiser<X> {
    /// The posterior means with the condition and without it, in this order and in the shape
    /// of `x`, whose noise is `levels`.
    ///
    /// # Errors
    ///
    /// Whatever the network's forward passes ran into.
    fn both(&mut self, x: &X, levels: &Levels) -> Result<(X, X), ModelError>;

    /// Network evaluations of one call: 2, one with the condition and one without, even where
    /// they share a batch.
    fn evaluations(&self) -> usize {
        2
    }
}

impl<X, F> ConditionalDenoiser<X> for F
where
    F: FnMut(&X, &Levels) -> Result<(X, X), ModelError>,
{
    fn both(&mut self, x: &X, levels: &Levels) -> Result<(X, X), ModelError> {
        self(x, levels)
    }
}

/// Two denoisers, the conditional one first.
#[derive(Clone, Debug)]
pub struct Pair<C, U>(pub C, pub U);

impl<X, C: Denoiser<X>, U: Denoiser<X>> ConditionalDenoiser<X> for Pair<C, U> {
    fn both(&mut self, x: &X, levels: &Levels) -> Result<(X, X), ModelError> {
        Ok((self.0.denoise(x, levels)?, self.1.denoise(x, levels)?))
    }

    fn evaluations(&self) -> usize {
        self.0.evaluations() + self.1.evaluations()
    }
}

/// Moves a conditional prediction away from the unconditional one (Ho & Salimans 2022).
///
/// ```text
/// x̂₀ = u + w·(c − u)
/// ```
///
/// with `c` and `u` the predictions with and without the condition. For a fixed state, noise
/// is an affine function of data, so this is the same as guiding the predicted noise. At
/// `w = 0` the condition is ignored, at `w = 1` nothing is changed, above it is exaggerated.
/// The paper's own weight is `w − 1`. A call is the evaluations of both, whatever `w` is.
#[derive(Clone, Debug)]
pub struct Guided<N> {
    network: N,
    weight: f64,
}

impl<N> Guided<N> {
    /// Guidance of strength `weight`, any finite number.
    ///
    /// # Errors
    ///
    /// [`SampleError::Parameter`] for a weight that is not finite.
    pub fn new(network: N, weight: f64) -> Result<Self, SampleError> {
        match weight.is_finite() {
            true => Ok(Self { network, weight }),
            false => Err(SampleError::Parameter {
                field: "weight",
                value: weight,
                range: "the finite numbers",
            }),
        }
    }
}

impl<X: Latent, N: ConditionalDenoiser<X>> Denoiser<X> for Guided<N> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        let (conditional, unconditional) = self.network.both(x, levels)?;
        let weights = Weights::Shared([self.weight, 1.0 - self.weight]);
        Ok(X::combine(&weights, [&conditional, &unconditional])?)
    }

    fn evaluations(&self) -> usize {
        self.network.evaluations()
    }
}
