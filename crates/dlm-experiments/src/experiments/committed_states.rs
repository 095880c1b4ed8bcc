//! `committed-states`: one early token swapped for a wrong one, and what becomes of the
//! others.

mod oracle;
mod reading;
mod seen;
mod swapping;
#[cfg(test)]
mod tests;
mod validity;

use dlm_core::TokenId;
use dlm_discrete::unmasking::{Ending, UnmaskingSampler, presets};
use dlm_runtime::Model;
use serde::{Deserialize, Serialize};

use self::{
    oracle::{ChainRow, Oracle},
    reading::{OtherRow, Reading},
    seen::Seen,
    swapping::{Swap, Swapping},
    validity::Validity,
};
use super::{Experiment, known_chain::ChainSettings};
use crate::{
    Error, Family, Folder, Prompt, Spec,
    judging::NgramJudge,
    reference_text,
    showing::{Caption, ChangeRow, trajectories},
    stage::Stage,
    summary::Findings,
};

/// Pairs of runs, one row each.
const RUNS: &str = "rows.csv";
/// Every other token of each pair.
const OTHERS: &str = "position.csv";
/// Words of the chain, by distance from the wrong token.
const WORDS: &str = "oracle.csv";
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
    /// The part on a known chain.
    oracle: ChainSettings,
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
        self.oracle.check(spec)
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
    /// Nats a byte to the n-gram judge: of the text without and with the wrong token, and of the
    /// latter with the right token put back. None of an empty text.
    baseline_ngram: Option<f64>,
    swapped_ngram: Option<f64>,
    restored_ngram: Option<f64>,
}

/// The experiment.
pub(super) struct CommittedStates {
    settings: Settings,
    prompts: usize,
    /// The text of each token; empty where it has none.
    texts: Vec<String>,
    /// Words that may stand in the wrong place.
    words: Vec<TokenId>,
    /// Why no model judges, as a clause, where none does.
    unjudged: Option<String>,
    ngram: NgramJudge,
    oracle: Oracle,
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
        let prompts = stage.prompts()?.list.len();
        let oracle = Oracle::new(settings.oracle, stage.key())?;
        let ngram = NgramJudge::new();
        Ok(Self { settings, prompts, texts, words, unjudged, ngram, oracle })
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
        self.prompts + self.oracle.units()
    }

    fn files(&self) -> &'static [&'static str] {
        &[RUNS, OTHERS, WORDS, TRAJECTORY]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        if let Some(block) = unit.checked_sub(self.prompts) {
            let words = self.oracle.measure(block, &self.settings.presets)?;
            return folder.append(WORDS, &words);
        }
        let (prompts, key) = (stage.prompts()?.clone(), stage.key().sequence(unit as u64));
        let model = stage.models.need(Family::Masked)?;
        let canvas = prompts.canvas(unit, model, self.settings.gen_length)?;
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
            let mut others = reading.others();
            if *name == self.settings.ruled {
                reading.own(model, &mut others)?;
            }
            let ngram = reading.counted(&self.ngram, model)?;
            if self.unjudged.is_none() {
                reading.judged(stage.models.need(Family::Autoregressive)?, &mut others)?;
            }
            folder.append(RUNS, &[reading.pair(&self.texts, ngram)])?;
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
        let mut estimates = seen.estimates();
        let words: Vec<ChainRow> = folder.read_rows(WORDS)?;
        let validity = Validity::new(&words, settings, stage.bootstrap());
        validity.add(&mut estimates);
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
        let caption = Caption::new(
            "chain",
            "The same on a chain whose law is known",
            "A network that knows the law fills words in which a token was swapped for a wrong one. \
             Impossible transitions by the distance of their farther token, which is 1 where they \
             touch the swapped one; means over words with 95 % intervals.",
        );
        figures.push(caption.curves(folder, label, &validity.panels())?);
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
            format!("No causal model judged the texts, so the first rule has no estimate: {why}.")
        });
        Ok(Findings {
            finding: format!("{} {}", seen.finding(&estimates), validity.finding(&estimates)),
            method: self.method(),
            omitted: omitted.into_iter().collect(),
            figures,
            tables: vec![seen.table(&estimates), validity.table(&estimates)],
            estimates,
            ..Findings::default()
        })
    }
}

impl CommittedStates {
    fn method(&self) -> String {
        let Settings { presets, ruled, near, gen_length, steps, oracle } = &self.settings;
        let ChainSettings { words, length, states } = oracle;
        format!(
            "For each of {} prompts and each of the presets {}, {gen_length} masks are filled in \
             {steps} steps and one block. After the first step that commits a word and leaves \
             something to do, the surest word of that step is replaced by one of the 100 most \
             frequent words of ordinary text, drawn by key, and both canvases, with and without \
             the swap, are filled further with the same random numbers. What rules that mask again \
             make of the wrong token is left to them. All other tokens before both texts' ends are \
             compared position by position: nats to a causal judge, nats to the masked model with \
             the token hidden in a canvas of its own ({ruled} only), and whether the token is \
             another. Near means at most {near} positions away. Two more texts separate causes: the \
             text without the swap, with only the wrong word put in, and the text with the swap, \
             with only the right word put back. The latter differs from the text without a swap by \
             nothing but what the wrong word did to the others, so the rules look at it. An n-gram \
             judge reads the texts as wholes. On the chain, whose states are {states} and half of \
             whose transitions are impossible, a quarter of each of {words} words of {length} is \
             given, and a network that knows the law fills the rest one token a step, at \
             temperature 1; the first token it commits is swapped for any other. Intervals resample \
             prompts, or words.",
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
