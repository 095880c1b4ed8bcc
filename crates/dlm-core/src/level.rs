//! How noisy a latent is, position by position.

use crate::latent::fits;
use crate::{LatentError, Shape, Weights};

/// One point of the Gaussian forward process `x_t = α·x₀ + σ·ε`, `ε ~ N(0, I)`.
///
/// Samplers see levels and never the schedule they were read from, so they work alike for
/// processes that keep the variance (`α² + σ² = 1`) and processes that let it grow (`α = 1`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseLevel {
    /// Diffusion time in `[0, 1]`, 0 is data: what a network conditioned on time is told.
    pub t: f64,
    /// Signal `α`, above 0.
    pub alpha: f64,
    /// Standard deviation of the noise `σ`, at least 0, in units of the data.
    pub sigma: f64,
}

impl NoiseLevel {
    /// Data: `t = 0`, `α = 1`, `σ = 0`.
    pub const CLEAN: Self = Self { t: 0.0, alpha: 1.0, sigma: 0.0 };

    /// Half the logarithm of the signal-to-noise ratio, `λ = ln(α/σ)`, in nats; `+∞` at
    /// `σ = 0`.
    pub fn lambda(self) -> f64 {
        (self.alpha / self.sigma).ln()
    }

    /// The signal-to-noise ratio `α²/σ² = e^{2λ}`; `+∞` at `σ = 0`.
    pub fn snr(self) -> f64 {
        (self.alpha / self.sigma).powi(2)
    }

    /// The noise in units of the signal, `σ/α`; 0 for data.
    pub fn ratio(self) -> f64 {
        self.sigma / self.alpha
    }

    /// Whether this is a level at all: `t` in `[0, 1]`, `α` finite and above 0, `σ` finite
    /// and at least 0.
    pub fn is_valid(self) -> bool {
        (0.0..=1.0).contains(&self.t)
            && self.alpha.is_finite()
            && 0.0 < self.alpha
            && self.sigma.is_finite()
            && 0.0 <= self.sigma
    }
}

/// The noise levels of a latent's positions: one for all, or one each.
///
/// A prompt is a position at [`NoiseLevel::CLEAN`] for the whole of a run; a position with a
/// clock of its own has other levels than its neighbours.
#[derive(Clone, Debug, PartialEq)]
pub enum Levels {
    /// All positions are equally noisy.
    Shared(NoiseLevel),
    /// Position `i`, counted row-major over `[batch, length]`, is at entry `i mod n` of the
    /// `n`. So `n` is either `length`, the same for all sequences, or `batch·length`.
    PerPosition(Vec<NoiseLevel>),
}

impl Levels {
    /// The level of a position, counted row-major over `[batch, length]`; data in an empty
    /// list.
    pub fn at(&self, position: usize) -> NoiseLevel {
        match self {
            Self::Shared(level) => *level,
            Self::PerPosition(levels) if levels.is_empty() => NoiseLevel::CLEAN,
            Self::PerPosition(levels) => levels[position % levels.len()],
        }
    }

    /// The levels listed, without repetition by position: one, or those of all positions.
    pub fn as_slice(&self) -> &[NoiseLevel] {
        match self {
            Self::Shared(level) => std::slice::from_ref(level),
            Self::PerPosition(levels) => levels,
        }
    }

    /// The levels after `change` was made to each.
    pub fn map(&self, change: impl FnMut(NoiseLevel) -> NoiseLevel) -> Self {
        match self {
            Self::Shared(level) => Self::Shared({ change }(*level)),
            Self::PerPosition(levels) => {
                Self::PerPosition(levels.iter().copied().map(change).collect())
            }
        }
    }

    /// The coefficients of a linear combination, where they depend on the level alone.
    pub fn weights<const N: usize>(
        &self,
        coefficients: impl Fn(NoiseLevel) -> [f64; N],
    ) -> Weights<N> {
        match self {
            Self::Shared(level) => Weights::Shared(coefficients(*level)),
            Self::PerPosition(levels) => {
                Weights::PerPosition(levels.iter().map(|&level| coefficients(level)).collect())
            }
        }
    }

    /// How many entries describe all positions of several lists: those of the longest.
    pub fn entries(lists: &[&Self]) -> usize {
        lists.iter().map(|levels| levels.as_slice().len()).max().unwrap_or(0)
    }

    /// Whether these levels fit a latent.
    ///
    /// # Errors
    ///
    /// [`LatentError::Weights`] for a list whose entries are neither one, nor `length`, nor
    /// `batch·length`.
    pub fn check(&self, shape: Shape) -> Result<(), LatentError> {
        fits(self.as_slice().len(), shape)
    }

