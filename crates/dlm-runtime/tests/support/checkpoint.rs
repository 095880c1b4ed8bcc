//! A copy of a fixture that a test may damage.

use std::path::PathBuf;

use dlm_runtime::{Error, Model};
use serde_json::Value;

use crate::support::{fixture, load, says};

/// A checkpoint in a folder of its own.
pub(crate) struct Checkpoint(tempfile::TempDir);

impl Checkpoint {
    /// Copies `models/NAME`.
    pub(crate) fn copy_of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(fixture(&format!("models/{name}"))).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        Self(folder)
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.file(name), bytes).unwrap();
        self
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) -> &Self {
        std::fs::remove_file(self.file(name)).unwrap();
        self
    }

    /// Sets a field of a JSON file.
    pub(crate) fn set(&self, name: &str, field: &str, value: Value) -> &Self {
        let mut json: Value = serde_json::from_slice(&self.read(name)).unwrap();
        json[field] = value;
        self.write(name, json.to_string())
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    /// Loads it on the processor in f32.
    pub(crate) fn load(&self) -> Result<Model, Error> {
        load(self.0.path(), None)
    }
}

/// Why a checkpoint cannot be loaded.
#[track_caller]
pub(crate) fn refusal(checkpoint: &Checkpoint) -> Error {
    checkpoint.load().err().expect("the checkpoint should be refused")
}

/// Asserts that `error` is about a field of a file.
#[track_caller]
pub(crate) fn malformed(error: &Error, file: &str, field: &str) {
    match error {
        Error::Malformed { path, field: found, .. } if found == field => {
            assert!(path.ends_with(file), "{error}");
        }
        _ => panic!("{file} {field}: {error:?}"),
    }
    says(error, &[file, field]);
}
