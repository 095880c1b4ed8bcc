//! At which haste a rule takes as many evaluations as another.

use dlm_rng::{Key, Purpose};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The step of a canvas's numbers from which its coin comes; those of step 0 draw a known
/// chain's words, and a coin must know nothing of what it is tossed for.
const COIN: u64 = 1;

/// The haste of a rule: a row of calibration.csv.
///
/// Evaluations are whole numbers and jump as haste grows, so one haste seldom takes the wanted
/// number. Two that take a few more and a few fewer, mixed by chance canvas by canvas, do on
/// average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Haste {
    /// Of which part.
    pub(super) part: String,
    /// The rule.
    pub(super) rule: String,
    /// Evaluations it is to take on average.
    pub(super) evaluations: usize,
    /// The slower haste.
    pub(super) slow: f64,
    /// Evaluations at it, on the canvases of the calibration.
    pub(super) slow_evaluations: f64,
    /// The faster haste.
    pub(super) fast: f64,
    /// Evaluations at it.
    pub(super) fast_evaluations: f64,
    /// The share of canvases that go slowly.
    pub(super) slow_share: f64,
}

impl Haste {
    /// Halves the interval of hastes `halvings` times, asking `spent` for the mean evaluations at one.
    ///
    /// # Errors
    ///
    /// Those of `spent`.
    pub(super) fn find(
        (part, rule): (&str, &str),
        evaluations: usize,
        halvings: usize,
        mut spent: impl FnMut(f64) -> Result<f64, Error>,
    ) -> Result<Self, Error> {
        let wanted = evaluations as f64;
        let (mut slow, mut fast) = ((0.0, None), (1.0, None));
        for _ in 0..halvings {
            let middle = (slow.0 + fast.0) / 2.0;
            let found = spent(middle)?;
            if wanted <= found {
                slow = (middle, Some(found));
            } else {
                fast = (middle, Some(found));
            }
        }
        let mut known = |(haste, found): (f64, Option<f64>)| match found {
            Some(found) => Ok(found),
            None => spent(haste),
        };
        let (slow_evaluations, fast_evaluations) = (known(slow)?, known(fast)?);
        let width = slow_evaluations - fast_evaluations;
        let slow_share = match 0.0 < width {
            true => ((wanted - fast_evaluations) / width).clamp(0.0, 1.0),
            false => 1.0,
        };
        Ok(Self {
            part: part.to_string(),
            rule: rule.to_string(),
            evaluations,
            slow: slow.0,
            slow_evaluations,
            fast: fast.0,
            fast_evaluations,
            slow_share,
        })
    }

    /// The haste of the canvas whose randomness is `key`.
    pub(super) fn of(&self, key: Key) -> f64 {
        // Each rule tosses for itself: with one coin for all, their errors would add.
        let rule = self
            .rule
            .bytes()
            .fold(0, |tag: u64, byte| tag.wrapping_mul(257).wrapping_add(byte.into()));
        let coin = key.purpose(Purpose::Data).step(COIN).position(rule);
        let slowly = coin.uniform() < self.slow_share;
        if slowly { self.slow } else { self.fast }
    }
}

#[cfg(test)]
mod tests {
    use dlm_rng::{Key, Purpose};
    use dlm_testkit::RandomChain;

    use super::Haste;

    /// A jump from 12 to 5 at 0.37 is bridged by mixing.
    #[test]
    fn two_hastes_mixed_take_the_wanted_evaluations() {
        let spent = |haste: f64| Ok(if haste < 0.37 { 12.0 } else { 5.0 });
        let haste = Haste::find(("p", "r"), 8, 8, spent).unwrap();
        assert!(haste.slow < 0.37 && 0.37 <= haste.fast && haste.fast - haste.slow < 0.01);
        assert!((haste.slow_share - 3.0 / 7.0).abs() < 1e-12);
        let all = (0..4000).map(|i| haste.of(Key::new(2).sequence(i)));
        let mean = all.map(|h| spent(h).unwrap()).sum::<f64>() / 4000.0;
        assert!((mean - 8.0).abs() < 0.2, "{mean}");
    }

    #[test]
    fn rules_toss_each_for_itself() {
        let found = |rule| Haste::find(("p", rule), 8, 1, |h| Ok(if h < 0.5 { 12.0 } else { 4.0 }));
        let (one, other) = (found("one").unwrap(), found("other").unwrap());
        let slow = |haste: &Haste, i| haste.of(Key::new(2).sequence(i)) == haste.slow;
        let both = (0..4000).filter(|&i| slow(&one, i) && slow(&other, i)).count();
        assert!((900..1100).contains(&both), "{both}");
    }

    /// Among words whose chain starts in its first state, as many go slowly as among all.
    #[test]
    fn the_coin_knows_nothing_of_the_word() {
        let recipe = RandomChain { states: 4, concentration: 1.0, top_k: 2, epsilon: 1e-6 };
        let chain = recipe.chain(Key::new(3)).unwrap();
        let haste = Haste::find(("p", "r"), 8, 1, |h| Ok(if h < 0.5 { 12.0 } else { 4.0 }));
        let haste = haste.unwrap();
        assert_eq!(haste.slow_share, 0.5);
        let keys = (0..8000).map(|word| Key::new(5).sequence(word));
        let (mut slow, mut all) = ([0.0; 4], [0.0; 4]);
        for key in keys {
            let first = chain.draw(1, key.purpose(Purpose::Data))[0] as usize;
            all[first] += 1.0;
            slow[first] += f64::from(u8::from(haste.of(key) == haste.slow));
        }
        for (slow, all) in slow.into_iter().zip(all).filter(|(_, all)| 100.0 < *all) {
            // Five standard errors.
            assert!((slow / all - 0.5).abs() < 2.5 / f64::sqrt(all), "{slow} of {all}");
        }
    }

    #[test]
    fn a_smooth_rule_is_found_by_halving() {
        let spent = |haste: f64| Ok(32.0 - 31.0 * haste);
        let haste = Haste::find(("p", "r"), 8, 8, spent).unwrap();
        let mixed = haste.slow_share * haste.slow_evaluations
            + (1.0 - haste.slow_share) * haste.fast_evaluations;
        assert!((mixed - 8.0).abs() < 1e-9, "{haste:?}");
    }

    /// A rule that never takes so many, or so few, does what is nearest.
    #[test]
    fn what_cannot_be_reached_is_approached() {
        let quick = Haste::find(("p", "r"), 8, 8, |_| Ok(3.0)).unwrap();
        assert_eq!((quick.slow, quick.slow_share), (0.0, 1.0));
        let lame = Haste::find(("p", "r"), 8, 8, |_| Ok(20.0)).unwrap();
        assert_eq!((lame.fast, lame.slow_share), (1.0, 1.0));
    }
}
