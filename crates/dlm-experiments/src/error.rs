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
    /// A prompt cannot be used.
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
    /// An adapter could not be trained.
    #[error(transparent)]
    Training(#[from] dlm_train::Error),
    /// The model could not be loaded or run.
    #[error(transparent)]
    Model(#[from] dlm_runtime::Error),
    /// A forward pass failed.
    #[error("{}", deepest(.0))]
    Prediction(#[from] dlm_core::ModelError),
    /// An order weighs tokens by frequencies that nobody can count.
    #[error(
        "{folder} has no tokenizer, and the position-calibrated order needs one to count tokens \
         in a reference text: add a tokenizer.json, or choose another --order"
    )]
    NoFrequencies {
        /// The checkpoint's folder.
        folder: PathBuf,
    },
    /// No sampler has this name.
    #[error("--preset: {0}")]
    Preset(#[from] dlm_discrete::presets::UnknownPreset),
    /// A sampler could not run.
    #[error(transparent)]
    Sampling(dlm_discrete::unmasking::SampleError),
    /// A Gaussian sampler could not run.
    #[error("{}", deepest(.0))]
    Diffusion(dlm_continuous::SampleError),
    /// The likelihood of a Gaussian model could not be estimated.
    #[error("{}", deepest(.0))]
    Bound(#[from] dlm_continuous::likelihood::LikelihoodError),
    /// Noise could not be put on a text.
    #[error(transparent)]
    Noise(#[from] dlm_continuous::NoiseError),
    /// A jump sampler could not run.
    #[error(transparent)]
    Jumping(dlm_discrete::jump::JumpError),
    /// A jump sampler was given a flag of masked samplers.
    #[error(
        "{flag}: only masked samplers have it, and this one lets every position jump, with --steps \
         and --top-p: leave {flag} out, or choose another --preset"
    )]
    NotOfJumps {
        /// The flag.
        flag: &'static str,
    },
    /// A rule on scores meets a network that predicts tokens.
    #[error(
        "the sampler reads scores, and the network's output is read as {found}: load an MDLM \
         checkpoint with --parametrisation sedd, or choose another --preset"
    )]
    NoScores {
        /// How its output is read.
        found: String,
    },
    /// A likelihood could not be computed.
    #[error("prompt {index} of {path}: {}", deepest(.source))]
    Likelihood {
        /// The file of prompts.
        path: String,
        /// Which one, from 0.
        index: usize,
        /// Why.
        source: dlm_discrete::likelihood::LikelihoodError,
    },
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

impl From<dlm_discrete::unmasking::SampleError> for Error {
    fn from(error: dlm_discrete::unmasking::SampleError) -> Self {
        match error {
            dlm_discrete::unmasking::SampleError::Model(error) => Self::Prediction(error),
            error => Self::Sampling(error),
        }
    }
}

impl From<dlm_discrete::jump::JumpError> for Error {
    fn from(error: dlm_discrete::jump::JumpError) -> Self {
        match error {
            dlm_discrete::jump::JumpError::Model(error) => Self::Prediction(error),
            error => Self::Jumping(error),
        }
    }
}

/// The opaque errors of the border say little; their innermost source says it all.
fn deepest(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), deepest)
}
