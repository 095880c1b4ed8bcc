//! The swap on a chain whose law is known: which transitions become impossible, by distance.

use dlm_core::{Canvas, TokenId};
use dlm_discrete::unmasking::{TokenRule, UnmaskingSampler, presets};
use dlm_rng::{Key, Purpose};
use serde::{Deserialize, Serialize};

use super::swapping::{Swap, Swapping};
use crate::{
    Error,
    experiments::known_chain::{ChainSettings, KnownChain},
};

/// Where the chain's randomness starts, far from any prompt's.
const CHAIN: u64 = 1 << 32;
/// One token in as many is given before anything is drawn.
const GIVEN: usize = 4;

/// What lies equally far from the swapped token in a word: a row of oracle.csv.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChainRow {
    pub(super) word: usize,
    pub(super) preset: String,
    /// Of a transition's farther token, and of tokens, from 1.
    pub(super) distance: usize,
    /// Transitions of that distance, on both sides.
    pub(super) transitions: usize,
    /// Those that cannot be, without and with the wrong token.
    pub(super) baseline_impossible: usize,
    pub(super) swapped_impossible: usize,
    /// Tokens of that distance which were drawn.
    pub(super) tokens: usize,
    /// Those that are others with the wrong token than without.
    pub(super) changed: usize,
    /// Whether the wrong token stands at the end; the same in all rows of a word.
    pub(super) kept: bool,
}

/// The chain and what is drawn from it.
pub(super) struct Oracle {
    chain: KnownChain,
    settings: ChainSettings,
    key: Key,
    /// Whether a token can follow another.
    possible: Vec<Vec<bool>>,
}

impl Oracle {
    pub(super) fn new(settings: ChainSettings, key: Key) -> Result<Self, Error> {
        let key = key.sequence(CHAIN);
        let chain = KnownChain::new(settings, key)?;
        let rows = chain.law.rows().unwrap_or_default();
        // What cannot be has the same tiny chance everywhere, so that the law stays defined.
        let least = rows.iter().flatten().copied().fold(1.0, f64::min);
        let possible = |row: &Vec<f64>| row.iter().map(|&p| 2.0 * least < p).collect();
        let possible = rows.iter().map(possible).collect();
        Ok(Self { chain, settings, key, possible })
    }

    /// Units of work.
    pub(super) fn units(&self) -> usize {
        self.settings.units()
    }

    /// The words of a unit, by every preset with the same randomness.
    ///
    /// # Errors
    ///
    /// Where a preset cannot run.
    pub(super) fn measure(
        &mut self,
        unit: usize,
        names: &[String],
    ) -> Result<Vec<ChainRow>, Error> {
        let mut rows = Vec::new();
        for word in self.settings.block(unit) {
            let key = self.key.sequence(CHAIN + word as u64);
            let canvas = self.blank(key)?;
            for name in names {
                let sampler = sampler((presets::find(name)?.sampler)(), canvas.response().len());
                if let Some(swap) = self.swap(&sampler, &canvas, key)? {
                    rows.extend(self.rows(word, name, &canvas, &swap));
                }
            }
        }
        Ok(rows)
    }

    /// A word of which some tokens are given, at random places and from the law.
    fn blank(&self, key: Key) -> Result<Canvas, Error> {
        let (length, mask) = (self.settings.length, self.chain.law.mask());
        let data = key.purpose(Purpose::Data);
        let mut tokens = self.chain.law.draw(length, data);
        let mut places: Vec<usize> = (0..length).collect();
        // The position behind all others names the order of the places.
        data.position(length as u64).stream().shuffle(&mut places);
        places.iter().skip(length / GIVEN).for_each(|&place| tokens[place] = mask);
        Canvas::infill(tokens, mask).map_err(|error| Error::Argument(error.to_string()))
    }

    fn swap(
        &mut self,
        sampler: &UnmaskingSampler,
        canvas: &Canvas,
        key: Key,
    ) -> Result<Option<Swap>, Error> {
        let words: Vec<TokenId> = (0..self.settings.states as TokenId).collect();
        let letter = |token: TokenId| char::from(b'a' + token as u8).to_string();
        let swapping = Swapping { sampler, ends: &[], words: &words, text: &letter, key };
        swapping.run(&mut self.chain.law, canvas)
    }

