//! What can go wrong in training, each with what to do.

use std::path::{Path, PathBuf};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error(
        "cannot write {path}: {source}; the last checkpoint stays, and the same command goes on \
         from there"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else than it should.
    #[error("{path}: {place}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line or field.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A setting makes no sense.
    #[error("{field}: {given} should be {wanted}")]
    Setting {
        /// Its name in the recipe.
        field: &'static str,
        /// What it is.
        given: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// There is nothing to learn from, or nothing to measure on.
    #[error("{path}: no text {what}: {remedy}")]
    NoTexts {
        /// The files.
        path: String,
        /// To do what with.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A folder holds the training of something else.
    #[error(
        "{folder}: its training began with another {what}: choose a new folder, or begin anew \
         with --force"
    )]
    OtherTraining {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        what: String,
    },
    /// A loss or its gradient is no number.
    #[error(
        "step {step}: the {what} is not finite, on the texts {}; the checkpoint of step {kept} \
         stays: look at these texts, or lower optimiser.rate in a new training",
        texts.join(", ")
    )]
    NotFinite {
        /// The step, from 0.
        step: u64,
        /// The loss or the gradient.
        what: &'static str,
        /// The texts of the batch, `FILE:LINE` each.
        texts: Vec<String>,
        /// The step of the last checkpoint.
        kept: u64,
    },
    /// The device has no room for a step.
    #[error(
        "step {step} needs more memory than there is: raise `accumulate`, which computes a step \
         in as many parts and changes nothing else ({problem})"
    )]
    Memory {
        /// The step, from 0.
        step: u64,
        /// In libtorch's words.
        problem: String,
    },
    /// The base or its files.
    #[error(transparent)]
    Runtime(#[from] dlm_runtime::Error),
    /// A noise schedule is none.
    #[error("objective.schedule: {0}")]
    Schedule(#[from] dlm_continuous::schedule::ParameterError),
    /// A noise level does not exist.
    #[error("objective.schedule: {0}")]
    Level(#[from] dlm_continuous::schedule::ScheduleError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

impl Error {
    pub(crate) fn malformed(path: &Path, place: String, problem: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_path_buf(), place, problem: problem.into() }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Read { path: path.to_path_buf(), source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Write { path: path.to_path_buf(), source }
    }

    /// The same, or what to do where memory was too short for `step`.
    pub(crate) fn in_step(self, step: u64) -> Self {
        let text = self.to_string();
        // libtorch has no kind of error for it, on no device.
        let short = ["out of memory", "not enough memory", "can't allocate memory"];
        match short.iter().any(|words| text.to_lowercase().contains(words)) {
            true => {
                let problem = text.lines().next().unwrap_or_default().to_string();
                Self::Memory { step, problem }
            }
            false => self,
        }
    }
}
