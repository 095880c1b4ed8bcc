//! A Gaussian sampler's way from noise to data, read off as tokens at every step.

use std::ops::ControlFlow;

use dlm_continuous::{
    Noise as _, Step, Stepped,
    noise::Stepwise,
    sample,
    schedule::{End, Grid, Schedule, Spacing},
    solver::Solver,
};
use dlm_core::{Canvas, Levels, ModelError, TokenId};
use dlm_rng::{Key, Purpose};
use dlm_runtime::{Frame, Model, NoisyQuery, TensorLatent, TensorRounding};
use serde::{Deserialize, Serialize};

use crate::{Error, generation::noise_schedule};

/// Tokens whose nearest neighbours give the unit.
const SAMPLE: usize = 512;

/// One step of one prompt, as means over its positions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StepRow {
    pub(super) prompt: usize,
    /// From 0.
    pub(super) step: usize,
    /// Noise at its start.
    pub(super) t: f64,
    /// From the predicted vector to the nearest embedding, in units of how far neighbouring
    /// embeddings lie apart.
    pub(super) distance: f32,
    /// How much farther the second nearest lies, in the same units.
    pub(super) margin: f32,
    /// The share of positions whose nearest token is another than the step before; absent in
    /// the first.
    pub(super) flips: Option<f32>,
}

/// A sampler, and the embeddings that vectors are compared with.
pub(super) struct Reader {
    solver: Solver,
    schedule: Schedule,
    levels: Vec<Levels>,
    embeddings: TensorRounding,
    unit: f64,
}

impl Reader {
    /// For runs of `steps` steps of `model`; `key` chooses the tokens behind the unit.
    ///
    /// # Errors
    ///
    /// Where the model is no Gaussian one, or there cannot be so many steps.
    pub(super) fn new(
        model: &Model,
        solver: Solver,
        steps: usize,
        key: Key,
    ) -> Result<Self, Error> {
        let schedule = noise_schedule(model)?;
        let grid = Grid { steps, spacing: Spacing::Time {}, end: End::CleanAfter(0.0) };
        let levels = grid.levels(&schedule);
        let levels = levels.map_err(|error| Error::Argument(format!("steps: {error}")))?;
        let embeddings = TensorRounding::new(model.token_vectors()?.exact())?;
        let unit = unit(model, &embeddings, key)?;
        let levels = levels.into_iter().map(Levels::from).collect();
        Ok(Self { solver, schedule, levels, embeddings, unit })
    }

    /// The steps of one run.
    ///
    /// # Errors
    ///
    /// Where the network fails, or the canvas has more than one gap.
    pub(super) fn steps(
        &self,
        model: &Model,
        prompt: usize,
        canvas: &Canvas,
        key: Key,
    ) -> Result<Vec<StepRow>, Error> {
        let (tokens, response) = (canvas.tokens(), canvas.response());
        if response.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
            let problem = "a Gaussian model fills one gap, and there are several";
            return Err(Error::Argument(format!("prompt {prompt}: {problem}")));
        }
        let (start, length) = (response[0], response.len());
        let frames = [Frame { before: &tokens[..start], after: &tokens[start + length..] }];
        let mut noise = Stepwise::new([key]);
        let x = noise.fresh(&model.blank(1, length)?)?.scaled(self.levels[0].at(0).sigma)?;
        let mut earlier: Option<TensorLatent> = None;
        let mut network = |x: &TensorLatent, levels: &Levels| -> Result<TensorLatent, ModelError> {
            let query = NoisyQuery { frames: &frames, x, levels, previous: earlier.as_ref() };
            let (mean, _) = model.denoise(&query)?;
            earlier = Some(TensorLatent::new(mean.tensor().shallow_clone())?);
            Ok(mean)
        };
        let (mut rows, mut before, mut failure) = (Vec::new(), None, None);
        let mut watch = |step: &Step<'_>, next: &Stepped<TensorLatent>| match self.read(
            prompt,
            step,
            &next.x0,
            &mut before,
        ) {
            Ok(row) => {
                rows.push(row);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        };
        let sampler = self.solver.on(&self.schedule);
        sample(&sampler, &self.levels, x, &mut network, &mut noise, &mut watch)
            .map_err(Error::Diffusion)?;
        match failure {
            Some(error) => Err(error),
            None => Ok(rows),
        }
    }

    /// What the prediction of a step is nearest to.
    fn read(
        &self,
        prompt: usize,
        step: &Step<'_>,
        x0: &TensorLatent,
        before: &mut Option<Vec<TokenId>>,
    ) -> Result<StepRow, Error> {
        let rounded = self.embeddings.nearest(x0)?;
        let count = rounded.len() as f64;
        let distance = rounded.iter().filter_map(|r| r.distance).map(f64::from).sum::<f64>();
        let margin = rounded.iter().map(|r| f64::from(r.margin)).sum::<f64>();
        let tokens: Vec<TokenId> = rounded.iter().map(|r| r.token).collect();
        let flipped = |before: Vec<TokenId>| {
            before.iter().zip(&tokens).filter(|(before, now)| before != now).count() as f64
        };
        let flips = before.take().map(|before| (flipped(before) / count) as f32);
        *before = Some(tokens);
        Ok(StepRow {
            prompt,
            step: step.index,
            t: step.from.at(0).t,
            distance: (distance / count / self.unit) as f32,
            margin: (margin / count / self.unit) as f32,
            flips,
        })
    }
}

/// The mean distance from a token's embedding to the nearest other one, over tokens drawn at
/// random: an embedding's own margin over the second nearest.
fn unit(model: &Model, embeddings: &TensorRounding, key: Key) -> Result<f64, Error> {
    let vocab = model.description().vocab as u64;
    let mut stream = key.purpose(Purpose::Data).stream();
    let tokens: Vec<TokenId> = (0..SAMPLE).map(|_| stream.below(vocab) as TokenId).collect();
    let nearest = embeddings.nearest(&model.vectors_of(&tokens, 1)?)?;
    let apart = nearest.iter().map(|r| f64::from(r.margin + r.distance.unwrap_or(0.0)));
    let unit = apart.sum::<f64>() / SAMPLE as f64;
    match 0.0 < unit && unit.is_finite() {
        true => Ok(unit),
        false => Err(Error::Argument(format!(
            "embeddings lie {unit} apart on average, which is no unit: look at the checkpoint"
        ))),
    }
}