    /// What a swap did, by distance.
    fn rows(&self, word: usize, preset: &str, canvas: &Canvas, swap: &Swap) -> Vec<ChainRow> {
        let response = canvas.response();
        let finished = |drawn: &[TokenId]| {
            let mut tokens = canvas.tokens().to_vec();
            response.iter().zip(drawn).for_each(|(&at, &token)| tokens[at] = token);
            tokens
        };
        let (without, with) = (finished(&swap.baseline.tokens), finished(&swap.swapped.tokens));
        let at = response[swap.position];
        let length = without.len();
        let row = |distance: usize| {
            // Of a transition, the token that is nearer to the swapped one.
            let left = at.checked_sub(distance);
            let right = Some(at + distance).filter(|&place| place < length);
            let pairs: Vec<usize> = left.into_iter().chain(right.map(|place| place - 1)).collect();
            let cannot = |tokens: &[TokenId]| {
                pairs.iter().filter(|&&place| !self.can_be(tokens, place)).count()
            };
            let drawn: Vec<usize> =
                left.into_iter().chain(right).filter(|&place| canvas.is_masked(place)).collect();
            ChainRow {
                word,
                preset: preset.to_string(),
                distance,
                transitions: pairs.len(),
                baseline_impossible: cannot(&without),
                swapped_impossible: cannot(&with),
                tokens: drawn.len(),
                changed: drawn.iter().filter(|&&place| without[place] != with[place]).count(),
                kept: with[at] == swap.wrong,
            }
        };
        let rows = (1..length).map(row);
        rows.filter(|row| 0 < row.transitions).collect()
    }

    /// Whether the token at `place` can be followed by the next.
    fn can_be(&self, tokens: &[TokenId], place: usize) -> bool {
        self.possible[tokens[place] as usize][tokens[place + 1] as usize]
    }
}

/// A preset that draws the law: one token a step and block, at temperature 1.
fn sampler(preset: UnmaskingSampler, open: usize) -> UnmaskingSampler {
    let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
    UnmaskingSampler { steps: Some(open), block_length: None, tokens, ..preset }
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::{ChainRow, Oracle};
    use crate::experiments::known_chain::ChainSettings;

    fn rows(presets: &[&str]) -> Vec<ChainRow> {
        let settings = ChainSettings { words: 60, length: 16, states: 6 };
        let mut oracle = Oracle::new(settings, Key::new(4)).unwrap();
        let names: Vec<String> = presets.iter().map(ToString::to_string).collect();
        (0..oracle.units()).flat_map(|unit| oracle.measure(unit, &names).unwrap()).collect()
    }

    fn share(rows: &[&ChainRow], of: fn(&ChainRow) -> usize) -> f64 {
        let all: usize = rows.iter().map(|row| row.transitions).sum();
        rows.iter().map(|row| of(row)).sum::<usize>() as f64 / all as f64
    }

    /// One token at a time, a perfect network errs nowhere without a wrong token. With one that
    /// stays, what cannot be touches it: all others are drawn to fit what stands there.
    #[test]
    fn a_perfect_network_confines_the_damage() {
        let rows = rows(&["llada"]);
        let by = |near: bool| -> Vec<&ChainRow> {
            rows.iter().filter(|row| (row.distance == 1) == near).collect()
        };
        let (touching, beyond) = (by(true), by(false));
        assert_eq!(touching.len(), 60);
        assert!(rows.iter().all(|row| row.kept && row.baseline_impossible == 0), "{rows:?}");
        let near = share(&touching, |row| row.swapped_impossible);
        let far = share(&beyond, |row| row.swapped_impossible);
        assert!(0.1 < near && far < 0.05 * near, "{near} {far}");
        let changed = rows.iter().map(|row| row.changed).sum::<usize>();
        assert!(0 < changed, "others adapt");
    }

    /// Every transition and every drawn token of a word has one distance.
    #[test]
    fn a_word_is_counted_once() {
        let rows = rows(&["llada", "remdm"]);
        for preset in ["llada", "remdm"] {
            let of = rows.iter().filter(|row| row.word == 7 && row.preset == preset);
            let of: Vec<&ChainRow> = of.collect();
            assert_eq!(of.iter().map(|row| row.transitions).sum::<usize>(), 15);
            // Of 16 tokens 4 are given and one is swapped.
            assert_eq!(of.iter().map(|row| row.tokens).sum::<usize>(), 11);
        }
    }

    /// A sampler that masks again takes some of the wrong tokens back.
    #[test]
    fn masking_again_takes_wrong_tokens_back() {
        let rows = rows(&["llada", "remdm"]);
        let kept = |preset: &str| {
            let of = rows.iter().filter(|row| row.preset == preset && row.distance == 1);
            of.filter(|row| row.kept).count()
        };
        assert_eq!(kept("llada"), 60);
        assert!(kept("remdm") < 55, "{}", kept("remdm"));
    }
}
