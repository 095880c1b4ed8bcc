//! What a whole results folder was made from, with and by.

use std::{path::Path, time::SystemTime};

use dlm_runtime::{Description, ModelFile};
use serde::{Deserialize, Serialize};

/// The last file of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Always `dlm`.
    pub program: String,
    /// The program's version.
    pub version: String,
    /// When the run that finished it began, UTC.
    pub started: String,
    /// How long that run took, seconds.
    pub wall_seconds: f64,
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
    /// The model.
    pub model: ModelRecord,
    /// The prompts.
    pub prompts: PromptRecord,
    /// The command line.
    pub arguments: Vec<String>,
    /// All that the rows depend on; a run with equal inputs is up to date.
    pub inputs: serde_json::Value,
    /// The results.
    pub files: Vec<ResultFile>,
}

/// The model of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelRecord {
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

impl Manifest {
    /// The manifest of a run that began at `started`, with no time taken and no files yet.
    pub(crate) fn new(
        started: String,
        seed: u64,
        model: ModelRecord,
        prompts: PromptRecord,
        inputs: serde_json::Value,
    ) -> Self {
        Self {
            program: "dlm".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            started,
            wall_seconds: 0.0,
            seed,
            device: model.description.device.clone(),
            dtype: model.description.dtype.clone(),
            libtorch: dlm_runtime::LIBTORCH_VERSION.to_string(),
            threads: dlm_runtime::threads(),
            model,
            prompts,
            arguments: std::env::args().collect(),
            inputs,
            files: Vec::new(),
        }
    }

    /// The manifest at `path`, where there is a readable one and every file it lists
    /// is there.
    pub(crate) fn read_if_whole(path: &Path) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let folder = path.parent()?;
        manifest.files.iter().all(|file| folder.join(&file.path).exists()).then_some(manifest)
    }

    /// Now, as manifests write it.
    pub(crate) fn now() -> String {
        humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
    }

    #[cfg(test)]
    pub(crate) fn for_test(inputs: serde_json::Value) -> Self {
        let description = serde_json::json!({
            "id": "", "revision": null, "adapter": null, "family": "", "parameters": 0,
            "stored_dtypes": [], "layers": 0, "width": 0, "vocab": 0, "context": 0,
            "mask": null, "end_of_sequence": null, "causal": false, "shifted": false,
            "chat_template": false, "device": "cpu", "dtype": "f32", "files": [],
        });
        Self {
            program: "dlm".to_string(),
            version: String::new(),
            started: Self::now(),
            wall_seconds: 0.0,
            seed: 0,
            device: "cpu".to_string(),
            dtype: "f32".to_string(),
            libtorch: String::new(),
            threads: 1,
            model: serde_json::from_value(description).unwrap(),
            prompts: PromptRecord { origin: String::new(), sha256: String::new(), count: 0 },
            arguments: Vec::new(),
            inputs,
            files: Vec::new(),
        }
    }
}
