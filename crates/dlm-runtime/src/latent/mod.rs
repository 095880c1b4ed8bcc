//! Continuous diffusion on a device: latents, and the tokens they stand for.

mod head;
mod nearest;
mod tensor;

pub use head::HeadRounding;
pub use nearest::TensorRounding;
pub use tensor::{LatentDtype, TensorLatent};

use dlm_core::{Latent as _, TokenId};
use tch::{Device, Kind, Tensor};

use crate::Error;

/// The rows `tokens` of `table [vocab, dim]`, one for each position of `like`, in its shape,
/// kind and place.
pub(crate) fn embed(
    table: &Tensor,
    tokens: &[TokenId],
    like: &TensorLatent,
) -> Result<TensorLatent, Error> {
    let (vocab, dim) = table.size2()?;
    let shape = like.shape();
    fits(dim, like)?;
    if tokens.len() != shape.positions() {
        let (given, positions) = (tokens.len(), shape.positions());
        return Err(Error::Latent(format!(
            "{given} tokens for {positions} positions: give one for each"
        )));
    }
    if let Some(position) = tokens.iter().position(|&token| vocab <= i64::from(token)) {
        let token = tokens[position];
        return Err(Error::Latent(format!(
            "token {token} at position {position} is not below the vocabulary of {vocab}"
        )));
    }
    let tokens: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
    let tokens = Tensor::f_from_slice(&tokens)?.f_to_device(table.device())?;
    let rows = table.f_index_select(0, &tokens)?;
    let rows = rows.f_to_device(like.tensor().device())?.f_to_kind(like.tensor().kind())?;
    TensorLatent::new(rows.f_view(like.tensor().size().as_slice())?)
}

fn fits(dim: i64, x: &TensorLatent) -> Result<(), Error> {
    let given = x.shape().dim;
    match given as i64 == dim {
        true => Ok(()),
        false => Err(Error::Latent(format!(
            "the latent has dimension {given} and the vocabulary {dim}: give a latent of the \
             embeddings' dimension"
        ))),
    }
}

/// The numbers of a tensor in host memory, row-major.
pub(crate) fn on_host<T>(tensor: &Tensor, kind: Kind) -> Result<Vec<T>, Error>
where
    Vec<T>: for<'a> TryFrom<&'a Tensor, Error = tch::TchError>,
{
    let tensor = tensor.f_to_device(Device::Cpu)?.f_to_kind(kind)?.f_contiguous()?;
    Ok(Vec::try_from(&tensor.f_view([-1])?)?)
}

#[cfg(test)]
mod tests;
