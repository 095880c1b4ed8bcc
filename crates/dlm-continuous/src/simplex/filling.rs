//! Texts from a simplex sampler, block by block.

use dlm_core::{Latent, Levels, NoiseLevel, Rounded, Rounding, Shape, TokenId};
use dlm_rng::Key;

use super::{OneHot, Projected, Projection, Renoise, SimplexError, SimplexSettings};
use crate::denoiser::{SelfConditioned, TokenLogits};
use crate::noise::{Noise, Stepwise};
use crate::schedule::{NoiseSchedule, ScheduleError};
use crate::{Observer, sample};

/// A simplex sampler about to run, with everything it runs on.
pub struct Filling<'a, X> {
    /// What is done.
    pub settings: SimplexSettings,
    /// The network.
    pub network: &'a mut dyn TokenLogits<X>,
    /// The tokens there are.
    pub vocab: usize,
    /// The forward process.
    pub schedule: &'a dyn NoiseSchedule,
    /// Makes a state of a shape, whatever its numbers: it decides where states live.
    pub blank: &'a dyn Fn(Shape) -> X,
}

impl<X: Latent + Clone> Filling<'_, X> {
    /// Continues every prompt by `response` tokens.
    ///
    /// Blocks are filled from the left. The state of one is `[batch, context + block, vocab]`:
    /// the prompt and what was written so far stay at [`NoiseLevel::CLEAN`], the block starts as
    /// noise at `t = 1`, and what comes after it does not exist yet. At the end a position's
    /// token is the largest number of its state. The multi-hot projection leaves several equal
    /// ones, and there it is the likeliest in the network's last answer, as in SSD-LM's code.
    ///
    /// Sequence `b` draws from `keys[b]` alone: a position's noise and tokens are named by its
    /// place in the text, whichever block it is in.
    ///
    /// # Errors
    ///
    /// Settings outside their range, an invalid schedule, prompts of different lengths, tokens outside the
    /// vocabulary, not one key each, and whatever a run runs into.
    pub fn run(
        &mut self,
        prompts: &[&[TokenId]],
        response: usize,
        keys: &[Key],
        observer: &mut dyn Observer<X>,
    ) -> Result<Vec<Vec<TokenId>>, SimplexError> {
        self.settings.validate()?;
        self.schedule.validate().map_err(ScheduleError::from)?;
        let length = prompts.first().map_or(0, |prompt| prompt.len());
        if let Some(index) = prompts.iter().position(|prompt| prompt.len() != length) {
            return Err(SimplexError::Prompts { index, found: prompts[index].len(), length });
        }
        let mut texts: Vec<Vec<TokenId>> = prompts.iter().map(|prompt| prompt.to_vec()).collect();
        let end = length + response;
        let mut context = length;
        while context < end && !texts.is_empty() {
            let next =
                self.settings.block.map_or(end, |block| end.min(context.saturating_add(block)));
            let tokens = self.block(&texts, next, keys, observer)?;
            for (text, row) in texts.iter_mut().zip(tokens.chunks_exact(next)) {
                text.extend(row[context..].iter().map(|rounded| rounded.token));
            }
            context = next;
        }
        Ok(texts.into_iter().map(|text| text[length..].to_vec()).collect())
    }

    /// The tokens of `[batch, end]`, of which the texts so far are the first of each sequence.
    fn block(
        &mut self,
        texts: &[Vec<TokenId>],
        end: usize,
        keys: &[Key],
        observer: &mut dyn Observer<X>,
    ) -> Result<Vec<Rounded>, SimplexError> {
        let SimplexSettings { k, projection, temperature, self_conditioned, steps, .. } =
            self.settings;
        let one_hot = OneHot::new(self.vocab, k)?;
        let context = texts[0].len();
        let levels = self.levels(context, end, steps)?;
        let mut noise = Stepwise::new(keys);
        let blank = (self.blank)(Shape { batch: texts.len(), length: end, dim: self.vocab });

        // What tokens stand in the block does not matter: their share of the state is 0.
        let padded = texts
            .iter()
            .flat_map(|text| text.iter().copied().chain(std::iter::repeat_n(0, end - context)));
        let clean = one_hot.embed(&padded.collect::<Vec<_>>(), &blank)?;
        let z = noise.fresh(&blank)?;
        let start = levels[0].weights(|level| match level == NoiseLevel::CLEAN {
            true => [1.0, 0.0],
            false => [0.0, level.sigma * k],
        });
        let w = X::combine(&start, [&clean, &z])?;

        let denoiser = Projected::new(&mut *self.network, one_hot, projection, keys)?;
        let mut denoiser = denoiser.with_temperature(temperature)?;
        let sampler = Renoise { k };
        let outcome = match self_conditioned {
            true => {
                let mut shown = SelfConditioned::new(denoiser);
                let outcome = sample(&sampler, &levels, w, &mut shown, &mut noise, observer)?;
                denoiser = shown.into_network();
                outcome
            }
            false => sample(&sampler, &levels, w, &mut denoiser, &mut noise, observer)?,
        };
        let read = match (projection, denoiser.logits()) {
            (Projection::MultiHot { .. }, Some(logits)) => {
                let likeliest = logits.map_positions(&|_, row| {
                    // These logits passed as the projection's.
                    let _ = Projection::Greedy {}.project(row, k, 0.0);
                })?;
                one_hot.round(&likeliest)?
            }
            _ => one_hot.round(&outcome.x)?,
        };
        Ok(read)
    }

    /// From noise at `t = 1` to data at `t = 0`, the context clean throughout.
    fn levels(
        &self,
        context: usize,
        end: usize,
        steps: usize,
    ) -> Result<Vec<Levels>, SimplexError> {
        let at = |step: usize| {
            let level = self.schedule.level((steps - step) as f64 / steps as f64)?;
            let each = (0..end).map(|i| if i < context { NoiseLevel::CLEAN } else { level });
            Ok(Levels::PerPosition(each.collect()))
        };
        (0..=steps).map(at).collect()
    }
}

impl<X> std::fmt::Debug for Filling<'_, X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filling")
            .field("settings", &self.settings)
            .field("vocab", &self.vocab)
            .finish_non_exhaustive()
    }
}
