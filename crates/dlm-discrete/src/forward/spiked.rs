//! A distribution that is flat but for two tokens.

use dlm_core::TokenId;

use crate::Alphabet;

/// A distribution over the tokens of an [`Alphabet`] and the mask that is flat but for at
/// most two spikes.
///
/// Every law of absorbing and of uniform diffusion at one position is of this form, so
/// none needs as many numbers as there are tokens:
///
/// ```text
/// P(v) = flat/K·[v is not the mask] + Σ_j height_j·[v = token_j]
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spiked {
    alphabet: Alphabet,
    flat: f64,
    spikes: [(TokenId, f64); 2],
}

impl Spiked {
    pub(super) fn new(alphabet: Alphabet, flat: f64, spikes: [(TokenId, f64); 2]) -> Self {
        Self { alphabet, flat, spikes }
    }

    /// `P(token)`, 0 for what is neither in the alphabet nor the mask.
    pub fn probability(&self, token: TokenId) -> f64 {
        let heights = self.spikes.iter().filter(|(at, _)| *at == token).map(|(_, height)| height);
        let even = match self.alphabet.contains(token) {
            true => self.flat / self.alphabet.len() as f64,
            false => 0.0,
        };
        even + heights.sum::<f64>()
    }

    /// The token that a number `u` in `[0, 1)` picks: the spikes come first, then the flat
    /// part in order of the ids.
    pub fn draw(&self, u: f64) -> TokenId {
        let mut above = u;
        for (token, height) in self.spikes {
            if above < height {
                return token;
            }
            above -= height;
        }
        if 0.0 < self.flat {
            return self.alphabet.pick(above / self.flat);
        }
        // Rounding left `u` above the sum of the spikes.
        let [first, second] = self.spikes;
        if 0.0 < second.1 { second.0 } else { first.0 }
    }
}
