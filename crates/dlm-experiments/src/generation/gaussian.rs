//! Canvases filled by Gaussian diffusion: from noise to vectors, and from these to tokens.

use std::{cell::RefCell, ops::ControlFlow, path::PathBuf};

use dlm_continuous::{
    Noise as _,
    noise::Stepwise,
    sample,
    schedule::{End, Grid, Schedule, Spacing},
    solver::Solver,
};
use dlm_core::{Canvas, Levels, ModelError, TokenId};
use dlm_discrete::{Commitment, Observer, Outcome, Step};
use dlm_rng::Key;
use dlm_runtime::{Frame, Guess, Model, NoisyQuery, TensorLatent};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Gaussian diffusion on the vectors of a model's tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianSampler {
    /// How a step goes from one noise level to the next.
    pub solver: Solver,
    /// Steps from noise to vectors.
    pub steps: usize,
    /// How the levels between are spaced.
    pub spacing: Spacing,
    /// Whether the network sees what it predicted the step before.
    pub self_conditioning: bool,
}

impl Default for GaussianSampler {
    fn default() -> Self {
        let (solver, spacing) = (Solver::default(), Spacing::Time {});
        Self { solver, steps: 64, spacing, self_conditioning: true }
    }
}

impl GaussianSampler {
    /// Refuses what cannot be, before anything is written.
    pub(super) fn check(&self, canvases: &[Canvas], model: &Model) -> Result<(), Error> {
        if !model.is_gaussian() {
            let problem = "--solver: only Gaussian diffusion models have one: give the adapter \
                           of one with --adapter, or leave --solver out";
            return Err(Error::Argument(problem.to_string()));
        }
        self.levels(model)?;
        for (index, canvas) in canvases.iter().enumerate() {
            if canvas.response().windows(2).any(|pair| pair[0] + 1 != pair[1]) {
                return Err(Error::Argument(format!(
                    "prompt {index}: a Gaussian model fills one gap, and there are several"
                )));
            }
        }
        Ok(())
    }

    /// Noise levels from `t = 1` to data.
    pub(crate) fn levels(&self, model: &Model) -> Result<Vec<Levels>, Error> {
        let grid = Grid { steps: self.steps, spacing: self.spacing, end: End::CleanAfter(0.0) };
        let levels = grid.levels(&noise_schedule(model)?);
        let levels = levels.map_err(|error| Error::Argument(format!("--steps: {error}")))?;
        Ok(levels.into_iter().map(Levels::from).collect())
    }

    /// Fills `canvases` with a key each, `batch` at a time, of equal lengths.
    pub(super) fn fill(
        &self,
        model: &Model,
        batch: usize,
        ends: &[TokenId],
        canvases: &mut [Canvas],
        keys: &[Key],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, Error> {
        let levels = self.levels(model)?;
        let schedule = noise_schedule(model)?;
        let mut outcomes = Vec::with_capacity(canvases.len());
        while outcomes.len() < canvases.len() {
            let first = outcomes.len();
            let length = canvases[first].response().len();
            let alike = |canvas: &&Canvas| canvas.response().len() == length;
            let count = canvases[first..].iter().take(batch.max(1)).take_while(alike).count();
            let rows = first..first + count;
            let mut run = Run::new(first, &mut canvases[rows.clone()], observer);
            self.fill_together(model, &levels, &schedule, &keys[rows], &mut run)?;
            let stopped = run.stopped;
            outcomes.extend(run.finish(ends));
            if stopped {
                break;
            }
        }
        Ok(outcomes)
    }

    fn fill_together(
        &self,
        model: &Model,
        levels: &[Levels],
        schedule: &Schedule,
        keys: &[Key],
        run: &mut Run<'_>,
    ) -> Result<(), Error> {
        let before: Vec<Canvas> = run.canvases.to_vec();
        let frames: Vec<Frame<'_>> = before.iter().map(frame).collect();
        let failed = |error: dlm_continuous::SampleError| Error::Diffusion(error);
        let mut noise = Stepwise::new(keys);
        let start = model.blank(keys.len(), before[0].response().len())?;
        let start = noise.fresh(&start).map_err(|error| failed(error.into()))?;
        let start = start.scaled(levels[0].at(0).sigma)?;
        let guesses = RefCell::new(Vec::new());
        let mut earlier: Option<TensorLatent> = None;
        let mut network = |x: &TensorLatent, levels: &Levels| -> Result<TensorLatent, ModelError> {
            let query = NoisyQuery { frames: &frames, x, levels, previous: earlier.as_ref() };
            let (mean, said) = model.denoise(&query)?;
            if self.self_conditioning {
                earlier = Some(TensorLatent::new(mean.tensor().shallow_clone())?);
            }
            guesses.replace(said);
            Ok(mean)
        };
        let nfe = self.solver.nfe();
        let mut watch = |step: &dlm_continuous::Step<'_>, _: &_| -> ControlFlow<()> {
            // The last step ends at data, for which one evaluation is enough.
            let last = step.index + 1 == step.steps;
            let so_far = step.index * nfe + if last { 1 } else { nfe };
            run.step(step.index, so_far, &guesses.borrow())
        };
        let sampler = self.solver.on(schedule);
        sample(&sampler, levels, start, &mut network, &mut noise, &mut watch).map_err(failed)?;
        Ok(())
    }
}

