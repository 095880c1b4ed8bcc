//! Data from a Gaussian mixture, with everything about it in closed form.

use dlm_core::{
    Denoiser, DenseLatent, Differentiable, Latent, LatentError, Levels, ModelError, NoiseLevel,
    Real,
};
use dlm_rng::Stream;
use statrs::function::erf::erfc;

/// Data whose every position is drawn from the mixture `Σ_k w_k·N(μ_k, s_k²·I)`.
///
/// Noise keeps it a mixture, `x_t ~ Σ_k w_k·N(α·μ_k, v_k·I)` with `v_k = α²s_k² + σ²`, so the
/// denoiser that a perfect network would be is known:
///
/// ```text
/// E[x₀ | x_t = x] = Σ_k r_k·(μ_k + α·s_k²/v_k·(x − α·μ_k))
/// r_k ∝ w_k·v_k^{−d/2}·exp(−‖x − α·μ_k‖²/2v_k)
/// ```
///
/// What a sampler with this denoiser gets wrong is the sampler's own doing. At `σ = 0` nothing
/// is hidden, and the posterior mean is `x/α` even of a mixture of points; densities and
/// responsibilities need `v_k > 0`.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianMixture {
    dim: usize,
    components: Vec<Component>,
}

/// One Gaussian of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// `w`, above 0; the weights of a mixture are divided by their sum.
    pub weight: f64,
    /// `μ`, `[dim]`.
    pub mean: Vec<f64>,
    /// `s`, at least 0: with 0 the component is a point, as a token's embedding is.
    pub std: f64,
}

/// Why there is no such mixture.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MixtureError {
    /// A mixture of nothing.
    #[error("a mixture needs at least one component")]
    Empty,
    /// A component that is no Gaussian of this dimension.
    #[error(
        "component {0}: give a weight above 0, a standard deviation of at least 0, and means of \
         one dimension, at least 1, all finite"
    )]
    Component(usize),
    /// A latent of another dimension.
    #[error("positions of {given} numbers in a mixture of {dim} dimensions: give {dim} numbers")]
    Dimension {
        /// Numbers of the latent's positions.
        given: usize,
        /// Numbers of the mixture's.
        dim: usize,
    },
}

impl GaussianMixture {
    /// The mixture of these components.
    ///
    /// # Errors
    ///
    /// [`MixtureError`] for no components, or for one that is none.
    pub fn new(mut components: Vec<Component>) -> Result<Self, MixtureError> {
        let dim = components.first().ok_or(MixtureError::Empty)?.mean.len();
        let wrong = |c: &Component| {
            !(0.0 < c.weight && c.weight.is_finite() && 0.0 <= c.std && c.std.is_finite())
                || dim == 0
                || c.mean.len() != dim
                || c.mean.iter().any(|mean| !mean.is_finite())
        };
        if let Some(index) = components.iter().position(wrong) {
            return Err(MixtureError::Component(index));
        }
        let total: f64 = components.iter().map(|c| c.weight).sum();
        components.iter_mut().for_each(|c| c.weight /= total);
        Ok(Self { dim, components })
    }

    /// One Gaussian in one dimension, `N(mean, std²)`.
    ///
    /// # Errors
    ///
    /// [`MixtureError::Component`] for numbers that are none.
    pub fn gaussian(mean: f64, std: f64) -> Result<Self, MixtureError> {
        Self::new(vec![Component { weight: 1.0, mean: vec![mean], std }])
    }

    /// Numbers of a position, `d`.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The components; their weights sum to 1.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// `ln p_t(x)` of one position, nats.
    pub fn log_density(&self, x: &[f64], level: NoiseLevel) -> f64 {
        let terms: Vec<f64> = self.components.iter().map(|c| c.log_joint(x, level)).collect();
        log_sum(&terms)
    }

    /// `r_k`, the probability that `x_t = x` came from each component.
    pub fn responsibilities(&self, x: &[f64], level: NoiseLevel) -> Vec<f64> {
        let terms: Vec<f64> = self.components.iter().map(|c| c.log_joint(x, level)).collect();
        let total = log_sum(&terms);
        terms.iter().map(|term| (term - total).exp()).collect()
    }

