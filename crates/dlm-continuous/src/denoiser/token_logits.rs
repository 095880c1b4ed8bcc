//! Networks that predict tokens.

use dlm_core::{Levels, ModelError};

/// A network that says how likely each token is behind a noisy state.
///
/// With [`Mixture`](super::Mixture) the state is embeddings and with
/// [`Projected`](crate::simplex::Projected) it is vectors of the vocabulary. Either becomes a
/// [`Denoiser`](dlm_core::Denoiser), and in a [`SelfConditioned`](super::SelfConditioned) it
/// conditions on itself.
pub trait TokenLogits<X> {
    /// Logits `[batch, length, vocab]`, whose softmax is the distribution of each position's
    /// token given `x`, `[batch, length, dim]`, whose noise is `levels`; `−∞` rules a token
    /// out.
    ///
    /// `earlier` is the data prediction that the last logits were made into, in the shape of
    /// `x`; there is none at the start of a run or without self-conditioning, and a network
    /// that has no use for it passes over it. To a `Mixture` it is the mean embedding, to a
    /// `Projected` the projected vector `ŵ₀`. What simplex networks take in, the softmax of
    /// `x` and of `earlier` and the embedding of it, is their affair.
    ///
    /// # Errors
    ///
    /// Whatever the network's forward pass ran into.
    fn logits(&mut self, x: &X, levels: &Levels, earlier: Option<&X>) -> Result<X, ModelError>;

    /// Network evaluations of one call.
    fn evaluations(&self) -> usize {
        1
    }
}

impl<X, F> TokenLogits<X> for F
where
    F: FnMut(&X, &Levels, Option<&X>) -> Result<X, ModelError>,
{
    fn logits(&mut self, x: &X, levels: &Levels, earlier: Option<&X>) -> Result<X, ModelError> {
        self(x, levels, earlier)
    }
}
