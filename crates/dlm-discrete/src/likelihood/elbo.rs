//! Maskings of the evidence lower bound of masked diffusion.

use dlm_rng::{Key, Purpose};

use super::{Answer, LikelihoodError, Masking, Maskings};
use crate::Clock;

/// How clean a position is at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clean {
    /// `α`, the chance that its token is still there, in `[0, 1]`.
    pub alpha: f64,
    /// `α' = dα/dt`, at most 0.
    pub derivative: f64,
}

impl Clean {
    /// That of a position under a clock.
    pub fn of(clock: &Clock, position: usize, t: f64) -> Self {
        let schedule = clock.schedule(position);
        Self { alpha: schedule.alpha(t), derivative: schedule.alpha_slope(t) }
    }
}

/// Maskings at random times, each token on its own: MDLM's continuous-time bound.
///
/// ```text
/// ln P(x) ≥ Σᵢ αᵢ(1) ln p(xⁱ | all masked)
///         + ∫_ε^1 E_t Σ_{i masked} −α'ᵢ(t)/(1 − αᵢ(t)) ln p(xⁱ | x_t) dt
///         + E_ε Σ_{i masked} ln p(xⁱ | x_ε)
/// ```
///
/// `P` is the law of the sampler that reveals tokens at the schedule's pace. The middle is
/// the published integral (Sahoo et al. 2024; Shi et al. 2024). It alone is a bound only if `α` falls from 1 to 0, and with `ε = 0` its weights have no finite
/// variance. The ends close it: one jump from all masks to what is clean at `t = 1`, and
/// one that reveals at once what is still masked at `ε`. So the value is a bound for every
/// schedule and every `ε`, and for small `ε` and `α(1)` the bound is the mean over all
/// orders that [`AnyOrder`](super::AnyOrder) estimates. Published values leave the ends
/// out, and average over `(ε, 1]` without the factor `1 − ε`.
///
/// A replicate has one time in each of `strata` equal parts of `(ε, 1]`, and a masking for
/// each end where it is needed. Maskings of nothing are not evaluated.
///
/// Times are drawn with [`Purpose::Time`] and tokens masked with [`Purpose::Corrupt`], the
/// replicate being the step and the stratum the position; the sequence is the caller's.
#[derive(Clone, Copy, Debug)]
pub struct Elbo<F> {
    strata: usize,
    epsilon: f64,
    key: Key,
    clean: F,
}

impl<F: Fn(usize, f64) -> Clean> Elbo<F> {
    /// Replicates of `strata` times between `epsilon` and 1 under a schedule: `clean(i, t)`
    /// is how clean position `i` of the sequence is at time `t`. MDLM's `epsilon` is 10⁻³.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Setting`] for `strata = 0` and an `epsilon` not between 0 and 1.
    pub fn new(strata: usize, epsilon: f64, key: Key, clean: F) -> Result<Self, LikelihoodError> {
        let inside = 0.0 < epsilon && epsilon < 1.0;
        for (field, value, fits, range) in [
            ("strata", strata as f64, 0 < strata, "above 0"),
            ("epsilon", epsilon, inside, "between 0 and 1"),
        ] {
            if !fits {
                return Err(LikelihoodError::Setting { field, value, range });
            }
        }
        Ok(Self { strata, epsilon, key, clean })
    }

    /// One time in each equal part of `(ε, 1]`, from one uniform number each:
    /// `t_k = ε + (1 − ε)(k + u_k)/n` for `n` numbers.
    pub fn times(&self, uniforms: &[f64]) -> Vec<f64> {
        let parts = uniforms.len() as f64;
        let time =
            |(k, u): (usize, &f64)| self.epsilon + (1.0 - self.epsilon) * (k as f64 + u) / parts;
        uniforms.iter().enumerate().map(time).collect()
    }

    /// The answer as it is at time `t`: its `j`-th position is masked where
    /// `uniforms[j] < 1 − α(t)`, and a masked one weighs `−α'/(1 − α)`. Positions for which
    /// there is no number stay as they are.
    pub fn at(&self, answer: &Answer, t: f64, uniforms: &[f64]) -> Masking {
        let weight = |clean: Clean| -clean.derivative / (1.0 - clean.alpha);
        self.masking(answer, t, uniforms, weight)
    }

    fn masking(
        &self,
        answer: &Answer,
        t: f64,
        uniforms: &[f64],
        weight: impl Fn(Clean) -> f64,
    ) -> Masking {
        let states =
            answer.positions().iter().map(|&position| (position, (self.clean)(position, t)));
        let masked = states.zip(uniforms).filter(|((_, clean), u)| **u < 1.0 - clean.alpha);
        let (positions, weights) =
            masked.map(|((position, clean), _)| (position, weight(clean))).unzip();
        Masking { positions, weights, time: Some(t) }
    }

    /// All masked, weighing what is clean at `t = 1`.
    fn noise_end(&self, answer: &Answer) -> Masking {
        let positions = answer.positions().to_vec();
        let weights = positions.iter().map(|&i| (self.clean)(i, 1.0).alpha).collect();
        Masking { positions, weights, time: Some(1.0) }
    }
}

impl<F: Fn(usize, f64) -> Clean> Maskings for Elbo<F> {
    fn replicate(&self, answer: &Answer, index: u64) -> Option<Vec<Masking>> {
        let (times, masks) = (self.key.purpose(Purpose::Time), self.key.purpose(Purpose::Corrupt));
        let stratum = |key: Key, k: usize| key.step(index).position(k as u64).stream();
        let uniforms = |k: usize| -> Vec<f64> {
            let mut numbers = stratum(masks, k);
            answer.positions().iter().map(|_| numbers.uniform()).collect()
        };
        let jitter: Vec<f64> = (0..self.strata).map(|k| stratum(times, k).uniform()).collect();
        let share = (1.0 - self.epsilon) / self.strata as f64;
        let inside = self.times(&jitter).into_iter().enumerate().map(|(k, t)| {
            let mut masking = self.at(answer, t, &uniforms(k));
            masking.weights.iter_mut().for_each(|weight| *weight *= share);
            masking
        });
        let data_end = self.masking(answer, self.epsilon, &uniforms(self.strata), |_| 1.0);
        let ends = [self.noise_end(answer), data_end];
        // A schedule that ends in 0 may end in rounding, which is not worth an evaluation.
        let counts = |masking: &Masking| masking.weights.iter().any(|weight| 1e-12 < *weight);
        Some(ends.into_iter().chain(inside).filter(counts).collect())
    }
}
