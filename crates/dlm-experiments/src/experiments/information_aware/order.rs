//! Orders of decoding: random, and spaced apart.

use dlm_core::Canvas;
use dlm_discrete::unmasking::{At, Draws, TokenRule, UnmaskingSampler, presets};
use dlm_rng::{Key, Purpose};
use serde::{Deserialize, Serialize};

/// Which position is committed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// Any, at random.
    Uniform,
    /// Those far apart from each other, and what stands between them last.
    Aware,
}

impl Order {
    pub(super) const BOTH: [Self; 2] = [Self::Uniform, Self::Aware];

    /// The decisions of a sequence with this order.
    pub(super) fn of(self, canvas: &Canvas, key: Key) -> Ordered {
        let response = canvas.response();
        let ranks = match self {
            Self::Uniform => None,
            Self::Aware => {
                let turn = key.purpose(Purpose::Order).stream().below(response.len() as u64);
                Some(ranks(response.len(), turn as usize))
            }
        };
        let place = |&position: &usize| response.binary_search(&position).unwrap_or(0);
        let ranks = ranks.map(|ranks| {
            let last = response.last().map_or(0, |last| last + 1);
            let rank = |position| ranks[place(&position)];
            (0..last).map(rank).collect()
        });
        Ordered { key, ranks }
    }
}

/// Equally many positions a step in whatever order the decisions give, tokens drawn from the
/// prediction as it is.
pub(super) fn sampler(steps: usize) -> UnmaskingSampler {
    let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
    UnmaskingSampler { tokens, steps: Some(steps), ..presets::llada_random() }
}

/// A key's decisions, with an order that may be fixed.
#[derive(Clone, Debug)]
pub(super) struct Ordered {
    key: Key,
    /// When it is each position's turn, the lowest first.
    ranks: Option<Vec<usize>>,
}

impl Draws for Ordered {
    fn token(&mut self, at: At) -> f64 {
        self.key.token(at)
    }

    fn chance(&mut self, purpose: Purpose, at: At, p: f64) -> bool {
        self.key.chance(purpose, at, p)
    }

    fn shuffle(&mut self, step: usize, positions: &[usize]) -> Vec<f64> {
        match &self.ranks {
            Some(ranks) => positions.iter().map(|&at| -(ranks[at] as f64)).collect(),
            None => self.key.shuffle(step, positions),
        }
    }

    fn pick(&mut self, step: usize, ordinal: usize, weights: &[f64]) -> usize {
        self.key.pick(step, ordinal, weights)
    }

    fn instant(&mut self, step: usize) -> f64 {
        self.key.instant(step)
    }
}

/// The turn of each of `length` positions in the order of van der Corput (1935): bits of the
/// turn reversed give the position, moved on around by `shift`. The first `n` of them are
/// spaced almost evenly, for every `n`.
fn ranks(length: usize, shift: usize) -> Vec<usize> {
    let bits = length.max(1).next_power_of_two().trailing_zeros();
    let reversed = |turn: usize| match bits {
        0 => 0,
        bits => turn.reverse_bits() >> (usize::BITS - bits),
    };
    let order = (0..1usize << bits).map(reversed).filter(|&position| position < length);
    let mut ranks = vec![0; length];
    order.enumerate().for_each(|(turn, position)| ranks[(position + shift) % length] = turn);
    ranks
}

#[cfg(test)]
mod tests {
    use super::ranks;

    #[test]
    fn turns_are_spaced_apart() {
        assert_eq!(ranks(8, 0), [0, 4, 2, 6, 1, 5, 3, 7]);
        assert_eq!(ranks(1, 0), [0]);
        for length in [5, 12, 32] {
            let mut sorted = ranks(length, 3);
            // Whoever comes in the second half has neighbours who came before.
            for (at, &rank) in sorted.iter().enumerate().take(length - 1).skip(1) {
                let halfway = length.next_power_of_two() / 2;
                assert!(rank < halfway || sorted[at - 1] < rank || sorted[at + 1] < rank);
            }
            sorted.sort_unstable();
            assert_eq!(sorted, (0..length).collect::<Vec<_>>());
        }
    }
}
