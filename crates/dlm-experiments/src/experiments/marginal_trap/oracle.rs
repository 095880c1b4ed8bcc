//! A Markov chain with a perfect network: what is left is the error of drawing together.

use dlm_core::{Canvas, TokenId};
use dlm_discrete::unmasking::{Commit, Order, TokenRule, UnmaskingSampler};
use dlm_rng::{Key, Purpose};
use dlm_testkit::{HiddenMarkov, RandomChain};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Tokens of a step.
pub(super) const TOGETHER: [usize; 5] = [1, 2, 4, 8, 16];

/// Words that are written together.
pub(super) const BLOCK: usize = 50;

pub(super) const RANDOM: &str = "random";

/// The words of the chain itself.
pub(super) const EXACT: &str = "the chain itself";

/// Orders of unmasking.
pub(super) const ORDERS: [(&str, Order); 3] = [
    (RANDOM, Order::Random),
    ("best token's probability", Order::ModeProbability),
    ("left to right", Order::LeftToRight),
];

/// What the spec says of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OracleSettings {
    /// Words of each kind.
    pub(super) words: usize,
    /// Tokens of a word, a multiple of 16.
    pub(super) length: usize,
    /// Tokens there are.
    pub(super) states: usize,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WordRow {
    pub(super) word: usize,
    pub(super) order: String,
    /// Absent for words of the chain itself.
    pub(super) tokens_per_step: Option<usize>,
    /// The tokens, a space between two.
    pub(super) tokens: String,
}

/// Transitions of a word, `[from, to]` row-major.
pub(super) type Counts = Vec<u32>;

/// How far transitions are from the chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    /// `Σ_a (n_a/n) KL(p̂(·|a) ‖ P(·|a))`, nats a transition.
    pub(super) kl: f64,
    /// `Σ_a (n_a/n) TV(p̂(·|a), P(·|a))`.
    pub(super) tv: f64,
}

impl OracleSettings {
    /// The chain: rows of a Dirichlet distribution, of which the four largest entries are
    /// kept, with a small chance of anything.
    pub(super) fn chain(self, key: Key) -> Result<HiddenMarkov, Error> {
        let recipe =
            RandomChain { states: self.states, concentration: 0.3, top_k: 4, epsilon: 0.02 };
        let chain = recipe.chain(key.purpose(Purpose::Weights));
        chain.map_err(|error| Error::Argument(format!("oracle: {error}")))
    }

    pub(super) fn blocks(self) -> usize {
        self.words.div_ceil(BLOCK)
    }

    /// The words of a block, by every order and number of tokens a step. A word has one key,
    /// so what differs between its rows is how many tokens see each other.
    pub(super) fn rows(
        self,
        chain: &mut HiddenMarkov,
        block: usize,
        key: Key,
    ) -> Result<Vec<WordRow>, Error> {
        let words = block * BLOCK..self.words.min((block + 1) * BLOCK);
        let keys: Vec<Key> = words.clone().map(|word| key.sequence(word as u64)).collect();
        let mut rows = Vec::new();
        let mut add = |order: &str, together: Option<usize>, written: Vec<Vec<TokenId>>| {
            rows.extend(words.clone().zip(written).map(|(word, tokens)| WordRow {
                word,
                order: order.to_string(),
                tokens_per_step: together,
                tokens: tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
            }));
        };
        // Purposes keep the chain's own numbers apart from the samplers'.
        let own = keys.iter().map(|key| chain.draw(self.length, key.purpose(Purpose::Data)));
        add(EXACT, None, own.collect());
        let blank = Canvas::continuation(&[], self.length, chain.mask())
            .map_err(|error| Error::Argument(error.to_string()))?;
        for (name, order) in ORDERS {
            for together in TOGETHER {
                let sampler = UnmaskingSampler {
                    steps: Some(self.length / together),
                    tokens: TokenRule { temperature: 1.0, ..TokenRule::default() },
                    ..UnmaskingSampler::new(order, Commit::EvenSplit)
                };
                let mut canvases = vec![blank.clone(); keys.len()];
                sampler.fill(chain, &mut canvases, &keys, &mut ())?;
                let written = canvases.iter().map(|canvas| canvas.tokens().to_vec());
                add(name, Some(together), written.collect());
            }
        }
        Ok(rows)
    }
}

