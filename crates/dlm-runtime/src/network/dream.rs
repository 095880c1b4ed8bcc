//! Dream (Ye et al. 2025): `DreamModel` checkpoints, Qwen2 blocks with biased
//! queries, keys and values, bidirectional.

use super::decoder::Decoder;
use crate::{
    Error,
    checkpoint::{Config, Loader},
};

/// Builds the network from tensors named `model.layers.…`.
pub(crate) fn build(config: &Config, loader: &Loader<'_>, causal: bool) -> Result<Decoder, Error> {
    super::llama::build_with_biases(config, loader, causal, true, false)
}