    /// The coefficients of a step from these levels to others that are no noisier, whose first
    /// term is the state. This is for falling noise only: see [`Weights::of`] for rising noise.
    ///
    /// A position whose level does not change keeps its state, and one at `σ = 0` has nothing
    /// left to lose: there the weights are `[α'/α, 0, …, 0]` and `coefficients` is not asked.
    /// So `coefficients` may divide by the first level's `σ`.
    pub fn weights_to<const N: usize>(
        &self,
        to: &Self,
        coefficients: impl Fn(NoiseLevel, NoiseLevel) -> [f64; N],
    ) -> Weights<N> {
        Weights::of([self, to], |[from, to]| match from == to || from.sigma == 0.0 {
            true => std::array::from_fn(|term| match term {
                0 => to.alpha / from.alpha,
                _ => 0.0,
            }),
            false => coefficients(from, to),
        })
    }
}

impl<const N: usize> Weights<N> {
    /// The coefficients of a linear combination, from several levels of the same position.
    pub fn of<const L: usize>(
        levels: [&Levels; L],
        coefficients: impl Fn([NoiseLevel; L]) -> [f64; N],
    ) -> Self {
        let here = |i: usize| coefficients(levels.map(|levels| levels.at(i)));
        match levels.iter().all(|levels| matches!(levels, Levels::Shared(_))) {
            true => Self::Shared(here(0)),
            false => Self::PerPosition((0..Levels::entries(&levels)).map(here).collect()),
        }
    }
}

impl From<NoiseLevel> for Levels {
    fn from(level: NoiseLevel) -> Self {
        Self::Shared(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(sigma: f64) -> NoiseLevel {
        NoiseLevel { t: sigma, alpha: 1.0 - 0.5 * sigma, sigma }
    }

    fn each(sigmas: &[f64]) -> Levels {
        Levels::PerPosition(sigmas.iter().map(|&sigma| level(sigma)).collect())
    }

    #[test]
    fn positions_go_round_the_list() {
        let levels = each(&[0.1, 0.2, 0.3]);
        let sigmas: Vec<f64> = (0..7).map(|i| levels.at(i).sigma).collect();
        assert_eq!(sigmas, [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1]);
        assert_eq!(Levels::Shared(level(0.4)).at(9), level(0.4));
        assert_eq!(each(&[]).at(2), NoiseLevel::CLEAN);
    }

    #[test]
    fn a_change_is_made_to_each() {
        let halved = |level: NoiseLevel| NoiseLevel { sigma: 0.5 * level.sigma, ..level };
        let sigmas = |levels: Levels| -> Vec<f64> {
            levels.map(halved).as_slice().iter().map(|level| level.sigma).collect()
        };
        assert_eq!(sigmas(each(&[0.2, 0.8])), [0.1, 0.4]);
        assert_eq!(sigmas(Levels::Shared(level(0.6))), [0.3]);
    }

    #[test]
    fn weights_are_those_of_each_position() {
        let of = |level: NoiseLevel| [level.alpha, level.sigma];
        assert_eq!(Levels::Shared(level(0.5)).weights(of), Weights::Shared([0.75, 0.5]));
        let two = Weights::PerPosition(vec![[1.0, 0.0], [0.5, 1.0]]);
        assert_eq!(each(&[0.0, 1.0]).weights(of), two);
        // The longest list says how many there are, and a shared level is everyone's.
        let lists = [&each(&[0.1, 0.2]), &level(0.9).into(), &each(&[0.3, 0.4, 0.5, 0.6])];
        let sigmas = Weights::of(lists, |levels| levels.map(|level| level.sigma));
        let expected = vec![[0.1, 0.9, 0.3], [0.2, 0.9, 0.4], [0.1, 0.9, 0.5], [0.2, 0.9, 0.6]];
        assert_eq!(sigmas, Weights::PerPosition(expected));
    }

    #[test]
    fn frozen_positions_are_not_asked_about() {
        let (from, to) = (each(&[0.0, 0.5, 0.8]), each(&[0.0, 0.5, 0.2]));
        let weights = from.weights_to(&to, |from, to| {
            assert_eq!((from, to), (level(0.8), level(0.2)));
            [2.0, 3.0, 4.0]
        });
        let kept = [1.0, 0.0, 0.0];
        assert_eq!(weights, Weights::PerPosition(vec![kept, kept, [2.0, 3.0, 4.0]]));
    }

    #[test]
    fn a_list_is_as_long_as_a_sequence_or_as_the_batch() {
        let shape = Shape { batch: 4, length: 3, dim: 2 };
        for (entries, fits) in
            [(1, true), (3, true), (12, true), (0, false), (2, false), (6, false)]
        {
            assert_eq!(each(&vec![0.1; entries]).check(shape).is_ok(), fits, "{entries}");
            let weights = Weights::PerPosition(vec![[1.0]; entries]);
            assert_eq!(weights.check(shape).is_ok(), fits, "{entries}");
        }
    }
}
