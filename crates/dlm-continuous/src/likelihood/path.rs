//! The way between noise and data, along which likelihoods are integrated.

use dlm_core::{Levels, NoiseLevel};

use super::LikelihoodError;
use crate::levels::{self, LevelsError};
use crate::schedule::NoiseSchedule;

/// A way from clean levels, at `u = 0`, to noisy ones, at `u = 1`, straight in `λ`:
///
/// ```text
/// λᵢ(u) = λᵢ(0) − u·(λᵢ(0) − λᵢ(1))
/// ```
///
/// for each position `i`, so that positions may have clocks of their own. A position that is
/// [clean](NoiseLevel::CLEAN) at both ends is a condition.
///
/// The half log signal-to-noise ratio is the variable in which both likelihoods are smooth:
/// what they integrate over it stays within a few nats per dimension, while over time it may
/// grow without bound towards data, and the schedule's derivative is never needed.
#[derive(Clone)]
pub struct Path<'a> {
    schedule: &'a dyn NoiseSchedule,
    noise: Levels,
    clean: Levels,
}

impl<'a> Path<'a> {
    /// The way between two lists of levels of a schedule.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Levels`] and [`LikelihoodError::Infinite`] for ends that are none, [`LikelihoodError::Still`] for a
    /// condition with noise.
    pub fn new(
        schedule: &'a dyn NoiseSchedule,
        noise: Levels,
        clean: Levels,
    ) -> Result<Self, LikelihoodError> {
        let ends = [noise, clean];
        check(&ends)?;
        let [noise, clean] = ends;
        Ok(Self { schedule, noise, clean })
    }

    /// The way of all positions from time 1 to time `least`, above 0.
    ///
    /// # Errors
    ///
    /// As [`Path::new`], and [`LikelihoodError::Schedule`] for a time that is none.
    pub fn from_noise(
        schedule: &'a dyn NoiseSchedule,
        least: f64,
    ) -> Result<Self, LikelihoodError> {
        let (noise, clean) = (schedule.level(1.0)?, schedule.level(least)?);
        Self::new(schedule, noise.into(), clean.into())
    }

    /// The clean end.
    pub fn clean(&self) -> &Levels {
        &self.clean
    }

    /// The noisy end.
    pub fn noise(&self) -> &Levels {
        &self.noise
    }

    /// The levels at `u` in `[0, 1]`.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Schedule`] where the schedule does not reach the ends.
    pub fn at(&self, u: f64) -> Result<Levels, LikelihoodError> {
        Ok(match (&self.noise, &self.clean) {
            (Levels::Shared(_), Levels::Shared(_)) => Levels::Shared(self.level(0, u)?),
            (noise, clean) => {
                let each = (0..Levels::entries(&[noise, clean])).map(|i| self.level(i, u));
                Levels::PerPosition(each.collect::<Result<_, _>>()?)
            }
        })
    }

    /// The levels of sequences of `length` positions that are at a `u` each.
    pub(super) fn at_each(&self, u: &[f64], length: usize) -> Result<Levels, LikelihoodError> {
        if let [u] = u {
            return self.at(*u);
        }
        let shared = self.noise.as_slice().len() == 1 && self.clean.as_slice().len() == 1;
        let mut levels = Vec::with_capacity(u.len() * length);
        for (sequence, &u) in u.iter().enumerate() {
            for i in 0..length {
                levels.push(match levels.last() {
                    Some(&level) if shared && 0 < i => level,
                    _ => self.level(sequence * length + i, u)?,
                });
            }
        }
        Ok(Levels::PerPosition(levels))
    }

    /// `λᵢ(0) − λᵢ(1)` of a position, nats; 0 for a condition.
    pub(super) fn span(&self, position: usize) -> f64 {
        let (noise, clean) = (self.noise.at(position), self.clean.at(position));
        match noise.ratio() == clean.ratio() {
            true => 0.0,
            // One logarithm of the ratio, because a difference of two may fall below 0.
            false => (noise.ratio() / clean.ratio()).ln(),
        }
    }

    /// Whether a position, counted row-major over `[batch, length]`, is no condition.
    pub(super) fn moves(&self) -> impl Fn(usize) -> bool + Sync {
        let (noise, clean) = (&self.noise, &self.clean);
        move |position| noise.at(position) != clean.at(position)
    }

    fn level(&self, position: usize, u: f64) -> Result<NoiseLevel, LikelihoodError> {
        let (noise, clean) = (self.noise.at(position), self.clean.at(position));
        if u <= 0.0 || noise == clean {
            return Ok(clean);
        }
        if 1.0 <= u {
            return Ok(noise);
        }
        let lambda = clean.lambda() - u * (clean.lambda() - noise.lambda());
        Ok(self.schedule.level_at(lambda)?)
    }
}

/// Whether a likelihood can be integrated along these levels, the noisiest first.
pub(super) fn check(levels: &[Levels]) -> Result<(), LikelihoodError> {
    levels::check(levels)?;
    let [first, .., last] = levels else {
        return Err(LevelsError::TooFew(levels.len()).into());
    };
    for position in 0..Levels::entries(&[first, last]) {
        let (noise, clean) = (first.at(position), last.at(position));
        if noise != clean && clean.sigma == 0.0 {
            return Err(LikelihoodError::Infinite { position });
        }
        if noise == clean && noise.sigma != 0.0 {
            return Err(LikelihoodError::Still { position, sigma: noise.sigma });
        }
    }
    Ok(())
}
