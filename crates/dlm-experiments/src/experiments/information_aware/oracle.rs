//! Words of a chain whose law is known, drawn in either order by a perfect network.

use dlm_core::{Canvas, TokenId};
use dlm_discrete::unmasking::Filling;
use dlm_rng::{Key, Purpose};
use dlm_testkit::{HiddenMarkov, MarkovError, RandomChain};
use serde::{Deserialize, Serialize};

use super::order::{Order, sampler};
use crate::Error;

/// Words that are drawn together.
const BLOCK: usize = 50;
/// Successors that a token has.
const SUCCESSORS: usize = 3;
/// The chance of a jump to anywhere, which keeps every word possible for the network.
const JUMPS: f64 = 1e-4;

/// How large the chain and its sample are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OracleSettings {
    /// Words drawn in each order and number of steps.
    pub(super) words: usize,
    /// Tokens of each.
    pub(super) length: usize,
    /// Tokens there are; more than three, or nothing would be impossible.
    pub(super) states: usize,
}

/// A drawn word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WordRow {
    pub(super) word: usize,
    pub(super) order: Order,
    pub(super) steps: usize,
    /// Its pairs of neighbours.
    pub(super) pairs: usize,
    /// Those that the chain makes by a jump alone.
    pub(super) invalid: usize,
}

/// The chain and what is drawn from it.
pub(super) struct Oracle {
    chain: HiddenMarkov,
    settings: OracleSettings,
    key: Key,
}

impl Oracle {
    pub(super) fn new(settings: OracleSettings, key: Key) -> Result<Self, MarkovError> {
        let (states, top_k) = (settings.states, SUCCESSORS);
        let recipe = RandomChain { states, concentration: 0.5, top_k, epsilon: JUMPS };
        Ok(Self { chain: recipe.chain(key.purpose(Purpose::Weights))?, settings, key })
    }

    /// Units of work.
    pub(super) fn blocks(&self) -> usize {
        self.settings.words.div_ceil(BLOCK)
    }

    /// Steps that words are drawn in: every power of two up to a word's length, `steps` and
    /// the length itself.
    pub(super) fn steps(&self, steps: usize) -> Vec<usize> {
        let length = self.settings.length;
        let powers = (0..).map(|power| 1 << power).take_while(|&power| power < length);
        let mut all: Vec<usize> = powers.chain([steps, length]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Draws the words of a block, in both orders and every number of steps. A word's tokens
    /// are drawn with the same numbers in both.
    pub(super) fn measure(&self, block: usize, steps: usize) -> Result<Vec<WordRow>, Error> {
        let mut rows = Vec::new();
        let words = (block * BLOCK..self.settings.words).take(BLOCK);
        for (steps, order) in
            self.steps(steps).into_iter().flat_map(|steps| Order::BOTH.map(|order| (steps, order)))
        {
            let mask = self.chain.mask();
            let canvas = Canvas::infill(vec![mask; self.settings.length], mask)
                .map_err(|error| Error::Argument(error.to_string()))?;
            let mut draws: Vec<_> = words
                .clone()
                .map(|word| order.of(&canvas, self.key.sequence(word as u64)))
                .collect();
            let mut canvases = vec![canvas; draws.len()];
            let (sampler, mut chain) = (sampler(steps), self.chain.clone());
            Filling::new(&sampler, &mut chain).run(&mut canvases, &mut draws, &mut ())?;
            for (word, canvas) in words.clone().zip(&canvases) {
                let (pairs, invalid) = (canvas.tokens().len() - 1, self.invalid(canvas.tokens()));
                rows.push(WordRow { word, order, steps, pairs, invalid });
            }
        }
        Ok(rows)
    }

    /// How many pairs of neighbours only a jump can make.
    fn invalid(&self, word: &[TokenId]) -> usize {
        let is_jump = |pair: &&[TokenId]| self.is_jump(pair[0] as usize, pair[1] as usize);
        word.windows(2).filter(is_jump).count()
    }

    fn is_jump(&self, a: usize, b: usize) -> bool {
        // All other transitions are at least as probable, most of them far more.
        let jump = JUMPS / self.settings.states as f64;
        self.chain.rows().is_ok_and(|rows| rows[a][b] <= jump * (1.0 + 1e-9))
    }

    /// The share of such pairs in the chain's own words, exactly.
    pub(super) fn own_share(&self) -> f64 {
        let Ok(rows) = self.chain.rows() else { return f64::NAN };
        let shares = self.chain.stationary();
        let of_row = |(a, share): (usize, f64)| {
            let jumps = (0..rows.len()).filter(|&b| self.is_jump(a, b)).map(|b| rows[a][b]);
            share * jumps.sum::<f64>()
        };
        shares.into_iter().enumerate().map(of_row).sum()
    }
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::{JUMPS, Oracle, OracleSettings, Order, WordRow};

    /// Drawn token by token all is right in any order; drawn at once, neighbours are as wrong
    /// as independent ones; and in between, spaced positions go wrong less often.
    #[test]
    fn spaced_positions_go_wrong_less_often() {
        let settings = OracleSettings { words: 200, length: 16, states: 8 };
        let oracle = Oracle::new(settings, Key::new(5)).unwrap();
        assert!(oracle.own_share() < JUMPS);
        let rows: Vec<WordRow> =
            (0..oracle.blocks()).flat_map(|block| oracle.measure(block, 4).unwrap()).collect();
        let share = |order: Order, steps: usize| {
            let of = rows.iter().filter(|row| row.order == order && row.steps == steps);
            of.map(|row| row.invalid as f64 / row.pairs as f64).sum::<f64>() / 200.0
        };
        for order in Order::BOTH {
            assert!(share(order, 16) < 0.005 && 0.3 < share(order, 1), "{}", share(order, 1));
        }
        let (uniform, aware) = (share(Order::Uniform, 4), share(Order::Aware, 4));
        assert!(aware < 0.5 * uniform, "{aware} {uniform}");
    }
}
