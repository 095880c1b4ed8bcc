//! Canvases filled without a folder, for commands that keep what is made in their own way.

use dlm_core::{Canvas, TokenId};
use dlm_discrete::{Observer, Outcome};
use dlm_rng::Key;
use dlm_runtime::Model;

use super::{Sampler, sample::Speech, sampler::Work};
use crate::Error;

/// A sampler that was checked against its model and its canvases.
#[derive(Clone, Debug)]
pub(crate) struct Filler {
    sampler: Sampler,
    frequencies: Vec<f32>,
    ends: Vec<TokenId>,
}

impl Filler {
    /// Checks `sampler`, whose ends are the model's where it heeds any and names none.
    ///
    /// # Errors
    ///
    /// Where a setting cannot be.
    pub(crate) fn new(sampler: Sampler, model: &Model, canvases: &[Canvas]) -> Result<Self, Error> {
        let sampler = sampler.with_ends(&model.ends());
        sampler.check(canvases, model)?;
        let (frequencies, ends) = (sampler.frequencies(model)?, sampler.ends(model));
        Ok(Self { sampler, frequencies, ends })
    }

    /// The sampler as it runs.
    pub(crate) fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Where its texts end.
    pub(crate) fn speech(&self, model: &Model) -> Speech {
        Speech::new(model, &self.ends)
    }

    /// Fills all `canvases` together, with a key each; gives the tokens of their responses.
    ///
    /// # Errors
    ///
    /// Where the network fails.
    pub(crate) fn fill(
        &self,
        model: &mut Model,
        mut canvases: Vec<Canvas>,
        keys: &[Key],
    ) -> Result<Vec<Vec<TokenId>>, Error> {
        self.run(model, &mut canvases, keys, &mut ())?;
        let response = |canvas: &Canvas| {
            canvas.response().iter().map(|&position| canvas.tokens()[position]).collect()
        };
        Ok(canvases.iter().map(response).collect())
    }

    /// Fills `canvases` in place, all together, with a key each, under the eyes of `observer`;
    /// says what each cost.
    ///
    /// # Errors
    ///
    /// Where the network fails, or the observer stops.
    pub(crate) fn run(
        &self,
        model: &mut Model,
        canvases: &mut [Canvas],
        keys: &[Key],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, Error> {
        let work = Work {
            network: model,
            batch: canvases.len().max(1),
            frequencies: &self.frequencies,
            ends: &self.ends,
        };
        self.sampler.fill(work, canvases, keys, observer)
    }
}
