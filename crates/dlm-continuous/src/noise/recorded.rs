//! Noise that somebody recorded.

use std::collections::VecDeque;

use dlm_core::{Latent, LatentError, Levels};

use super::{Noise, NoiseError};

/// Noise that somebody recorded, in the order in which a run asks for it.
///
/// With the draws of another program a run can be compared with it number by number.
#[derive(Clone, Debug)]
pub struct Recorded<X> {
    left: VecDeque<X>,
    draws: usize,
}

impl<X> Recorded<X> {
    /// These draws, the first one first.
    pub fn new(draws: impl IntoIterator<Item = X>) -> Self {
        let left: VecDeque<X> = draws.into_iter().collect();
        Self { draws: left.len(), left }
    }

    /// Draws that nobody asked for yet: above 0 after a run that should have needed them all.
    pub fn left(&self) -> usize {
        self.left.len()
    }
}

impl<X: Latent> Noise<X> for Recorded<X> {
    fn fresh(&mut self, like: &X) -> Result<X, NoiseError> {
        let noise = self.left.pop_front().ok_or(NoiseError::Exhausted { draws: self.draws })?;
        match noise.shape() == like.shape() {
            true => Ok(noise),
            false => Err(LatentError::Shapes { left: noise.shape(), right: like.shape() })?,
        }
    }

    fn between(&mut self, like: &X, _: &Levels, _: &Levels) -> Result<X, NoiseError> {
        self.fresh(like)
    }
}
