//! `refinement`: whether more steps make better texts, and whether errors put into a run are
//! repaired.

mod errors;
mod findings;
mod gaussian;
mod masked;

use dlm_continuous::solver::Solver;
use dlm_core::TokenId;
use dlm_discrete::unmasking::{UnmaskingSampler, presets};
use dlm_probe::TokenClass;
use dlm_rng::Key;
use dlm_runtime::Model;
use serde::Deserialize;

use super::answers::{AnswerRow, Answers, Task, canvases};
use crate::{
    Error, Family, Folder, Prompt,
    generation::{Filler, GaussianSampler, Sampler},
    reference_text,
    showing::{Caption, ChangeRow, Changes, trajectories},
    stage::Stage,
    summary::Findings,
};
use errors::{Errors, RepairRow};
use findings::{Plan, Rows};

const ANSWERS: &str = "samples.csv";
const REPAIRS: &str = "repairs.csv";
const TRAJECTORY: &str = "trajectory.csv";

/// What the experiment is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Published samplers of masks.
    presets: Vec<String>,
    /// Samplers of vectors.
    solvers: Vec<String>,
    /// Share of the positions that get a wrong token.
    injected: f64,
    /// The time, from 1 of noise to 0 of data, at which vectors get theirs.
    injected_time: f64,
    /// Positions of an answer.
    gen_length: usize,
    /// Numbers of steps.
    steps: Vec<usize>,
    /// Steps of the runs into which errors are put.
    repair_steps: usize,
}

/// The experiment.
pub(super) struct Refinement {
    presets: Vec<(String, UnmaskingSampler)>,
    solvers: Vec<(String, Solver)>,
    steps: Vec<usize>,
    repair_steps: usize,
    injected: f64,
    injected_time: f64,
    answers: Answers,
    prompts: usize,
}

impl Refinement {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        let spec = &stage.spec;
        let Settings { mut steps, injected, injected_time, gen_length, repair_steps, .. } =
            settings;
        steps.sort_unstable();
        steps.dedup();
        if steps.len() < 2 || steps[0] == 0 {
            return Err(spec.refuse("steps", "give at least two different numbers above 0"));
        }
        if !(0.0..=1.0).contains(&injected) {
            return Err(spec.refuse("injected", format!("{injected} is not within 0 and 1")));
        }
        if !(0.0 < injected_time && injected_time < 1.0) {
            let problem = format!("{injected_time} is not between 0 and 1");
            return Err(spec.refuse("injected_time", problem));
        }
        if repair_steps < 2 {
            return Err(spec.refuse("repair_steps", "is below 2, which has no middle"));
        }
        let preset = |name: &String| {
            let found = presets::find(name).map_err(|error| spec.refuse("presets", error))?;
            Ok((name.clone(), (found.sampler)()))
        };
        let solver = |name: &String| {
            let found: Solver = name.parse().map_err(|error| spec.refuse("solvers", error))?;
            Ok((name.clone(), found))
        };
        let presets = settings.presets.iter().map(preset).collect::<Result<_, Error>>()?;
        let solvers = settings.solvers.iter().map(solver).collect::<Result<_, Error>>()?;
        if !stage.models.has(Family::Masked) && !stage.models.has(Family::Gaussian) {
            stage.models.need(Family::Masked)?;
        }
        let prompts = stage.prompts()?.list.len();
        let answers = Answers::new(gen_length);
        Ok(Self {
            presets,
            solvers,
            steps,
            repair_steps,
            injected,
            injected_time,
            answers,
            prompts,
        })
    }

    /// All samplers for which there is a model, at every number of steps.
    fn tasks(&self, stage: &Stage) -> Vec<Task<'_>> {
        let mut tasks = Vec::new();
        let both = |family| self.steps.iter().map(move |&steps| (family, steps));
        for (family, steps) in both(Family::Masked).chain(both(Family::Gaussian)) {
            let named: Vec<(&str, Sampler)> = match family {
                _ if !stage.models.has(family) => Vec::new(),
                Family::Gaussian => {
                    let at = |solver: &Solver| vectors(*solver, steps);
                    self.solvers.iter().map(|(name, s)| (name.as_str(), at(s))).collect()
                }
                _ => {
                    let at = |sampler: &UnmaskingSampler| masks(sampler, steps);
                    self.presets.iter().map(|(name, s)| (name.as_str(), at(s))).collect()
                }
            };
            let task = |(name, sampler)| Task { family, name, steps: Some(steps), sampler };
            tasks.extend(named.into_iter().map(task));
        }
        tasks
    }

    /// The tokens in a block of runs into which errors were put.
    fn repair(
        &self,
        prompts: std::ops::Range<usize>,
        stage: &mut Stage,
    ) -> Result<Vec<RepairRow>, Error> {
        let mut rows = Vec::new();
        let seed = stage.key();
        let keys: Vec<Key> = prompts.clone().map(|p| seed.sequence(p as u64)).collect();
        for family in [Family::Masked, Family::Gaussian] {
            if !stage.models.has(family) {
                continue;
            }
            let canvases = canvases(stage, family, prompts.clone(), self.answers.length)?;
            let model = stage.models.need(family)?;
            let words = words(model)?;
            let errors = Errors { words: &words, ends: &model.ends(), share: self.injected };
            if family == Family::Gaussian {
                for (name, solver) in &self.solvers {
                    let sampler = GaussianSampler {
                        solver: *solver,
                        steps: self.repair_steps,
                        ..<_>::default()
                    };
                    let time = self.injected_time;
                    let run = gaussian::repair(&sampler, model, &errors, time, &canvases, &keys)?;
                    rows.extend(errors::rows(prompts.clone(), name, &run));
                }
                continue;
            }
            for (name, sampler) in &self.presets {
                let sampler = UnmaskingSampler {
                    steps: Some(self.repair_steps),
                    block_length: None,
                    ..sampler.clone()
                };
                let one = |(canvas, key)| masked::repair(&sampler, model, &errors, canvas, key);
                let run: Vec<_> = canvases.iter().zip(&keys).map(one).collect::<Result<_, _>>()?;
                rows.extend(errors::rows(prompts.clone(), name, &run));
            }
        }
        Ok(rows)
    }

    /// One sample of each family on its way, the last of its samplers, at most steps.
    fn show(&self, stage: &mut Stage) -> Result<Vec<ChangeRow>, Error> {
        let mut rows = Vec::new();
        let tasks = self.tasks(stage);
        for family in [Family::Masked, Family::Gaussian] {
            let Some(task) = tasks.iter().rfind(|task| task.family == family) else { continue };
            let mut canvases = canvases(stage, family, 0..1, self.answers.length)?;
            let key = stage.key().sequence(0);
            let model = stage.models.need(family)?;
            let texts = model.text()?.texts(model.description().vocab);
            let text =
                |token: TokenId| texts.get(token as usize).cloned().flatten().unwrap_or_default();
            let title = format!("{}, {} steps", task.name, task.steps.unwrap_or_default());
            let mut changes = Changes::new(&title, 0, &text);
            let filler = Filler::new(task.sampler.clone(), model, &canvases)?;
            filler.run(model, &mut canvases, &[key], &mut changes)?;
            rows.extend(changes.rows);
        }
        Ok(rows)
    }

    fn omitted(&self, stage: &Stage) -> Vec<String> {
        let mut omitted = Vec::new();
        for (family, what) in [
            (Family::Masked, "No masked model wrote texts or repaired errors"),
            (Family::Gaussian, "No Gaussian model wrote texts or repaired errors"),
            (Family::Autoregressive, "No causal model judged the texts"),
        ] {
            if !stage.models.has(family) {
                omitted.push(format!("{what}: {}.", stage.models.why_not(family)));
            }
        }
        omitted
    }
}