    /// `E[x_t]` of one position, `[dim]`: `α·Σ_k w_k·μ_k`.
    pub fn mean(&self, level: NoiseLevel) -> Vec<f64> {
        let sum = |i: usize| self.components.iter().map(|c| c.weight * c.mean[i]).sum::<f64>();
        (0..self.dim).map(|i| level.alpha * sum(i)).collect()
    }

    /// `Cov[x_t]` of one position, row-major `[dim, dim]`: `Σ_k w_k·(v_k·I + α²·δ_k·δ_kᵀ)`
    /// with `δ_k = μ_k − Σ_j w_j·μ_j`.
    pub fn covariance(&self, level: NoiseLevel) -> Vec<f64> {
        let mean = self.mean(level);
        let off = |c: &Component, i: usize| level.alpha * c.mean[i] - mean[i];
        let entry = |i: usize, j: usize| {
            let of = |c: &Component| {
                let own = if i == j { c.variance(level) } else { 0.0 };
                c.weight * (own + off(c, i) * off(c, j))
            };
            self.components.iter().map(of).sum()
        };
        (0..self.dim * self.dim).map(|at| entry(at / self.dim, at % self.dim)).collect()
    }

    /// `E[x₀ | x_t = x]` of one position.
    pub fn posterior_mean(&self, x: &[f64], level: NoiseLevel) -> Vec<f64> {
        if level.sigma == 0.0 {
            return x.iter().map(|x| x / level.alpha).collect();
        }
        let mut mean = vec![0.0; self.dim];
        for (c, share) in self.components.iter().zip(self.responsibilities(x, level)) {
            for (mean, own) in mean.iter_mut().zip(c.posterior_mean(x, level)) {
                *mean += share * own;
            }
        }
        mean
    }

    /// `J·v` of one position, `J = ∂E[x₀ | x_t = x]/∂x`, which is `α/σ²` times the posterior
    /// covariance. With `m_k` the posterior mean of a component and `m` that of the mixture
    ///
    /// ```text
    /// J·v = Σ_k r_k·(α·s_k²/v_k·v + α/σ²·(m_k − m)·⟨m_k − m, v⟩)
    /// ```
    pub fn jacobian_product(&self, x: &[f64], level: NoiseLevel, v: &[f64]) -> Vec<f64> {
        if level.sigma == 0.0 {
            return v.iter().map(|v| v / level.alpha).collect();
        }
        let mean = self.posterior_mean(x, level);
        let mut product = vec![0.0; self.dim];
        for (c, share) in self.components.iter().zip(self.responsibilities(x, level)) {
            let own = c.posterior_mean(x, level);
            let off: Vec<f64> = own.iter().zip(&mean).map(|(own, mean)| own - mean).collect();
            let along: f64 = off.iter().zip(v).map(|(off, v)| off * v).sum();
            let spread = level.alpha / level.sigma.powi(2) * along;
            for ((product, off), v) in product.iter_mut().zip(off).zip(v) {
                *product += share * (c.gain(level) * v + spread * off);
            }
        }
        product
    }

    /// `P(x_t ≤ x)` in one dimension; in several, of the first coordinate.
    ///
    /// The probability flow keeps it: where a flow that starts at `x` arrives, the
    /// distribution function of that level has the same value.
    pub fn cdf(&self, x: f64, level: NoiseLevel) -> f64 {
        let below = |c: &Component| {
            let z = (x - level.alpha * c.mean[0]) / c.variance(level).sqrt();
            0.5 * c.weight * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
        };
        self.components.iter().map(below).sum()
    }

