//! Remasking by chance, in balance with the reverse process.

use serde::{Deserialize, Serialize};

use crate::{Clock, fieldless::nothing_else, unmasking::ConfigError};

/// ReMDM (Wang et al. 2025): a committed token is masked again with probability `σ`, and
/// a masked one revealed with the probability that keeps the marginals of the process,
///
/// ```text
/// σ ≤ σ_max = min(1, (1 − α_s)/α_t)
/// P(reveal) = (α_s − (1 − σ)·α_t)/(1 − α_t)
/// ```
///
/// With any commit rule but [`Commit::Ancestral`](crate::unmasking::Commit::Ancestral) only
/// the first half applies; the rule then decides what is revealed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReMdm {
    /// How `σ` is chosen.
    pub strength: Strength,
    /// `η` in `[0, 1]`.
    pub eta: f64,
}

/// How `σ` follows from `η` and `σ_max`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Strength {
    /// `σ = min(η, σ_max)`.
    #[serde(deserialize_with = "nothing_else")]
    Cap,
    /// `σ = η·σ_max`.
    #[serde(deserialize_with = "nothing_else")]
    Rescale,
    /// `σᵢ = η·σ_max·wᵢ` with `w` the softmax, over the committed positions, of minus the
    /// probability at which each was committed: doubtful ones go first. `η = 1` in the
    /// source.
    #[serde(deserialize_with = "nothing_else")]
    Confidence,
    /// `σ = min(η, σ_max)` while `off < t ≤ on`, at a fixed `α`; before and after, plain ancestral
    /// sampling on clocks that lead from 0 to `α` and from `α` to 1.
    Loop {
        /// Time at which the loop begins; 0.55 in the source.
        on: f64,
        /// Time at which it ends; 0.05 in the source.
        off: f64,
        /// `α` in the loop; 0.9 in the source.
        alpha: f64,
    },
}

/// The clean share before and after a step, and the chance of being masked again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::unmasking) struct Rates {
    pub(in crate::unmasking) alpha_t: f64,
    pub(in crate::unmasking) alpha_s: f64,
    pub(in crate::unmasking) sigma: f64,
}

impl Rates {
    /// Those of a process that masks nothing again.
    pub(in crate::unmasking) fn plain(clock: &Clock, position: usize, t: f64, s: f64) -> Self {
        let alpha = |time| clock.alpha(position, time);
        Self { alpha_t: alpha(t), alpha_s: alpha(s), sigma: 0.0 }
    }

    /// `(α_s − (1 − σ)·α_t)/(1 − α_t)`.
    pub(in crate::unmasking) fn reveal(self) -> f64 {
        let Self { alpha_t, alpha_s, sigma } = self;
        // Where all should be clean, nothing may stay masked.
        if 1.0 <= alpha_t {
            return 1.0;
        }
        ((alpha_s - (1.0 - sigma) * alpha_t) / (1.0 - alpha_t)).clamp(0.0, 1.0)
    }

    fn most(self) -> f64 {
        // Where nothing is clean yet, anything may be masked.
        if self.alpha_t <= 0.0 { 1.0 } else { ((1.0 - self.alpha_s) / self.alpha_t).min(1.0) }
    }
}

impl ReMdm {
    /// The rates at a position. For [`Strength::Confidence`], `doubt` is the position's
    /// share `wᵢ`; a masked position has none.
    pub(in crate::unmasking) fn rates(
        &self,
        clock: &Clock,
        position: usize,
        (t, s): (f64, f64),
        doubt: f64,
    ) -> Rates {
        let plain = Rates::plain(clock, position, t, s);
        match self.strength {
            Strength::Cap => Rates { sigma: self.eta.min(plain.most()), ..plain },
            Strength::Rescale => Rates { sigma: self.eta * plain.most(), ..plain },
            Strength::Confidence => Rates { sigma: self.eta * plain.most() * doubt, ..plain },
            Strength::Loop { on, off, alpha } => {
                let clean = |time: f64| match () {
                    () if on < time => (1.0 - time) * alpha / (1.0 - on),
                    () if time <= off => 1.0 - time * (1.0 - alpha) / off,
                    () => alpha,
                };
                // A step belongs to the phase it starts in.
                let looping = off < t && t <= on;
                let alpha_s = if looping { alpha } else { clean(s) };
                let rates = Rates { alpha_t: clean(t), alpha_s, sigma: 0.0 };
                let sigma = if looping { self.eta.min(rates.most()) } else { 0.0 };
                Rates { sigma, ..rates }
            }
        }
    }

