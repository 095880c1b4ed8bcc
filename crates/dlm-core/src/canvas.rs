//! A sequence being filled in: some positions known, the others masked.

use crate::TokenId;

/// A partly masked sequence.
///
/// The mask id travels with the tokens, so that nobody has to guess which
/// positions are still open. The positions open at the start are the response; all
/// others are fixed, wherever they stand, so filling a gap and continuing a prompt are
/// one and the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    tokens: Vec<TokenId>,
    mask: TokenId,
    response: Vec<usize>,
}

/// Why a canvas could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanvasError {
    /// Nothing is masked, so there is nothing to predict.
    #[error("no position is masked: ask for at least one mask")]
    NoMasks,
    /// A prompt that should be all known holds the mask.
    #[error("the prompt holds the mask token {mask} at index {index}: give a whole canvas instead")]
    MaskInPrompt {
        /// Where.
        index: usize,
        /// The mask id.
        mask: TokenId,
    },
}

impl Canvas {
    /// `prompt` followed by `masks` masked positions.
    ///
    /// # Errors
    ///
    /// [`CanvasError::NoMasks`] for `masks = 0`, [`CanvasError::MaskInPrompt`]
    /// where the prompt itself is not all known.
    pub fn continuation(
        prompt: &[TokenId],
        masks: usize,
        mask: TokenId,
    ) -> Result<Self, CanvasError> {
        if let Some(index) = prompt.iter().position(|&token| token == mask) {
            return Err(CanvasError::MaskInPrompt { index, mask });
        }
        let mut tokens = prompt.to_vec();
        tokens.resize(prompt.len() + masks, mask);
        Self::infill(tokens, mask)
    }

    /// A whole sequence that is masked wherever it holds `mask`.
    ///
    /// # Errors
    ///
    /// [`CanvasError::NoMasks`] where it holds none.
    pub fn infill(tokens: Vec<TokenId>, mask: TokenId) -> Result<Self, CanvasError> {
        let response = places(&tokens, mask);
        if response.is_empty() {
            return Err(CanvasError::NoMasks);
        }
        Ok(Self { tokens, mask, response })
    }

    /// All tokens, masks included.
    pub fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// The mask id.
    pub fn mask(&self) -> TokenId {
        self.mask
    }

    /// The positions that were masked at the start, ascending: those that may change.
    pub fn response(&self) -> &[usize] {
        &self.response
    }

    /// The masked positions, ascending.
    pub fn masked(&self) -> Vec<usize> {
        places(&self.tokens, self.mask)
    }

    /// Whether `position` is masked.
    pub fn is_masked(&self, position: usize) -> bool {
        self.tokens[position] == self.mask
    }

    /// Puts `token` where the response has `position`.
    pub fn commit(&mut self, position: usize, token: TokenId) {
        debug_assert!(self.response.binary_search(&position).is_ok(), "{position} is fixed");
        self.tokens[position] = token;
    }

    /// Masks `position` of the response again.
    pub fn remask(&mut self, position: usize) {
        self.commit(position, self.mask);
    }

    /// The tokens with everything but the response masked: what a network predicts of a
    /// text whose condition it does not know.
    pub fn unconditional(&self) -> Vec<TokenId> {
        let mut tokens = vec![self.mask; self.tokens.len()];
        self.response.iter().for_each(|&position| tokens[position] = self.tokens[position]);
        tokens
    }
}

fn places(tokens: &[TokenId], wanted: TokenId) -> Vec<usize> {
    (0..tokens.len()).filter(|&i| tokens[i] == wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::{Canvas, CanvasError};

    #[test]
    fn a_continuation_masks_what_follows_the_prompt() {
        let mut canvas = Canvas::continuation(&[5, 6], 2, 9).unwrap();
        assert_eq!(canvas.tokens(), [5, 6, 9, 9]);
        canvas.commit(3, 7);
        assert_eq!((canvas.masked(), canvas.response()), (vec![2], &[2, 3][..]));
        assert_eq!(canvas.unconditional(), [9, 9, 9, 7]);
        canvas.remask(3);
        assert_eq!(canvas, Canvas::continuation(&[5, 6], 2, 9).unwrap());
    }

    #[test]
    fn a_canvas_needs_masks_and_a_prompt_must_not_hold_any() {
        assert_eq!(Canvas::continuation(&[5], 0, 9), Err(CanvasError::NoMasks));
        assert_eq!(Canvas::infill(vec![1, 2], 9), Err(CanvasError::NoMasks));
        let mask_inside = Canvas::continuation(&[5, 9], 1, 9);
        assert_eq!(mask_inside, Err(CanvasError::MaskInPrompt { index: 1, mask: 9 }));
    }
}
