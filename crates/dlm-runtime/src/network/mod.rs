//! The networks: one file per family, over shared blocks.
//!
//! A network sees a [`Pack`](pack::Pack), sequences laid end to end without
//! padding, and gives back hidden states; the language-model head runs later and
//! only on the rows that somebody asked about.

mod bert;
mod blocks;
mod decoder;
mod dream;
mod llada;
mod llama;
mod pack;
mod rotary;

use tch::Tensor;

pub(crate) use pack::Pack;

use crate::{
    Error,
    checkpoint::{Config, Loader},
};

/// A transformer without its last matrix.
pub(crate) trait Network: Send {
    /// Hidden states after the final norm, `[tokens, width]`.
    fn hidden(&self, pack: &Pack) -> Result<Tensor, Error>;

    /// Logits of the given hidden states, `[rows, vocab]`.
    fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error>;

    /// Every matrix product that one token passes through, as `(in, out)`, the
    /// head excluded: what a speed ceiling is measured on.
    fn products(&self) -> Vec<(i64, i64)>;
}

/// The families whose checkpoints can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `LLaDAModelLM` (Nie et al. 2025).
    Llada,
    /// `DreamModel` (Ye et al. 2025): Qwen2 blocks, logits shifted right.
    Dream,
    /// `LlamaForCausalLM` (Touvron et al. 2023), SmolLM2 among them.
    Llama,
    /// `BertForMaskedLM` (Devlin et al. 2019).
    Bert,
}

impl Family {
    /// The family that config.json names.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        match config.architecture() {
            "LLaDAModelLM" => Ok(Self::Llada),
            "DreamModel" => Ok(Self::Dream),
            "LlamaForCausalLM" => Ok(Self::Llama),
            "BertForMaskedLM" => Ok(Self::Bert),
            found => Err(Error::UnknownArchitecture {
                path: config.path().to_path_buf(),
                found: found.to_string(),
            }),
        }
    }

    /// Whether its networks attend only to what stands before.
    pub(crate) fn is_causal(self) -> bool {
        self == Self::Llama
    }

    /// Whether the logits for position `i` come out of position `i − 1`.
    pub(crate) fn is_shifted(self) -> bool {
        matches!(self, Self::Dream | Self::Llama)
    }

    /// Sizes that the rest of the program needs to know.
    pub(crate) fn shape(self, config: &Config) -> Result<Shape, Error> {
        let shape = |vocab, width, layers, context, default_context| {
            Ok(Shape {
                vocab: config.size(vocab)?,
                width: config.size(width)?,
                layers: config.size(layers)?,
                context: config.size_or(context, default_context)?,
            })
        };
        match self {
            Self::Llada => {
                // The table may be larger than the vocabulary, for speed's sake.
                let field = "embedding_size";
                let vocab = if config.get(field).is_some() { field } else { "vocab_size" };
                shape(vocab, "d_model", "n_layers", "max_sequence_length", 4096)
            }
            Self::Dream | Self::Llama | Self::Bert => {
                let context = "max_position_embeddings";
                shape("vocab_size", "hidden_size", "num_hidden_layers", context, 2048)
            }
        }
    }

    /// Builds the network from its tensors.
    pub(crate) fn build(
        self,
        config: &Config,
        loader: &Loader<'_>,
        causal: bool,
    ) -> Result<Box<dyn Network>, Error> {
        Ok(match self {
            Self::Llada => Box::new(llada::build(config, loader, causal)?),
            Self::Dream => Box::new(dream::build(config, loader, causal)?),
            Self::Llama => Box::new(llama::build(config, loader, causal)?),
            Self::Bert => Box::new(bert::Bert::build(config, loader)?),
        })
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Llada => "LLaDA",
            Self::Dream => "Dream",
            Self::Llama => "Llama",
            Self::Bert => "BERT",
        })
    }
}

/// Sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows of the embedding, which is what the logits range over.
    pub(crate) vocab: i64,
    /// Width of a hidden state.
    pub(crate) width: i64,
    /// Transformer blocks.
    pub(crate) layers: i64,
    /// The longest sequence.
    pub(crate) context: i64,
}
