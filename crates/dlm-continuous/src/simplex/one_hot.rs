//! Tokens as corners of a cube.

use std::sync::OnceLock;

use dlm_core::{Latent, ModelError, Rounded, Rounding, TokenId};

use super::SimplexError;

/// Tokens as vectors of the vocabulary's length: `+K` at the token, `−K` elsewhere.
///
/// The softmax of such a vector is almost one-hot (Han et al. 2023): with `K = 5` the token has
/// `1/(1 + (V − 1)·e^{−10})` of it.
///
/// The nearest of these vectors is that of the largest number, so rounding takes this one, and
/// of equal ones the lowest token. Distance and margin are those of nearest embeddings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneHot {
    vocab: usize,
    k: f64,
}

impl OneHot {
    /// Vectors for a vocabulary of `vocab` tokens, with `k` above 0.
    ///
    /// # Errors
    ///
    /// [`SimplexError::Vocabulary`] for none, [`SimplexError::Parameter`] for another `k`.
    pub fn new(vocab: usize, k: f64) -> Result<Self, SimplexError> {
        check_k(k)?;
        match vocab {
            0 => Err(SimplexError::Vocabulary),
            _ => Ok(Self { vocab, k }),
        }
    }

    /// Tokens there are.
    pub fn vocab(self) -> usize {
        self.vocab
    }

    /// `K`.
    pub fn k(self) -> f64 {
        self.k
    }

    /// Fails where the vectors of `x` are not of this vocabulary.
    pub(super) fn check<X: Latent>(self, x: &X) -> Result<(), SimplexError> {
        let found = x.shape().dim;
        match found == self.vocab {
            true => Ok(()),
            false => Err(SimplexError::Dimension { found, vocab: self.vocab }),
        }
    }

    fn read(self, w: &[f64]) -> Option<Rounded> {
        // ‖w − v‖² = ‖w‖² + VK² − 2K(2w_token − Σw).
        let (square, sum) = w.iter().fold((0.0, 0.0), |(square, sum), w| (square + w * w, sum + w));
        // Where the square is finite, so are all numbers and all distances.
        if !f64::is_finite(square) {
            return None;
        }
        let token = first_largest(w);
        let fixed = square + self.vocab as f64 * self.k * self.k;
        let distance = |w: f64| (fixed - 2.0 * self.k * (2.0 * w - sum)).max(0.0).sqrt();
        let others = w.iter().enumerate().filter(|&(i, _)| i != token);
        let second = others.map(|(_, &w)| w).reduce(f64::max);
        let nearest = distance(w[token]);
        let margin = second.map_or(f64::INFINITY, |second| distance(second) - nearest);
        Some(Rounded {
            token: token as TokenId,
            distance: Some(nearest as f32),
            margin: margin as f32,
        })
    }
}

impl<X: Latent> Rounding<X> for OneHot {
    fn round(&self, x0: &X) -> Result<Vec<Rounded>, ModelError> {
        self.check(x0).map_err(ModelError::new)?;
        let shape = x0.shape();
        // Latents may live on a device; what all of them can do is visit their positions.
        let read: Vec<OnceLock<Option<Rounded>>> =
            (0..shape.positions()).map(|_| OnceLock::new()).collect();
        x0.map_positions(&|position, w| {
            read[position].get_or_init(|| self.read(w));
        })?;
        let found = |(index, slot): (usize, OnceLock<Option<Rounded>>)| {
            let (sequence, position) = (index / shape.length, index % shape.length);
            let error = || ModelError::new(SimplexError::State { sequence, position });
            slot.into_inner().flatten().ok_or_else(error)
        };
        read.into_iter().enumerate().map(found).collect()
    }

    fn embed(&self, tokens: &[TokenId], like: &X) -> Result<X, ModelError> {
        self.check(like).map_err(ModelError::new)?;
        let positions = like.shape().positions();
        if tokens.len() != positions {
            let error = SimplexError::Tokens { tokens: tokens.len(), positions };
            return Err(ModelError::new(error));
        }
        let vocab = self.vocab;
        if let Some(&token) = tokens.iter().find(|&&token| vocab <= token as usize) {
            return Err(ModelError::new(SimplexError::Token { token, vocab }));
        }
        let corner = |position: usize, w: &mut [f64]| {
            w.fill(-self.k);
            w[tokens[position] as usize] = self.k;
        };
        Ok(like.map_positions(&corner)?)
    }
}

/// Fails where `k` is not above 0 and finite.
pub(super) fn check_k(k: f64) -> Result<(), SimplexError> {
    match 0.0 < k && k.is_finite() {
        true => Ok(()),
        false => Err(SimplexError::Parameter { field: "k", value: k, range: "(0, ∞)" }),
    }
}

/// The index of the largest number; of equal ones the first.
pub(super) fn first_largest(values: &[f64]) -> usize {
    let larger = |best: usize, i: usize| if values[best] < values[i] { i } else { best };
    (0..values.len()).fold(0, larger)
}
