//! The loop: batches in, parameters out, and everything on disk on the way.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use dlm_core::TokenId;
use dlm_rng::Key;
use dlm_runtime::Trainee;
use serde_json::Value;
use tch::{Tensor, no_grad};

use crate::{
    Error, Example, Loss, Measured, Recipe, Standing, StepRow, Texts, ValidationRow, batch::Batch,
    checkpoint::State, curve::Curve, optimiser::Momentum, order::Order,
};

/// One training of one adapter, which may be stopped and resumed at any time.
pub struct Training<'a> {
    /// How.
    pub recipe: &'a Recipe,
    /// On what.
    pub texts: &'a Texts,
    /// The token that ends an answer.
    pub end: TokenId,
    /// All that the result depends on beside seed and machine, which a training that is
    /// resumed must share: the base's files, the recipe, the texts.
    pub inputs: Value,
    /// Where checkpoint, curves and adapter go.
    pub folder: PathBuf,
    /// Whether to begin anew although there is a checkpoint.
    pub force: bool,
    /// How far the trainee's parameters have come, where there is no checkpoint and they are
    /// those of an adapter whose training goes on.
    pub standing: Option<Standing>,
}

/// What a training tells while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// It goes on from a checkpoint of so many steps.
    Resumed(u64),
    /// A step was made.
    Step {
        /// How it went.
        row: &'a StepRow,
        /// Tokens of its batch.
        tokens: usize,
        /// How many of them were predicted.
        predicted: usize,
        /// How long it took, which no file says, so that files do not depend on it.
        took: Duration,
    },
    /// Held-out texts were measured.
    Validated(&'a [ValidationRow]),
    /// A checkpoint was written, of so many steps.
    Saved(u64),
    /// A text's prompt left no room for an answer, so it was passed over; so many times in
    /// the step.
    PassedOver(usize),
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trained {
    /// Steps made, this time and before.
    pub steps: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// Whether these are all steps of the recipe.
    pub whole: bool,
}

impl Training<'_> {
    /// Trains until all steps are made or `go_on` says no, which it is asked before every
    /// step with the number of steps made; tells `watch` what happens.
    ///
    /// The folder then holds `adapter/` with the averaged parameters in PEFT's layout,
    /// `checkpoint/`, `curve.csv` and `validation.csv`. The same inputs give the same bytes on
    /// one machine and with one number of threads, however often the training was stopped.
    ///
    /// # Errors
    ///
    /// Where the recipe makes no sense, the folder holds another training, a file cannot be
    /// written, or a step fails ([`Error::NotFinite`], [`Error::Memory`]); the last
    /// checkpoint stays.
    pub fn run(
        &self,
        trainee: &mut Trainee,
        go_on: &mut dyn FnMut(u64) -> bool,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<Trained, Error> {
        self.recipe.validate()?;
        fs::create_dir_all(&self.folder).map_err(Error::write(&self.folder))?;
        if self.force {
            State::forget(&self.folder)?;
        }
        let (mut state, mut momentum) = self.open(trainee, watch)?;
        let begun = state.standing.steps;
        if 0 < begun {
            // A program that was killed while it wrote the adapter left a part of it.
            self.write_adapter(trainee, &momentum, &state.standing)?;
        }
        let path = |name: &str| self.folder.join(name);
        let mut curve = Curve::open::<StepRow>(&path("curve.csv"), begun)?;
        let mut measured = Curve::open::<ValidationRow>(&path("validation.csv"), begun)?;
        let key = Key::new(self.recipe.seed);
        let mut order = Order::new(&self.texts.shares, key, state.standing.place);
        let (steps, mut kept) = (self.recipe.steps(), begun);
        if begun == 0 {
            self.validate(trainee, &momentum, &state.standing, &mut measured, watch)?;
        }
        while state.standing.steps < steps && go_on(state.standing.steps) {
            let (started, before) = (Instant::now(), state.standing.tokens);
            let (row, predicted) = self
                .step(trainee, &mut momentum, &mut order, &mut state.standing, kept, watch)
                .map_err(|error| error.in_step(state.standing.steps))?;
            curve.add(&row)?;
            let tokens = (state.standing.tokens - before) as usize;
            watch(&Event::Step { row: &row, tokens, predicted, took: started.elapsed() });
            let last = state.standing.steps == steps;
            if last || state.standing.steps.is_multiple_of(self.recipe.validate_every) {
                self.validate(trainee, &momentum, &state.standing, &mut measured, watch)?;
            }
            if last || state.standing.steps.is_multiple_of(self.recipe.checkpoint_every) {
                self.keep(trainee, &momentum, &state, &mut kept, watch)?;
            }
        }
        if kept < state.standing.steps {
            self.keep(trainee, &momentum, &state, &mut kept, watch)?;
        }
        let Standing { steps: made, tokens, .. } = state.standing;
        Ok(Trained { steps: made, tokens, whole: steps <= made })
    }

    /// The state to start from.
    fn open(
        &self,
        trainee: &mut Trainee,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(State, Momentum), Error> {
        let device = trainee.placement().0;
        let Some((state, theta, momentum)) = State::load(&self.folder, device)? else {
            let texts = &self.texts.sha256;
            let standing = match &self.standing {
                None => Standing::new(texts),
                Some(standing) => standing.onward(texts),
            };
            if 0 < standing.steps {
                watch(&Event::Resumed(standing.steps));
            }
            let momentum = Momentum::new(trainee.parameters(), standing.steps)?;
            let state = State::new(self.inputs.clone(), standing, trainee.parameters());
            return Ok((state, momentum));
        };
        if state.inputs != self.inputs {
            let differs =
                |key: &&String| state.inputs.get(key.as_str()) != self.inputs.get(key.as_str());
            let what = self.inputs.as_object().and_then(|inputs| inputs.keys().find(differs));
            let what = what.map_or("setting", String::as_str).to_string();
            return Err(Error::OtherTraining { folder: self.folder.clone(), what });
        }
        trainee.set_parameters(&theta)?;
        watch(&Event::Resumed(state.standing.steps));
        Ok((state, momentum))
    }

    fn step(
        &self,
        trainee: &mut Trainee,
        momentum: &mut Momentum,
        order: &mut Order,
        standing: &mut Standing,
        kept: u64,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(StepRow, usize), Error> {
        let Recipe { seed, layout, objective, optimiser, accumulate, .. } = self.recipe;
        let step = standing.steps;
        let key = Key::new(*seed).step(step);
        let texts = &self.texts.train;
        let (batch, passed) = Batch::take(texts, order, *layout, self.end, Key::new(*seed));
        if 0 < passed {
            watch(&Event::PassedOver(passed));
        }
        if batch.examples.is_empty() {
            let given = layout.length.to_string();
            let wanted = "longer: no prompt leaves room for an answer";
            return Err(Error::Setting { field: "layout.length", given, wanted });
        }
        let not_finite = |what| {
            let texts = batch.texts.iter().map(|&text| texts[text].source.clone()).collect();
            Error::NotFinite { step, what, texts, kept }
        };
        let (mut loss, mut read) = (0.0, Measured::default());
        let mut gradient: Option<Tensor> = None;
        for part in batch.parts(*accumulate) {
            let Loss { surrogate, value, read: here } = objective.loss(trainee, part, key)?;
            if !value.is_finite() {
                return Err(not_finite("loss"));
            }
            (loss, read) = (loss + value, read.and(here));
            let theta = trainee.parameters();
            let mut found = Tensor::f_run_backward(&[&surrogate], &[theta], false, false)?;
            let found = found.swap_remove(0);
            gradient = Some(match gradient {
                None => found,
                Some(mut sum) => no_grad(|| sum.f_add_(&found))?,
            });
            // Parts share what θ is cast to, and a backward pass uses it up.
            trainee.bind()?;
        }
        let Some(gradient) = gradient else { return Err(not_finite("loss")) };
        let rate = optimiser.rate_at(step, self.recipe.steps(), momentum.remembered);
        let norm = f64::try_from(&gradient.f_norm()?)?;
        if !norm.is_finite() {
            return Err(not_finite("gradient"));
        }
        momentum.step(optimiser, trainee.parameters(), &gradient, norm, rate)?;
        trainee.bind()?;
        standing.steps += 1;
        standing.tokens += batch.tokens() as u64;
        standing.place = order.place();
        let row = StepRow {
            step,
            tokens: standing.tokens,
            loss,
            cross_entropy: read.cross_entropy(),
            accuracy: read.accuracy(),
            gradient: norm,
            rate,
        };
        Ok((row, read.count as usize))
    }

    /// Measures the averaged parameters on held-out texts, at fixed times with fixed noise.
    fn validate(
        &self,
        trainee: &mut Trainee,
        momentum: &Momentum,
        standing: &Standing,
        measured: &mut Curve,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), Error> {
        let theta = trainee.parameters().f_detach_copy()?;
        trainee.set_parameters(&momentum.average)?;
        let key = Key::new(self.recipe.seed).step(u64::MAX);
        let lay = |(row, text)| Example::lay(text, self.recipe.layout, self.end, key.sequence(row));
        let texts = (0..).zip(&self.texts.held_out);
        let mut examples: Vec<Example> =
            texts.filter_map(lay).take(self.recipe.validate_on).collect();
        examples.sort_by_key(|example| std::cmp::Reverse(example.tokens.len()));
        let per_pass = (self.recipe.layout.step_tokens / self.recipe.layout.length).max(1);
        let mut rows = Vec::new();
        for &t in self.recipe.objective.times() {
            let mut sum = Measured::default();
            for (piece, examples) in (0..).zip(examples.chunks(per_pass)) {
                let key = key.step(u64::MAX - 1 - piece);
                sum = sum.and(self.recipe.objective.measure(trainee, examples, t, key)?);
            }
            rows.push(ValidationRow {
                step: standing.steps,
                tokens: standing.tokens,
                t,
                cross_entropy: sum.cross_entropy(),
                accuracy: sum.accuracy(),
                predicted: sum.count as u64,
            });
        }
        trainee.set_parameters(&theta)?;
        rows.iter().try_for_each(|row| measured.add(row))?;
        watch(&Event::Validated(&rows));
        Ok(())
    }

    /// Writes the checkpoint and the adapter.
    fn keep(
        &self,
        trainee: &Trainee,
        momentum: &Momentum,
        state: &State,
        kept: &mut u64,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), Error> {
        state.save(trainee.parameters(), momentum, &self.folder)?;
        *kept = state.standing.steps;
        self.write_adapter(trainee, momentum, &state.standing)?;
        watch(&Event::Saved(state.standing.steps));
        Ok(())
    }

    /// Writes the averaged parameters as an adapter, with what a loader and a reader of
    /// results have to know of it.
    fn write_adapter(
        &self,
        trainee: &Trainee,
        momentum: &Momentum,
        standing: &Standing,
    ) -> Result<(), Error> {
        let adapter = self.folder.join("adapter");
        trainee.save(&momentum.average, &adapter)?;
        let write = |name: &str, value: Value| {
            let path = adapter.join(name);
            fs::write(&path, format!("{value:#}\n")).map_err(Error::write(&path))
        };
        write("diffusion_config.json", self.recipe.objective.config(self.end))?;
        write("answer_lengths.json", self.texts.answer_lengths())?;
        standing.write(&adapter)
    }
}

/// Whether `folder` holds a training that can be resumed.
pub fn is_begun(folder: &Path) -> bool {
    folder.join("checkpoint").exists() || folder.join("checkpoint.old").exists()
}
