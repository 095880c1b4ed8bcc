//! The loop from noise to data, and what one step of it is.

use dlm_core::{Denoiser, Latent, Levels, ModelError};

use crate::levels::{LevelsError, check};
use crate::{Noise, Observer, SampleError};

/// One step of the reverse process.
///
/// A sampler is a value that any number of runs may share: what a multistep method remembers
/// belongs to the run, and what is random is an argument.
pub trait Sampler<X: Latent> {
    /// What a run remembers from step to step.
    type Memory: Default;

    /// Moves `x` from `step.from` to `step.to`. The step takes the state, so that the next one
    /// may be written in its place.
    ///
    /// The sampler calls the denoiser as often as its formula does, and the run counts.
    ///
    /// # Errors
    ///
    /// Parameters outside their range, and whatever denoiser and noise ran into.
    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        memory: &mut Self::Memory,
        denoiser: &mut dyn Denoiser<X>,
        noise: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError>;
}

/// Where a step starts and where it has to arrive.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Index of the step, from 0.
    pub index: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// The noisier levels.
    pub from: &'a Levels,
    /// The cleaner levels.
    pub to: &'a Levels,
}

impl Step<'_> {
    /// Asks the denoiser about `x` at `levels`; an error names the step.
    ///
    /// # Errors
    ///
    /// [`SampleError::Model`].
    pub fn denoise<X>(
        &self,
        denoiser: &mut dyn Denoiser<X>,
        x: &X,
        levels: &Levels,
    ) -> Result<X, SampleError> {
        let named = |source| SampleError::Model { step: self.index, source };
        denoiser.denoise(x, levels).map_err(named)
    }
}

/// What a step produced.
#[derive(Clone, Debug)]
pub struct Stepped<X> {
    /// The state at the step's end.
    pub x: X,
    /// The data prediction that the step was based on: the first one where there are several.
    pub x0: X,
}

/// What a run produced.
#[derive(Clone, Debug)]
pub struct Outcome<X> {
    /// The state at the last level, or where the observer stopped.
    pub x: X,
    /// The data prediction of the last step.
    pub x0: X,
    /// Steps made.
    pub steps: usize,
    /// Network evaluations: the sum of [`Denoiser::evaluations`] over the calls.
    pub nfe: usize,
}

/// Runs a sampler down a list of levels, from the noisy state `x` to a clean one.
///
/// This is the only loop: `x` is the state at `levels[0]`, and step `k` goes from `levels[k]`
/// to `levels[k + 1]`, so no step can end where the next does not begin.
///
/// # Errors
///
/// [`SampleError::Levels`], [`SampleError::Latent`] for levels that do not fit `x`, and
/// [`SampleError::Start`], all before the first evaluation; [`SampleError::NotFinite`] after the step whose result is no number;
/// and whatever the sampler's steps run into.
pub fn sample<X: Latent, S: Sampler<X>>(
    sampler: &S,
    levels: &[Levels],
    x: X,
    denoiser: &mut dyn Denoiser<X>,
    noise: &mut dyn Noise<X>,
    observer: &mut dyn Observer<X>,
) -> Result<Outcome<X>, SampleError> {
    check(levels)?;
    levels.iter().try_for_each(|here| here.check(x.shape()))?;
    if let Some(sequence) = not_finite(&x)? {
        return Err(SampleError::Start { sequence });
    }
    let mut counted = Counted { denoiser, nfe: 0 };
    let mut memory = S::Memory::default();
    let mut current = x;
    let mut prediction = None;
    let mut steps = 0;
    for (index, pair) in levels.windows(2).enumerate() {
        let (from, to) = (&pair[0], &pair[1]);
        let step = Step { index, steps: levels.len() - 1, from, to };
        let next = sampler.step(current, &step, &mut memory, &mut counted, noise)?;
        if let Some(sequence) = not_finite(&next.x)? {
            return Err(SampleError::NotFinite { step: index, sequence });
        }
        let flow = observer.observe(&step, &next);
        current = next.x;
        prediction = Some(next.x0);
        steps = index + 1;
        if flow.is_break() {
            break;
        }
    }
    let x0 = prediction.ok_or(LevelsError::TooFew(levels.len()))?;
    Ok(Outcome { x: current, x0, steps, nfe: counted.nfe })
}

/// Counts what it passes on.
struct Counted<'a, X> {
    denoiser: &'a mut dyn Denoiser<X>,
    nfe: usize,
}

impl<X> Denoiser<X> for Counted<'_, X> {
    fn denoise(&mut self, x: &X, levels: &Levels) -> Result<X, ModelError> {
        self.nfe += self.denoiser.evaluations();
        self.denoiser.denoise(x, levels)
    }
}

fn not_finite<X: Latent>(x: &X) -> Result<Option<usize>, SampleError> {
    // A square that is not finite gives a sum that is not.
    Ok(x.dot(x)?.iter().position(|square| !square.is_finite()))
}
