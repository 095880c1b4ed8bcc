//! What can be wrong with a hidden Markov model, or with what it is asked.

use dlm_core::TokenId;

use crate::TabularError;

/// Why a hidden Markov model cannot be made, or cannot answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MarkovError {
    /// A vector or a matrix has not the size that the others ask for.
    #[error("{what} has {found} entries, not {expected}: give one per state, or per token")]
    Size {
        /// Which one.
        what: &'static str,
        /// How many entries it should have; 1 stands for at least one.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A row is no distribution.
    #[error(
        "row {row} of {what} sums to {sum} or has an entry outside [0, 1]: give a distribution"
    )]
    NotADistribution {
        /// The vector or matrix.
        what: &'static str,
        /// Its row; 0 for a vector.
        row: usize,
        /// The row's sum.
        sum: f64,
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
    /// A token is neither of the vocabulary nor the mask.
    #[error("token {token} at position {position}: give tokens below {mask}, or the mask {mask}")]
    Token {
        /// Where.
        position: usize,
        /// The token.
        token: TokenId,
        /// The mask's id, which is the size of the vocabulary.
        mask: TokenId,
    },
    /// A position lies behind the last token.
    #[error("position {position} of {length} tokens: give positions below {length}")]
    Position {
        /// The position asked for.
        position: usize,
        /// The number of tokens.
        length: usize,
    },
    /// The known tokens have probability 0, so that nothing follows from them.
    #[error("the known tokens have probability 0: use a chain with epsilon above 0")]
    Impossible,
    /// The tokens of a model with hidden states are no Markov chain.
    #[error("the states are hidden, and the tokens are no Markov chain: use a chain")]
    Hidden,
    /// There is no transition to take a statistic of.
    #[error("no word has two tokens: give words with transitions")]
    NoTransition,
    /// The table of all words would not fit.
    #[error("{vocab}^{length} words are more than {limit}: tabulate shorter words")]
    TooManyWords {
        /// Size of the vocabulary.
        vocab: usize,
        /// Tokens of a word.
        length: usize,
        /// The most words that are written down.
        limit: usize,
    },
    /// The table is no distribution.
    #[error("the table of all words could not be made")]
    Table(#[from] TabularError),
}
