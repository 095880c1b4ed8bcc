//! `information-aware`: masks that follow information, and decoding that follows the masks.

mod estimates;
mod oracle;
mod order;
mod schedule;
#[cfg(test)]
mod tests;

use dlm_core::MaskPredictor;
use dlm_discrete::unmasking::Filling;
use dlm_rng::Key;
use dlm_runtime::Model;
use serde::Deserialize;

use self::{
    estimates::{AnswerRow, MaskRow, estimates, panel, table, without_spread},
    oracle::{Oracle, OracleSettings, WordRow},
    order::{Order, sampler},
    schedule::{Schedule, information, longest_run, surprisal},
};
use super::{
    Experiment,
    paragraph::with_interval,
    recovery::{Hidden, KnownText, Level, known_texts, missing, why_no_texts},
};
use crate::{
    Error, Estimates, Family, Folder, Prompts, generation::Speech, judging, reference_text,
    showing::Caption, stage::Stage, summary::Findings,
};

const MASKS: &str = "rows.csv";
const ANSWERS: &str = "samples.csv";
const WORDS: &str = "oracle.csv";

/// Where the chain's randomness starts, far from any prompt's.
const CHAIN: u64 = 1 << 32;

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Mean share of hidden positions.
    noise: f64,
    /// Prompts with a reference answer that are used.
    texts: usize,
    /// Where reference answers are cut, in tokens.
    length: usize,
    /// Masks of each schedule on each text.
    draws: usize,
    /// Tokens of an answer that is written.
    gen_length: usize,
    /// Network evaluations in which answers and words are written.
    steps: usize,
    /// The chain.
    oracle: OracleSettings,
}

impl Settings {
    fn problem(&self) -> Option<(&'static str, String)> {
        let Self { noise, texts, length, draws, gen_length, steps, ref oracle } = *self;
        if !(0.0 < noise && noise < 1.0) {
            return Some(("noise", format!("{noise} is not between 0 and 1")));
        }
        if oracle.states < 4 {
            let problem =
                format!("states = {}: with fewer than 4 nothing is impossible", oracle.states);
            return Some(("oracle", problem));
        }
        if gen_length < steps || oracle.length < steps {
            return Some(("steps", format!("{steps} is more than there are tokens to write")));
        }
        let least = [
            ("texts", texts, 1),
            ("length", length, 2),
            ("draws", draws, 1),
            ("steps", steps, 1),
            ("oracle", oracle.length, 2),
        ];
        let few = least.into_iter().find(|(_, given, least)| given < least);
        few.map(|(field, given, least)| (field, format!("{given} is less than {least}")))
    }
}

/// The experiment.
pub(super) struct InformationAware {
    settings: Settings,
    texts: Vec<KnownText>,
    prompts: Prompts,
    surprisal: Vec<f64>,
    oracle: Oracle,
    ngram: judging::NgramJudge,
}

