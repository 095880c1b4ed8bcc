//! What can go wrong between a checkpoint and a prediction, each with what to do.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}; see that it is a file and that you may read it")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}; see that the folder exists and has room")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder lacks a file that every checkpoint has.
    #[error("{folder} has no {file}: {remedy}")]
    MissingFile {
        /// The checkpoint's folder.
        folder: PathBuf,
        /// What was looked for.
        file: String,
        /// What to do.
        remedy: String,
    },
    /// A file holds something else than it should.
    #[error("{path}: {field}: {problem}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        field: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Tensors do not fit the network that the configuration describes.
    #[error(
        "{path}: the tensors do not fit the network that config.json describes; take \
         configuration, weights and adapter from checkpoints that belong together:{}",
        list(problems)
    )]
    Tensors {
        /// The weights.
        path: PathBuf,
        /// Every one that is missing, extra or misshapen.
        problems: Vec<TensorProblem>,
    },
    /// The network is none of those this crate knows.
    #[error(
        "{path}: architectures: \"{found}\" is unknown; known are LLaDA (LLaDAModelLM), \
         LLaDA-MoE (LLaDAMoEModelLM), Dream (DreamModel), MDLM (MDLM), Llama (LlamaForCausalLM) \
         and BERT (BertForMaskedLM)"
    )]
    UnknownArchitecture {
        /// The configuration.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// No file names the mask token.
    #[error(
        "{folder}: no mask token: neither config.json (mask_token_id), nor an adapter's \
         diffusion_config.json, nor tokenizer_config.json (mask_token) names one; an \
         autoregressive model becomes a masked one with --adapter"
    )]
    NoMask {
        /// The checkpoint's folder.
        folder: PathBuf,
    },
    /// Text was given and there is no tokenizer.
    #[error("{folder} has no tokenizer: give token ids instead of text, or add a tokenizer.json")]
    NoTokenizer {
        /// The checkpoint's folder.
        folder: PathBuf,
    },
    /// The chat template failed.
    #[error("{path}: chat_template: {problem}")]
    Template {
        /// The file it stands in.
        path: PathBuf,
        /// What the template engine says.
        problem: String,
    },
    /// A prompt cannot be used.
    #[error("{0}")]
    Prompt(String),
    /// What was asked makes no sense for this model.
    #[error("{0}")]
    Ask(String),
    /// A latent or a vocabulary of vectors is not what it has to be.
    #[error("{0}")]
    Latent(String),
    /// Latents cannot be combined.
    #[error(transparent)]
    Combination(#[from] dlm_core::LatentError),
    /// The network's output is not a number.
    #[error(
        "the logits of sequence {sequence}, position {position} are NaN: the weights or the \
         precision are at fault; try --dtype f32"
    )]
    NotANumber {
        /// Index of the query in its batch.
        sequence: usize,
        /// Index of the position in its sequence.
        position: usize,
    },
    /// The network and the shaping together leave a position no token.
    #[error(
        "sequence {sequence}, position {position}: every token is ruled out, by the network or \
         by a ban: ban fewer tokens"
    )]
    NothingLeft {
        /// Index of the query in its batch.
        sequence: usize,
        /// Index of the position in its sequence.
        position: usize,
    },
    /// A transition has nothing to draw from.
    #[error(
        "sequence {sequence}, position {position}: the weights of the transition do not add up \
         to a positive, finite number: see to its coefficients"
    )]
    NoWeight {
        /// Index of the query in its batch.
        sequence: usize,
        /// Index of the position in its sequence.
        position: usize,
    },
    /// The hub refused or could not be reached.
    #[error("{repo}: {problem}")]
    Hub {
        /// The repository.
        repo: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The device cannot be used.
    #[error("device {device}: {problem}")]
    Device {
        /// As it was asked for.
        device: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// libtorch refused an operation.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] tch::TchError),
}

impl Error {
    pub(crate) fn malformed(
        path: impl Into<PathBuf>,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Malformed { path: path.into(), field: field.into(), problem: problem.into() }
    }
}

impl From<Error> for dlm_core::ModelError {
    fn from(error: Error) -> Self {
        Self::new(error)
    }
}

/// One tensor that is not as the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TensorProblem {
    /// Not in any file.
    Missing {
        /// Its name.
        name: String,
        /// The shape it should have.
        expected: Vec<i64>,
    },
    /// In a file and not in the network.
    Extra {
        /// Its name.
        name: String,
        /// The file it stands in.
        file: PathBuf,
    },
    /// There, with another shape.
    Shape {
        /// Its name.
        name: String,
        /// The shape it should have.
        expected: Vec<i64>,
        /// The shape it has.
        found: Vec<i64>,
        /// The file it stands in.
        file: PathBuf,
    },
    /// There, in numbers that no network computes with.
    Dtype {
        /// Its name.
        name: String,
        /// What it holds.
        found: String,
        /// The file it stands in.
        file: PathBuf,
    },
}

impl std::fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { name, expected } => write!(f, "{name} {expected:?} is missing"),
            Self::Extra { name, file } => {
                write!(f, "{name} in {} belongs to no part of the network", file.display())
            }
            Self::Shape { name, expected, found, file } => {
                write!(f, "{name} in {} is {found:?} and should be {expected:?}", file.display())
            }
            Self::Dtype { name, found, file } => {
                let file = file.display();
                write!(f, "{name} in {file} is {found}; f32, f16 and bf16 are read")
            }
        }
    }
}

fn list(problems: &[TensorProblem]) -> String {
    /// Enough to see the pattern; a wrong configuration misfits in hundreds.
    const SHOWN: usize = 12;
    let mut text = String::new();
    for problem in problems.iter().take(SHOWN) {
        text.push_str(&format!("\n  {problem}"));
    }
    if SHOWN < problems.len() {
        text.push_str(&format!("\n  and {} more", problems.len() - SHOWN));
    }
    text
}

/// libtorch appends its own C++ call stack to every message.
fn first_line(error: &tch::TchError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}