impl super::Experiment for Refinement {
    fn units(&self) -> usize {
        Answers::units(self.prompts)
    }

    fn files(&self) -> &'static [&'static str] {
        &[ANSWERS, REPAIRS, TRAJECTORY]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let prompts = Answers::block(unit, self.prompts);
        let mut written: Vec<AnswerRow> = Vec::new();
        for task in self.tasks(stage) {
            written.extend(self.answers.write(stage, &task, prompts.clone())?);
        }
        folder.append(ANSWERS, &written)?;
        folder.append(REPAIRS, &self.repair(prompts, stage)?)?;
        if unit == 0 {
            folder.append(TRAJECTORY, &self.show(stage)?)?;
        }
        Ok(())
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let rows =
            Rows { answers: folder.read_rows(ANSWERS)?, repairs: folder.read_rows(REPAIRS)? };
        let remasks = |sampler: &UnmaskingSampler| {
            sampler.remasking != dlm_discrete::unmasking::Remasking::None
        };
        let plan = Plan {
            presets: self.presets.iter().map(|(name, s)| (name.clone(), remasks(s))).collect(),
            solvers: self.solvers.iter().map(|(name, _)| name.clone()).collect(),
            steps: self.steps.clone(),
            repair_steps: self.repair_steps,
            injected: self.injected,
            injected_time: self.injected_time,
        };
        let (mut findings, panels) = plan.findings(&rows, &stage.bootstrap());
        let caption = format!(
            "Means over answers to {} prompts with 95 % intervals. A text that repeats itself costs \
             a judge little: read the upper panels with the lower.",
            self.prompts
        );
        let caption = Caption::new("steps", "Texts by steps", caption);
        findings.figures.push(caption.curves(folder, "steps", &panels)?);
        let changes: Vec<ChangeRow> = folder.read_rows(TRAJECTORY)?;
        if !changes.is_empty() {
            let caption = Caption::new(
                "trajectory",
                "One prompt on its way from noise to text",
                "Each cell is a position with its last token and the evaluation after which it \
                 came. Of vectors it is the token that the network took the position for.",
            );
            let prompt = stage.prompts()?.list.first().map(Prompt::shown).unwrap_or_default();
            let samples = trajectories(&changes, &prompt, self.answers.length);
            findings.figures.push(caption.trajectory(folder, &samples)?);
        }
        findings.omitted = self.omitted(stage);
        Ok(findings)
    }
}

fn masks(sampler: &UnmaskingSampler, steps: usize) -> Sampler {
    Sampler::Unmasking(UnmaskingSampler { steps: Some(steps), ..sampler.clone() })
}

fn vectors(solver: Solver, steps: usize) -> Sampler {
    Sampler::Gaussian(GaussianSampler { solver, steps, ..GaussianSampler::default() })
}

/// The most frequent tokens of ordinary text, from which wrong ones are drawn.
fn words(model: &Model) -> Result<Vec<TokenId>, Error> {
    let Some(lexicon) = reference_text::lexicon(model)? else {
        let problem = "the checkpoint has no tokenizer, and a wrong token has to be a word: add a \
                       tokenizer.json";
        return Err(Error::Argument(problem.to_string()));
    };
    Ok(lexicon.class(TokenClass::Frequent).to_vec())
}
