//! A loaded checkpoint: text in, candidates out.

mod answer;
mod checks;
mod noisy;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use dlm_core::{Ask, Canvas, MaskPredictor, ModelError, Prediction, Query, TokenId};
use tch::{Device, Kind};

pub use noisy::{Frame, Guess, NoisyQuery};

use noisy::Noisy;

use crate::{
    DeviceChoice, Diffusion, DtypeChoice, Error, Family, Source, TextCodec,
    checkpoint::{Adapter, Attention, Config, Loader, Weights, weight_files},
    device::{device_name, kind_name},
    network::{Network, Parametrisation, Shape},
};

/// How to load a checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    /// Where to compute.
    pub device: DeviceChoice,
    /// In what numbers.
    pub dtype: DtypeChoice,
    /// How many tokens one forward pass takes at most; `None` suits the device.
    pub batch_tokens: Option<usize>,
    /// How MDLM's output is read; `None` does as config.json says.
    pub parametrisation: Option<Parametrisation>,
}

impl LoadOptions {
    /// The device and the numbers that these options come to on this machine: `cpu` or
    /// `cuda:n`, `f32` or `bf16`.
    ///
    /// # Errors
    ///
    /// Where the device is not there.
    pub fn resolved(&self) -> Result<(String, &'static str), Error> {
        let device = self.device.resolve()?;
        Ok((device_name(device), kind_name(self.dtype.resolve(device))))
    }
}

/// A diffusion language model on a device.
///
/// As a [`MaskPredictor`] it answers for masked positions; with the causal base of
/// an adapter and `targets` set to the tokens themselves, the same answers are the
/// next-token log-probabilities of the autoregressive model.
///
/// Shadows are answered in the same forward pass as everything else: a mask that stands
/// beside the known token sees all but that token and is seen by none. This equals
/// masking the token up to what the other positions' hidden states, from the second
/// block on, already know of it. A causal network has no shadows to offer.
///
/// A network that is told the diffusion time gets [`Query::time`]; a query without one is
/// as old as it looks, the fraction of its tokens that are masks. Scores
/// ([`Parametrisation::Sedd`]) need the time itself.
pub struct Model {
    network: Box<dyn Network>,
    text: Option<TextCodec>,
    source: Source,
    family: Family,
    diffusion: Diffusion,
    shape: Shape,
    device: Device,
    kind: Kind,
    batch_tokens: usize,
    noisy: Option<Noisy>,
    /// Tensors of the network may lie in these files, so they go last.
    weights: Weights,
}

impl Model {
    /// Loads the checkpoint of `source`.
    ///
    /// # Errors
    ///
    /// Where a file is missing, malformed or does not fit the others; the message
    /// names the file, the field and what to do.
    pub fn load(source: Source, options: LoadOptions) -> Result<Self, Error> {
        let device = options.device.resolve()?;
        let kind = options.dtype.resolve(device);
        let config = Config::read(&source.folder.join("config.json"))?;
        let family = Family::of(&config)?;
        let shape = family.shape(&config)?;
        let text = TextCodec::open(&source.folder, shape.vocab)?;
        let mask_token = match &text {
            Some(text) => text.special("mask_token")?,
            None => None,
        };
        let adapter_folder = source.adapter.as_deref();
        let mut diffusion = Diffusion::find(family, &config, adapter_folder, mask_token)?;
        diffusion.parametrise(options.parametrisation)?;
        let weights = Weights::open(&weight_files(&source.folder)?)?;
        let adapter = adapter_folder.map(Adapter::open).transpose()?;
        let loader = Loader::new(&weights, adapter.as_ref(), device, kind);
        let network = family.build(&config, &loader, &diffusion)?;
        loader.finish()?;
        let noisy = match adapter_folder {
            Some(folder) if diffusion.gaussian => Some(Noisy::load(folder, network.embeddings())?),
            _ => None,
        };
        let default_batch = match device {
            Device::Cpu => 1024,
            _ => 16_384,
        };
        Ok(Self {
            network,
            text,
            source,
            family,
            diffusion,
            shape,
            device,
            kind,
            batch_tokens: options.batch_tokens.unwrap_or(default_batch).max(1),
            noisy,
            weights,
        })
    }

    /// The mask id.
    ///
    /// # Errors
    ///
    /// Where the checkpoint names none.
    pub fn mask(&self) -> Result<TokenId, Error> {
        let folder = self.source.folder.clone();
        self.diffusion.mask.ok_or(Error::NoMask { folder })
    }

    /// The tokenizer.
    ///
    /// # Errors
    ///
    /// Where the checkpoint has none.
    pub fn text(&self) -> Result<&TextCodec, Error> {
        let folder = self.source.folder.clone();
        self.text.as_ref().ok_or(Error::NoTokenizer { folder })
    }

    /// Whether there is a tokenizer.
    pub fn has_text(&self) -> bool {
        self.text.is_some()
    }

    /// The token that ends a text, where the checkpoint names one.
    pub fn end_of_sequence(&self) -> Option<TokenId> {
        self.diffusion.end_of_sequence
    }

