//! Small models whose predictions are known.

use dlm_core::{
    Ask, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, predict_dense,
};
use dlm_rng::{Key, Purpose};
use dlm_testkit::Tabular;

/// A joint distribution drawn at random, uneven enough that rules disagree about it.
pub(super) fn table(length: usize, vocab: usize, seed: u64) -> Tabular {
    let mut stream = Key::new(seed).purpose(Purpose::Test).stream();
    let weights: Vec<f64> =
        (0..vocab.pow(length as u32)).map(|_| (2.5 * stream.normal()).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut joint: Vec<f64> = weights.iter().map(|w| w / total).collect();
    let rest: f64 = joint[1..].iter().sum();
    joint[0] = 1.0 - rest;
    Tabular::new(length, vocab, joint).unwrap()
}

/// A table that, where it sees a token, is only half sure of it: planning and editing have
/// something to do.
#[derive(Clone, Debug)]
pub(super) struct Doubtful(pub(super) Tabular);

impl Doubtful {
    pub(super) fn distribution(&self, tokens: &[TokenId], position: usize) -> Vec<f64> {
        let mut hidden = tokens.to_vec();
        hidden[position] = self.0.mask();
        let mut p = self.0.conditional(&hidden, position);
        if let Some(own) = p.get(tokens[position] as usize).copied() {
            p.iter_mut().for_each(|p| *p /= 2.0);
            p[tokens[position] as usize] = own / 2.0 + 0.5;
        }
        p
    }
}

impl MaskPredictor for Doubtful {
    fn vocab(&self) -> usize {
        self.0.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        predict_dense(queries, ask, self.0.mask(), |tokens, positions, _| {
            let rows = positions.iter().flat_map(|&i| self.distribution(tokens, i));
            DenseLogits::new(rows.map(|p| p.ln() as f32).collect(), self.0.vocab())
        })
    }
}