    /// The `x` with `P(x_t ≤ x) = u` for `u` in `[0, 1]`, by bisection to the last bits; at 0
    /// and 1 the ends of the range searched, 40 standard deviations beyond all means.
    pub fn quantile(&self, u: f64, level: NoiseLevel) -> f64 {
        let reach =
            |c: &Component| (level.alpha * c.mean[0]).abs() + 40.0 * c.variance(level).sqrt() + 1.0;
        let bound = self.components.iter().map(reach).fold(0.0, f64::max);
        let (mut low, mut high) = (-bound, bound);
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || high <= middle {
                return middle;
            }
            match self.cdf(middle, level) < u {
                true => low = middle,
                false => high = middle,
            }
        }
    }

    /// One position of data at `level`, into `x`.
    pub fn draw(&self, level: NoiseLevel, stream: &mut Stream, x: &mut [f64]) {
        let mut left = stream.uniform();
        let chosen = self.components.iter().find(|c| {
            left -= c.weight;
            left < 0.0
        });
        // Rounding may leave a crumb of the last component's weight.
        let Some(c) = chosen.or(self.components.last()) else { return };
        let std = c.variance(level).sqrt();
        for (x, mean) in x.iter_mut().zip(&c.mean) {
            *x = level.alpha * mean + std * stream.normal();
        }
    }
}

impl<F: Real> Denoiser<DenseLatent<F>> for GaussianMixture {
    fn denoise(
        &mut self,
        x: &DenseLatent<F>,
        levels: &Levels,
    ) -> Result<DenseLatent<F>, ModelError> {
        self.fits(x)?;
        let mixture = &*self;
        Ok(x.map_positions(&|position, row| {
            let mean = mixture.posterior_mean(row, levels.at(position));
            row.copy_from_slice(&mean);
        })?)
    }
}

impl<F: Real> Differentiable<DenseLatent<F>> for GaussianMixture {
    fn jacobian_product(
        &mut self,
        x: &DenseLatent<F>,
        levels: &Levels,
        v: &DenseLatent<F>,
    ) -> Result<DenseLatent<F>, ModelError> {
        self.fits(x)?;
        if x.shape() != v.shape() {
            return Err(LatentError::Shapes { left: x.shape(), right: v.shape() }.into());
        }
        let mixture = &*self;
        Ok(v.map_positions(&|position, row| {
            let start = position * mixture.dim;
            let x = &x.values()[start..start + mixture.dim];
            let x: Vec<f64> = x.iter().map(|&x| x.into()).collect();
            let product = mixture.jacobian_product(&x, levels.at(position), row);
            row.copy_from_slice(&product);
        })?)
    }
}

impl GaussianMixture {
    fn fits(&self, x: &impl Latent) -> Result<(), ModelError> {
        match x.shape().dim {
            given if given == self.dim => Ok(()),
            given => Err(ModelError::new(MixtureError::Dimension { given, dim: self.dim })),
        }
    }
}

impl Component {
    /// `α·s²/v`, by how much the posterior mean follows `x`.
    fn gain(&self, level: NoiseLevel) -> f64 {
        level.alpha * self.std.powi(2) / self.variance(level)
    }

    /// `μ + α·s²/v·(x − α·μ)`.
    fn posterior_mean(&self, x: &[f64], level: NoiseLevel) -> Vec<f64> {
        let of = |(x, mean): (&f64, &f64)| mean + self.gain(level) * (x - level.alpha * mean);
        x.iter().zip(&self.mean).map(of).collect()
    }

    /// `v = α²s² + σ²`.
    fn variance(&self, level: NoiseLevel) -> f64 {
        (level.alpha * self.std).powi(2) + level.sigma.powi(2)
    }

    /// `ln(w·N(x; α·μ, v·I))`.
    fn log_joint(&self, x: &[f64], level: NoiseLevel) -> f64 {
        let variance = self.variance(level);
        let off = |(x, mean): (&f64, &f64)| (x - level.alpha * mean).powi(2);
        let square: f64 = x.iter().zip(&self.mean).map(off).sum();
        let normal = (std::f64::consts::TAU * variance).ln() * x.len() as f64;
        self.weight.ln() - 0.5 * (square / variance + normal)
    }
}

/// `ln Σ e^{x}`; where every term is `−∞`, that.
pub(crate) fn log_sum(terms: &[f64]) -> f64 {
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + terms.iter().map(|term| (term - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests;
