//! The step of the simplex samplers.

use dlm_core::{Denoiser, Latent};

use crate::{Noise, SampleError, Sampler, Step, Stepped};

/// Takes the prediction for data and puts noise on it anew (Han et al. 2023, algorithm 2; the
/// same in Karimi Mahabadi et al. 2024), one evaluation a step:
///
/// ```text
/// w' = α'·ŵ₀ + σ'·K·z,  z ~ N(0, I)
/// ```
///
/// Unlike an ancestral step it forgets `w`. Where `ŵ₀` is drawn from `q(w₀ | w)`, `w'` still
/// has the forward process's law at its level, for a step of any size; that is so with
/// [`Projected`](super::Projected) exact logits and the sampling projection, and positions that
/// are independent of each other.
///
/// The noise is [`fresh`](Noise::fresh): no increment of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Renoise {
    /// `K`, above 0: the data's scale, in whose units `σ` counts.
    pub k: f64,
}

impl<X: Latent> Sampler<X> for Renoise {
    type Memory = ();

    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        (): &mut (),
        denoiser: &mut dyn Denoiser<X>,
        noise: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        if !(0.0 < self.k && self.k.is_finite()) {
            return Err(SampleError::Parameter { field: "k", value: self.k, range: "(0, ∞)" });
        }
        let x0 = step.denoise(denoiser, &x, step.from)?;
        let z = noise.fresh(&x)?;
        let weights = step.from.weights_to(step.to, |_, to| [0.0, to.alpha, to.sigma * self.k]);
        let x = x.moved(&weights, [&x0, &z])?;
        Ok(Stepped { x, x0 })
    }
}
