//! `manifest.json`: where results come from, and their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use super::ensure_within;

/// Where results come from.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) program: String,
    pub(crate) version: String,
    pub(crate) started: String,
    pub(crate) wall_seconds: f64,
    /// How much of that certain parts took, such as samplers that are compared.
    #[serde(default)]
    pub(crate) seconds_of: BTreeMap<String, f64>,
    pub(crate) seed: u64,
    pub(crate) device: String,
    pub(crate) dtype: String,
    pub(crate) libtorch: String,
    pub(crate) threads: u64,
    /// The models that were measured; none where a known law took their place.
    pub(crate) models: Vec<Model>,
    /// What was asked of them.
    #[serde(default)]
    pub(crate) prompts: Value,
    /// All that the rows depend on; its shape is the experiment's affair.
    #[serde(default)]
    pub(crate) inputs: Value,
    /// Every file of results but this one.
    pub(crate) files: Vec<Listed>,
}

/// A model that was measured.
#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    /// What it was in the experiment, such as `masked`.
    pub(crate) role: String,
    pub(crate) id: String,
    pub(crate) revision: Option<String>,
    pub(crate) family: String,
    /// None for a model without one.
    pub(crate) adapter: Option<String>,
    pub(crate) files: Vec<ModelFile>,
}

/// A file of the model.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelFile {
    pub(crate) name: String,
    pub(crate) sha256: String,
}

/// A file of results.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) sha256: String,
}

impl Manifest {
    /// The SHA-256 of the program that wrote the rows.
    pub(crate) fn program_sha256(&self) -> Option<&str> {
        self.inputs.get("program")?.as_str()
    }
}

impl Listed {
    /// Where it lies, in the folder of results.
    pub(crate) fn within(&self, folder: &Path) -> Result<PathBuf> {
        ensure_within(&self.path, "manifest.json: field `files`")?;
        Ok(folder.join(&self.path))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A manifest that lists one empty file.
    pub(crate) const EXAMPLE: &str = concat!(
        r#"{"program": "dlm", "version": ""#,
        env!("CARGO_PKG_VERSION"),
        r#"", "started": "2026-01-02T03:04:05Z",
        "wall_seconds": 61.25, "seconds_of": {"llada at 8 steps": 40.5, "flow": 2.0}, "seed": 7, "device": "cpu", "dtype": "f32",
        "libtorch": "2.11.0", "threads": 2,
        "models": [{"role": "masked", "id": "toy|model", "revision": "a1b2", "family": "Llama",
            "files": [
            {"name": "model.safetensors", "sha256": "abc", "bytes": 10}],
            "adapter": "data/models/masked"}],
        "prompts": {"origin": "data/prompts/x.jsonl", "sha256": "def", "count": 3},
        "inputs": {"program": "cafe", "scale": "smoke"},
        "files": [{"path": "rows.csv",
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]
    }"#
    );

    #[test]
    fn the_malformed_field_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        let text = EXAMPLE.replace("\"toy|model\"", "12");
        std::fs::write(&path, text).unwrap();
        let error = super::super::read_json::<Manifest>(&path).unwrap_err().to_string();
        assert!(error.contains("manifest.json: field `models[0].id`: invalid type"), "{error}");
    }
}
