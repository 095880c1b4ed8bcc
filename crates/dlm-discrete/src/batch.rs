//! What canvases that are filled together must agree on.

use dlm_core::{Canvas, TokenId};
use dlm_rng::Key;

use crate::Alphabet;

/// Why canvases cannot be filled together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Not one key for every canvas.
    #[error("{keys} keys for {canvases} canvases: give each canvas its own")]
    Keys {
        /// How many keys.
        keys: usize,
        /// How many canvases.
        canvases: usize,
    },
    /// The canvases do not agree on the mask.
    #[error("one canvas has the mask {one}, another {other}: fill them one after the other")]
    Masks {
        /// The first canvas's mask.
        one: TokenId,
        /// Another's.
        other: TokenId,
    },
    /// The model's vocabulary holds nothing but the mask.
    #[error("a vocabulary of {vocab} with the mask {mask} holds no token: check the mask id")]
    NoTokens {
        /// The model's vocabulary.
        vocab: usize,
        /// The mask id.
        mask: TokenId,
    },
}

/// The tokens that a batch is filled with; none where there is no canvas.
pub(crate) fn alphabet_of(
    vocab: usize,
    canvases: &[Canvas],
    keys: &[Key],
) -> Result<Option<Alphabet>, BatchError> {
    if keys.len() != canvases.len() {
        return Err(BatchError::Keys { keys: keys.len(), canvases: canvases.len() });
    }
    let Some(one) = canvases.first().map(Canvas::mask) else { return Ok(None) };
    if let Some(other) = canvases.iter().map(Canvas::mask).find(|&other| other != one) {
        return Err(BatchError::Masks { one, other });
    }
    let alphabet = Alphabet::new(vocab, one);
    match vocab == 0 || alphabet.is_empty() {
        true => Err(BatchError::NoTokens { vocab, mask: one }),
        false => Ok(Some(alphabet)),
    }
}
