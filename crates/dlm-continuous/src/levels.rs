//! Whether levels lead from noise to data.

use dlm_core::{Levels, NoiseLevel};

/// Why levels do not lead from noise to data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LevelsError {
    /// From one level there is nowhere to go.
    #[error("{0} noise levels make no step: give at least two, the noisiest first")]
    TooFew(usize),
    /// A level that no forward process has.
    #[error(
        "level {index}, position {position}: t = {}, α = {}, σ = {} is no noise level: t lies \
         in [0, 1], α is above 0 and σ at least 0",
        level.t, level.alpha, level.sigma
    )]
    Invalid {
        /// Index among the levels, the noisiest first.
        index: usize,
        /// Entry of its list; 0 where the level is shared.
        position: usize,
        /// The level.
        level: NoiseLevel,
    },
    /// The way goes from noise to data.
    #[error(
        "step {step}, position {position}: the noise grows: σ/α must not rise from one level \
         to the next"
    )]
    Rising {
        /// The step, from 0.
        step: usize,
        /// Entry of the list of levels; 0 where the level is shared.
        position: usize,
    },
}

/// Whether there are at least two levels, all valid, and `σ/α` rises at no position.
pub(crate) fn check(levels: &[Levels]) -> Result<(), LevelsError> {
    if levels.len() < 2 {
        return Err(LevelsError::TooFew(levels.len()));
    }
    for (index, here) in levels.iter().enumerate() {
        let wrong = here.as_slice().iter().position(|level| !level.is_valid());
        if let Some(position) = wrong {
            return Err(LevelsError::Invalid { index, position, level: here.at(position) });
        }
    }
    for (step, pair) in levels.windows(2).enumerate() {
        let rises = |&i: &usize| pair[0].at(i).ratio() < pair[1].at(i).ratio();
        if let Some(position) = (0..Levels::entries(&[&pair[0], &pair[1]])).find(rises) {
            return Err(LevelsError::Rising { step, position });
        }
    }
    Ok(())
}
