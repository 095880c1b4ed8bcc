//! Where a sampler's random decisions come from.

use dlm_core::invert_cdf;
use dlm_rng::{Key, Purpose};

/// When and where a random decision falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Step of the sequence, counted over all its blocks.
    pub step: usize,
    /// Position in the sequence.
    pub position: usize,
}

/// The random decisions of one sequence.
///
/// A sampler does not draw numbers, it asks for decisions, so that the same code can be
/// run with numbers of a key ([`Key`] implements this), with those that somebody else
/// recorded, or with all outcomes in turn, which gives its law exactly.
pub trait Draws {
    /// The number in `[0, 1)` that a position's token is drawn from.
    fn token(&mut self, at: At) -> f64;

    /// True with probability `p`, independently of all other decisions.
    fn chance(&mut self, purpose: Purpose, at: At, p: f64) -> bool;

    /// One number for each of `positions`, whose descending order is uniformly random.
    fn shuffle(&mut self, step: usize, positions: &[usize]) -> Vec<f64>;

    /// An index into `weights`, with probability `weights[i]/Σ weights`; the `ordinal`-th
    /// such pick of the step.
    fn pick(&mut self, step: usize, ordinal: usize, weights: &[f64]) -> usize;

    /// A number in `[0, 1)` on which no token depends except through the time that the network is told.
    fn instant(&mut self, step: usize) -> f64;
}

/// Every decision is a function of the key, the step, the position and the purpose.
impl Draws for Key {
    fn token(&mut self, at: At) -> f64 {
        self.step(at.step as u64).position(at.position as u64).purpose(Purpose::Token).uniform()
    }

    fn chance(&mut self, purpose: Purpose, at: At, p: f64) -> bool {
        self.step(at.step as u64).position(at.position as u64).purpose(purpose).uniform() < p
    }

    fn shuffle(&mut self, step: usize, positions: &[usize]) -> Vec<f64> {
        let key = self.step(step as u64).purpose(Purpose::Order);
        positions.iter().map(|&position| key.position(position as u64).uniform()).collect()
    }

    fn pick(&mut self, step: usize, ordinal: usize, weights: &[f64]) -> usize {
        let key = self.step(step as u64).position(ordinal as u64).purpose(Purpose::Order);
        invert_cdf(weights, key.uniform())
    }

    fn instant(&mut self, step: usize) -> f64 {
        self.step(step as u64).purpose(Purpose::Time).uniform()
    }
}

#[cfg(test)]
mod tests {
    use dlm_rng::{Key, Purpose};

    use super::{At, Draws};

    /// A position that is masked again is drawn anew, and no two decisions share a number.
    #[test]
    fn every_decision_has_its_own_number() {
        let mut key = Key::new(1).sequence(2);
        let mut numbers = Vec::new();
        for step in 0..4 {
            numbers.extend((0..4).map(|position| key.token(At { step, position })));
            numbers.extend(key.shuffle(step, &[0, 1, 2, 3]));
            numbers.push(key.instant(step));
        }
        numbers.sort_by(f64::total_cmp);
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));

        let here = At { step: 0, position: 0 };
        let hits = |purpose, at| {
            let chance = |i: u64| Key::new(i).chance(purpose, at, 0.5);
            (0..64).map(chance).collect::<Vec<_>>()
        };
        let all = [
            hits(Purpose::Remask, here),
            hits(Purpose::Reveal, here),
            hits(Purpose::Remask, At { step: 1, ..here }),
            hits(Purpose::Remask, At { position: 1, ..here }),
        ];
        for (i, some) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|others| others != some));
        }
    }

    #[test]
    fn chances_and_picks_have_their_probabilities() {
        let runs = 0..10_000u64;
        let here = At { step: 3, position: 5 };
        let hits = runs.clone().filter(|&i| Key::new(i).chance(Purpose::Remask, here, 0.3)).count();
        // The standard deviation is 46.
        assert!((2_800..3_200).contains(&hits), "{hits}");
        let mut counts = [0; 4];
        runs.for_each(|i| counts[Key::new(i).pick(0, 0, &[0.0, 1.0, 3.0, 0.0])] += 1);
        assert_eq!((counts[0], counts[3]), (0, 0));
        assert!((2_300..2_700).contains(&counts[1]), "{counts:?}");
    }
}
