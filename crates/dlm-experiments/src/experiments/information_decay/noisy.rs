//! Gaussian noise on the vectors of an answer, and what a network recognises behind it.

use dlm_continuous::{
    Noise as _,
    noise::Stepwise,
    schedule::{NoiseSchedule as _, Schedule},
};
use dlm_core::{Latent, Levels, Weights};
use dlm_rng::Key;
use dlm_runtime::{Frame, Model, NoisyQuery, TensorLatent};

use crate::{Error, experiments::recovery::KnownText};

/// `−ln p(v | x_t)` of every token `v` of the answer at each of `times`, nats. All positions
/// are equally noisy, with the same noise `ε` at every time: `x_t = α·x₀ + σ·ε`. What
/// surrounds the answer is seen, and the network has no earlier prediction.
pub(super) fn missing(
    model: &Model,
    schedule: &Schedule,
    text: &KnownText,
    times: &[f64],
    key: Key,
) -> Result<Vec<Vec<f64>>, Error> {
    let clean = model.vectors_of(text.answer(), 1)?;
    let noise = Stepwise::new([key]).fresh(&clean)?;
    let before = &text.tokens[..text.answer.start];
    let frames = [Frame { before, after: &text.tokens[text.answer.end..] }];
    let at = |&t: &f64| {
        let level = schedule.level(t).map_err(|error| Error::Argument(error.to_string()))?;
        let weights = Weights::Shared([level.alpha, level.sigma]);
        let x = TensorLatent::combine(&weights, [&clean, &noise])
            .map_err(dlm_continuous::NoiseError::from)?;
        let levels = Levels::from(level);
        let query = NoisyQuery { frames: &frames, x: &x, levels: &levels, previous: None };
        let found = model.recognise(&query, text.answer())?;
        Ok(found.iter().map(|(log_p, _)| -log_p).collect())
    };
    times.iter().map(at).collect()
}