impl InformationAware {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        if let Some((field, problem)) = settings.problem() {
            return Err(stage.spec.refuse(field, problem));
        }
        let prompts = stage.prompts()?.clone();
        let (texts, surprisal) = match stage.models.get(Family::Masked) {
            Some(model) => (
                known_texts(model, &prompts, settings.texts, settings.length)?,
                surprisal(&reference_text::counts(model)?),
            ),
            None => (Vec::new(), Vec::new()),
        };
        let oracle = Oracle::new(settings.oracle.clone(), stage.key().sequence(CHAIN));
        let oracle = oracle.map_err(|error| stage.spec.refuse("oracle", error))?;
        let ngram = judging::NgramJudge::new();
        Ok(Self { settings, texts, prompts, surprisal, oracle, ngram })
    }

    /// The masks of all schedules on a text; the `k`-th of each is drawn with the same numbers.
    fn masks(
        &self,
        text: &KnownText,
        model: &mut (impl MaskPredictor + ?Sized),
        mask: u32,
        key: Key,
    ) -> Result<Vec<MaskRow>, Error> {
        let (noise, start) = (self.settings.noise, text.answer.start);
        let carried = information(text.answer(), &self.surprisal);
        let cases: Vec<(Schedule, usize)> = Schedule::ALL
            .iter()
            .flat_map(|&schedule| (0..self.settings.draws).map(move |draw| (schedule, draw)))
            .collect();
        let place = |&(schedule, draw): &(Schedule, usize)| {
            let hidden = schedule.hidden(&carried, noise, key.step(draw as u64));
            let positions = hidden.iter().map(|at| start + at).collect();
            Hidden { positions, time: noise }
        };
        let all = Hidden { positions: text.answer.clone().collect(), time: 1.0 };
        let hidden: Vec<Hidden> = cases.iter().map(place).chain([all]).collect();
        let mut found = missing(model, &text.tokens, mask, &hidden)?;
        let at_noise = found.pop().unwrap_or_default();
        let row =
            |((&(schedule, draw), hidden), nats): ((&(Schedule, usize), &Hidden), Vec<f64>)| {
                let mut missing = vec![0.0; at_noise.len()];
                hidden.positions.iter().zip(nats).for_each(|(at, nats)| missing[at - start] = nats);
                let level = Level::of(&missing, &at_noise);
                let number = |value: f64| (!value.is_nan()).then_some(value as f32);
                MaskRow {
                    text: text.prompt,
                    schedule,
                    draw,
                    hidden: hidden.positions.len() as f32 / at_noise.len() as f32,
                    run: longest_run(&hidden.positions),
                    recovered: level.recovered as f32,
                    spread: number(level.spread),
                    missing_spread: number(level.missing_spread),
                }
            };
        Ok(cases.iter().zip(&hidden).zip(found).map(row).collect())
    }

    /// Answers to a text's prompt in both orders, not yet read by the causal judge.
    fn write(
        &self,
        text: &KnownText,
        model: &mut Model,
        key: Key,
    ) -> Result<Vec<AnswerRow>, Error> {
        let canvas = self.prompts.canvas(text.prompt, model, self.settings.gen_length)?;
        let speech = Speech::new(model, &[]);
        let sampler = sampler(self.settings.steps);
        let mut rows = Vec::new();
        for order in Order::BOTH {
            let mut canvases = [canvas.clone()];
            let mut draws = [order.of(&canvas, key)];
            Filling::new(&sampler, model).run(&mut canvases, &mut draws, &mut ())?;
            let tokens = canvases[0].tokens();
            let ids: Vec<u32> = canvas.response().iter().map(|&at| tokens[at]).collect();
            let entropy = judging::Variety::of(speech.before_end(&ids)).entropy;
            let answer = speech.text(model, &ids)?;
            rows.push(AnswerRow {
                text: text.prompt,
                order,
                nats: None,
                ngram: self.ngram.judge(&answer).per_unit().map(|nats| nats as f32),
                entropy: entropy.map(|entropy| entropy as f32),
                answer,
            });
        }
        Ok(rows)
    }
}

impl Experiment for InformationAware {
    fn units(&self) -> usize {
        self.texts.len() + self.oracle.blocks()
    }

    fn files(&self) -> &'static [&'static str] {
        &[MASKS, ANSWERS, WORDS]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let Some(text) = self.texts.get(unit) else {
            let words = self.oracle.measure(unit - self.texts.len(), self.settings.steps)?;
            return folder.append(WORDS, &words);
        };
        let key = stage.key().sequence(text.prompt as u64);
        let model = stage.models.need(Family::Masked)?;
        let mask = model.mask()?;
        folder.append(MASKS, &self.masks(text, model, mask, key)?)?;
        let mut answers = self.write(text, model, key)?;
        if let Some(judge) = stage.models.get(Family::Autoregressive) {
            let prompt = self.prompts.list[text.prompt].shown();
            let texts: Vec<(&str, &str)> =
                answers.iter().map(|row| (prompt.as_str(), row.answer.as_str())).collect();
            let judged = judging::causal(judge, &texts)?;
            for (row, judged) in answers.iter_mut().zip(judged) {
                row.nats = judged.per_unit().map(|nats| nats as f32);
            }
        }
        folder.append(ANSWERS, &answers)
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let (steps, bootstrap) = (self.settings.steps, stage.bootstrap());
        let masks: Vec<MaskRow> = folder.read_rows(MASKS)?;
        let answers: Vec<AnswerRow> = folder.read_rows(ANSWERS)?;
        let words: Vec<WordRow> = folder.read_rows(WORDS)?;
        let own_share = self.oracle.own_share();
        let estimates = estimates(&masks, &answers, &words, steps, own_share, &bootstrap);
        let caption = "Equally many tokens a step, drawn by a network that knows the chain's law; \
                       means over words with 95 % intervals.";
        let caption = Caption::new("orders", "What the order of decoding changes", caption);
        let panel = panel(&words, &self.oracle.steps(steps), &bootstrap);
        let figure = caption.curves(folder, "steps", &[panel])?;
        let mut omitted = Vec::new();
        if !stage.models.has(Family::Masked) {
            let why = stage.models.why_not(Family::Masked);
            omitted.push(format!("The language model is left out: {why}."));
        } else if self.texts.is_empty() {
            let why = why_no_texts(&self.prompts);
            omitted.push(format!("The language model is left out: {why}."));
        } else if !stage.models.has(Family::Autoregressive) {
            let why = stage.models.why_not(Family::Autoregressive);
            omitted.push(format!(
                "What the language model writes is judged by counts alone, and by no causal model: \
                 {why}."
            ));
        }
        Ok(Findings {
            finding: finding(&estimates, without_spread(&masks)),
            method: self.method(bootstrap.resamples),
            tables: table(&estimates, self.settings.noise).into_iter().collect(),
            figures: vec![figure],
            omitted,
            estimates,
            ..Findings::default()
        })
    }
}

