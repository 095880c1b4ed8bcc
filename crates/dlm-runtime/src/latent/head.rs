//! Rounding by a network's language-model head.

use dlm_core::{Latent as _, ModelError, Rounded, Rounding, TokenId};
use tch::{Kind, Tensor};

use super::{TensorLatent, embed, fits, on_host};
use crate::{Error, Model, readout::blocked};

/// Logits that exist at once.
const LOGIT_BYTES: i64 = 26 << 20;

/// The token to which a network's head gives the greatest logit, of equals the lowest.
///
/// The latent is taken for what stands before the head: hidden states after the last norm,
/// `[batch, length, width]`. Logits are those that the head leaves, without guidance, bans or
/// another parametrisation. Tokens are embedded by the network's input embeddings.
pub struct HeadRounding<'a> {
    model: &'a Model,
}

impl<'a> HeadRounding<'a> {
    /// Rounding by the head of `model`.
    pub fn new(model: &'a Model) -> Self {
        Self { model }
    }

    /// The token of every position, row-major over `[batch, length]`.
    ///
    /// # Errors
    ///
    /// [`Error::Latent`] where the latent is not as wide as the network, or gives logits that
    /// are no numbers.
    pub fn best(&self, x: &TensorLatent) -> Result<Vec<Rounded>, Error> {
        let network = self.model.network();
        let (vocab, width) = network.embeddings().size2()?;
        fits(width, x)?;
        let (device, kind, _) = self.model.placement();
        let positions = x.shape().positions() as i64;
        let rows = x.tensor().f_reshape([positions, width])?;
        let rows = rows.f_to_device(device)?.f_to_kind(kind)?;
        let most = (LOGIT_BYTES / (4 * vocab)).max(1);
        let mut rounded = Vec::with_capacity(positions as usize);
        while (rounded.len() as i64) < positions {
            let done = rounded.len() as i64;
            let piece = rows.f_narrow(0, done, most.min(positions - done))?;
            read(&network.logits(&piece)?.f_to_kind(Kind::Float)?, &mut rounded)?;
        }
        Ok(rounded)
    }
}

impl Rounding<TensorLatent> for HeadRounding<'_> {
    fn round(&self, x0: &TensorLatent) -> Result<Vec<Rounded>, ModelError> {
        Ok(self.best(x0)?)
    }

    fn embed(&self, tokens: &[TokenId], like: &TensorLatent) -> Result<TensorLatent, ModelError> {
        Ok(embed(self.model.network().embeddings(), tokens, like)?)
    }
}

/// The best tokens of `logits [rows, vocab]`.
fn read(logits: &Tensor, rounded: &mut Vec<Rounded>) -> Result<(), Error> {
    let listed = 2.min(logits.size()[1]);
    let top = blocked::largest(logits, listed)?;
    let p = logits.f_softmax(-1, Kind::Float)?.f_gather(1, &top.tokens, false)?;
    let p: Vec<f32> = on_host(&p, Kind::Float)?;
    let tokens: Vec<i64> = on_host(&top.best, Kind::Int64)?;
    for (token, p) in tokens.into_iter().zip(p.chunks_exact(listed as usize)) {
        if p.iter().any(|p| p.is_nan()) {
            return Err(Error::Latent(format!(
                "the head's logits at position {}, counted over all sequences, are no numbers: \
                 look at what the denoiser predicts there",
                rounded.len()
            )));
        }
        let margin = p.get(1).map_or(f32::INFINITY, |second| p[0] - second);
        rounded.push(Rounded { token: token as TokenId, distance: None, margin });
    }
    Ok(())
}
