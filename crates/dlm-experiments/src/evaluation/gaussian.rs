//! The measures of Gaussian models: cross-entropy and accuracy behind noise, and a bound on
//! the likelihood.

use dlm_continuous::{
    Noise as _,
    likelihood::{Integral, Path, Vlb},
    noise::Stepwise,
    schedule::{NoiseSchedule as _, Schedule},
};
use dlm_core::{Latent, Levels, ModelError, TokenId, Weights};
use dlm_rng::Key;
use dlm_runtime::{Frame, Model, NoisyQuery, TensorLatent};

use super::{rows::TextRow, texts::Text};
use crate::Error;

/// Diffusion times at which tokens are to be recognised.
const TIMES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// Evaluations of one replicate of the bound, spread evenly over ln SNR.
const STRATA: u64 = 8;

/// `−ln p(v | x_t)` and hits, summed over the answer's tokens at each of four times; all of
/// the answer is noisy, the prompt and what else stands on the canvas is seen, and the network
/// has no earlier prediction.
///
/// The noise at the `k`-th time is the `k`-th of [`Stepwise`] with `key`.
pub(super) fn rows(
    model: &Model,
    schedule: &Schedule,
    text: &Text,
    key: Key,
) -> Result<Vec<TextRow>, Error> {
    let answer = Answer::new(model, text)?;
    let mut noise = Stepwise::new([key]);
    let mut rows = Vec::new();
    for t in TIMES {
        let level = schedule.level(t).map_err(|error| Error::Argument(error.to_string()))?;
        let weights = Weights::Shared([level.alpha, level.sigma]);
        let noise = noise.fresh(&answer.clean)?;
        let x = TensorLatent::combine(&weights, [&answer.clean, &noise])
            .map_err(dlm_continuous::NoiseError::from)?;
        let found = answer.recognise(model, &x, &level.into())?;
        let nats = found.iter().map(|(log_p, _)| -log_p).sum();
        let hits = found.iter().filter(|(_, right)| *right).count();
        let mut row = |what: &str, sum, unit: &str| {
            rows.push(TextRow {
                line: text.line,
                measure: format!("noisy {what} at t = {t}"),
                sum,
                tokens: found.len(),
                standard_error: None,
                unit: unit.to_string(),
            });
        };
        row("cross-entropy", nats, "nats");
        row("accuracy", hits as f64, "share");
    }
    Ok(rows)
}

/// An upper bound on the nats of an answer, its end left out: the variational bound of the
/// diffusion from `t = 1` to `t = 0` (Kingma et al. 2021), where the network itself names the
/// tokens, estimated from `replicates` times [`STRATA`] noise levels.
pub(super) fn bound(
    model: &Model,
    schedule: &Schedule,
    text: &Text,
    key: Key,
    replicates: u64,
) -> Result<TextRow, Error> {
    let answer = Answer::new(model, text)?;
    let path = Path::from_noise(schedule, 0.0)?;
    let integral = Integral::Continuous { path, strata: STRATA };
    let mut denoise = |x: &TensorLatent, levels: &Levels| -> Result<TensorLatent, ModelError> {
        Ok(model.denoise(&answer.query(x, levels))?.0)
    };
    let mut name = |x: &TensorLatent, levels: &Levels| -> Result<Vec<f64>, ModelError> {
        let found = model.recognise(&answer.query(x, levels), answer.tokens)?;
        Ok(vec![found.iter().map(|(log_p, _)| -log_p).sum()])
    };
    let vlb = Vlb { draws: replicates, key };
    let line = [text.line as u64];
    let bounds = vlb.estimate(&integral, &answer.clean, &line, &mut denoise, &mut name)?;
    Ok(TextRow {
        line: text.line,
        measure: "bound on nats per token".to_string(),
        sum: bounds[0].value,
        tokens: answer.tokens.len(),
        standard_error: bounds[0].standard_error,
        unit: "nats".to_string(),
    })
}

/// An answer as vectors, in what surrounds it.
struct Answer<'a> {
    frames: [Frame<'a>; 1],
    tokens: &'a [TokenId],
    clean: TensorLatent,
}

impl<'a> Answer<'a> {
    fn new(model: &Model, text: &'a Text) -> Result<Self, Error> {
        let tokens = text.answer();
        let before = &text.tokens[..text.answer.start];
        let after = &text.tokens[text.answer.end..];
        let clean = model.vectors_of(tokens, 1)?;
        Ok(Self { frames: [Frame { before, after }], tokens, clean })
    }

    fn query<'q>(&'q self, x: &'q TensorLatent, levels: &'q Levels) -> NoisyQuery<'q> {
        NoisyQuery { frames: &self.frames, x, levels, previous: None }
    }

    fn recognise(
        &self,
        model: &Model,
        x: &TensorLatent,
        levels: &Levels,
    ) -> Result<Vec<(f64, bool)>, Error> {
        Ok(model.recognise(&self.query(x, levels), self.tokens)?)
    }
}
