//! From a latent to the tokens it stands for, and back.

use crate::{ModelError, TokenId};

/// Maps latents to tokens, and tokens to their place among latents.
pub trait Rounding<X> {
    /// The token of every position, row-major over `[batch, length]`.
    ///
    /// # Errors
    ///
    /// Where the latent has another dimension than the vocabulary, or is not a number.
    fn round(&self, x0: &X) -> Result<Vec<Rounded>, ModelError>;

    /// The embeddings of `tokens`, one for each position of `like`, in its shape and kind.
    ///
    /// # Errors
    ///
    /// Where there are not as many tokens as positions, or one is no token.
    fn embed(&self, tokens: &[TokenId], like: &X) -> Result<X, ModelError>;
}

/// The token that a position was rounded to, and how clear the choice was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounded {
    /// The token.
    pub token: TokenId,
    /// Euclidean distance from the latent to the token's embedding, at least 0, in units of
    /// the latent; absent where the rounding knows no embeddings.
    pub distance: Option<f32>,
    /// By how much the token won over the runner-up, at least 0: for the nearest embedding
    /// the difference of the two distances, for a language-model head that of the two
    /// probabilities, for a token drawn from a nucleus that of the nucleus' two greatest
    /// probabilities; `+∞` in a vocabulary of one.
    pub margin: f32,
}
