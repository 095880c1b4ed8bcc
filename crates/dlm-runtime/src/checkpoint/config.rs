//! config.json: what network a checkpoint holds.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Error;

/// A JSON file whose fields are asked for by name.
///
/// Every complaint names the file and the field, because the person who reads it
/// has to mend exactly that.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    path: PathBuf,
    value: Value,
}

impl Config {
    /// Reads a JSON object.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::MissingFile {
                folder: path.parent().unwrap_or(Path::new(".")).to_path_buf(),
                file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                remedy: "a checkpoint is a folder in the Hugging Face layout".to_string(),
            },
            _ => Error::Read { path: path.to_path_buf(), source },
        })?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|e| Error::malformed(path, "JSON", format!("{e}; download the file again")))?;
        if !value.is_object() {
            return Err(Error::malformed(
                path,
                "JSON",
                "the file should hold an object; download it again",
            ));
        }
        Ok(Self { path: path.to_path_buf(), value })
    }

    /// Reads a JSON object, where there is one.
    pub(crate) fn read_if_present(path: &Path) -> Result<Option<Self>, Error> {
        if path.exists() { Self::read(path).map(Some) } else { Ok(None) }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A field, unless it is absent or null.
    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.value.get(field).filter(|value| !value.is_null())
    }

    /// A whole number of at least 1 and at most `MOST`: sizes of networks.
    pub(crate) fn size(&self, field: &str) -> Result<i64, Error> {
        /// No published size comes near; a larger one is a mistake or an attack.
        const MOST: i64 = 1 << 24;
        let problem = || format!("should be a whole number from 1 to {MOST}");
        let value = self.get(field).ok_or_else(|| {
            self.complaint(field, "is missing; take the file as it was published")
        })?;
        let number = value.as_i64().ok_or_else(|| self.complaint(field, problem()))?;
        if (1..=MOST).contains(&number) {
            Ok(number)
        } else {
            Err(self.complaint(field, problem()))
        }
    }

    /// [`size`](Self::size), or `default` where the field is absent or null.
    pub(crate) fn size_or(&self, field: &str, default: i64) -> Result<i64, Error> {
        if self.get(field).is_some() { self.size(field) } else { Ok(default) }
    }

    /// A positive number, or `default` where the field is absent or null.
    pub(crate) fn positive_or(&self, field: &str, default: f64) -> Result<f64, Error> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|number| number.is_finite() && 0.0 < *number)
                .ok_or_else(|| self.complaint(field, "should be a positive number")),
        }
    }

    /// A boolean, or `default` where the field is absent or null.
    pub(crate) fn flag_or(&self, field: &str, default: bool) -> Result<bool, Error> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => {
                value.as_bool().ok_or_else(|| self.complaint(field, "should be true or false"))
            }
        }
    }

    /// A string, where there is one.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&str>, Error> {
        match self.get(field) {
            None => Ok(None),
            Some(value) => {
                value.as_str().map(Some).ok_or_else(|| self.complaint(field, "should be a string"))
            }
        }
    }

    /// A token id, where there is one. A list, as some end-of-sequence ids are,
    /// gives its first entry.
    pub(crate) fn token(&self, field: &str) -> Result<Option<u32>, Error> {
        let value = match self.get(field) {
            Some(Value::Array(ids)) => ids.first(),
            other => other,
        };
        let Some(value) = value else { return Ok(None) };
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.map(Some).ok_or_else(|| self.complaint(field, "should be a token id"))
    }

    /// All fields of a file that maps names to token ids.
    pub(crate) fn entries(&self) -> Result<Vec<(String, u32)>, Error> {
        let fields = self.value.as_object().into_iter().flatten();
        fields
            .map(|(name, id)| {
                let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
                let id = id.ok_or_else(|| self.complaint(name, "should be a token id"))?;
                Ok((name.clone(), id))
            })
            .collect()
    }

    /// Refuses a setting that the network would ignore.
    pub(crate) fn expect(&self, field: &str, allowed: &[Value]) -> Result<(), Error> {
        match self.get(field) {
            Some(value) if !allowed.contains(value) => {
                let known: Vec<String> = allowed.iter().map(Value::to_string).collect();
                let instead = match known.is_empty() {
                    true => "which no network here computes".to_string(),
                    false => format!("only {}", known.join(" or ")),
                };
                Err(self.complaint(field, format!("{value} is not supported, {instead}")))
            }
            _ => Ok(()),
        }
    }

    /// An error about `field`.
    pub(crate) fn complaint(&self, field: &str, problem: impl Into<String>) -> Error {
        Error::malformed(&self.path, field, problem)
    }

    /// `architectures[0]`, or the model type where that is absent.
    pub(crate) fn architecture(&self) -> &str {
        self.get("architectures")
            .and_then(|names| names.get(0))
            .or_else(|| self.get("model_type"))
            .and_then(Value::as_str)
            .unwrap_or("")
    }
}
