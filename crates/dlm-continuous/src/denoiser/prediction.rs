//! Networks that predict something else than the data.

use dlm_core::{Denoiser, Latent, Levels, ModelError, NoiseLevel};
use serde::{Deserialize, Serialize};

/// A network that was trained on another target, as the denoiser that samplers ask.
///
/// `network` has a denoiser's signature, and its answer, of the state's shape, is read as
/// what it `predicts`. A position at `σ = 0` is data already: there `x̂₀ = x/α` exactly,
/// whatever the network says, were it not even a number.
///
/// ```
/// use dlm_continuous::denoiser::{DataPrediction, Predicts};
/// use dlm_core::{Denoiser, DenseLatent, Levels, NoiseLevel, Shape};
///
/// let silence = |x: &DenseLatent, _: &Levels| Ok(DenseLatent::zeros(x.shape()));
/// # use dlm_core::Latent;
/// let mut denoiser = DataPrediction { network: silence, predicts: Predicts::Noise };
/// let x = DenseLatent::new(Shape { batch: 1, length: 1, dim: 1 }, vec![3.0])?;
/// let level = NoiseLevel { t: 0.5, alpha: 0.6, sigma: 0.8 };
/// assert_eq!(denoiser.denoise(&x, &level.into())?.values(), [3.0 * (1.0 / 0.6)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataPrediction<D> {
    /// The network.
    pub network: D,
    /// What it predicts.
    pub predicts: Predicts,
}

/// What a network was trained to predict of `x = α·x₀ + σ·ε`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Predicts {
    /// The data, `x₀`.
    #[default]
    Data,
    /// The noise, `ε` (Ho et al. 2020): `x̂₀ = (x − σ·ε)/α`.
    Noise,
    /// The velocity, `v = (α·ε − σ·x₀)/n` with `n² = α² + σ²` (Salimans & Ho 2022):
    /// `x̂₀ = (α·x − n·σ·v)/n²`. Where the variance is kept `n = 1`; the division by `n`
    /// makes `v` the same number for a process that lets the variance grow.
    Velocity,
    /// The score, `s = ∇ ln p(x)` (Song et al. 2021): `x̂₀ = (x + σ²·s)/α`.
    Score,
}

impl Predicts {
    /// The weights `[a, b]` of `x̂₀ = a·x + b·output` at a level.
    pub fn to_data(self, level: NoiseLevel) -> [f64; 2] {
        let NoiseLevel { alpha, sigma, .. } = level;
        if self == Self::Data {
            return [0.0, 1.0];
        }
        if sigma == 0.0 {
            return [1.0 / alpha, 0.0];
        }
        let n = alpha.hypot(sigma);
        match self {
            Self::Data => [0.0, 1.0],
            Self::Noise => [1.0 / alpha, -sigma / alpha],
            Self::Velocity => [alpha / n / n, -sigma / n],
            Self::Score => [1.0 / alpha, sigma * sigma / alpha],
        }
    }

    /// The weights `[a, b]` of `target = a·x + b·x₀` at a level with `σ > 0`: what a network
    /// is trained on, and what the data prediction of another network says of it.
    pub fn of_data(self, level: NoiseLevel) -> [f64; 2] {
        let NoiseLevel { alpha, sigma, .. } = level;
        let n = alpha.hypot(sigma);
        match self {
            Self::Data => [0.0, 1.0],
            Self::Noise => [1.0 / sigma, -alpha / sigma],
            Self::Velocity => [alpha / (n * sigma), -n / sigma],
            Self::Score => [-1.0 / (sigma * sigma), alpha / (sigma * sigma)],
        }
    }
}

