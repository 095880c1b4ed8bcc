//! The networks: one file per family, over shared blocks.
//!
//! A network sees a [`Pack`](pack::Pack), sequences laid end to end without
//! padding, and gives back hidden states; the language-model head runs later and
//! only on the rows that somebody asked about.

mod bert;
mod blocks;
mod decoder;
pub(crate) mod dit;
mod dream;
pub(crate) mod latent_input;
mod llada;
pub(crate) mod llada_moe;
pub(crate) mod llama;
mod low_rank;
mod mixture;
mod pack;
mod rotary;
mod token_vectors;

use tch::Tensor;

pub(crate) use blocks::{attention, attention_of_runs};
pub(crate) use decoder::Decoder;
pub use dit::Parametrisation;
pub(crate) use latent_input::LatentInput;
pub(crate) use low_rank::LowRank;
pub(crate) use pack::{Laid, Pack};
pub use token_vectors::TokenVectors;

use crate::{
    Attention, Diffusion, Error,
    checkpoint::{Config, Loader},
};

/// The logit of a token that cannot be.
pub(crate) const RULED_OUT: f64 = f64::NEG_INFINITY;

/// A transformer without its last matrix.
pub(crate) trait Network: Send {
    /// Hidden states after the final norm, `[tokens, width]`.
    fn hidden(&self, pack: &Pack) -> Result<Tensor, Error>;

    /// Logits of the given hidden states, `[rows, vocab]`.
    fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error>;

    /// The input embeddings, `[vocab, width]`.
    fn embeddings(&self) -> &Tensor;

    /// Turns the head's output into logits of what stands at each place; the head's
    /// output is that already, unless the network is parametrised otherwise.
    fn parametrise(&self, logits: Tensor, _places: &[Place]) -> Result<Tensor, Error> {
        Ok(logits)
    }

    /// Every matrix product that one token passes through, as `(in, out)`, the
    /// head excluded: what a speed ceiling is measured on.
    fn products(&self) -> Vec<(i64, i64)>;

    /// The network's blocks, where these are those of a [`Decoder`]: for whoever has inputs
    /// or an attention of his own.
    fn decoder(&self) -> Option<&Decoder> {
        None
    }
}

/// What a row of logits is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The token that stands there, the mask perhaps.
    pub(crate) token: u32,
    /// The sequence's diffusion time, for networks that are told it.
    pub(crate) time: Option<f64>,
}

/// The families whose checkpoints can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `LLaDAModelLM` (Nie et al. 2025).
    Llada,
    /// `LLaDAMoEModelLM` (Zhu et al. 2025): mixtures of experts.
    LladaMoe,
    /// `MDLM` (Sahoo et al. 2024): a diffusion transformer that may be told the time.
    Mdlm,
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
            "LLaDAMoEModelLM" => Ok(Self::LladaMoe),
            "MDLM" => Ok(Self::Mdlm),
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

    /// The mask of a checkpoint that names none: MDLM appends it to the vocabulary of a
    /// tokenizer that has none of its own.
    pub(crate) fn appended_mask(self, vocab: i64) -> Option<u32> {
        if self == Self::Mdlm { u32::try_from(vocab - 1).ok() } else { None }
    }

    /// How the head's output is read, in the one family where that is a choice.
    pub(crate) fn parametrisation(self, config: &Config) -> Result<Option<Parametrisation>, Error> {
        (self == Self::Mdlm).then(|| Parametrisation::of(config)).transpose()
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
            Self::Mdlm => shape("vocab_size", "hidden_dim", "n_blocks", "model_length", 1024),
            Self::LladaMoe | Self::Dream | Self::Llama | Self::Bert => {
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
        diffusion: &Diffusion,
    ) -> Result<Box<dyn Network>, Error> {
        let causal = diffusion.attention == Attention::Causal;
        Ok(match self {
            Self::Llada => Box::new(llada::build(config, loader, causal)?),
            Self::LladaMoe => Box::new(llada_moe::build(config, loader, causal)?),
            Self::Mdlm => Box::new(dit::Dit::build(config, loader, diffusion)?),
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
            Self::LladaMoe => "LLaDA-MoE",
            Self::Mdlm => "MDLM",
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
