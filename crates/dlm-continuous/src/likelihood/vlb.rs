//! The variational bound, by integration over noise.

use dlm_core::{Denoiser, Latent, LatentError, Levels, Shape, Weights};
use dlm_rng::{Key, Purpose};

use super::draws::{check, each, filled, first_not_finite, mean_and_error};
use super::path::check as check_levels;
use super::{LikelihoodError, Path, Reconstruction};
use crate::forward::added;

/// Draws of the variational bound of Kingma et al. (*Variational diffusion models*, 2021; for
/// language, Gulrajani & Hashimoto's Plaid, 2023).
///
/// ```text
/// −ln p(data) ≤ ½·SNR(1)·‖x₀‖²                            KL(q(x₁ | x₀) ‖ N(0, σ₁²·I))
///             + ½·∫ E‖x₀ − x̂₀(x_t)‖² dSNR                 denoising, by `Integral`
///             − E ln p(data | x at the cleanest level)    by `Reconstruction`
/// ```
///
/// With a perfect denoiser the expected bound is the data's entropy (the I-MMSE relation of
/// Guo, Shamai & Verdú, 2005), but for the prior's mismatch and for what the reconstruction
/// does not know; with any other it is more.
///
/// Each draw is one unbiased estimate of the whole bound. Its strata depend on each other;
/// draws do not, and their spread is the standard error.
///
/// Times are drawn with [`Purpose::Time`] and noise with [`Purpose::Noise`], the sequence
/// being its name and the step the evaluation, counted over all draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vlb {
    /// Independent draws, at least 1; from 2 on the error is known.
    pub draws: u64,
    /// What the run's randomness is named by.
    pub key: Key,
}

/// How the bound's integral over noise is made a sum.
#[derive(Clone)]
pub enum Integral<'a> {
    /// The integral itself, over `λ`: a draw has one level in each of `strata` equal parts of
    /// the path, at least 1, uniform within its part. It is unbiased for any number of strata.
    ///
    /// ```text
    /// ½·∫ ‖x₀ − x̂₀‖² dSNR = ∫ e^{2λ}·‖x₀ − x̂₀‖² dλ      SNR = e^{2λ}
    /// ```
    ///
    /// The integrand on the right is the squared error of the noise prediction, at most about
    /// one per dimension, so that no part of the path outweighs the others.
    Continuous {
        /// Where the levels lie.
        path: Path<'a>,
        /// Parts of the path.
        strata: u64,
    },
    /// The bound of the chain that visits these levels and no others, the noisiest first:
    /// `Σ ½·(SNR(s) − SNR(t))·‖x₀ − x̂₀(x_t)‖²` over its steps from `t` to the cleaner `s`. It
    /// lies above the integral, to which it falls at order 1 as levels are added.
    Grid(&'a [Levels]),
}

/// An estimated bound of `−ln p(data)` of one sequence, nats; lower is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The mean over draws: the sum of the three terms.
    pub value: f64,
    /// Its standard error; absent for a single draw.
    pub standard_error: Option<f64>,
    /// The prior's term, exact.
    pub prior: f64,
    /// The integral's.
    pub denoising: f64,
    /// The reconstruction's.
    pub reconstruction: f64,
    /// Calls of the denoiser, for all sequences of the batch at once.
    pub nfe: usize,
}

impl Vlb {
    /// The bound of each sequence of `x0`, `[batch, length, dim]`, the data without noise.
    ///
    /// `sequences` names each one, for its randomness alone: under the same name a sequence has
    /// the same draws in any batch.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Setting`] for no draws or strata, levels that make no path, data or
    /// names that do not fit, [`LikelihoodError::Draw`] for the first draw that is not finite,
    /// and failures of denoiser and reconstruction.
    pub fn estimate<X: Latent>(
        &self,
        integral: &Integral<'_>,
        x0: &X,
        sequences: &[u64],
        denoiser: &mut dyn Denoiser<X>,
        reconstruction: &mut dyn Reconstruction<X>,
    ) -> Result<Vec<Bound>, LikelihoodError> {
        at_least_one("draws", self.draws)?;
        integral.check()?;
        check(x0, sequences)?;
        integral.fits(x0.shape())?;
        let batch = x0.shape().batch;
        let terms = integral.terms();
        let mut denoising = vec![vec![]; batch];
        let mut named = vec![vec![]; batch];
        for draw in 0..self.draws {
            let mut total = vec![0.0; batch];
            for term in 0..terms {
                let key = self.key.step(draw * (terms + 1) + term);
                let (levels, weights) = integral.term(term, x0, sequences, key)?;
                let x = noisy(x0, &levels, sequences, key)?;
                let off = X::combine(&weights, [x0, &denoiser.denoise(&x, &levels)?])?;
                total.iter_mut().zip(off.dot(&off)?).for_each(|(total, square)| *total += square);
            }
            let key = self.key.step(draw * (terms + 1) + terms);
            let x = noisy(x0, integral.clean(), sequences, key)?;
            let nats = reconstruction.nats(&x, integral.clean())?;
            each("reconstructions", nats.len(), batch)?;
            let sums: Vec<f64> = total.iter().zip(&nats).map(|(a, b)| a + b).collect();
            if let Some(sequence) = first_not_finite(&sums) {
                return Err(LikelihoodError::Draw { draw, sequence });
            }
            for sequence in 0..batch {
                denoising[sequence].push(total[sequence]);
                named[sequence].push(nats[sequence]);
            }
        }
        let prior = prior(x0, integral)?;
        let nfe = (self.draws * terms) as usize;
        let bound = |sequence: usize| {
            let (denoising, named) = (&denoising[sequence], &named[sequence]);
            let sums: Vec<f64> = denoising.iter().zip(named).map(|(a, b)| a + b).collect();
            let (mean, standard_error) = mean_and_error(&sums);
            Bound {
                value: prior[sequence] + mean,
                standard_error,
                prior: prior[sequence],
                denoising: mean_and_error(denoising).0,
                reconstruction: mean_and_error(named).0,
                nfe,
            }
        };
        Ok((0..batch).map(bound).collect())
    }
}

