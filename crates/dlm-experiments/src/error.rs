//! What can go wrong around a run, each with what to do.

use std::path::PathBuf;

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
        "cannot write {path}: {source}; what was written before stays valid, and the same \
         command goes on from there"
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
    /// A prompt cannot be probed.
    #[error("prompt {index} of {path}: {source}")]
    Prompt {
        /// The file of prompts, or the command line.
        path: String,
        /// Which one, from 0.
        index: usize,
        /// Why.
        source: dlm_runtime::Error,
    },
    /// An argument makes no sense.
    #[error("{0}")]
    Argument(String),
    /// The model could not be loaded or run.
    #[error(transparent)]
    Model(#[from] dlm_runtime::Error),
    /// A forward pass failed.
    #[error("{}", chain(.0))]
    Prediction(#[from] dlm_core::ModelError),
    /// An estimate could not be made.
    #[error("{name}: {source}")]
    Estimate {
        /// Its name.
        name: String,
        /// Why.
        source: dlm_stats::Error,
    },
    /// A figure could not be drawn.
    #[error("{name}: {problem}")]
    Figure {
        /// Its file.
        name: String,
        /// Why.
        problem: String,
    },
    /// The model's tokens could not be counted.
    #[error(transparent)]
    Lexicon(#[from] dlm_probe::LexiconError),
}

impl Error {
    pub(crate) fn malformed(
        path: impl Into<PathBuf>,
        place: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Malformed { path: path.into(), place: place.into(), problem: problem.into() }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Write { path, source }
    }
}

/// The opaque error of the border says little; its source says it all.
fn chain(error: &dlm_core::ModelError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}
