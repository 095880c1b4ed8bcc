//! A chain whose law is known: the same loss, with nothing left to a network's errors.

use dlm_rng::{Key, Purpose};
use dlm_testkit::{HiddenMarkov, MarkovError, RandomChain};
use serde::Deserialize;

use super::{
    masked,
    rows::{DistanceRow, Sum, WordRow, bucket},
};
use crate::{
    Error,
    experiments::recovery::{Level, distances, missing},
};

/// Words that are measured together.
const BLOCK: usize = 25;

/// How large the chain and its sample are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OracleSettings {
    /// Words drawn.
    pub(super) words: usize,
    /// Tokens of each.
    pub(super) length: usize,
    /// Tokens there are.
    pub(super) states: usize,
}

/// The chain and what is done with it.
pub(super) struct Oracle {
    chain: HiddenMarkov,
    settings: OracleSettings,
    key: Key,
}

impl Oracle {
    /// A random chain: three frequent successors for each token, and one transition in twenty
    /// to anywhere. It starts in its stationary distribution, so all positions are alike.
    pub(super) fn new(settings: OracleSettings, key: Key) -> Result<Self, MarkovError> {
        let (states, concentration, top_k, epsilon) = (settings.states, 0.5, 3, 0.05);
        let recipe = RandomChain { states, concentration, top_k, epsilon };
        Ok(Self { chain: recipe.chain(key.purpose(Purpose::Weights))?, settings, key })
    }

    /// Units of work.
    pub(super) fn blocks(&self) -> usize {
        self.settings.words.div_ceil(BLOCK)
    }

    /// `H(x) − I(x; x')` of tokens at each distance from 1, exactly, nats: what a token costs
    /// of which one neighbour is seen, that far away.
    pub(super) fn given_one(&self, most: usize) -> Vec<f64> {
        let entropy = self.chain.mutual_information(0, 0);
        (1..=most).map(|far| entropy - self.chain.mutual_information(0, far)).collect()
    }

    /// `H(x)`, nats.
    pub(super) fn entropy(&self) -> f64 {
        self.chain.mutual_information(0, 0)
    }

    /// Measures the words of a block.
    pub(super) fn measure(
        &self,
        block: usize,
        times: &[f64],
        far: usize,
    ) -> Result<(Vec<WordRow>, Vec<DistanceRow>), Error> {
        let (mut words, mut by_distance) = (Vec::new(), Vec::new());
        for word in (block * BLOCK..self.settings.words).take(BLOCK) {
            let (levels, sums) = self.word(word, times, far)?;
            words.extend(levels);
            by_distance.extend(sums);
        }
        Ok((words, by_distance))
    }

    fn word(
        &self,
        word: usize,
        times: &[f64],
        far: usize,
    ) -> Result<(Vec<WordRow>, Vec<DistanceRow>), Error> {
        let (key, length) = (self.key.sequence(word as u64), self.settings.length);
        let text = self.chain.draw(length, key.purpose(Purpose::Token));
        let hidden = masked::nested(0..length, times, key);
        let mask = self.chain.mask();
        let found = missing(&mut self.chain.clone(), &text, mask, &hidden)?;
        let at_noise = found.last().cloned().unwrap_or_default();
        let row = |t: f64, missing: &[f64]| {
            let level = Level::of(missing, &at_noise);
            let number = |value: f64| (!value.is_nan()).then_some(value as f32);
            let (spread, missing_spread) = (number(level.spread), number(level.missing_spread));
            WordRow { word, t, missing: level.missing as f32, spread, missing_spread }
        };
        let mut levels = vec![row(0.0, &vec![0.0; length])];
        let mut by_distance = Vec::new();
        for (hidden, nats) in hidden.iter().zip(&found) {
            let mut missing = vec![0.0; length];
            let mut sums = vec![Sum::default(); far];
            let places = distances(length, &hidden.positions);
            for ((&position, &nats), distance) in hidden.positions.iter().zip(nats).zip(places) {
                missing[position] = nats;
                let sum = &mut sums[bucket(distance, far)];
                (sum.count, sum.nats) = (sum.count + 1.0, sum.nats + nats);
            }
            levels.push(row(hidden.time, &missing));
            let filled = sums.iter().enumerate().filter(|(_, sum)| 0.0 < sum.count);
            by_distance.extend(filled.map(|(index, sum)| DistanceRow {
                word,
                t: hidden.time,
                distance: index + 1,
                count: sum.count as usize,
                nats: sum.nats as f32,
            }));
        }
        Ok((levels, by_distance))
    }
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::{Oracle, OracleSettings};

    /// With everything hidden a stationary chain's token costs its entropy, on average over
    /// words; nothing is recovered then.
    #[test]
    fn all_noise_costs_the_entropy() {
        let settings = OracleSettings { words: 100, length: 40, states: 5 };
        let oracle = Oracle::new(settings, Key::new(3)).unwrap();
        let rows: Vec<_> = (0..oracle.blocks())
            .flat_map(|b| oracle.measure(b, &[0.5, 1.0], 3).unwrap().0)
            .collect();
        assert_eq!(rows.len(), 300);
        let mean = |t: f64| {
            let at = rows.iter().filter(|row| row.t == t).map(|row| f64::from(row.missing));
            at.sum::<f64>() / 100.0
        };
        assert!((mean(1.0) - oracle.entropy()).abs() < 0.05, "{}", mean(1.0));
        assert!(mean(0.0) == 0.0 && 0.0 < mean(0.5) && mean(0.5) < 0.5 * mean(1.0));
    }

    /// One neighbour says less the farther away it is, and never less than nothing.
    #[test]
    fn information_falls_with_distance() {
        let settings = OracleSettings { words: 1, length: 4, states: 6 };
        let oracle = Oracle::new(settings, Key::new(4)).unwrap();
        let costs = oracle.given_one(6);
        assert!(costs.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12), "{costs:?}");
        assert!(costs[5] <= oracle.entropy() + 1e-12);
    }
}