impl Integral<'_> {
    fn check(&self) -> Result<(), LikelihoodError> {
        match self {
            Self::Continuous { strata, .. } => at_least_one("strata", *strata),
            Self::Grid(levels) => check_levels(levels),
        }
    }

    /// Whether there is a level for each position.
    fn fits(&self, shape: Shape) -> Result<(), LatentError> {
        match self {
            Self::Continuous { path, .. } => {
                path.noise().check(shape).and_then(|()| path.clean().check(shape))
            }
            Self::Grid(levels) => levels.iter().try_for_each(|here| here.check(shape)),
        }
    }

    /// Evaluations of a draw.
    fn terms(&self) -> u64 {
        match self {
            Self::Continuous { strata, .. } => *strata,
            Self::Grid(levels) => levels.len() as u64 - 1,
        }
    }

    fn noise(&self) -> &Levels {
        match self {
            Self::Continuous { path, .. } => path.noise(),
            Self::Grid(levels) => &levels[0],
        }
    }

    fn clean(&self) -> &Levels {
        match self {
            Self::Continuous { path, .. } => path.clean(),
            Self::Grid(levels) => &levels[levels.len() - 1],
        }
    }

    /// Levels of one evaluation, and `[√w, −√w]` with the weights `w` of its squared errors.
    fn term(
        &self,
        term: u64,
        x0: &impl Latent,
        sequences: &[u64],
        key: Key,
    ) -> Result<(Levels, Weights<2>), LikelihoodError> {
        match self {
            Self::Continuous { path, strata } => {
                let jitter = |&name: &u64| key.purpose(Purpose::Time).sequence(name).uniform();
                let u = |name: &u64| (term as f64 + jitter(name)) / *strata as f64;
                let u: Vec<f64> = sequences.iter().map(u).collect();
                let levels = path.at_each(&u, x0.shape().length)?;
                let moves = path.moves();
                let weights = (0..levels.as_slice().len()).map(|i| match moves(i) {
                    true => path.span(i) / *strata as f64 * levels.at(i).snr(),
                    false => 0.0,
                });
                let weights = roots(weights.collect());
                Ok((levels, weights))
            }
            Self::Grid(levels) => {
                let (noisier, cleaner) = (&levels[term as usize], &levels[term as usize + 1]);
                let entries = Levels::entries(&[noisier, cleaner]);
                let weights = (0..entries).map(|i| match (noisier.at(i), cleaner.at(i)) {
                    // Without noise at the cleaner end this is a condition.
                    (_, s) if s.sigma == 0.0 => 0.0,
                    // ½·(SNR(s) − SNR(t)), which as a difference may fall below 0.
                    (t, s) => 0.5 * s.snr() * added(s, t),
                });
                Ok((noisier.clone(), roots(weights.collect())))
            }
        }
    }
}

/// Weights of one entry are shared by all positions.
fn roots(weights: Vec<f64>) -> Weights<2> {
    let pair = |weight: &f64| [weight.sqrt(), -weight.sqrt()];
    match &weights[..] {
        [one] => Weights::Shared(pair(one)),
        each => Weights::PerPosition(each.iter().map(pair).collect()),
    }
}

/// `α·x₀ + σ·ε`.
fn noisy<X: Latent>(
    x0: &X,
    levels: &Levels,
    sequences: &[u64],
    key: Key,
) -> Result<X, LikelihoodError> {
    let noise = filled(x0, sequences, key.purpose(Purpose::Noise), |stream| stream.normal())?;
    Ok(X::combine(&levels.weights(|level| [level.alpha, level.sigma]), [x0, &noise])?)
}

/// `½·SNR(1)·‖x₀‖²` over the positions that move.
fn prior<X: Latent>(x0: &X, integral: &Integral<'_>) -> Result<Vec<f64>, LikelihoodError> {
    // A condition has no noise, and where there is noise the position moves.
    let root = |level: dlm_core::NoiseLevel| match level.sigma {
        0.0 => [0.0],
        _ => [(0.5 * level.snr()).sqrt()],
    };
    let scaled = X::combine(&integral.noise().weights(root), [x0])?;
    Ok(scaled.dot(&scaled)?)
}

fn at_least_one(field: &'static str, value: u64) -> Result<(), LikelihoodError> {
    match value {
        0 => Err(LikelihoodError::Setting { field, value: 0.0, range: "of at least 1" }),
        _ => Ok(()),
    }
}
