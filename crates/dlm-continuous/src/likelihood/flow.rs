//! The density of the probability flow.

use dlm_core::{Differentiable, Latent, Levels, NoiseLevel, Weights};

use super::draws::{check, first_not_finite, mean_and_error};
use super::{LikelihoodError, Path, Trace};

/// The density that the probability flow of a denoiser gives to latents (Song et al. 2021; the
/// trace by Grathwohl et al., FFJORD, 2019).
///
/// The flow carries a latent from the path's clean end to its noisy one, whose law is taken for
/// `N(0, σ²·I)`, and the density changes by what the flow spreads:
///
/// ```text
/// z = x/c      c = √(α² + σ²)      α̂ = α/c
/// dz/dλ = α̂·(x̂₀ − α̂·z)                          the probability flow
/// d ln p(z)/dλ = −tr ∂(dz/dλ)/∂z = d·α̂² − α·tr ∂x̂₀/∂x
/// ln p(x) = −½·d·ln 2πσ(0)² − ½·‖x₁/σ(1)‖² − ∫ α·tr ∂x̂₀/∂x dλ
/// ```
///
/// with `d` numbers, from `u = 0`, where `x` is, to `x₁` at `u = 1`. The last line has `∫ d·α̂²`
/// in closed form. In the variable `z` the state stays as large as the data and the flow comes
/// to rest at both ends, whatever the schedule; where it keeps the variance, `z` is `x`. State
/// and trace are integrated together by the classical method of Runge and Kutta, at order 4.
///
/// At the noisy end the true law differs from the prior by terms of the order of `α/σ` there:
/// the value is exactly that of the model that starts from the prior.
#[derive(Clone)]
pub struct Flow<'a> {
    /// From data to noise.
    pub path: Path<'a>,
    /// Steps, equal in `λ`, at least 1.
    pub steps: usize,
    /// How traces are found.
    pub trace: Trace,
}

/// The density of one sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogDensity {
    /// `ln p(x)` of the positions that move, given the others, nats; `x` is at the path's clean
    /// end. The mean over probes.
    pub value: f64,
    /// Its standard error over probes, which knows nothing of the error of the steps; absent
    /// for a single probe, and for exact traces.
    pub standard_error: Option<f64>,
    /// Calls of the denoiser, for all sequences of the batch at once.
    pub nfe: usize,
    /// Products with its derivative, likewise; each costs [finite
    /// differences](super::FiniteDifference) two calls more.
    pub products: usize,
}