    /// Every token that ends a text or a turn: the one that config.json or the adapter
    /// names, and the special tokens that are known by name to do so.
    pub fn ends(&self) -> Vec<TokenId> {
        const NAMES: [&str; 6] =
            ["<|endoftext|>", "<|eot_id|>", "<|im_end|>", "<|end_of_text|>", "</s>", "[SEP]"];
        let special = self.text.iter().flat_map(TextCodec::special_tokens);
        let named = special.filter(|(_, name)| NAMES.contains(&name.as_str())).map(|(id, _)| id);
        let mut ends: Vec<TokenId> = named.chain(self.diffusion.end_of_sequence).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// What stands on a canvas where an answer is to come: the mask, or in a Gaussian model,
    /// where vectors stand there, the number behind the last token's.
    ///
    /// # Errors
    ///
    /// Where the model is no diffusion model.
    pub fn placeholder(&self) -> Result<TokenId, Error> {
        match self.is_gaussian() {
            true => Ok(self.shape.vocab as TokenId),
            false => self.mask(),
        }
    }

    /// `prompt` as a conversation with `masks` masked positions for the answer.
    ///
    /// # Errors
    ///
    /// Where the prompt is empty, the template fails, or the whole exceeds the context.
    pub fn canvas(&self, prompt: &str, masks: usize) -> Result<Canvas, Error> {
        let canvas = self.text()?.canvas(prompt, masks, self.placeholder()?)?;
        self.check_length(canvas.tokens().len())?;
        Ok(canvas)
    }

    /// Whether the network takes `canvas`.
    ///
    /// # Errors
    ///
    /// Where it exceeds the context or holds an id outside the vocabulary.
    pub fn check_canvas(&self, canvas: &Canvas) -> Result<(), Error> {
        self.check_query(0, &Query::new(canvas.tokens(), &[]), &Ask::default())
    }

    /// How MDLM's output is read; none in other families, whose logits are logits.
    pub fn parametrisation(&self) -> Option<Parametrisation> {
        self.diffusion.parametrisation
    }

    /// What the checkpoint is, for people and manifests.
    pub fn description(&self) -> Description {
        Description {
            id: self.source.id.clone(),
            revision: self.source.revision.clone(),
            adapter: self.source.adapter.clone(),
            family: self.family.to_string(),
            parameters: self.weights.parameters(),
            stored_dtypes: self.weights.dtypes(),
            layers: self.shape.layers as usize,
            width: self.shape.width as usize,
            vocab: self.shape.vocab as usize,
            context: self.shape.context as usize,
            mask: self.diffusion.mask,
            end_of_sequence: self.diffusion.end_of_sequence,
            causal: self.diffusion.attention == Attention::Causal,
            shifted: self.diffusion.shifted,
            parametrisation: self.diffusion.parametrisation.map(|how| how.to_string()),
            chat_template: self.text.as_ref().is_some_and(TextCodec::has_template),
            device: device_name(self.device),
            dtype: kind_name(self.kind).to_string(),
        }
    }

    /// Where the files came from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Every matrix product of a token's way to its hidden state, as `(in, out)`, and
    /// that of the head.
    pub(crate) fn products(&self) -> (Vec<(i64, i64)>, (i64, i64)) {
        (self.network.products(), (self.shape.width, self.shape.vocab))
    }

    pub(crate) fn network(&self) -> &dyn Network {
        &*self.network
    }

    /// Whether the logits for position `i` come out of row `i − 1`.
    pub(crate) fn is_shifted(&self) -> bool {
        self.diffusion.shifted
    }

    /// Rows of the embedding, which is what logits range over.
    pub(crate) fn rows(&self) -> i64 {
        self.shape.vocab
    }

    /// The longest sequence.
    pub(crate) fn context(&self) -> usize {
        self.shape.context as usize
    }

    pub(crate) fn placement(&self) -> (Device, Kind, usize) {
        (self.device, self.kind, self.batch_tokens)
    }
}

impl MaskPredictor for Model {
    fn vocab(&self) -> usize {
        self.shape.vocab as usize
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        Ok(self.answer(queries, ask)?)
    }
}

/// What a checkpoint is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Description {
    /// What the user called it.
    pub id: String,
    /// The commit of the hub repository.
    pub revision: Option<String>,
    /// The adapter's folder.
    pub adapter: Option<PathBuf>,
    /// LLaDA, LLaDA-MoE, Dream, MDLM, Llama or BERT.
    pub family: String,
    /// Numbers in the checkpoint's weights, the adapter's not counted.
    pub parameters: u64,
    /// The types the weights are stored in.
    pub stored_dtypes: Vec<String>,
    /// Transformer blocks.
    pub layers: usize,
    /// Width of a hidden state.
    pub width: usize,
    /// Tokens that predictions range over.
    pub vocab: usize,
    /// The longest sequence.
    pub context: usize,
    /// The mask id.
    pub mask: Option<TokenId>,
    /// The token that ends a text.
    pub end_of_sequence: Option<TokenId>,
    /// Whether a position sees only those before it.
    pub causal: bool,
    /// Whether the logits for position `i` come out of row `i − 1`.
    pub shifted: bool,
    /// How MDLM's output is read: subs, d3pm or sedd; absent in other families.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parametrisation: Option<String>,
    /// Whether prompts are put into a conversation.
    pub chat_template: bool,
    /// Where it computes.
    pub device: String,
    /// In what numbers it computes.
    pub dtype: String,
}

/// Loads the checkpoint in a folder with default options, for examples and tests.
impl TryFrom<&Path> for Model {
    type Error = Error;

    fn try_from(folder: &Path) -> Result<Self, Error> {
        let source = Source {
            id: folder.display().to_string(),
            revision: None,
            folder: folder.to_path_buf(),
            adapter: None,
        };
        Self::load(source, LoadOptions::default())
    }
}