    pub(in crate::unmasking) fn validate(&self) -> Result<(), ConfigError> {
        let unit = |field, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(ConfigError::Range { field, value, allowed: "between 0 and 1" }),
        };
        unit("eta", self.eta)?;
        if let Strength::Loop { on, off, alpha } = self.strength {
            unit("on", on)?;
            unit("alpha", alpha)?;
            let allowed = "above 0 and below on, which is below 1";
            if !(0.0 < off && off < on && on < 1.0) {
                return Err(ConfigError::Range { field: "off", value: off, allowed });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ReMdm, Strength};
    use crate::{Clock, Schedule};

    /// Whatever σ is, a position that is clean with probability α_t is clean with
    /// probability α_s after the step.
    #[test]
    fn the_marginals_of_the_process_are_kept() {
        let clock = Clock::Shared(Schedule::Linear);
        let strengths =
            [Strength::Cap, Strength::Rescale, Strength::Loop { on: 0.55, off: 0.05, alpha: 0.9 }];
        for strength in strengths {
            for eta in [0.0, 0.02, 0.3, 1.0] {
                for step in 0..50 {
                    let (t, s) = (1.0 - f64::from(step) / 50.0, 1.0 - f64::from(step + 1) / 50.0);
                    let rates = ReMdm { strength, eta }.rates(&clock, 0, (t, s), 0.0);
                    let after = rates.alpha_t * (1.0 - rates.sigma)
                        + (1.0 - rates.alpha_t) * rates.reveal();
                    assert!((after - rates.alpha_s).abs() < 1e-12, "{strength:?} {eta} {step}");
                }
            }
        }
    }

    /// With α = 1 − t, from t = 0.5 to s = 0.4, σ_max = 0.4/0.5.
    #[test]
    fn strengths_have_their_definition() {
        let clock = Clock::Shared(Schedule::Linear);
        let looping = Strength::Loop { on: 0.55, off: 0.05, alpha: 0.9 };
        for (strength, eta, times, doubt, sigma, reveal) in [
            (Strength::Cap, 0.04, (0.5, 0.4), 1.0, 0.04, 0.24),
            (Strength::Cap, 0.9, (0.5, 0.4), 1.0, 0.8, 1.0),
            (Strength::Rescale, 0.5, (0.5, 0.4), 1.0, 0.4, 0.6),
            (Strength::Confidence, 1.0, (0.5, 0.4), 0.25, 0.2, 0.4),
            (Strength::Confidence, 1.0, (0.5, 0.4), 0.0, 0.0, 0.2),
            // Before the loop α goes from 0.4 to 0.6, in it it stays at 0.9, after it from
            // 0.92 to 0.96.
            (looping, 0.02, (0.8, 0.7), 1.0, 0.0, 1.0 / 3.0),
            (looping, 0.02, (0.5, 0.45), 1.0, 0.02, 0.18),
            (looping, 0.5, (0.5, 0.45), 1.0, 1.0 / 9.0, 1.0),
            (looping, 0.02, (0.04, 0.02), 1.0, 0.0, 0.5),
            // At first nothing is clean, and anything may be masked.
            (Strength::Rescale, 0.015, (1.0, 0.9), 1.0, 0.015, 0.1),
        ] {
            let rates = ReMdm { strength, eta }.rates(&clock, 0, times, doubt);
            assert!((rates.sigma - sigma).abs() < 1e-12, "{strength:?} {eta}: {rates:?}");
            assert!((rates.reveal() - reveal).abs() < 1e-12, "{strength:?} {eta}: {rates:?}");
        }
        let whole = Strength::Loop { on: 0.55, off: 0.05, alpha: 1.0 };
        let rates = ReMdm { strength: whole, eta: 0.02 }.rates(&clock, 0, (0.5, 0.4), 1.0);
        assert_eq!(rates.reveal(), 1.0, "where all should be clean, all is revealed");
    }
}