impl<X: Latent, D: Denoiser<X>> Denoiser<X> for DataPrediction<D> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        let output = self.network.denoise(x, levels)?;
        if self.predicts == Predicts::Data {
            return Ok(output);
        }
        let clean = |level: &NoiseLevel| level.sigma == 0.0;
        // No number times 0 is 0 but a finite one, and a score has a pole at σ = 0.
        let output = match levels.as_slice().iter().any(clean) {
            true => output.map_positions(&|position, row| {
                if clean(&levels.at(position)) {
                    row.fill(0.0);
                }
            })?,
            false => output,
        };
        Ok(X::combine(&levels.weights(|level| self.predicts.to_data(level)), [x, &output])?)
    }

    fn evaluations(&self) -> usize {
        self.network.evaluations()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlm_core::{DenseLatent, Shape};

    const ALL: [Predicts; 4] =
        [Predicts::Data, Predicts::Noise, Predicts::Velocity, Predicts::Score];

    fn levels() -> [NoiseLevel; 4] {
        [(0.6, 0.8), (1.0, 14.0), (0.999, 1e-3), (0.3, 0.1)].map(|(alpha, sigma)| NoiseLevel {
            t: 0.5,
            alpha,
            sigma,
        })
    }

    #[test]
    fn there_and_back_again() {
        for level in levels() {
            for predicts in ALL {
                let (x0, noise) = (-0.7, 1.3);
                let x = level.alpha * x0 + level.sigma * noise;
                let [a, b] = predicts.of_data(level);
                let target = a * x + b * x0;
                let [a, b] = predicts.to_data(level);
                let back = a * x + b * target;
                assert!((back - x0).abs() < 1e-9, "{predicts:?} at {level:?}: {back}");
            }
        }
    }

    #[test]
    fn the_targets_are_the_published_ones() {
        for level in levels() {
            let NoiseLevel { alpha, sigma, .. } = level;
            let (x0, noise) = (-0.7, 1.3);
            let x = alpha * x0 + sigma * noise;
            let target = |predicts: Predicts| {
                let [a, b] = predicts.of_data(level);
                a * x + b * x0
            };
            let velocity = (alpha * noise - sigma * x0) / (alpha * alpha + sigma * sigma).sqrt();
            for (predicts, published) in [
                (Predicts::Data, x0),
                (Predicts::Noise, noise),
                (Predicts::Velocity, velocity),
                (Predicts::Score, -noise / sigma),
            ] {
                let off = (target(predicts) - published).abs();
                assert!(off < 1e-9 * published.abs().max(1.0), "{predicts:?}: {off}");
            }
        }
    }

    #[test]
    fn velocity_does_not_depend_on_the_scale_of_the_process() {
        let [kept, _, _, _] = levels();
        let grown = NoiseLevel { alpha: 1.0, sigma: kept.ratio(), ..kept };
        let ([a, b], [c, d]) =
            (Predicts::Velocity.to_data(kept), Predicts::Velocity.to_data(grown));
        // The grown state is the kept one, divided by α.
        assert!((a - c / kept.alpha).abs() < 1e-12 && (b - d).abs() < 1e-12);
    }

    #[test]
    fn a_clean_position_is_its_own_prediction() {
        let shape = Shape { batch: 2, length: 2, dim: 1 };
        let x = DenseLatent::new(shape, vec![0.1, 0.2, 0.3, 0.4]).unwrap();
        let noisy = NoiseLevel { t: 0.5, alpha: 0.6, sigma: 0.8 };
        let levels = Levels::PerPosition(vec![NoiseLevel::CLEAN, noisy]);
        for predicts in [Predicts::Noise, Predicts::Velocity, Predicts::Score] {
            let network = |_: &DenseLatent, _: &Levels| {
                Ok(DenseLatent::new(shape, vec![f64::NAN, 1.0, f64::INFINITY, 1.0])?)
            };
            let x0 = DataPrediction { network, predicts }.denoise(&x, &levels).unwrap();
            assert_eq!((x0.values()[0], x0.values()[2]), (0.1, 0.3), "{predicts:?}");
            assert!(x0.values().iter().all(|value| value.is_finite()), "{predicts:?}");
        }
    }
}
