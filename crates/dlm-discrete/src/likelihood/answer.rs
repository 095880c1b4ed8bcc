//! The tokens whose probability is asked for, in their place.

use dlm_core::TokenId;

use super::LikelihoodError;

/// A sequence with the true tokens in place, and the positions that are the answer.
///
/// The answer may stand anywhere and in pieces; everything else is its condition. Masks in
/// the condition are allowed: they stay masked, and the likelihood is that of the answer
/// given what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    tokens: Vec<TokenId>,
    positions: Vec<usize>,
    mask: TokenId,
}

impl Answer {
    /// The tokens at `positions` of `tokens`.
    ///
    /// # Errors
    ///
    /// Where there are no positions, one lies outside, occurs twice, or holds the mask.
    pub fn new(
        tokens: Vec<TokenId>,
        positions: Vec<usize>,
        mask: TokenId,
    ) -> Result<Self, LikelihoodError> {
        if positions.is_empty() {
            return Err(LikelihoodError::EmptyAnswer);
        }
        let mut seen = vec![false; tokens.len()];
        for &position in &positions {
            match tokens.get(position) {
                None => return Err(LikelihoodError::Position { position, length: tokens.len() }),
                Some(&token) if token == mask => {
                    return Err(LikelihoodError::MaskInAnswer { position, mask });
                }
                Some(_) if seen[position] => return Err(LikelihoodError::Repeated { position }),
                Some(_) => seen[position] = true,
            }
        }
        Ok(Self { tokens, positions, mask })
    }

    /// `answer` as the continuation of `prompt`.
    ///
    /// # Errors
    ///
    /// Where `answer` is empty or holds the mask.
    pub fn after(
        prompt: &[TokenId],
        answer: &[TokenId],
        mask: TokenId,
    ) -> Result<Self, LikelihoodError> {
        let tokens = [prompt, answer].concat();
        let positions = (prompt.len()..tokens.len()).collect();
        Self::new(tokens, positions, mask)
    }

    /// The whole sequence, nothing of the answer masked.
    pub fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// The positions of the answer, in the order given.
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// The mask id.
    pub fn mask(&self) -> TokenId {
        self.mask
    }

    /// The sequence with some positions masked.
    pub(super) fn masked(&self, positions: &[usize]) -> Vec<TokenId> {
        let mut tokens = self.tokens.clone();
        positions.iter().for_each(|&position| tokens[position] = self.mask);
        tokens
    }

    /// A masked sequence with everything but the answer masked too.
    pub(super) fn unconditional(&self, masked: &[TokenId]) -> Vec<TokenId> {
        let mut tokens = vec![self.mask; masked.len()];
        self.positions.iter().for_each(|&position| tokens[position] = masked[position]);
        tokens
    }
}
