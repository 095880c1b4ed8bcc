//! A denoiser: one forward pass gives `E[x₀ | x_t]`; some can be differentiated.

use crate::{Levels, ModelError};

/// A continuous diffusion network as a sampler sees it.
///
/// The contract is *data prediction*, `x̂₀ = E[x₀ | x_t = x]`. Networks trained on another
/// target (noise, velocity, score) are wrapped once, so that no sampler ever asks what a
/// network predicts.
///
/// `&mut self`, because a network may keep buffers and because device tensors may move
/// between threads but not be shared by them. Functions of this signature are denoisers, so
/// what takes one by value is lent one by a closure:
///
/// ```
/// use dlm_core::{Denoiser, Levels, ModelError};
///
/// fn lent<X>(network: &mut dyn Denoiser<X>) -> impl Denoiser<X> {
///     |x: &X, levels: &Levels| -> Result<X, ModelError> { network.denoise(x, levels) }
/// }
/// ```
///
/// A closure counts as one evaluation, whatever it lends.
pub trait Denoiser<X> {
    /// The posterior mean of the data, in the shape of `x`, whose noise is `levels`.
    ///
    /// # Errors
    ///
    /// Whatever the network's forward pass ran into.
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError>;

    /// Network evaluations of one call: 1, unless the denoiser is made of several. An adaptor
    /// passes on the number of what it wraps.
    fn evaluations(&self) -> usize {
        1
    }
}

impl<X, F> Denoiser<X> for F
where
    F: FnMut(&X, &Levels) -> Result<X, ModelError>,
{
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        self(x, levels)
    }
}

/// A denoiser whose derivative along a direction is known.
///
/// The probability flow's density needs the trace of this derivative and nothing else of it.
/// Networks get it by forward-mode differentiation, closed forms by themselves.
pub trait Differentiable<X>: Denoiser<X> {
    /// `J·v` with `J = ∂x̂₀/∂x`, in the shape of `x`: how the prediction changes while `x`
    /// moves along `v`. Sequences of a batch do not mix.
    ///
    /// # Errors
    ///
    /// Where `v` has another shape than `x`, and whatever the differentiation ran into.
    fn jacobian_product(&mut self, x: &X, levels: &Levels, v: &X) -> Result<X, ModelError>;
}
