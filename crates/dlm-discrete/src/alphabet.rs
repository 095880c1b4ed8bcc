//! The tokens that text is made of.

use dlm_core::TokenId;

/// All tokens of a vocabulary but the mask, in order of their ids.
///
/// The mask may lie inside the vocabulary, as in most masked models, or outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alphabet {
    vocab: usize,
    mask: TokenId,
}

impl Alphabet {
    /// The ids below `vocab`, without `mask`.
    pub fn new(vocab: usize, mask: TokenId) -> Self {
        Self { vocab, mask }
    }

    /// The mask id.
    pub fn mask(self) -> TokenId {
        self.mask
    }

    /// The bias that keeps a network from drawing the mask, where it could.
    pub(crate) fn ban(self) -> Option<(TokenId, f32)> {
        ((self.mask as usize) < self.vocab).then_some((self.mask, f32::NEG_INFINITY))
    }

    /// How many tokens there are, `K`.
    pub fn len(self) -> usize {
        self.vocab - usize::from((self.mask as usize) < self.vocab)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether `token` is one of them.
    pub fn contains(self, token: TokenId) -> bool {
        token != self.mask && (token as usize) < self.vocab
    }

    /// The token with `index` others before it, `index` below [`Alphabet::len`].
    pub fn nth(self, index: usize) -> TokenId {
        (index + usize::from(self.mask as usize <= index)) as TokenId
    }

    /// The token that a number `u` in `[0, 1)` picks, all being equally likely.
    pub fn pick(self, u: f64) -> TokenId {
        let last = self.len().saturating_sub(1);
        self.nth(((u * self.len() as f64) as usize).min(last))
    }
}
