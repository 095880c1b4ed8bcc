//! What a whole results folder was made from, with and by.

use std::{collections::BTreeMap, path::Path, time::SystemTime};

use dlm_runtime::{Description, Model, ModelFile};
use serde::{Deserialize, Serialize};

use crate::{Error, Family};

/// The program's version, as manifests state it.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The last file of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `dlm`.
    pub program: String,
    /// The program's version.
    pub version: String,
    /// When the run that finished it began, UTC.
    pub started: String,
    /// How long it took, seconds: that run, and those before it that were cut off, each up to
    /// its last whole unit.
    pub wall_seconds: f64,
    /// How much of that certain parts took, such as samplers that are compared, seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seconds_of: BTreeMap<String, f64>,
    /// The seed.
    pub seed: u64,
    /// Where it computed: `cpu` or `cuda:n`.
    pub device: String,
    /// In what numbers: `f32` or `bf16`.
    pub dtype: String,
    /// The version of libtorch.
    pub libtorch: String,
    /// Threads of one operation.
    pub threads: usize,
    /// The models; none where only oracles were asked.
    pub models: Vec<ModelRecord>,
    /// The prompts, where there were any.
    pub prompts: Option<PromptRecord>,
    /// The command line.
    pub arguments: Vec<String>,
    /// All that the rows depend on; a run with equal inputs is up to date.
    pub inputs: serde_json::Value,
    /// The results.
    pub files: Vec<ResultFile>,
}

/// A model of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelRecord {
    /// What it was asked as.
    pub role: Family,
    /// What the checkpoint is.
    #[serde(flatten)]
    pub description: Description,
    /// Its files and the adapter's, hashed.
    pub files: Vec<ModelFile>,
}

/// The prompts of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PromptRecord {
    /// The file or argument they came from.
    pub origin: String,
    /// Its SHA-256.
    pub sha256: String,
    /// How many were used.
    pub count: usize,
}

/// A file of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// Its name in the folder.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
}

impl ModelRecord {
    /// What a manifest says of `model`.
    ///
    /// # Errors
    ///
    /// Where a file of it cannot be read, or it is of no family.
    pub(crate) fn of(model: &Model) -> Result<Self, Error> {
        let (role, description) = (Family::of(model)?, model.description());
        Ok(Self { role, description, files: model.source().files()? })
    }
}

impl Manifest {
    /// The manifest of a run that began at `started`, with no time taken and no files yet.
    pub(crate) fn new(
        started: String,
        seed: u64,
        models: Vec<ModelRecord>,
        prompts: Option<PromptRecord>,
        inputs: serde_json::Value,
    ) -> Self {
        // Oracles are exact in f64, on the processor.
        let (device, dtype) = models.first().map_or(("cpu", "f64"), |model| {
            (model.description.device.as_str(), model.description.dtype.as_str())
        });
        Self {
            program: "dlm".to_string(),
            version: VERSION.to_string(),
            started,
            wall_seconds: 0.0,
            seconds_of: BTreeMap::new(),
            seed,
            device: device.to_string(),
            dtype: dtype.to_string(),
            libtorch: dlm_runtime::LIBTORCH_VERSION.to_string(),
            threads: dlm_runtime::threads(),
            models,
            prompts,
            arguments: std::env::args().collect(),
            inputs,
            files: Vec::new(),
        }
    }

    /// The manifest at `path`, where there is a readable one and every file it lists
    /// is there. It may be of another version: [`VERSION`] is this one.
    pub(crate) fn read_if_whole(path: &Path) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        manifest.has_all_files(path.parent()?).then_some(manifest)
    }

    /// Whether every file that it lists is in `folder`.
    pub(crate) fn has_all_files(&self, folder: &Path) -> bool {
        self.files.iter().all(|file| folder.join(&file.path).exists())
    }

    /// Now, as manifests write it.
    pub(crate) fn now() -> String {
        humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
    }

    #[cfg(test)]
    pub(crate) fn for_test(inputs: serde_json::Value) -> Self {
        Self::new(Self::now(), 0, Vec::new(), None, inputs)
    }
}