impl Flow<'_> {
    /// The log-density of each sequence of `x`, `[batch, length, dim]`, whose positions are at
    /// the path's clean end. `sequences` names each, for its probes alone.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Setting`] for no steps or probes, data or names that do not fit,
    /// [`LikelihoodError::NotFinite`] after the first step whose result is no number, and
    /// failures of the denoiser.
    pub fn estimate<X: Latent>(
        &self,
        x: &X,
        sequences: &[u64],
        denoiser: &mut dyn Differentiable<X>,
    ) -> Result<Vec<LogDensity>, LikelihoodError> {
        if self.steps == 0 {
            let range = "of at least 1";
            return Err(LikelihoodError::Setting { field: "steps", value: 0.0, range });
        }
        self.trace.check()?;
        check(x, sequences)?;
        self.path.noise().check(x.shape())?;
        self.path.clean().check(x.shape())?;
        let probes = self.trace.directions(x, sequences, &self.path)?;
        let mut z = X::combine(&self.path.clean().weights(|level| [1.0 / scale(level)]), [x])?;
        let mut spread = vec![vec![0.0; x.shape().batch]; probes.len()];
        for step in 0..self.steps {
            let rates = self.step(step, &mut z, &probes, denoiser)?;
            for (spread, rate) in spread.iter_mut().zip(rates) {
                spread.iter_mut().zip(rate).for_each(|(spread, rate)| *spread += rate);
                if let Some(sequence) = first_not_finite(spread) {
                    return Err(LikelihoodError::NotFinite { step, sequence });
                }
            }
            if let Some(sequence) = first_not_finite(&z.dot(&z)?) {
                return Err(LikelihoodError::NotFinite { step, sequence });
            }
        }
        let nfe = 4 * self.steps;
        let arrived = self.arrived(&z)?;
        let density = |(sequence, arrived): (usize, f64)| {
            let spread: Vec<f64> = spread.iter().map(|spread| spread[sequence]).collect();
            let (value, standard_error) = match self.trace {
                Trace::Exact => (arrived - spread.iter().sum::<f64>(), None),
                Trace::Hutchinson { .. } => {
                    let (mean, error) = mean_and_error(&spread);
                    (arrived - mean, error)
                }
            };
            LogDensity { value, standard_error, nfe, products: nfe * probes.len() }
        };
        Ok(arrived.into_iter().enumerate().map(density).collect())
    }

    /// One step of Runge and Kutta from `step/steps`: moves `z` and gives, for each probe and
    /// sequence, what `∫ α·⟨v, J·v⟩ dλ` grew by.
    fn step<X: Latent>(
        &self,
        step: usize,
        z: &mut X,
        probes: &[X],
        denoiser: &mut dyn Differentiable<X>,
    ) -> Result<Vec<Vec<f64>>, LikelihoodError> {
        let h = 1.0 / self.steps as f64;
        let u = |part: f64| (step as f64 + part) * h;
        let mut grown = vec![vec![0.0; z.shape().batch]; probes.len()];
        let mut velocities: Vec<X> = Vec::with_capacity(4);
        for (part, share) in [(0.0, 1.0), (0.5, 2.0), (0.5, 2.0), (1.0, 1.0)] {
            let levels = self.path.at(u(part))?;
            let here = match velocities.last() {
                Some(last) => X::combine(&Weights::Shared([1.0, part * h]), [z, last])?,
                None => X::combine(&Weights::Shared([1.0]), [z])?,
            };
            let x = X::combine(&levels.weights(|level| [scale(level)]), [&here])?;
            let x0 = denoiser.denoise(&x, &levels)?;
            velocities.push(X::combine(&self.velocity(&levels), [&x0, &here])?);
            let weights = self.weights(&levels, |span, level| [span * level.alpha]);
            for (grown, v) in grown.iter_mut().zip(probes) {
                let product = denoiser.jacobian_product(&x, &levels, v)?;
                let rates = X::combine(&weights, [&product])?.dot(v)?;
                for (grown, rate) in grown.iter_mut().zip(rates) {
                    *grown += share * h / 6.0 * rate;
                }
            }
        }
        if let [first, second, third, last] = &velocities[..] {
            let weights = Weights::Shared([1.0, h / 6.0, h / 3.0, h / 3.0, h / 6.0]);
            *z = X::combine(&weights, [z, first, second, third, last])?;
        }
        Ok(grown)
    }

    /// `dz/du = −span·α̂·(x̂₀ − α̂·z)`, as weights of `x̂₀` and `z`.
    fn velocity(&self, levels: &Levels) -> Weights<2> {
        self.weights(levels, |span, level| {
            let signal = level.alpha / scale(level);
            [-span * signal, span * signal * signal]
        })
    }

    /// Weights that depend on a position's span and level.
    fn weights<const N: usize>(
        &self,
        levels: &Levels,
        of: impl Fn(f64, NoiseLevel) -> [f64; N],
    ) -> Weights<N> {
        match levels {
            Levels::Shared(level) => Weights::Shared(of(self.path.span(0), *level)),
            Levels::PerPosition(levels) => {
                let each = levels.iter().enumerate();
                let each = each.map(|(i, &level)| of(self.path.span(i), level));
                Weights::PerPosition(each.collect())
            }
        }
    }

    /// `−½·‖x₁/σ(1)‖² − ½·d·ln 2πσ(0)²` of each sequence, over the positions that move.
    fn arrived<X: Latent>(&self, z: &X) -> Result<Vec<f64>, LikelihoodError> {
        let (shape, moves) = (z.shape(), self.path.moves());
        // A condition has no noise, and where there is noise the position moves.
        let inverse = |level: NoiseLevel| match level.sigma {
            0.0 => [0.0],
            sigma => [scale(level) / sigma],
        };
        let standard = X::combine(&self.path.noise().weights(inverse), [z])?;
        let constant = |position: usize| {
            let variance = self.path.clean().at(position).sigma.powi(2);
            0.5 * shape.dim as f64 * (std::f64::consts::TAU * variance).ln()
        };
        let of = |(sequence, square): (usize, f64)| {
            let positions = sequence * shape.length..(sequence + 1) * shape.length;
            -0.5 * square - positions.filter(|&i| moves(i)).map(constant).sum::<f64>()
        };
        Ok(standard.dot(&standard)?.into_iter().enumerate().map(of).collect())
    }
}

/// `c = √(α² + σ²)`.
fn scale(level: NoiseLevel) -> f64 {
    level.alpha.hypot(level.sigma)
}
