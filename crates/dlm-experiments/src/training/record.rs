//! What a training was made from, with and by.

use std::path::Path;

use dlm_runtime::ModelFile;
use dlm_train::Recipe;
use serde::Serialize;

use super::progress::Speed;
use crate::Error;

/// All that a model's card has to say: `training.json`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TrainingRecord {
    /// Always `dlm`.
    pub(super) program: String,
    /// The program's version.
    pub(super) version: String,
    /// When the last run began, UTC.
    pub(super) started: String,
    /// How long that run took, seconds.
    pub(super) wall_seconds: f64,
    /// The version of libtorch.
    pub(super) libtorch: String,
    /// Threads of one operation.
    pub(super) threads: usize,
    /// Where it computed.
    pub(super) device: String,
    /// In what numbers.
    pub(super) dtype: String,
    /// What the user called the base.
    pub(super) base: String,
    /// The base's files and those of the adapter that it went on from, hashed.
    pub(super) base_files: Vec<ModelFile>,
    /// The texts.
    pub(super) data: Vec<DataRecord>,
    /// Texts that were measured on and never learned.
    pub(super) held_out: usize,
    /// Steps made in all runs.
    pub(super) steps: u64,
    /// Tokens trained on in all runs, fillings counted.
    pub(super) tokens: u64,
    /// Whether these are all steps of the recipe.
    pub(super) whole: bool,
    /// How fast the last run was.
    pub(super) speed: Speed,
    /// How.
    pub(super) recipe: Recipe,
}

/// A file of texts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DataRecord {
    /// Where it was.
    pub(super) file: String,
    /// Its SHA-256.
    pub(super) sha256: String,
    /// Its texts to learn from.
    pub(super) texts: usize,
    /// How many of them an epoch reads, as a share.
    pub(super) share: f64,
}

impl TrainingRecord {
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::malformed(path, "JSON", error.to_string()))?;
        std::fs::write(path, text).map_err(Error::write(path))
    }
}
