//! `committed-states`: one early token swapped for a wrong one, and what becomes of the
//! others.

mod reading;
mod seen;
mod swapping;
#[cfg(test)]
mod tests;

use dlm_core::TokenId;
use dlm_discrete::unmasking::{Ending, UnmaskingSampler, presets};
use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use self::{
    reading::{OtherRow, Reading},
    seen::Seen,
    swapping::{Swap, Swapping},
};
use super::Experiment;
use crate::{
    Error, Family, Folder, Prompt, Spec, reference_text,
    showing::{Caption, ChangeRow, trajectories},
    stage::Stage,
    summary::Findings,
};

/// Pairs of runs, one row each.
const RUNS: &str = "rows.csv";
/// Every other token of each pair.
const OTHERS: &str = "position.csv";
/// The first prompt's runs, step by step.
const TRAJECTORY: &str = "trajectory.csv";
/// More presets than this have no room in a panel.
const MOST_PRESETS: usize = 5;

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Samplers, by name.
    presets: Vec<String>,
    /// The one that the rules look at.
    ruled: String,
    /// Positions on either side that count as near.
    near: usize,
    /// Positions of the canvas.
    gen_length: usize,
    /// Steps in which it is filled.
    steps: usize,
}

impl Settings {
    fn check(&self, spec: &Spec) -> Result<(), Error> {
        if !(1..=MOST_PRESETS).contains(&self.presets.len()) {
            let problem = format!("should name 1 to {MOST_PRESETS} presets");
            return Err(spec.refuse("presets", problem));
        }
        for name in &self.presets {
            presets::find(name)?;
        }
        if !self.presets.contains(&self.ruled) {
            return Err(spec.refuse("ruled", "should be one of the presets"));
        }
        let sizes = [("near", self.near), ("gen_length", self.gen_length)];
        if let Some((field, _)) = sizes.into_iter().find(|&(_, size)| size == 0) {
            return Err(spec.refuse(field, "is 0: give 1 at least"));
        }
        if self.steps < 2 {
            return Err(spec.refuse("steps", "should be 2 at least: one before the swap"));
        }
        Ok(())
    }
}

/// A run and the same run with a wrong token: a row of rows.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PairRow {
    prompt: usize,
    preset: String,
    /// Where the tokens were swapped, counted from the first mask.
    position: usize,
    /// Steps made before.
    from_step: usize,
    /// What the sampler had committed, and how sure the network was.
    right_token: TokenId,
    right_text: String,
    right_prob: f32,
    /// What was put there instead.
    wrong_token: TokenId,
    wrong_text: String,
    /// What stood there at the end.
    final_token: TokenId,
    /// Tokens before the first end, without and with the wrong token.
    baseline_length: usize,
    swapped_length: usize,
    /// Network evaluations, the shared ones included.
    baseline_nfe: usize,
    swapped_nfe: usize,
}

/// The experiment.
pub(super) struct CommittedStates {
    settings: Settings,
    prompts: usize,
    /// The text of each token; empty where it has none.
    texts: Vec<String>,
    /// Words that may stand in the wrong place.
    words: Vec<TokenId>,
    /// Why nobody judges, as a clause, where nobody does.
    unjudged: Option<String>,
}

impl CommittedStates {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        settings.check(&stage.spec)?;
        let model = stage.models.need(Family::Masked)?;
        let texts = texts(model)?;
        let Some(lexicon) = reference_text::lexicon(model)? else {
            let problem = "the checkpoint has no tokenizer, and a wrong word has to be a word: add \
                           a tokenizer.json";
            return Err(Error::Argument(problem.to_string()));
        };
        let words = lexicon.class(dlm_probe::TokenClass::Frequent).to_vec();
        let unjudged = match stage.models.get(Family::Autoregressive) {
            None => Some(stage.models.why_not(Family::Autoregressive)),
            Some(judge) if self::texts(judge)? != texts => {
                Some("the autoregressive model reads other tokens than the masked one".to_string())
            }
            Some(_) => None,
        };
        Ok(Self { settings, prompts: stage.prompts()?.list.len(), texts, words, unjudged })
    }

    /// The sampler of a preset, in one block.
    fn sampler(&self, name: &str, ends: &[TokenId]) -> Result<UnmaskingSampler, Error> {
        let preset = (presets::find(name)?.sampler)();
        Ok(UnmaskingSampler {
            steps: Some(self.settings.steps),
            block_length: None,
            ending: Ending { tokens: ends.to_vec(), ..preset.ending },
            ..preset
        })
    }

    fn text(&self, token: TokenId) -> &str {
        self.texts.get(token as usize).map_or("", String::as_str)
    }

    /// What is shown of the first prompt: the ruled preset without and with the wrong token,
    /// the others with it.
    fn shown(&self, preset: &str, swap: &Swap) -> Vec<ChangeRow> {
        let titled = |title: String, changes: &[ChangeRow]| {
            let row = |row: &ChangeRow| ChangeRow { sample: title.clone(), ..row.clone() };
            changes.iter().map(row).collect::<Vec<ChangeRow>>()
        };
        let wrong = self.text(swap.wrong);
        let title = format!("{preset}, with “{wrong}” put at position {}", swap.position);
        let mut rows = Vec::new();
        if preset == self.settings.ruled {
            rows = titled(format!("{preset}, as it is"), &swap.baseline.changes);
        }
        rows.extend(titled(title, &swap.swapped.changes));
        rows
    }
}

