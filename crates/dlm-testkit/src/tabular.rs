//! A joint distribution over short words, and the exact conditionals of it.

use dlm_core::{
    Ask, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, predict_dense,
};
use dlm_rng::Key;

use crate::dirichlet::dirichlet;

/// A joint distribution over words of `length` tokens out of `vocab`.
///
/// As a [`MaskPredictor`] it answers `p(xⁱ | known tokens)` exactly, by summing
/// over all words that agree with what is known. The mask is token `vocab`.
#[derive(Clone, Debug)]
pub struct Tabular {
    length: usize,
    vocab: usize,
    joint: Vec<f64>,
}

/// Why a table is no distribution.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TabularError {
    /// Not one probability per word.
    #[error("{found} probabilities for {expected} words")]
    Size {
        /// `vocab^length`.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A probability is negative or not a number, or they do not sum to 1.
    #[error("the probabilities are not those of a distribution: they sum to {sum}")]
    NotADistribution {
        /// Their sum.
        sum: f64,
    },
    /// A random table's concentration is not above 0.
    #[error("the concentration is {value}: give a finite number above 0")]
    Concentration {
        /// What was given.
        value: f64,
    },
}

impl Tabular {
    /// The distribution whose probabilities, words in lexicographic order, are `joint`.
    ///
    /// # Errors
    ///
    /// Where `joint` has not `vocab^length` entries or is no distribution.
    pub fn new(length: usize, vocab: usize, joint: Vec<f64>) -> Result<Self, TabularError> {
        let expected = vocab.pow(length as u32);
        if joint.len() != expected {
            return Err(TabularError::Size { expected, found: joint.len() });
        }
        let sum: f64 = joint.iter().sum();
        if joint.iter().any(|p| p.is_nan() || *p < 0.0) || 1e-9 < (sum - 1.0).abs() {
            return Err(TabularError::NotADistribution { sum });
        }
        Ok(Self { length, vocab, joint })
    }

    /// A random table from a symmetric Dirichlet distribution: below a `concentration` of 1
    /// few words have most of the mass, far above it all are about alike.
    ///
    /// # Errors
    ///
    /// Where `concentration` is not above 0, or there is no token to make words of.
    pub fn random(
        length: usize,
        vocab: usize,
        concentration: f64,
        key: Key,
    ) -> Result<Self, TabularError> {
        if !concentration.is_finite() || concentration <= 0.0 {
            return Err(TabularError::Concentration { value: concentration });
        }
        let words = vocab.pow(length as u32);
        Self::new(length, vocab, dirichlet(words, concentration, &mut key.stream()))
    }

    /// Tokens of a word.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The mask's id.
    pub fn mask(&self) -> TokenId {
        self.vocab as TokenId
    }

    /// The word with the given index in lexicographic order.
    pub fn word(&self, index: usize) -> Vec<TokenId> {
        let digit = |place| index / self.vocab.pow(place as u32) % self.vocab;
        (0..self.length).rev().map(|place| digit(place) as TokenId).collect()
    }

    /// Probabilities of all words, in lexicographic order.
    pub fn joint(&self) -> &[f64] {
        &self.joint
    }

    /// `p(x^position | known)`, where `known` holds the mask at open positions; 0
    /// everywhere if no word agrees.
    pub fn conditional(&self, known: &[TokenId], position: usize) -> Vec<f64> {
        let mut p = vec![0.0; self.vocab];
        for (index, &weight) in self.joint.iter().enumerate() {
            let word = self.word(index);
            let agrees = word.iter().zip(known).all(|(w, k)| *k == self.mask() || w == k);
            if agrees {
                p[word[position] as usize] += weight;
            }
        }
        let total: f64 = p.iter().sum();
        if 0.0 < total {
            p.iter_mut().for_each(|p| *p /= total);
        }
        p
    }

    fn logits(&self, tokens: &[TokenId], positions: &[usize]) -> Result<DenseLogits, ModelError> {
        if tokens.len() != self.length {
            let problem = format!("a word has {} tokens, not {}", self.length, tokens.len());
            return Err(ModelError::new(problem));
        }
        let rows = positions.iter().flat_map(|&i| self.conditional(tokens, i));
        DenseLogits::new(rows.map(|p| p.ln() as f32).collect(), self.vocab)
    }
}

impl MaskPredictor for Tabular {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        predict_dense(queries, ask, self.mask(), |tokens, positions, _| {
            self.logits(tokens, positions)
        })
    }
}

#[cfg(test)]
mod tests {
    use dlm_core::{Ask, MaskPredictor, Query};
    use dlm_rng::{Key, Purpose};
    use proptest::prelude::*;

    use super::{Tabular, TabularError};

    #[test]
    fn conditionals_of_two_agreeing_tokens() {
        // (0,0) and (1,1) with 0.6 and 0.4: knowing one settles the other.
        let mut table = Tabular::new(2, 2, vec![0.6, 0.0, 0.0, 0.4]).unwrap();
        assert_eq!(table.conditional(&[2, 2], 0), [0.6, 0.4]);
        assert_eq!(table.conditional(&[1, 2], 1), [0.0, 1.0]);
        let open = Query::new(&[2, 2], &[0, 1]);
        let ask = Ask { mixture: true, ..Ask::default() };
        let prediction = table.predict(&[open, open], &ask).unwrap();
        assert_eq!(prediction.candidates[1][1].token, 0);
        assert!((prediction.mixture.unwrap().sum[0] - 1.2).abs() < 1e-6);
    }

    #[test]
    fn tables_that_are_no_distribution_are_refused() {
        let size = Tabular::new(2, 2, vec![1.0]);
        assert_eq!(size.unwrap_err(), TabularError::Size { expected: 4, found: 1 });
        assert!(Tabular::new(1, 2, vec![0.7, 0.7]).is_err());
        assert!(Tabular::new(1, 2, vec![1.5, -0.5]).is_err());
        let key = Key::new(1).purpose(Purpose::Test);
        assert_eq!(Tabular::random(2, 3, 0.5, key).unwrap().joint().len(), 9);
        for value in [0.0, -1.0, f64::INFINITY] {
            let refused = Tabular::random(2, 3, value, key).unwrap_err();
            assert_eq!(refused, TabularError::Concentration { value });
        }
    }

    proptest! {
        /// The chain rule: revealing one token after the other multiplies to the joint.
        #[test]
        fn conditionals_multiply_to_the_joint(weights in prop::collection::vec(0.01f64..1.0, 27)) {
            let total: f64 = weights.iter().sum();
            let table = Tabular::new(3, 3, weights.iter().map(|w| w / total).collect()).unwrap();
            for index in 0..27 {
                let word = table.word(index);
                let mut known = vec![table.mask(); 3];
                let mut product = 1.0;
                for place in [1, 2, 0] {
                    product *= table.conditional(&known, place)[word[place] as usize];
                    known[place] = word[place];
                }
                prop_assert!((product - table.joint()[index]).abs() < 1e-12);
            }
        }
    }
}
