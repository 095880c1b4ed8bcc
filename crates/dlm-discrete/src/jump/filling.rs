//! The loop: from noise to data on a batch of canvases.

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_rng::Key;

use super::tally::Tally;
use super::{JumpError, JumpSampler};
use crate::batch::alphabet_of;
use crate::{Alphabet, Observer, Outcome, Step};

/// A sampler about to run, with everything it runs on.
pub struct Filling<'a> {
    /// What is done.
    pub sampler: &'a JumpSampler,
    /// The network.
    pub predictor: &'a mut dyn MaskPredictor,
    /// Most canvases that are evaluated together. All take equally many steps, so those
    /// beyond it wait until the ones before them are done.
    pub batch: usize,
    /// The tokens that end a text, for [`Outcome::wasted_positions`] and
    /// [`Outcome::wasted_nfe`].
    pub ends: &'a [TokenId],
}

impl JumpSampler {
    /// Fills the responses of `canvases`, as [`Filling::run`] does with no limit on the
    /// batch and no token that ends a text.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn fill(
        &self,
        predictor: &mut dyn MaskPredictor,
        canvases: &mut [Canvas],
        keys: &[Key],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, JumpError> {
        Filling::new(self, predictor).run(canvases, keys, observer)
    }
}

impl<'a> Filling<'a> {
    /// With no limit on the batch, and no token that ends a text.
    pub fn new(sampler: &'a JumpSampler, predictor: &'a mut dyn MaskPredictor) -> Self {
        Self { sampler, predictor, batch: usize::MAX, ends: &[] }
    }

    /// Fills the responses of `canvases`, starting over from noise whatever they hold; all
    /// other tokens stay, and no mask is left in the end. Says what each canvas cost.
    ///
    /// Canvas `c` draws from `keys[c]` alone, whose step, position and purpose are set
    /// here: one number for each step and position, and one more for
    /// [`Purpose::Remask`](dlm_rng::Purpose::Remask) where a coin is tossed. So a canvas
    /// turns out the same alone and in any batch.
    ///
    /// The network is told the time, and asked about the positions that can change: under
    /// absorbing noise the masks, under uniform noise the whole response. A canvas without
    /// any is not asked about in that step. (MDLM's cache also saves the evaluation after
    /// a step that changed nothing, for networks that are not told the time; here every
    /// step with a mask left asks.)
    ///
    /// # Errors
    ///
    /// Where a parameter lies outside its range, the arguments do not belong together, the
    /// model fails, or the observer stops. Canvases that were finished before stay filled.
    pub fn run(
        mut self,
        canvases: &mut [Canvas],
        keys: &[Key],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, JumpError> {
        self.sampler.validate()?;
        if self.batch == 0 {
            return Err(JumpError::NoBatch);
        }
        let alphabet = alphabet_of(self.predictor.vocab(), canvases, keys)?;
        let Some(alphabet) = alphabet else { return Ok(vec![]) };
        let mut outcomes = Vec::with_capacity(canvases.len());
        let batches = canvases.chunks_mut(self.batch).zip(keys.chunks(self.batch));
        for (canvases, keys) in batches {
            let first = outcomes.len();
            outcomes.extend(self.batch(canvases, keys, alphabet, first, observer)?);
        }
        Ok(outcomes)
    }

    /// Fills canvases together, of which the first is the `first`-th of all.
    fn batch(
        &mut self,
        canvases: &mut [Canvas],
        keys: &[Key],
        alphabet: Alphabet,
        first: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, JumpError> {
        for (canvas, key) in canvases.iter_mut().zip(keys) {
            self.sampler.start(canvas, alphabet, *key);
        }
        let mut tallies: Vec<Tally> = canvases.iter().map(Tally::new).collect();
        for step in 0..=self.sampler.steps {
            let changes = self.sampler.step(self.predictor, canvases, keys, step)?;
            let is_last = step == self.sampler.steps;
            for (index, (canvas, change)) in canvases.iter().zip(&changes).enumerate() {
                let is_idle = change.evaluations == 0 && change.remasked.is_empty();
                if !(is_last && is_idle) {
                    tallies[index].add(canvas, step, change);
                }
                let told = Step {
                    row: first + index,
                    step,
                    block: 0,
                    nfe: tallies[index].nfe(),
                    committed: &change.committed,
                    remasked: &change.remasked,
                    canvas,
                };
                if !is_idle && observer.observe(&told).is_break() {
                    return Err(JumpError::Stopped);
                }
            }
        }
        let finish = |(index, (canvas, tally)): (usize, (&Canvas, Tally))| {
            let outcome = tally.finish(canvas, self.ends);
            observer.finished(first + index, canvas, &outcome);
            outcome
        };
        Ok(canvases.iter().zip(tallies).enumerate().map(finish).collect())
    }
}

impl std::fmt::Debug for Filling<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filling").field("sampler", self.sampler).finish_non_exhaustive()
    }
}