impl Experiment for CommittedStates {
    fn units(&self) -> usize {
        self.prompts
    }

    fn files(&self) -> &'static [&'static str] {
        &[RUNS, OTHERS, TRAJECTORY]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let (prompts, key) = (stage.prompts()?.clone(), stage.key().sequence(unit as u64));
        let model = stage.models.need(Family::Masked)?;
        let canvas = prompts.list[unit].canvas(model, self.settings.gen_length);
        let canvas = canvas.map_err(|source| Error::Prompt {
            path: prompts.origin.clone(),
            index: unit,
            source,
        })?;
        let ends = model.ends();
        let mut shown = Vec::new();
        for name in &self.settings.presets {
            let sampler = self.sampler(name, &ends)?;
            let swapping = Swapping {
                sampler: &sampler,
                ends: &ends,
                words: &self.words,
                text: &|token| self.text(token).to_string(),
                key,
            };
            let model = stage.models.need(Family::Masked)?;
            let Some(swap) = swapping.run(model, &canvas)? else { continue };
            let reading =
                Reading { prompt: unit, preset: name, canvas: &canvas, swap: &swap, ends: &ends };
            let mut others = reading.own(model)?;
            if self.unjudged.is_none() {
                reading.judged(stage.models.need(Family::Autoregressive)?, &mut others)?;
            }
            folder.append(RUNS, &[reading.pair(&self.texts)])?;
            folder.append(OTHERS, &others)?;
            shown.extend(self.shown(name, &swap));
        }
        if unit == 0 {
            folder.append(TRAJECTORY, &shown)?;
        }
        Ok(())
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let pairs: Vec<PairRow> = folder.read_rows(RUNS)?;
        let others: Vec<OtherRow> = folder.read_rows(OTHERS)?;
        let settings = &self.settings;
        let seen = Seen::new(&pairs, &others, settings, self.prompts, stage.bootstrap());
        let estimates = seen.estimates();
        let caption = Caption::new(
            "distance",
            "What a wrong token does to the others",
            "Each run beside the same run with a wrong token, by distance from it. Nats are those \
             of the token that stands there, with the wrong token minus without; means over \
             prompts with 95 % intervals. A judge reads from left to right and so feels the wrong \
             token only behind it; the model itself sees both sides.",
        );
        let label = "distance, log₂ (1, 2, up to 4, up to 8, …)";
        let mut figures = vec![caption.curves(folder, label, &seen.panels())?];
        let changes: Vec<ChangeRow> = folder.read_rows(TRAJECTORY)?;
        if !changes.is_empty() {
            let caption = Caption::new(
                "trajectory",
                "One prompt, without and with a wrong token",
                "Each cell is a position with its last token and the evaluation after which it \
                 came. Where the wrong token was put, another stood before; what is replaced later \
                 was revised.",
            );
            let prompt = stage.prompts()?.list.first().map(Prompt::shown).unwrap_or_default();
            let samples = trajectories(&changes, &prompt, settings.gen_length);
            figures.push(caption.trajectory(folder, &samples)?);
        }
        let omitted = self.unjudged.as_ref().map(|why| {
            format!(
                "No judge read the texts, so only the masked model's own nats are given: {why}."
            )
        });
        Ok(Findings {
            finding: seen.finding(&estimates),
            method: self.method(),
            omitted: omitted.into_iter().collect(),
            figures,
            tables: vec![seen.table(&estimates)],
            estimates,
            ..Findings::default()
        })
    }
}

impl CommittedStates {
    fn method(&self) -> String {
        let Settings { presets, near, gen_length, steps, .. } = &self.settings;
        format!(
            "For each of {} prompts and each of the presets {}, {gen_length} masks are filled in \
             {steps} steps and one block. After the first step that commits a word and leaves \
             something to do, the surest word of that step is replaced by one of the 100 most \
             frequent words of ordinary text, drawn by key, and both canvases, with and without \
             the swap, are filled further with the same random numbers. What rules that mask again \
             make of the wrong token is left to them. All other tokens before both texts' ends are \
             compared position by position: nats to a causal judge, nats to the masked model with \
             the token hidden, and whether the token is another. Near means at most {near} \
             positions away. Two more texts separate causes: the text without the swap, with only \
             the wrong word put in, and the text with the swap, with only the right word put back. \
             Intervals resample prompts.",
            self.prompts,
            presets.join(", "),
        )
    }
}

/// The text of each of a model's tokens.
fn texts(model: &Model) -> Result<Vec<String>, Error> {
    let texts = model.text()?.texts(model.description().vocab);
    Ok(texts.into_iter().map(Option::unwrap_or_default).collect())
}
