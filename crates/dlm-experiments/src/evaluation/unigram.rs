//! Text without any order: what every language model should beat.

use dlm_core::TokenId;
use dlm_rng::{Key, Purpose};
use dlm_runtime::Model;

use super::writer::Written;
use crate::{Error, reference_text};

/// The tokens of ordinary text and how often they occur there.
pub(super) struct Unigram {
    tokens: Vec<TokenId>,
    /// How many occurrences there are up to each token, itself included.
    up_to: Vec<u64>,
}

impl Unigram {
    /// Counts the reference text in the model's tokens.
    pub(super) fn new(model: &Model) -> Result<Self, Error> {
        let counts = reference_text::counts(model)?;
        let occurring = counts.iter().enumerate().filter(|(_, count)| 0 < **count);
        let (tokens, counts): (Vec<_>, Vec<_>) =
            occurring.map(|(token, &count)| (token as TokenId, count)).unzip();
        let sum = |sum: &mut u64, count: u64| {
            *sum += count;
            Some(*sum)
        };
        Ok(Self { tokens, up_to: counts.into_iter().scan(0, sum).collect() })
    }

    /// `count` tokens, each drawn by itself.
    pub(super) fn draw(&self, count: usize, key: Key) -> Written {
        let mut stream = key.purpose(Purpose::Token).stream();
        let all = self.up_to.last().copied().unwrap_or(0) as f64;
        let mut token = || {
            let at = (stream.uniform() * all) as u64;
            self.tokens[self.up_to.partition_point(|&up_to| up_to <= at)]
        };
        Written { tokens: (0..count).map(|_| token()).collect(), ended: true }
    }
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::Unigram;

    #[test]
    fn tokens_come_as_often_as_they_occur() {
        let unigram = Unigram { tokens: vec![3, 5, 9], up_to: vec![10, 40, 100] };
        let drawn = unigram.draw(20_000, Key::new(1)).tokens;
        for (token, share) in [(3, 0.1), (5, 0.3), (9, 0.6)] {
            let found = drawn.iter().filter(|&&t| t == token).count() as f64 / 20_000.0;
            assert!((found - share).abs() < 0.015, "{token}: {found}");
        }
    }
}
