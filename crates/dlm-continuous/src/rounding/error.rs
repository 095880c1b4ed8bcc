//! Why a latent could not be rounded, or a token not embedded.

/// Why a latent could not be rounded, or a token not embedded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RoundingError {
    /// There is nothing to round to.
    #[error(
        "{field}: {rows} rows of dimension {dim}: give at least one row of at least one number"
    )]
    Empty {
        /// The matrix.
        field: &'static str,
        /// Its rows, one a token.
        rows: usize,
        /// Its columns.
        dim: usize,
    },
    /// A table is not as long as its shape says.
    #[error("{field}: {given} numbers, not {expected}: give one for each entry of its shape")]
    Numbers {
        /// The table.
        field: &'static str,
        /// How many there are.
        given: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A table holds a number that is not finite.
    #[error("{field}: token {token} has a number that is not finite: look at where it was read")]
    NotFinite {
        /// The table.
        field: &'static str,
        /// The row.
        token: usize,
    },
    /// Latent and vocabulary live in different spaces.
    #[error(
        "the latent has dimension {given} and the vocabulary {expected}: give a latent of the \
         embeddings' dimension"
    )]
    Dimension {
        /// Dimension of the latent.
        given: usize,
        /// Dimension of the vocabulary.
        expected: usize,
    },
    /// The latent holds a number that is not finite.
    #[error(
        "the latent is not finite at position {position}, counted over all sequences: look at \
         what the denoiser predicts there"
    )]
    State {
        /// The position, row-major over `[batch, length]`.
        position: usize,
    },
    /// Not as many tokens as positions.
    #[error("{given} tokens for {positions} positions: give one for each")]
    Tokens {
        /// How many there are.
        given: usize,
        /// How many there should be.
        positions: usize,
    },
    /// An invalid token.
    #[error(
        "token {token} at position {position} is not below the vocabulary of {vocab}: give one below {vocab}"
    )]
    Token {
        /// Where it stands, row-major over `[batch, length]`.
        position: usize,
        /// The token.
        token: dlm_core::TokenId,
        /// Tokens of the vocabulary.
        vocab: usize,
    },
    /// A parameter lies outside its range.
    #[error("{field} = {value} is outside {range}")]
    Parameter {
        /// The parameter.
        field: &'static str,
        /// What it was.
        value: f64,
        /// Where it has to lie.
        range: &'static str,
    },
    /// Logits that are no distribution.
    #[error(
        "the logits of position {position}, counted over all sequences, have no softmax: one is \
         NaN or +∞, or all are −∞: look at what the network makes of that position"
    )]
    Logits {
        /// The position, row-major over `[batch, length]`.
        position: usize,
    },
    /// A head without embeddings cannot embed.
    #[error("this head knows no embeddings: give it some, or tie it to its own weights")]
    NoEmbeddings,
}