/// What stands around a canvas's gap.
pub(crate) fn frame(canvas: &Canvas) -> Frame<'_> {
    let (tokens, response) = (canvas.tokens(), canvas.response());
    let (start, length) = (response.first().copied().unwrap_or(0), response.len());
    Frame { before: &tokens[..start], after: &tokens[start + length..] }
}

/// The noise schedule that a Gaussian adapter was trained with.
pub(crate) fn noise_schedule(model: &Model) -> Result<Schedule, Error> {
    #[derive(Deserialize)]
    struct Config {
        schedule: Schedule,
    }
    let folder: PathBuf = model.source().adapter.clone().unwrap_or_default();
    let path = folder.join("diffusion_config.json");
    let bytes =
        std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
    let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
        let problem = format!("{error}; a Gaussian adapter names its noise schedule here");
        Error::malformed(&path, "schedule", problem)
    })?;
    Ok(config.schedule)
}

/// Canvases that are filled together, and what became of them so far.
struct Run<'a> {
    /// Index of the first among all canvases.
    first: usize,
    canvases: &'a mut [Canvas],
    observer: &'a mut dyn Observer,
    outcomes: Vec<Outcome>,
    /// Evaluations when each position of each canvas got its token.
    asked: Vec<Vec<usize>>,
    stopped: bool,
}

impl<'a> Run<'a> {
    fn new(first: usize, canvases: &'a mut [Canvas], observer: &'a mut dyn Observer) -> Self {
        let length = |canvas: &Canvas| canvas.response().len();
        let outcome = |canvas: &Canvas| Outcome {
            step_map: vec![None; length(canvas)],
            ..Outcome::default()
        };
        let outcomes = canvases.iter().map(outcome).collect();
        let asked = canvases.iter().map(|canvas| vec![0; length(canvas)]).collect();
        Self { first, canvases, observer, outcomes, asked, stopped: false }
    }

    /// Puts on the canvases what the network now takes each position for.
    fn step(&mut self, step: usize, nfe: usize, guesses: &[Guess]) -> ControlFlow<()> {
        let mut guesses = guesses.iter();
        for (row, canvas) in self.canvases.iter_mut().enumerate() {
            let (outcome, asked) = (&mut self.outcomes[row], &mut self.asked[row]);
            let mut committed = Vec::new();
            for (index, position) in canvas.response().to_vec().into_iter().enumerate() {
                let Some(&Guess { token, probability, entropy }) = guesses.next() else { break };
                if canvas.tokens()[position] == token {
                    continue;
                }
                outcome.edits += usize::from(!canvas.is_masked(position));
                canvas.commit(position, token);
                committed.push(Commitment { position, token, probability, entropy });
                (outcome.step_map[index], asked[index]) = (Some(step), nfe);
            }
            outcome.commits += committed.len();
            (outcome.steps, outcome.nfe) = (step + 1, nfe);
            let (row, remasked) = (self.first + row, &[][..]);
            let (committed, canvas) = (&committed[..], &*canvas);
            let step = Step { row, step, block: 0, nfe, committed, remasked, canvas };
            if self.observer.observe(&step).is_break() {
                self.stopped = true;
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// The accounts of the canvases, whose texts end at one of `ends`.
    fn finish(mut self, ends: &[TokenId]) -> Vec<Outcome> {
        for (row, canvas) in self.canvases.iter().enumerate() {
            let (outcome, asked) = (&mut self.outcomes[row], &self.asked[row]);
            let is_end = |&position: &usize| ends.contains(&canvas.tokens()[position]);
            let end = canvas.response().iter().position(is_end);
            let heard = end.map_or(asked.len(), |end| end + 1);
            outcome.wasted_positions = asked.len() - heard;
            let settled = asked[..heard].iter().max().copied().unwrap_or(0);
            outcome.wasted_nfe = outcome.nfe - settled;
            if !self.stopped {
                self.observer.finished(self.first + row, canvas, outcome);
            }
        }
        self.outcomes
    }
}