impl InformationAware {
    fn method(&self, resamples: usize) -> String {
        let Settings { noise, length, draws, gen_length, steps, oracle, .. } = &self.settings;
        format!(
            "Each of {} reference answers, cut to {length} tokens, is masked {draws} times by each \
             of five schedules at a mean noise of {noise}: uniform; counted, as many hidden as in the \
             spaced ones, at any places; by position, a token hidden in proportion to its surprisal \
             in ordinary text and the less the nearer it stands to the prompt, none for certain and \
             none ever; by density, hidden positions evenly spaced; and aware, both. The spaced \
             schedules leave hardly any chance to how many are hidden, which evens out by itself, so \
             they are compared with the counted one. What is recovered of a token is −ln p where all is hidden, less −ln p now. \
             Decoding in the aware order commits positions far apart first; {gen_length} tokens in \
             {steps} steps are written in it and in random order, drawn at temperature 1, and judged \
             by the base and by counts of six bytes. The chain has {} tokens, each with three successors; {} words of {} are \
             drawn from it by a network that knows its law. Intervals resample texts and words \
             ({resamples} resamples).",
            self.texts.len(),
            oracle.states,
            oracle.words,
            oracle.length
        )
    }
}

fn finding(estimates: &Estimates, (without, masks): (usize, usize)) -> String {
    let show = |name: &str| with_interval(estimates, name);
    let mut said = Vec::new();
    if estimates.get("spread_change").is_some() {
        said.push(format!(
            "With as many positions hidden at any places the spread of what is recovered is {}, \
             under the aware schedule {}: a change of {}. Spacing alone gives {}. Information alone \
             gives {} from the uniform schedule, whose number of hidden positions varies; that the \
             number does not vary gives {} by itself. The nats recovered change by {} a token.",
            show("spread_counted"),
            show("spread_aware"),
            show("spread_change"),
            show("spread_change_density"),
            show("spread_change_position"),
            show("spread_change_counted"),
            show("recovered_change"),
        ));
        said.push(match without {
            0 => "No mask is left out of a spread.".to_string(),
            _ => format!(
                "On the whole nothing is recovered under {without} of {masks} masks; a spread over \
                 the mean does not exist then, and they are left out of it."
            ),
        });
    }
    said.push(format!(
        "On the chain, decoding positions that are spaced apart first changes the share of \
         impossible neighbours from {} to {}, by {}.",
        show("oracle_invalid_uniform"),
        show("oracle_invalid_aware"),
        show("oracle_invalid_change"),
    ));
    if estimates.get("ngram_change").is_some() {
        said.push(format!(
            "On the language model the causal judge's nats a token go from {} to {} (change {}), the \
             n-gram judge's nats a byte change by {}, and the entropy of what is written by {}.",
            show("judge_uniform"),
            show("judge_aware"),
            show("judge_change"),
            show("ngram_change"),
            show("entropy_change"),
        ));
    }
    said.join(" ")
}
