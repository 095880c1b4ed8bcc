//! `steps-below-tokens`: what becomes of words and texts when a step decides several tokens.

mod findings;

use serde::Deserialize;

use super::{
    Experiment,
    answers::{Answers, Task},
    known_chain::{ChainSettings, KnownChain, WordRow},
    named_samplers::{NamedSampler, named},
};
use crate::{
    Error, Family, Folder, generation::Sampler, showing::Caption, stage::Stage, summary::Findings,
};
use findings::Plan;

const WORDS: &str = "oracle.csv";
const ANSWERS: &str = "samples.csv";
const FIGURE: &str = "tokens-per-step";

/// What the experiment is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Steps are the length over these.
    tokens_per_step: Vec<usize>,
    /// Published samplers; all of them if empty.
    presets: Vec<String>,
    /// Positions of an answer.
    gen_length: usize,
    /// The part on a known chain.
    oracle: ChainSettings,
}

/// The experiment.
pub(super) struct StepsBelowTokens {
    plan: Plan,
    oracle: ChainSettings,
    chain: KnownChain,
    answers: Answers,
    /// Prompts to be answered: none without a masked model.
    prompts: usize,
}

impl StepsBelowTokens {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        let Settings { tokens_per_step, presets, gen_length, oracle } = settings;
        oracle.check(&stage.spec)?;
        let most = gen_length.min(oracle.length);
        if let Some(wrong) = tokens_per_step.iter().find(|&&tokens| tokens == 0 || most < tokens) {
            let problem = format!("{wrong} is not within 1 and the length, {most}");
            return Err(stage.spec.refuse("tokens_per_step", problem));
        }
        let presets = named(&stage.spec, "presets", &presets)?;
        let prompts = match stage.models.has(Family::Masked) {
            true => stage.prompts()?.list.len(),
            false => 0,
        };
        Ok(Self {
            plan: Plan { presets, tokens_per_step, word: oracle.length, answer: gen_length },
            chain: KnownChain::new(oracle, stage.key())?,
            answers: Answers::new(gen_length),
            oracle,
            prompts,
        })
    }

    /// The words of a block, by every sampler at every number of steps.
    fn draw(&mut self, unit: usize, stage: &Stage) -> Result<Vec<WordRow>, Error> {
        let words = self.oracle.block(unit);
        let keys: Vec<_> = words.clone().map(|word| stage.key().sequence(word as u64)).collect();
        let mut rows = Vec::new();
        for (preset, steps) in self.plan.on_chain() {
            let drawn = self.chain.draw(&preset.at(steps), None, &keys)?;
            let row = |(word, drawn)| self.chain.row(word, preset.name, steps, drawn);
            rows.extend(words.clone().zip(&drawn).map(row));
        }
        Ok(rows)
    }

    /// The answers to a block of prompts, by every sampler at every number of steps.
    fn write(&self, unit: usize, stage: &mut Stage, folder: &mut Folder) -> Result<(), Error> {
        for (preset, steps) in self.plan.on_model() {
            let (family, name) = (Family::Masked, preset.name);
            let task = Task { family, name, steps, sampler: preset.at(steps) };
            let prompts = Answers::block(unit, self.prompts);
            let (rows, time) = self.answers.timed(stage, &task, prompts)?;
            let sampler =
                steps.map_or(name.to_string(), |steps| format!("{name} at {steps} steps"));
            folder.took(&sampler, time);
            folder.append(ANSWERS, &rows)?;
        }
        Ok(())
    }
}

impl Experiment for StepsBelowTokens {
    fn units(&self) -> usize {
        self.oracle.units() + Answers::units(self.prompts)
    }

    fn files(&self) -> &'static [&'static str] {
        &[WORDS, ANSWERS]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        match unit.checked_sub(self.oracle.units()) {
            None => folder.append(WORDS, &self.draw(unit, stage)?),
            Some(unit) => self.write(unit, stage, folder),
        }
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let (words, answers) = (folder.read_rows(WORDS)?, folder.read_rows(ANSWERS)?);
        let (mut findings, panels) =
            self.plan.findings(&self.chain, &words, &answers, &stage.bootstrap());
        let caption = format!(
            "Means with 95 % intervals: of {} words drawn with a perfect network, and of answers to \
             {} prompts. Samplers that keep to no number of steps stand at the tokens that an \
             evaluation of theirs decided.",
            self.oracle.words, self.prompts
        );
        let caption = Caption::new(FIGURE, "Quality by tokens decided in a step", caption);
        findings.figures.push(caption.curves(folder, "tokens a step", &panels)?);
        findings.omitted = self.omitted(stage);
        Ok(findings)
    }
}

impl StepsBelowTokens {
    fn omitted(&self, stage: &Stage) -> Vec<String> {
        let mut omitted = Vec::new();
        let models = &stage.models;
        if !models.has(Family::Masked) {
            let why = models.why_not(Family::Masked);
            omitted
                .push(format!("No text was written, so both judges had nothing to read: {why}."));
        } else if !models.has(Family::Autoregressive) {
            let why = models.why_not(Family::Autoregressive);
            omitted.push(format!("No causal model judged the texts: {why}."));
        }
        let left_out = self.plan.presets.iter().filter(|preset| !on_chain(preset));
        omitted.extend(left_out.map(|preset| {
            let name = preset.name;
            format!("{name} drew no words: it is defined at temperature 0, which draws no law.")
        }));
        omitted
    }
}

/// Whether a sampler can draw at temperature 1.
fn on_chain(preset: &NamedSampler) -> bool {
    match preset.at(None) {
        Sampler::Unmasking(sampler) => {
            !matches!(sampler.commit, dlm_discrete::unmasking::Commit::Credit(_))
        }
        _ => true,
    }
}
