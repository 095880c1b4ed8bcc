//! `failure.json`: why an experiment could not run, so that the report can say it.

use std::{fs, path::Path};

use serde::Serialize;

use super::{FAILURE, LOCK, lock, remove, write_whole};
use crate::{Error, Spec, manifest::VERSION};

/// An attempt that came to nothing. It stands beside what earlier ones left, and the next
/// success takes it away.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure<'a> {
    /// The experiment.
    id: &'a str,
    /// Its claim, as the spec states it.
    claim: &'a str,
    /// Which part of the paper it feeds.
    feeds: &'a str,
    /// Why it could not run, with what to do.
    reason: String,
    /// The program's version.
    version: &'static str,
    /// The command of the attempt.
    command: String,
}

impl<'a> Failure<'a> {
    /// What is said of an attempt at `spec` by `command` that ended in `error`.
    pub(crate) fn new(spec: &'a Spec, error: &Error, command: String) -> Self {
        let Spec { id, claim, feeds, .. } = spec;
        Self { id, claim, feeds, reason: error.to_string(), version: VERSION, command }
    }

    /// Writes it into `folder`, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// Where it cannot be written, or another run is writing to the folder.
    pub(crate) fn leave(&self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder).map_err(Error::write(folder))?;
        let _lock = lock(folder)?;
        let path = folder.join(FAILURE);
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::malformed(&path, "JSON", error.to_string()))?;
        json.push(b'\n');
        write_whole(&path, &json)?;
        remove(&folder.join(LOCK))
    }

    /// Takes back what an earlier attempt left in `folder`, if one did.
    ///
    /// # Errors
    ///
    /// Where the file cannot be removed.
    pub(crate) fn withdraw(folder: &Path) -> Result<(), Error> {
        remove(&folder.join(FAILURE))
    }
}
