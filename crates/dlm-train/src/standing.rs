//! How far a training has come.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{Error, order::Place};

/// The file that tells it, beside an adapter's parameters.
const FILE: &str = "standing.json";

/// How far a training has come: what goes on from an adapter has to know of it where there
/// is no checkpoint any more.
///
/// A checkpoint holds 16 bytes for each trained number and an adapter 2, so it is the adapter
/// that is passed on. What is lost with the checkpoint is the optimiser's memory, and the
/// difference between the parameters and their running average, which an adapter holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Steps made.
    pub steps: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// The steps at which the optimiser began without memory: 0, and each at which the
    /// training went on from an adapter.
    pub begun: Vec<u64>,
    /// SHA-256 of the texts that `place` is a place of.
    pub(crate) texts: String,
    /// Where the order of texts stands.
    pub(crate) place: Place,
}

impl Standing {
    /// Before the first step on texts of this SHA-256.
    pub(crate) fn new(texts: &str) -> Self {
        let (place, texts) = (Place::default(), texts.to_string());
        Self { steps: 0, tokens: 0, begun: vec![0], texts, place }
    }

    /// What the adapter in `folder` tells.
    ///
    /// # Errors
    ///
    /// Where it tells nothing, or something else.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                let problem = "is not there, so nothing says where this adapter's training stands: \
                               leave --onward out to begin with the recipe's first step";
                Error::malformed(&path, "file".to_string(), problem)
            }
            _ => Error::read(&path)(error),
        })?;
        let malformed = |problem: String| Error::malformed(&path, "JSON".to_string(), problem);
        let standing: Self =
            serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        match standing.begun.last() {
            Some(&last) if last <= standing.steps => Ok(standing),
            _ => Err(malformed("begun should end at or before steps".to_string())),
        }
    }

    /// Writes it beside the adapter in `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::malformed(&path, "JSON".to_string(), error.to_string()))?;
        fs::write(&path, text + "\n").map_err(Error::write(&path))
    }

    /// The same for an optimiser without memory that goes on with texts of this SHA-256:
    /// texts that are others are read from their beginning.
    pub(crate) fn onward(&self, texts: &str) -> Self {
        let Self { steps, tokens, .. } = *self;
        let place = if self.texts == texts { self.place } else { Place::default() };
        let mut begun = self.begun.clone();
        if begun.last() != Some(&steps) {
            begun.push(steps);
        }
        Self { steps, tokens, begun, texts: texts.to_string(), place }
    }

    /// Steps since the optimiser began without memory.
    pub(crate) fn remembered(&self) -> u64 {
        self.steps - self.begun.last().copied().unwrap_or_default().min(self.steps)
    }
}
