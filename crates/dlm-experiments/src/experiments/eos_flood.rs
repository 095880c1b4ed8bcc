//! `eos-flood`: how much of a canvas that is filled in one block becomes end-of-sequence,
//! and what is spent on it.

mod decoding;
mod seen;
#[cfg(test)]
mod tests;

use dlm_discrete::unmasking::{EndPolicy, presets};
use serde::{Deserialize, Serialize};

use self::{decoding::Decoding, seen::Seen};
use super::{
    Experiment,
    answers::{Answers, canvases},
    ending,
};
use crate::{Error, Family, Folder, Spec, showing::Caption, stage::Stage, summary::Findings};

/// Decodings, one row each.
const RUNS: &str = "rows.csv";
/// When each position got its last token.
const POSITIONS: &str = "position.csv";
/// End-of-sequence before anything is decoded.
const FIRST_PASS: &str = "first_pass.csv";

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The sampler, by name.
    preset: String,
    /// Tokens committed at each step.
    tokens_per_step: usize,
    /// By how much the penalising policy lowers the logits of ends, nats.
    penalty_nats: f32,
    /// Positions of the canvases, ascending.
    gen_lengths: Vec<usize>,
}

impl Settings {
    fn check(&self, spec: &Spec) -> Result<(), Error> {
        presets::find(&self.preset)?;
        if self.tokens_per_step == 0 {
            return Err(spec.refuse("tokens_per_step", "is 0: commit one at least"));
        }
        if !self.penalty_nats.is_finite() {
            return Err(spec.refuse("penalty_nats", "is not finite"));
        }
        let ascends = self.gen_lengths.is_sorted_by(|a, b| a < b);
        if !(2..=5).contains(&self.gen_lengths.len()) || self.gen_lengths[0] == 0 || !ascends {
            let problem = "should be two to five lengths, ascending and above 0";
            return Err(spec.refuse("gen_lengths", problem));
        }
        Ok(())
    }
}

/// The names of all policies, the plain one first.
const POLICIES: [&str; 5] = ["none", "truncate", "confidence", "penalty", "logits"];
/// The policy that the rules look at.
const PLAIN: &str = POLICIES[0];

/// The policy of that name.
fn policy(name: &str, penalty_nats: f32) -> EndPolicy {
    match name {
        "truncate" => EndPolicy::Truncate,
        "confidence" => EndPolicy::Confidence,
        "penalty" => EndPolicy::Penalty { nats: penalty_nats },
        "logits" => EndPolicy::Logits,
        _ => EndPolicy::None,
    }
}

/// One decoding: a row of rows.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct RunRow {
    prompt: usize,
    /// Positions of the canvas.
    length: usize,
    /// What was done about ends.
    policy: String,
    /// Tokens before the first end.
    answer_length: usize,
    /// Whether there is an end.
    ended: bool,
    /// Positions behind it.
    wasted_positions: usize,
    /// Network evaluations.
    nfe: usize,
    /// Those made after the text up to its first end was settled.
    wasted_nfe: usize,
}

/// One position of one decoding: a row of position.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PositionRow {
    prompt: usize,
    length: usize,
    policy: String,
    /// Counted from the first mask.
    position: usize,
    /// The step at which its last token was committed, from 0; absent where truncation
    /// filled it in.
    step: Option<usize>,
    /// Whether that token ends a text.
    end: bool,
}

/// One position before anything is decoded: a row of first_pass.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FirstRow {
    prompt: usize,
    length: usize,
    position: usize,
    /// Mass on tokens that end a text.
    eos_mass: f64,
}

/// The experiment.
pub(super) struct EosFlood {
    settings: Settings,
    prompts: usize,
}

impl EosFlood {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        settings.check(&stage.spec)?;
        let model = stage.models.need(Family::Masked)?;
        if model.ends().is_empty() {
            let problem = "the checkpoint names no token that ends a text, so there is no flood to \
                           measure: choose another model";
            return Err(Error::Argument(problem.to_string()));
        }
        Ok(Self { settings, prompts: stage.prompts()?.list.len() })
    }
}

