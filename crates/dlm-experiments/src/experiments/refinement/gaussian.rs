//! Wrong tokens among half-denoised vectors.

use std::cell::RefCell;

use dlm_continuous::{Noise as _, NoiseError, noise::Stepwise, sample};
use dlm_core::{Canvas, Latent as _, Levels, ModelError, TokenId, Weights};
use dlm_rng::Key;
use dlm_runtime::{Frame, Guess, Model, NoisyQuery, TensorLatent};

use super::errors::{Errors, Standing, standing};
use crate::{
    Error,
    generation::{GaussianSampler, frame, noise_schedule},
};

/// Runs until `time` is left, puts `α·x(v) + σ·z` of wrong tokens `v` at some positions, and
/// runs the rest. As many other positions get `α·x(v) + σ·z` of what they are taken for, so that
/// they differ from the wrong ones in nothing but the token.
///
/// The network is not told its earlier prediction in the step after, because that would know
/// what stood there; multistep solvers start anew as well.
///
/// # Errors
///
/// Where the solver cannot run or the network fails.
pub(super) fn repair(
    sampler: &GaussianSampler,
    model: &Model,
    errors: &Errors<'_>,
    time: f64,
    canvases: &[Canvas],
    keys: &[Key],
) -> Result<Vec<Vec<Standing>>, Error> {
    let (levels, schedule) = (sampler.levels(model)?, noise_schedule(model)?);
    let length = canvases[0].response().len();
    let done = ((1.0 - time) * sampler.steps as f64).round() as usize;
    let middle = done.clamp(1, sampler.steps - 1);
    let frames: Vec<Frame<'_>> = canvases.iter().map(frame).collect();
    let guesses: RefCell<Vec<Guess>> = RefCell::default();
    let run = |levels: &[Levels], x, noise: &mut Stepwise| -> Result<TensorLatent, Error> {
        let mut earlier: Option<TensorLatent> = None;
        let mut network = |x: &TensorLatent, levels: &Levels| -> Result<TensorLatent, ModelError> {
            let query = NoisyQuery { frames: &frames, x, levels, previous: earlier.as_ref() };
            let (mean, said) = model.denoise(&query)?;
            if sampler.self_conditioning {
                earlier = Some(TensorLatent::new(mean.tensor().shallow_clone())?);
            }
            guesses.replace(said);
            Ok(mean)
        };
        let solver = sampler.solver.on(&schedule);
        let outcome = sample(&solver, levels, x, &mut network, noise, &mut ());
        Ok(outcome.map_err(Error::Diffusion)?.x)
    };

    let mut noise = Stepwise::new(keys);
    let blank = model.blank(keys.len(), length)?;
    let start = noise.fresh(&blank)?.scaled(levels[0].at(0).sigma)?;
    let x = run(&levels[..=middle], start, &mut noise)?;
    let own = tokens(&guesses.borrow(), length);
    let wrong: Vec<Vec<(usize, TokenId)>> =
        own.iter().zip(keys).map(|(own, key)| errors.put(own, length, *key)).collect();

    let parts = own.iter().zip(&wrong).zip(keys);
    let control =
        |((own, wrong), key): ((&Vec<_>, &Vec<_>), &Key)| errors.control(own, wrong, length, *key);
    let control: Vec<Vec<(usize, TokenId)>> = parts.map(control).collect();

    let level = levels[middle].at(0);
    let mut weights = vec![[1.0, 0.0, 0.0]; keys.len() * length];
    let mut placed: Vec<TokenId> = own.iter().flatten().map(|(_, token)| *token).collect();
    for (sequence, (wrong, control)) in wrong.iter().zip(&control).enumerate() {
        for &(position, token) in wrong.iter().chain(control) {
            weights[sequence * length + position] = [0.0, level.alpha, level.sigma];
            placed[sequence * length + position] = token;
        }
    }
    let vectors = model.vectors_of(&placed, keys.len())?;
    let fresh = noise.fresh(&blank)?;
    let x = TensorLatent::combine(&Weights::PerPosition(weights), [&x, &vectors, &fresh]);
    run(&levels[middle..], x.map_err(NoiseError::from)?, &mut noise)?;

    let last = tokens(&guesses.borrow(), length);
    let last = last.into_iter().map(|row| row.into_iter().map(|(_, token)| token).collect());
    let last: Vec<Vec<TokenId>> = last.collect();
    let seen = |sequence: usize| {
        let (own, wrong, control) = (&own[sequence], &wrong[sequence], &control[sequence]);
        let is_seen = |(at, _): &&(usize, TokenId)| {
            wrong.iter().chain(control).any(|(position, _)| position == at)
        };
        let own: Vec<(usize, TokenId)> = own.iter().filter(is_seen).copied().collect();
        standing(&own, wrong, &last[sequence])
    };
    Ok((0..keys.len()).map(seen).collect())
}

/// What the network takes each position for, sequence by sequence.
fn tokens(guesses: &[Guess], length: usize) -> Vec<Vec<(usize, TokenId)>> {
    let row = |row: &[Guess]| row.iter().map(|guess| guess.token).enumerate().collect();
    guesses.chunks_exact(length).map(row).collect()
}
