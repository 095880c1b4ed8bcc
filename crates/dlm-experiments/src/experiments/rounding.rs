//! `rounding`: how far predicted vectors are from tokens, and whether tokens once read stay.

mod estimates;
mod noisy;
mod written;

use dlm_continuous::solver::Solver;
use dlm_discrete::unmasking::{UnmaskingSampler, presets};
use dlm_rng::Key;
use serde::Deserialize;

use self::{
    estimates::{estimates, panels},
    noisy::{Reader, StepRow},
    written::WrittenRow,
};
use super::{Experiment, paragraph::with_interval};
use crate::{
    Error, Estimates, Family, Folder, PromptBody, Prompts, showing::Caption, stage::Stage,
    summary::Findings,
};

const STEPS: &str = "rows.csv";
const WRITTEN: &str = "samples.csv";

/// Tokens of a continuation at most: its first half is compared with it.
const CONTINUED: usize = 16;

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The Gaussian sampler.
    solver: String,
    /// The masked sampler.
    preset: String,
    /// Tokens of an answer.
    gen_length: usize,
    /// Steps of either sampler.
    steps: usize,
}

/// The experiment.
pub(super) struct RoundingExperiment {
    settings: Settings,
    sampler: UnmaskingSampler,
    reader: Option<Reader>,
    prompts: Prompts,
}

impl RoundingExperiment {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        for (field, given) in [("gen_length", settings.gen_length), ("steps", settings.steps)] {
            if given < 2 {
                return Err(stage.spec.refuse(field, format!("{given} is less than 2")));
            }
        }
        let solver: Solver =
            settings.solver.parse().map_err(|error| stage.spec.refuse("solver", error))?;
        let preset = presets::find(&settings.preset);
        let preset = preset.map_err(|error| stage.spec.refuse("preset", error))?;
        let mut sampler = (preset.sampler)();
        sampler.steps = Some(settings.steps);
        if let Some(model) = stage.models.get(Family::Masked) {
            sampler.ending.tokens = model.ends();
        }
        let key = stage.key();
        let reader = stage.models.get(Family::Gaussian);
        let reader = reader.map(|model| Reader::new(model, solver, settings.steps, key));
        let prompts = stage.prompts()?.clone();
        Ok(Self { settings, sampler, reader: reader.transpose()?, prompts })
    }

    fn written(
        &self,
        prompt: usize,
        key: Key,
        stage: &mut Stage,
    ) -> Result<Vec<WrittenRow>, Error> {
        let (length, mut rows) = (self.settings.gen_length, Vec::new());
        if let Some(model) = stage.models.get(Family::Masked) {
            let canvas = self.prompts.canvas(prompt, model, length)?;
            rows.push(written::by_masks(model, &self.sampler, prompt, canvas, key)?);
        }
        if let Some(model) = stage.models.get(Family::Autoregressive) {
            let opening = match &self.prompts.list[prompt].body {
                PromptBody::Text(text) => model.text()?.opening(text)?,
                PromptBody::Tokens(tokens) => tokens.clone(),
            };
            let length = length.min(CONTINUED);
            rows.push(written::by_continuing(model, prompt, opening, length, key)?);
        }
        Ok(rows)
    }
}

impl Experiment for RoundingExperiment {
    fn units(&self) -> usize {
        self.prompts.list.len()
    }

    fn files(&self) -> &'static [&'static str] {
        &[STEPS, WRITTEN]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let key = stage.key().sequence(unit as u64);
        if let Some(reader) = &self.reader {
            let model = stage.models.need(Family::Gaussian)?;
            let canvas = self.prompts.canvas(unit, model, self.settings.gen_length)?;
            folder.append(STEPS, &reader.steps(model, unit, &canvas, key)?)?;
        }
        folder.append(WRITTEN, &self.written(unit, key, stage)?)
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let steps: Vec<StepRow> = folder.read_rows(STEPS)?;
        let written: Vec<WrittenRow> = folder.read_rows(WRITTEN)?;
        let bootstrap = stage.bootstrap();
        let estimates = estimates(&steps, &written, &bootstrap);
        let mut figures = Vec::new();
        if !steps.is_empty() {
            let caption = "The network's prediction of the clean vectors at each step of the \
                           sampler, from noise (t = 1) to data; means over prompts with 95 % \
                           intervals.";
            let caption = Caption::new("steps", "Where a vector becomes a token", caption);
            figures.push(caption.curves(folder, "noise t", &panels(&steps, &bootstrap))?);
        }
        let omitted = [Family::Gaussian, Family::Masked, Family::Autoregressive].into_iter();
        let omitted = omitted.filter(|&family| !stage.models.has(family));
        let omitted = omitted.map(|family| {
            format!("The {family} family is left out: {}.", stage.models.why_not(family))
        });
        Ok(Findings {
            finding: finding(&estimates),
            method: self.method(bootstrap.resamples),
            omitted: omitted.collect(),
            figures,
            estimates,
            ..Findings::default()
        })
    }
}

impl RoundingExperiment {
    fn method(&self, resamples: usize) -> String {
        let Settings { solver, preset, gen_length, steps } = &self.settings;
        format!(
            "For each of {} prompts, {gen_length} tokens are written. The Gaussian sampler ({solver}, \
             {steps} steps, the network seeing its own last prediction) is watched at every step: \
             the predicted clean vector of each position is compared with all embeddings, in units \
             of the mean distance from an embedding to its nearest neighbour, and its nearest token \
             with that of the step before. The masked sampler ({preset}, {steps} steps) is watched \
             for written tokens that a later step changes or takes back, and the autoregressive \
             model, continuing greedily, for tokens that differ once the text is twice as long. \
             Intervals resample prompts ({resamples} resamples).",
            self.prompts.list.len()
        )
    }
}

fn finding(estimates: &Estimates) -> String {
    let show = |name: &str| with_interval(estimates, name);
    let mut said = Vec::new();
    if estimates.get("distance_middle").is_some() {
        said.push(format!(
            "In units of the distance between neighbouring embeddings, the predicted vector of a \
             Gaussian model lies {} from its nearest token at t = 0.5, {} when a quarter of the \
             steps is left, and {} at the last. From step to step {} of the positions change their \
             nearest token; in the last quarter of the steps a position does so {} times.",
            show("distance_middle"),
            show("distance_late"),
            show("distance_end"),
            show("flips_per_step"),
            show("flips_late"),
        ));
    }
    for (name, who) in [
        ("masked_flips", "Of the tokens that the masked sampler writes"),
        ("autoregressive_flips", "Of those that the autoregressive model writes"),
    ] {
        if estimates.get(name).is_some() {
            said.push(format!("{who}, a later step changes {}.", show(name)));
        }
    }
    said.join(" ")
}
