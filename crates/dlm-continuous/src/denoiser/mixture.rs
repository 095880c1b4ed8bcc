//! Data predictions made of probabilities of tokens.

use std::sync::Arc;

use dlm_core::{Denoiser, DenseLatent, Latent, LatentError, Levels, ModelError, Real, Shape};

use crate::rounding::{Embeddings, RoundingError, expectation};

use super::{ConditionedDenoiser, TokenLogits};

/// `x̂₀ = softmax(logits)·E`: the mean embedding of the predicted tokens (Dieleman et al.
/// 2022, CDCD; Gulrajani & Hashimoto 2023, Plaid).
///
/// If all data are embeddings, this is the posterior mean, and a cross-entropy trains it.
/// Probabilities and sums are in f64. To condition it on itself, put it into a
/// [`SelfConditioned`](super::SelfConditioned).
#[derive(Clone, Debug)]
pub struct Mixture<N> {
    network: N,
    embeddings: Arc<Embeddings>,
}

impl<N> Mixture<N> {
    /// The data prediction of `network`, whose tokens have these embeddings.
    pub fn new(network: N, embeddings: impl Into<Arc<Embeddings>>) -> Self {
        Self { network, embeddings: embeddings.into() }
    }
}

impl<F, N> ConditionedDenoiser<DenseLatent<F>> for Mixture<N>
where
    F: Real,
    N: TokenLogits<DenseLatent<F>>,
{
    fn denoise_given(
        &mut self,
        x: &DenseLatent<F>,
        levels: &Levels,
        earlier: Option<&DenseLatent<F>>,
    ) -> Result<DenseLatent<F>, ModelError> {
        let logits = self.network.logits(x, levels, earlier)?;
        let (shape, vocab) = (x.shape(), self.embeddings.vocab());
        let expected = Shape { dim: vocab, ..shape };
        if logits.shape() != expected {
            return Err(LatentError::Shapes { left: logits.shape(), right: expected }.into());
        }
        if shape.dim != self.embeddings.dim() {
            let (given, expected) = (shape.dim, self.embeddings.dim());
            return Err(ModelError::new(RoundingError::Dimension { given, expected }));
        }
        let sequence = shape.length;
        let means = expectation(&self.embeddings, shape.positions(), sequence, |position, p| {
            let row = &logits.values()[position * vocab..(position + 1) * vocab];
            softmax(row, p).then_some(()).ok_or(RoundingError::Logits { position })
        });
        let means = means.map_err(ModelError::new)?;
        Ok(DenseLatent::new(shape, means.into_iter().map(F::nearest).collect())?)
    }

    fn evaluations(&self) -> usize {
        self.network.evaluations()
    }
}

impl<F, N> Denoiser<DenseLatent<F>> for Mixture<N>
where
    F: Real,
    N: TokenLogits<DenseLatent<F>>,
{
    fn denoise(
        &mut self,
        x: &DenseLatent<F>,
        levels: &Levels,
    ) -> Result<DenseLatent<F>, ModelError> {
        self.denoise_given(x, levels, None)
    }

    fn evaluations(&self) -> usize {
        self.network.evaluations()
    }
}

/// Writes `softmax(logits)` into `p`; false where it is no distribution.
fn softmax<F: Real>(logits: &[F], p: &mut [f64]) -> bool {
    let most = logits.iter().map(|&l| l.into()).fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for (p, &logit) in p.iter_mut().zip(logits) {
        *p = (logit.into() - most).exp();
        total += *p;
    }
    p.iter_mut().for_each(|p| *p /= total);
    total.is_finite()
}
