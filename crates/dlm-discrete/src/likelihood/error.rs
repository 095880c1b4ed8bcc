//! Why a likelihood cannot be computed.

use dlm_core::{ModelError, TokenId};

/// Why a likelihood cannot be computed, and what to give instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LikelihoodError {
    /// There is nothing to be probable.
    #[error("the answer is empty: give at least one position")]
    EmptyAnswer,
    /// A position of the answer lies behind the last token.
    #[error("answer position {position} of {length} tokens: give positions below {length}")]
    Position {
        /// The position.
        position: usize,
        /// The number of tokens.
        length: usize,
    },
    /// A position is in the answer twice.
    #[error("answer position {position} is given twice: give every position once")]
    Repeated {
        /// The position.
        position: usize,
    },
    /// The answer holds a mask, which has no probability.
    #[error("the answer holds the mask {mask} at position {position}: give the true token")]
    MaskInAnswer {
        /// Where.
        position: usize,
        /// The mask id.
        mask: TokenId,
    },
    /// The model has no such token.
    #[error("token {token} at position {position}: the model knows tokens below {vocab}")]
    Token {
        /// Where in the sequence.
        position: usize,
        /// The token of the answer.
        token: TokenId,
        /// The model's vocabulary.
        vocab: usize,
    },
    /// A setting lies outside the range in which it has a meaning.
    #[error("{field} is {value}: give a number {range}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What was given.
        value: f64,
        /// The range, in words.
        range: &'static str,
    },
    /// A masking does not fit the answer.
    #[error("masking {masking} of replicate {replicate}: {problem}")]
    Masking {
        /// Which replicate, from 0.
        replicate: u64,
        /// Which masking in it, from 0.
        masking: usize,
        /// What is wrong and what to give.
        problem: &'static str,
    },
    /// There was not a single replicate.
    #[error("no maskings were given: give at least one replicate")]
    NoMaskings,
    /// The order does not hold every position of the answer once.
    #[error("the order is no permutation of the answer's {length} positions: give each once")]
    Order {
        /// The answer's length.
        length: usize,
    },
    /// Too many masks to enumerate.
    #[error("{length} tokens have 2^{length} masks: estimate answers above {limit} tokens")]
    TooLong {
        /// The answer's length.
        length: usize,
        /// The longest answer that is enumerated.
        limit: usize,
    },
    /// The model left a question open.
    #[error("the model did not say how probable the answer's token at {position} is")]
    Unanswered {
        /// Where.
        position: usize,
    },
    /// The model's forward pass failed.
    #[error("the likelihood needs a prediction")]
    Model(#[from] ModelError),
}