impl Experiment for EosFlood {
    fn units(&self) -> usize {
        Answers::units(self.prompts)
    }

    fn files(&self) -> &'static [&'static str] {
        &[RUNS, POSITIONS, FIRST_PASS]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let prompts = Answers::block(unit, self.prompts);
        let seed = stage.key();
        let keys = prompts.clone().map(|prompt| seed.sequence(prompt as u64)).collect();
        let ends = stage.models.need(Family::Masked)?.ends();
        let decoding = Decoding { settings: &self.settings, ends, prompts: prompts.clone(), keys };
        for &length in &self.settings.gen_lengths {
            let canvases = canvases(stage, Family::Masked, prompts.clone(), length)?;
            let model = stage.models.need(Family::Masked)?;
            folder.append(FIRST_PASS, &decoding.first_pass(model, &canvases)?)?;
            for name in POLICIES {
                let (runs, positions) = decoding.decode(model, &canvases, name)?;
                folder.append(RUNS, &runs)?;
                folder.append(POSITIONS, &positions)?;
            }
        }
        Ok(())
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let first: Vec<FirstRow> = folder.read_rows(FIRST_PASS)?;
        let runs: Vec<RunRow> = folder.read_rows(RUNS)?;
        let positions: Vec<PositionRow> = folder.read_rows(POSITIONS)?;
        let seen = Seen {
            first: &first,
            runs: &runs,
            positions: &positions,
            settings: &self.settings,
            prompts: self.prompts,
            bootstrap: stage.bootstrap(),
        };
        let estimates = seen.estimates();
        let flood = Caption::new(
            "flood",
            "Where end-of-sequence is expected, and when it is committed",
            format!(
                "Left: mass on end-of-sequence in the first pass, by canvas length. Right: how \
                 far decoding was when a position of the longest canvas got its last token, 0 at \
                 the first step and 1 at the last, by policy. Means over {} prompts with 95 % \
                 intervals.",
                self.prompts
            ),
        );
        let flood = flood.curves(folder, "position as a share of the canvas", &seen.flood())?;
        let lengths = Caption::new(
            "lengths",
            "What becomes of a longer canvas",
            "Tokens before the first end, positions behind it, and work spent on those or after \
             the text was settled, by policy. Means over prompts with 95 % intervals.",
        );
        let lengths = lengths.curves(folder, "positions of the canvas", &seen.lengths())?;
        let adapter = stage.models.need(Family::Masked)?.description().adapter;
        let expected = ending::table(adapter.as_deref(), &seen.eos_curve(seen.longest()))?;
        let tables = std::iter::once(seen.table(&estimates)).chain(expected).collect();
        Ok(Findings {
            finding: seen.finding(&estimates),
            method: self.method(),
            figures: vec![flood, lengths],
            tables,
            estimates,
            ..Findings::default()
        })
    }
}

impl EosFlood {
    fn method(&self) -> String {
        let Settings { preset, tokens_per_step, penalty_nats, gen_lengths } = &self.settings;
        let lengths: Vec<String> = gen_lengths.iter().map(usize::to_string).collect();
        format!(
            "Each of {} prompts is followed by a canvas of {} masks. The first pass says how much \
             mass each position puts on tokens that end a text. The preset {preset} then fills the \
             canvas in one block, {tokens_per_step} tokens a step, under each policy: none; \
             truncate (a text whose end is settled is not gone on with); confidence (positions \
             where an end was drawn come last); penalty (logits of ends lowered by {penalty_nats} \
             nats); logits (no end is ever drawn). Wasted positions lie behind the first end; \
             wasted work are the positions behind the end in every evaluation, and all positions \
             in those after the text was settled, over evaluations times positions. Intervals \
             resample prompts.",
            self.prompts,
            lengths.join(" and "),
        )
    }
}