impl WordRow {
    /// Its transitions.
    ///
    /// # Errors
    ///
    /// Where a token is none of the chain's.
    pub(super) fn counts(&self, states: usize) -> Result<Counts, Error> {
        let token = |token: &str| token.parse().ok().filter(|token: &usize| *token < states);
        let tokens: Option<Vec<usize>> = self.tokens.split(' ').map(token).collect();
        let tokens = tokens.ok_or_else(|| {
            Error::Argument(format!("oracle.csv: word {} holds a strange token", self.word))
        })?;
        let mut counts = vec![0; states * states];
        tokens.windows(2).for_each(|pair| counts[pair[0] * states + pair[1]] += 1);
        Ok(counts)
    }
}

/// The transitions of all words together.
pub(super) fn total(words: &[Counts]) -> Counts {
    let mut sum = words.first().map_or(Vec::new(), |counts| vec![0; counts.len()]);
    for counts in words {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    sum
}

/// All transitions but those of one word.
pub(super) fn without(total: &Counts, word: &Counts) -> Counts {
    total.iter().zip(word).map(|(all, own)| all - own).collect()
}

/// The rates of counted transitions against the rows of the chain.
pub(super) fn rates(counts: &Counts, rows: &[Vec<f64>]) -> Rates {
    let n = f64::from(counts.iter().sum::<u32>());
    let mut rates = Rates { kl: 0.0, tv: 0.0 };
    for (seen, row) in counts.chunks_exact(rows.len().max(1)).zip(rows) {
        let from = f64::from(seen.iter().sum::<u32>());
        for (&count, p) in seen.iter().zip(row).filter(|_| 0.0 < from) {
            let share = f64::from(count) / from;
            rates.tv += from / n * (share - p).abs() / 2.0;
            if 0 < count {
                rates.kl += f64::from(count) / n * (share / p).ln();
            }
        }
    }
    rates
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;
    use dlm_testkit::ChainStatistics;

    use super::{BLOCK, OracleSettings, TOGETHER, rates, total, without};

    const SETTINGS: OracleSettings = OracleSettings { words: BLOCK + 3, length: 32, states: 5 };

    #[test]
    fn rates_are_those_of_the_testkit() {
        let mut chain = SETTINGS.chain(Key::new(1)).unwrap();
        let mut rows = Vec::new();
        for block in 0..SETTINGS.blocks() {
            rows.extend(SETTINGS.rows(&mut chain, block, Key::new(1)).unwrap());
        }
        assert_eq!(rows.len(), SETTINGS.words * (1 + 3 * TOGETHER.len()));
        let of = |order: &str, together| -> Vec<_> {
            rows.iter().filter(|r| r.order == order && r.tokens_per_step == together).collect()
        };
        let mut kl = Vec::new();
        for together in [1, 16] {
            let words = of("random", Some(together));
            let parsed = |row: &&super::WordRow| {
                row.tokens.split(' ').map(|token| token.parse().unwrap()).collect()
            };
            let tokens: Vec<Vec<u32>> = words.iter().map(parsed).collect();
            let counts: Vec<_> = words.iter().map(|row| row.counts(5).unwrap()).collect();
            let found = rates(&total(&counts), chain.rows().unwrap());
            let expected = ChainStatistics::of(&chain, &tokens).unwrap();
            assert!((found.kl - expected.kl_rate).abs() < 1e-12);
            assert!((found.tv - expected.tv_rate).abs() < 1e-12);
            assert_eq!(without(&total(&counts), &counts[0]), total(&counts[1..]));
            kl.push(found.kl);
        }
        assert!(4.0 * kl[0] < kl[1], "{kl:?}");
    }
}
