//! A network that predicts tokens, as one that predicts data.

use std::sync::atomic::{AtomicUsize, Ordering};

use dlm_core::{Denoiser, Latent, Levels, ModelError};
use dlm_rng::{Key, Purpose};

use super::{OneHot, Projection, SimplexError};
use crate::NoiseError;
use crate::denoiser::{ConditionedDenoiser, TokenLogits};

/// A network's logits, projected to what could be data: a [`Denoiser`].
///
/// With the sampling projection the answer is no posterior mean but a draw from the posterior,
/// which is what [`Renoise`](super::Renoise) needs.
///
/// In a [`SelfConditioned`](crate::denoiser::SelfConditioned) the network is shown the last
/// projected vectors, as TESS's networks are.
///
/// The draw at a position is named by the key of its sequence, the ordinal of the call, the
/// position and [`Purpose::Token`].
pub struct Projected<'a, X> {
    network: &'a mut dyn TokenLogits<X>,
    one_hot: OneHot,
    projection: Projection,
    temperature: f64,
    keys: Vec<Key>,
    calls: u64,
    logits: Option<X>,
}

impl<'a, X> Projected<'a, X> {
    /// Projects what `network` says, at temperature 1; sequence `b` of the batch draws from
    /// `keys[b]`, of which step, position and purpose are set here.
    ///
    /// # Errors
    ///
    /// [`SimplexError::Parameter`] for an invalid projection.
    pub fn new(
        network: &'a mut dyn TokenLogits<X>,
        one_hot: OneHot,
        projection: Projection,
        keys: impl Into<Vec<Key>>,
    ) -> Result<Self, SimplexError> {
        projection.validate()?;
        let keys = keys.into();
        Ok(Self { network, one_hot, projection, temperature: 1.0, keys, calls: 0, logits: None })
    }

    /// The same, with the logits divided by a temperature above 0 before they are projected.
    ///
    /// # Errors
    ///
    /// [`SimplexError::Parameter`] for another.
    pub fn with_temperature(self, temperature: f64) -> Result<Self, SimplexError> {
        check_temperature(temperature)?;
        Ok(Self { temperature, ..self })
    }

    /// What the network said last, before temperature and projection.
    pub fn logits(&self) -> Option<&X> {
        self.logits.as_ref()
    }
}

impl<X: Latent> ConditionedDenoiser<X> for Projected<'_, X> {
    fn denoise_given(
        &mut self,
        x: &X,
        levels: &Levels,
        earlier: Option<&X>,
    ) -> Result<X, ModelError> {
        let shape = x.shape();
        self.one_hot.check(x).map_err(ModelError::new)?;
        if self.keys.len() != shape.batch {
            let keys = self.keys.len();
            return Err(ModelError::new(NoiseError::Keys { keys, sequences: shape.batch }));
        }
        let logits = self.network.logits(x, levels, earlier)?;
        if logits.shape() != shape {
            let (left, right) = (logits.shape(), shape);
            return Err(ModelError::new(dlm_core::LatentError::Shapes { left, right }));
        }
        let first_wrong = AtomicUsize::new(usize::MAX);
        let (call, k) = (self.calls, self.one_hot.k());
        let projected = logits.map_positions(&|index, row| {
            let (sequence, position) = (index / shape.length, index % shape.length);
            let key = self.keys[sequence].step(call).position(position as u64);
            row.iter_mut().for_each(|logit| *logit /= self.temperature);
            if !self.projection.project(row, k, key.purpose(Purpose::Token).uniform()) {
                first_wrong.fetch_min(index, Ordering::Relaxed);
            }
        })?;
        let first_wrong = first_wrong.into_inner();
        if first_wrong != usize::MAX {
            let (sequence, position) = (first_wrong / shape.length, first_wrong % shape.length);
            return Err(ModelError::new(SimplexError::Logits { sequence, position }));
        }
        self.calls += 1;
        self.logits = Some(logits);
        Ok(projected)
    }

    fn evaluations(&self) -> usize {
        self.network.evaluations()
    }
}

impl<X: Latent> Denoiser<X> for Projected<'_, X> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        self.denoise_given(x, levels, None)
    }

    fn evaluations(&self) -> usize {
        self.network.evaluations()
    }
}

impl<X> std::fmt::Debug for Projected<'_, X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projected")
            .field("one_hot", &self.one_hot)
            .field("projection", &self.projection)
            .field("temperature", &self.temperature)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

/// Fails where `temperature` is not above 0 and finite.
pub(super) fn check_temperature(temperature: f64) -> Result<(), SimplexError> {
    match 0.0 < temperature && temperature.is_finite() {
        true => Ok(()),
        false => {
            let (field, range) = ("temperature", "(0, ∞)");
            Err(SimplexError::Parameter { field, value: temperature, range })
        }
    }
}
