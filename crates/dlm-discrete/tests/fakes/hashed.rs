//! A network that is a hash of what it sees: any length, any vocabulary, and no training.

use dlm_core::{
    Ask, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, predict_dense,
};

/// Sure of some positions and unsure of others, swayed by neighbours and by time.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) vocab: usize,
    pub(crate) mask: TokenId,
    pub(crate) seed: u64,
    /// Sequences evaluated so far.
    pub(crate) evaluations: usize,
}

impl Hashed {
    pub(crate) fn new(vocab: usize, mask: TokenId, seed: u64) -> Self {
        Self { vocab, mask, seed, evaluations: 0 }
    }

    fn logits(&self, tokens: &[TokenId], position: usize, time: f64) -> impl Iterator<Item = f32> {
        let seed = self.seed;
        let neighbour = |offset: usize| {
            let at = (position + offset).checked_sub(1);
            at.and_then(|at| tokens.get(at)).map_or(0, |&token| u64::from(token) + 1)
        };
        let near = hash(&[seed, position as u64, neighbour(0), neighbour(1), neighbour(2)]);
        let own = hash(&[seed, position as u64]);
        // The favourite's share runs from hardly any to almost all.
        let (favourite, lead) = (own % self.vocab as u64, 13.0 * unit(hash(&[own])));
        (0..self.vocab as u64).map(move |v| {
            let context = unit(hash(&[near, v])) - 0.5;
            let drift = time * (unit(hash(&[own, v, 7])) - 0.5);
            let favoured = if v == favourite { lead } else { 0.0 };
            (favoured + 1.5 * unit(hash(&[own, v])) + context + 0.4 * drift) as f32
        })
    }
}

impl MaskPredictor for Hashed {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        self.evaluations += queries.len();
        predict_dense(queries, ask, self.mask, |tokens, positions, time| {
            let time = time.unwrap_or(0.0);
            let rows = positions.iter().flat_map(|&i| self.logits(tokens, i, time));
            DenseLogits::new(rows.collect(), self.vocab)
        })
    }
}

/// The words mixed as SplitMix64 mixes its state.
fn hash(words: &[u64]) -> u64 {
    words.iter().fold(0, |state, word| {
        let mut z = (state ^ word).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}
