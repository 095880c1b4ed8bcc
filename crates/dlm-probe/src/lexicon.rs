//! What a model's tokens are, and how often they occur in ordinary text.

use dlm_core::TokenId;

/// The tokens of a model, as far as their meaning can be read off them.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// The text of each token; absent for ids that no text has.
    pub texts: Vec<Option<String>>,
    /// Tokens that stand for no text, such as the mask or the start of a turn.
    pub special: Vec<TokenId>,
    /// Tokens that end a text or a turn.
    pub end_of_sequence: Vec<TokenId>,
}

/// A set of tokens whose summed probability is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenClass {
    /// Tokens that end a text or a turn.
    EndOfSequence,
    /// Tokens of signs only, neither letters nor digits nor spaces.
    Punctuation,
    /// The 100 tokens that occur most often in ordinary text and belong to neither
    /// of the other classes.
    Frequent,
}

/// How many tokens [`TokenClass::Frequent`] holds.
const FREQUENT: usize = 100;

/// Why a lexicon could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LexiconError {
    /// Counts and vocabulary differ in size.
    #[error("{counts} counts for a vocabulary of {vocab} tokens")]
    Size {
        /// Number of counts.
        counts: usize,
        /// Number of tokens.
        vocab: usize,
    },
    /// Nothing was counted.
    #[error("no token was counted: the reference text is empty")]
    Empty,
}

/// A vocabulary with the unigram distribution of ordinary text over it.
///
/// The text is the same for every model, tokenised by each model's own tokenizer,
/// and never a model's own output.
#[derive(Clone, Debug)]
pub struct Lexicon {
    vocabulary: Vocabulary,
    unigram: Vec<f64>,
    classes: [Vec<TokenId>; 3],
}

impl Lexicon {
    /// `u(v) = (c(v) + ½)/(Σc + V/2)` from the `counts` of the reference text: the
    /// half keeps the divergence to `u` finite (Krichevsky and Trofimov 1981).
    ///
    /// # Errors
    ///
    /// Where there are not as many counts as tokens, or nothing was counted.
    pub fn new(vocabulary: Vocabulary, counts: &[u64]) -> Result<Self, LexiconError> {
        let vocab = vocabulary.texts.len();
        if counts.len() != vocab {
            return Err(LexiconError::Size { counts: counts.len(), vocab });
        }
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return Err(LexiconError::Empty);
        }
        let total = total as f64 + vocab as f64 / 2.0;
        let unigram: Vec<f64> = counts.iter().map(|&c| (c as f64 + 0.5) / total).collect();

        let ends = vocabulary.end_of_sequence.clone();
        let special = |id: &TokenId| vocabulary.special.contains(id) || ends.contains(id);
        let ordinary: Vec<TokenId> = (0..vocab as TokenId).filter(|id| !special(id)).collect();
        let is_punctuation =
            |id: &TokenId| vocabulary.texts[*id as usize].as_deref().is_some_and(is_punctuation);
        let (punctuation, mut words): (Vec<TokenId>, Vec<TokenId>) =
            ordinary.into_iter().partition(is_punctuation);
        words.sort_by_key(|&id| (std::cmp::Reverse(counts[id as usize]), id));
        words.truncate(FREQUENT);
        Ok(Self { vocabulary, unigram, classes: [ends, punctuation, words] })
    }

    /// `u(v)` for every token; sums to 1.
    pub fn unigram(&self) -> &[f64] {
        &self.unigram
    }

    /// The tokens of a class.
    pub fn class(&self, class: TokenClass) -> &[TokenId] {
        &self.classes[class as usize]
    }

    /// The text of a token; empty where it has none.
    pub fn text(&self, token: TokenId) -> &str {
        self.vocabulary.texts.get(token as usize).and_then(Option::as_deref).unwrap_or("")
    }

    /// The weight vectors whose expectations the probe asks for: the indicators of
    /// the three classes, then `−ln u`, the cross-entropy with the unigram
    /// distribution.
    pub(crate) fn weights(&self) -> Vec<Vec<f32>> {
        let indicator = |class: &Vec<TokenId>| {
            let mut weights = vec![0.0; self.unigram.len()];
            class.iter().for_each(|&id| weights[id as usize] = 1.0);
            weights
        };
        let mut weights: Vec<Vec<f32>> = self.classes.iter().map(indicator).collect();
        weights.push(self.unigram.iter().map(|u| -u.ln() as f32).collect());
        weights
    }
}

fn is_punctuation(text: &str) -> bool {
    let text = text.trim();
    // A token that is part of a character decodes to the replacement character.
    let sign =
        |c: char| !c.is_alphanumeric() && !c.is_whitespace() && !c.is_control() && c != '\u{fffd}';
    !text.is_empty() && text.chars().all(sign)
}

#[cfg(test)]
mod tests {
    use super::{Lexicon, LexiconError, TokenClass, Vocabulary};

    fn vocabulary() -> Vocabulary {
        let texts = [" the", ",", " cat", "</s>", "<mask>", " …", "\u{fffd}"];
        Vocabulary {
            texts: texts.iter().map(|text| Some(text.to_string())).chain([None]).collect(),
            special: vec![4],
            end_of_sequence: vec![3],
        }
    }

    #[test]
    fn tokens_fall_into_classes_by_their_text() {
        let lexicon = Lexicon::new(vocabulary(), &[9, 7, 2, 5, 0, 1, 0, 0]).unwrap();
        assert_eq!(lexicon.class(TokenClass::EndOfSequence), [3]);
        assert_eq!(lexicon.class(TokenClass::Punctuation), [1, 5]);
        assert_eq!(lexicon.class(TokenClass::Frequent), [0, 2, 6, 7]);
    }

    #[test]
    fn the_unigram_distribution_is_smoothed_and_sums_to_one() {
        let lexicon = Lexicon::new(vocabulary(), &[9, 7, 2, 5, 0, 1, 0, 0]).unwrap();
        assert_eq!(lexicon.unigram()[0], 9.5 / 28.0);
        assert_eq!(lexicon.unigram()[4], 0.5 / 28.0);
        assert!((lexicon.unigram().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn counts_must_fit_the_vocabulary() {
        let size = Lexicon::new(vocabulary(), &[1, 2]);
        assert_eq!(size.unwrap_err(), LexiconError::Size { counts: 2, vocab: 8 });
        assert_eq!(Lexicon::new(vocabulary(), &[0; 8]).unwrap_err(), LexiconError::Empty);
    }
}
