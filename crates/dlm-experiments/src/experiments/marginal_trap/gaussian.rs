//! How a Gaussian network draws both words: two vectors, denoised side by side.

use std::cell::RefCell;

use dlm_continuous::{
    Noise as _,
    noise::Stepwise,
    sample,
    schedule::{End, Grid, Spacing},
    solver::{Ddim, Solver},
};
use dlm_core::{Latent as _, Levels, ModelError, TokenId, Weights};
use dlm_rng::Key;
use dlm_runtime::{Frame as Surroundings, Model, NoisyQuery, TensorLatent};
use serde::Deserialize;

use super::{
    agreement::Frame,
    pairs::{listed, mass},
};
use crate::{Error, generation::noise_schedule};

/// How many pairs are drawn, and in how many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GaussianSettings {
    pub(super) draws: usize,
    pub(super) steps: usize,
}

/// Pairs drawn for one sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Drawn {
    /// The share of pairs that do not fit.
    pub(super) invalid: f64,
    /// What the listed words have of the network's first prediction at either place.
    pub(super) masses: [f64; 2],
}

/// Draws a pair with each key by DDIM without fresh noise, from noise to words; only listed
/// words may come.
///
/// At every step the network's `p(v | x_t)` is restricted to the words that are listed at a
/// place and made a distribution again, `x̂₀ = Σ_v p(v)·x(v)` is their mean, and the word at
/// the end is the most probable of the last step. Without the restriction hardly any pair
/// would be one of the listed, and nothing could be compared. The places have to be
/// neighbours.
///
/// Costs `steps` forward passes over as many sequences as there are keys.
///
/// # Errors
///
/// Where the network fails, or is none of Gaussian diffusion.
pub(super) fn draw(
    model: &Model,
    frame: &Frame,
    steps: usize,
    keys: Vec<Key>,
) -> Result<Drawn, Error> {
    let draws = keys.len();
    let failed = |error: dlm_continuous::SampleError| Error::Diffusion(error);
    let schedule = noise_schedule(model)?;
    let grid = Grid { steps, spacing: Spacing::Time {}, end: End::CleanAfter(0.0) };
    let levels = grid.levels(&schedule).map_err(|error| Error::Argument(error.to_string()))?;
    let levels: Vec<Levels> = levels.into_iter().map(Levels::from).collect();
    let words = Words::new(model, frame, draws)?;
    let mut noise = Stepwise::new(keys);
    let start = noise.fresh(&model.blank(draws, 2)?)?;
    let start = start.scaled(levels[0].at(0).sigma)?;
    let seen = RefCell::new(Vec::new());
    let mut earlier: Option<TensorLatent> = None;
    let mut network = |x: &TensorLatent, levels: &Levels| -> Result<TensorLatent, ModelError> {
        let query = NoisyQuery { frames: &words.frames, x, levels, previous: earlier.as_ref() };
        let log_p = words.recognise(model, &query)?;
        let mean = words.mean(&log_p).map_err(ModelError::new)?;
        earlier = Some(TensorLatent::new(mean.tensor().shallow_clone())?);
        seen.borrow_mut().push(log_p);
        Ok(mean)
    };
    let sampler = Solver::Ddim(Ddim::default()).on(&schedule);
    sample(&sampler, &levels, start, &mut network, &mut noise, &mut ()).map_err(failed)?;
    let seen = seen.into_inner();
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else {
        return Err(Error::Argument("gaussian.steps is 0: take at least 1".to_string()));
    };
    let wrong = (0..draws).filter(|&draw| {
        let [a, b] = [0, 1].map(|place| best(&last[2 * draw + place]));
        !frame.fits[a][b]
    });
    let masses = [0, 1].map(|place| {
        (0..draws).map(|draw| mass(&first[2 * draw + place])).sum::<f64>() / draws as f64
    });
    Ok(Drawn { invalid: wrong.count() as f64 / draws as f64, masses })
}

/// The listed words of a sentence as vectors, by their place in the lists.
struct Words<'a> {
    frames: Vec<Surroundings<'a>>,
    /// Words of either place.
    counts: [usize; 2],
    /// The words of both places, for every draw; the shorter list is filled up with its last.
    tokens: Vec<TokenId>,
    /// Words of the longer list.
    longest: usize,
    /// For each place in it, the vectors of the two words that stand there, for every draw.
    vectors: Vec<TensorLatent>,
}

impl<'a> Words<'a> {
    fn new(model: &Model, frame: &'a Frame, draws: usize) -> Result<Self, Error> {
        let counts = [0, 1].map(|place| frame.words[place].len());
        let word = |place: usize, index: usize| {
            frame.words[place][index.min(counts[place].saturating_sub(1))]
        };
        let longest = counts[0].max(counts[1]);
        let pair =
            |index: usize| model.vectors_of(&[word(0, index), word(1, index)].repeat(draws), draws);
        let vectors = (0..longest).map(pair).collect::<Result<_, _>>()?;
        let lists = [0, 1].into_iter().flat_map(|place| (0..longest).map(move |i| (place, i)));
        let lists: Vec<TokenId> = lists.map(|(place, index)| word(place, index)).collect();
        let frames = vec![Surroundings { before: &frame.before, after: &frame.after }; draws];
        Ok(Self { frames, counts, tokens: lists.repeat(draws), longest, vectors })
    }

    /// `ln p(v | x_t)` of the words listed at each place of each draw.
    fn recognise(
        &self,
        model: &Model,
        query: &NoisyQuery<'_>,
    ) -> Result<Vec<Vec<f64>>, ModelError> {
        let found = model.weigh(query, &self.tokens, self.longest)?;
        let lists = found.chunks_exact(self.longest).enumerate();
        // A word that only fills a list up does not count.
        Ok(lists.map(|(place, list)| list[..self.counts[place % 2]].to_vec()).collect())
    }

    /// `x̂₀` among the listed words.
    fn mean(&self, log_p: &[Vec<f64>]) -> Result<TensorLatent, Error> {
        let p: Vec<Vec<f64>> = log_p.iter().map(|log_p| listed(log_p, 1.0)).collect();
        let share = |index: usize| p.iter().map(move |p| p.get(index).copied().unwrap_or(0.0));
        let failed = |error: dlm_core::LatentError| Error::Noise(error.into());
        let first = Weights::PerPosition(share(0).map(|p| [p]).collect());
        let mut mean = TensorLatent::combine(&first, [&self.vectors[0]]).map_err(failed)?;
        for (index, vectors) in self.vectors.iter().enumerate().skip(1) {
            let weights = Weights::PerPosition(share(index).map(|p| [1.0, p]).collect());
            mean = TensorLatent::combine(&weights, [&mean, vectors]).map_err(failed)?;
        }
        Ok(mean)
    }
}

/// The most probable word.
fn best(log_p: &[f64]) -> usize {
    let ranked = (0..log_p.len()).max_by(|&i, &j| log_p[i].total_cmp(&log_p[j]).then(j.cmp(&i)));
    ranked.unwrap_or(0)
}
