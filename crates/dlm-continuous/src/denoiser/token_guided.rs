//! Guidance towards what somebody else says about the tokens.

use dlm_core::{Denoiser, Latent, Levels, ModelError};

use crate::SampleError;

/// How the probability of what is wanted changes with the state.
pub trait TokenGradient<X> {
    /// `∇ₓ ln p(y | x_t = x)` in the shape of `x`, whose noise is `levels`: `y` is what is
    /// wanted, for instance a token at a position.
    ///
    /// # Errors
    ///
    /// Whatever the computation ran into.
    fn gradient(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError>;
}

impl<X, F> TokenGradient<X> for F
where
    F: FnMut(&X, &Levels) -> Result<X, ModelError>,
{
    fn gradient(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        self(x, levels)
    }
}

/// Moves predictions along a gradient, *token guidance* (Gulrajani & Hashimoto 2023, Plaid).
///
/// ```text
/// x̂₀ = E[x₀ | x] + weight·σ²/α·∇ₓ ln p(y | x)
/// ```
///
/// By Tweedie's formula this is `E[x₀ | x, y]` at weight 1: the posterior mean is
/// `(x + σ²·∇ₓ ln p(x))/α`, and Bayes adds the gradient to the score. The gradient is not
/// counted among the network evaluations.
#[derive(Clone, Debug)]
pub struct TokenGuided<D, G> {
    denoiser: D,
    gradient: G,
    weight: f64,
}

impl<D, G> TokenGuided<D, G> {
    /// Guidance of strength `weight`, any finite number.
    ///
    /// # Errors
    ///
    /// [`SampleError::Parameter`] for a weight that is not finite.
    pub fn new(denoiser: D, gradient: G, weight: f64) -> Result<Self, SampleError> {
        match weight.is_finite() {
            true => Ok(Self { denoiser, gradient, weight }),
            false => Err(SampleError::Parameter {
                field: "weight",
                value: weight,
                range: "the finite numbers",
            }),
        }
    }
}

impl<X, D, G> Denoiser<X> for TokenGuided<D, G>
where
    X: Latent,
    D: Denoiser<X>,
    G: TokenGradient<X>,
{
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        let x0 = self.denoiser.denoise(x, levels)?;
        let gradient = self.gradient.gradient(x, levels)?;
        let weights = levels.weights(|level| [1.0, self.weight * level.sigma * level.ratio()]);
        Ok(X::combine(&weights, [&x0, &gradient])?)
    }

    fn evaluations(&self) -> usize {
        self.denoiser.evaluations()
    }
}
