//! What the two probe experiments are told.

use serde::Deserialize;

use crate::{
    Error, Family,
    probing::{ProbeRun, Probing},
    stage::Stage,
};

/// Settings of their specs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeSettings {
    /// Masks appended to each prompt.
    pub(super) masks: usize,
    /// Tokens listed at each position.
    pub(super) top_k: usize,
    /// The share of the masks, next to the prompt, that counts as near.
    pub(super) near: f64,
    /// The share of the masks, at the end, that counts as far.
    pub(super) far: f64,
}

impl ProbeSettings {
    /// Those of the stage's spec.
    ///
    /// # Errors
    ///
    /// Where a field is missing or unknown, or a share is more than half.
    pub(super) fn read(stage: &Stage) -> Result<Self, Error> {
        let settings: Self = stage.settings()?;
        let shares = [("near", settings.near), ("far", settings.far)];
        match shares.iter().find(|(_, share)| !(0.0..=0.5).contains(share)) {
            Some((field, share)) => {
                Err(stage.spec.refuse(field, format!("{share} is not within 0 and 0.5")))
            }
            None => Ok(settings),
        }
    }

    /// The probe of the stage's prompts, by its masked model.
    ///
    /// # Errors
    ///
    /// Where the run has no masked model or no prompts, or a prompt cannot be used.
    pub(super) fn probing(&self, stage: &mut Stage, mixture: bool) -> Result<Probing, Error> {
        let prompts = &stage.prompts()?.clone();
        let run = ProbeRun { prompts, masks: self.masks, top_k: self.top_k, mixture };
        Probing::new(stage.models.need(Family::Masked)?, run)
    }
}
