//! Noise of its own for every draw of a run.

use dlm_core::{Latent, Levels, Shape};
use dlm_rng::{Key, Purpose};

use super::{Noise, NoiseError};

/// Noise of its own for every draw of a run.
///
/// The numbers of a draw are named by the key of their sequence, the ordinal of the draw in
/// the run and the position within the sequence, so a sequence turns out the same alone and in
/// any batch, in any place of it and on any number of threads. Which levels a step joins makes
/// no difference: runs of different lengths share no path, as they do with
/// [`Brownian`](super::Brownian) noise.
///
/// ```
/// use dlm_continuous::noise::{Noise, Stepwise};
/// use dlm_core::{DenseLatent, Shape};
/// use dlm_rng::Key;
///
/// let like = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 16, dim: 4 });
/// let mut noise = Stepwise::new(vec![Key::new(1).sequence(5)]);
/// let (first, second) = (noise.fresh(&like)?, noise.fresh(&like)?);
/// assert_ne!(first, second);
/// # Ok::<(), dlm_continuous::NoiseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stepwise {
    keys: Vec<Key>,
    draws: u64,
}

impl Stepwise {
    /// Noise for a batch whose sequence `b` draws from `keys[b]`, of which step, position and
    /// purpose are set here.
    pub fn new(keys: impl Into<Vec<Key>>) -> Self {
        Self { keys: keys.into(), draws: 0 }
    }
}

impl<X: Latent> Noise<X> for Stepwise {
    fn fresh(&mut self, like: &X) -> Result<X, NoiseError> {
        let noise = standard_normal(like, &self.keys, self.draws)?;
        self.draws += 1;
        Ok(noise)
    }

    fn between(&mut self, like: &X, _: &Levels, _: &Levels) -> Result<X, NoiseError> {
        self.fresh(like)
    }
}

/// The `draw`-th standard normal noise in the shape of `like`.
pub(super) fn standard_normal<X: Latent>(
    like: &X,
    keys: &[Key],
    draw: u64,
) -> Result<X, NoiseError> {
    let shape = like.shape();
    check_keys(keys, shape)?;
    let fill = |position: usize, row: &mut [f64]| {
        let (sequence, place) = (position / shape.length, position % shape.length);
        let key = keys[sequence].step(draw).position(place as u64).purpose(Purpose::Noise);
        let mut stream = key.stream();
        row.fill_with(|| stream.normal());
    };
    Ok(like.map_positions(&fill)?)
}

/// Every sequence has a key, and every key a sequence.
pub(super) fn check_keys(keys: &[Key], shape: Shape) -> Result<(), NoiseError> {
    match keys.len() == shape.batch {
        true => Ok(()),
        false => Err(NoiseError::Keys { keys: keys.len(), sequences: shape.batch }),
    }
}
