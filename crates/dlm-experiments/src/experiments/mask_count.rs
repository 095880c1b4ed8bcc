//! `mask-count`: whether what is predicted next to the prompt depends on how many masks
//! follow.

mod looking;
mod seen;
#[cfg(test)]
mod tests;

use dlm_core::TokenId;
use serde::{Deserialize, Serialize};

use self::{looking::Looking, seen::Seen};
use super::Experiment;
use crate::{Error, Family, Folder, Spec, showing::Caption, stage::Stage, summary::Findings};

const ROWS: &str = "rows.csv";
const FIGURE: &str = "mask-count";
/// At more positions than this, whole rows of the vocabulary do not leave the device.
const MOST_NEAR: usize = 8;

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Positions next to the prompt that are compared.
    near: usize,
    /// Numbers of masks, ascending.
    masks: Vec<usize>,
}

impl Settings {
    fn check(&self, spec: &Spec) -> Result<(), Error> {
        if !(1..=MOST_NEAR).contains(&self.near) {
            let problem = format!("should be 1 to {MOST_NEAR}: whole predictions are compared");
            return Err(spec.refuse("near", problem));
        }
        let ascends = self.masks.is_sorted_by(|a, b| a < b);
        if self.masks.len() < 2 || self.masks[0] == 0 || !ascends {
            let problem = "should be two numbers at least, ascending and above 0";
            return Err(spec.refuse("masks", problem));
        }
        Ok(())
    }
}

/// One position behind one prompt under one number of masks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct MaskRow {
    prompt: usize,
    /// How many masks follow the prompt.
    masks: usize,
    /// Counted from the first mask.
    position: usize,
    /// The most probable token.
    top1_token: TokenId,
    top1_prob: f64,
    /// Entropy of the prediction, nats.
    entropy: f64,
    /// Mass on tokens that end a text; absent where the model names none.
    eos_mass: Option<f64>,
    /// The fewest masks under which the position exists; absent where it is not compared.
    reference: Option<usize>,
    /// Total variation from the prediction under that number.
    tv: Option<f64>,
}

/// The experiment.
pub(super) struct MaskCount {
    settings: Settings,
    prompts: usize,
}

impl MaskCount {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        settings.check(&stage.spec)?;
        stage.models.need(Family::Masked)?;
        Ok(Self { settings, prompts: stage.prompts()?.list.len() })
    }
}

impl Experiment for MaskCount {
    fn units(&self) -> usize {
        self.prompts
    }

    fn files(&self) -> &'static [&'static str] {
        &[ROWS]
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let prompts = stage.prompts()?.clone();
        let model = stage.models.need(Family::Masked)?;
        let rows = Looking { prompts: &prompts, unit, settings: &self.settings }.rows(model)?;
        folder.append(ROWS, &rows)
    }

    fn analyse(&self, stage: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let rows: Vec<MaskRow> = folder.read_rows(ROWS)?;
        let seen = Seen::new(&rows, &self.settings, stage.bootstrap());
        let estimates = seen.estimates();
        let caption = "Means over prompts with 95 % intervals, by the number of masks behind the \
                       prompt. Each position is compared with itself under the fewest masks that \
                       reach it.";
        let title = format!("{} prompts, followed by few masks and by many", seen.prompts.len());
        let caption = Caption::new(FIGURE, title, caption);
        let figure = caption.curves(folder, "number of masks, log₂", &seen.panels())?;
        Ok(Findings {
            finding: seen.finding(&estimates),
            method: self.method(&seen),
            figures: vec![figure],
            tables: vec![seen.table(&estimates)],
            estimates,
            ..Findings::default()
        })
    }
}

impl MaskCount {
    fn method(&self, seen: &Seen<'_>) -> String {
        let counts: Vec<String> = self.settings.masks.iter().map(usize::to_string).collect();
        format!(
            "Each of {} prompts is followed by {} masks in turn and seen in one forward pass each \
             time. At the first {} masks, the whole prediction is compared with that under the \
             fewest masks by total variation, half the sum of all differences in probability. \
             The expected length is the number of tokens before the first end, if each position \
             ended the text by itself with the mass it puts on end-of-sequence; it cannot exceed \
             the masks there are. Intervals resample prompts, those of shares are Wilson's.",
            seen.prompts.len(),
            counts.join(", "),
            self.settings.near,
        )
    }
}
