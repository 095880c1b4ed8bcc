//! A loaded checkpoint: text in, candidates out.

use std::path::{Path, PathBuf};

use dlm_core::{Ask, Canvas, MaskPredictor, ModelError, Prediction, Query, TokenId};
use tch::{Device, Kind, Tensor};

use crate::{
    DeviceChoice, Diffusion, DtypeChoice, Error, Family, Source, TextCodec,
    checkpoint::{Adapter, Attention, Config, Loader, Weights, weight_files},
    device::{device_name, kind_name},
    network::{Network, Pack, Shape},
    readout::{Readout, Row},
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
}

/// A diffusion language model on a device.
///
/// As a [`MaskPredictor`] it answers for masked positions; with the causal base of
/// an adapter and `targets` set to the tokens themselves, the same answers are the
/// next-token log-probabilities of the autoregressive model.
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
        let diffusion = Diffusion::find(family, &config, adapter_folder, mask_token)?;
        let weights = Weights::open(&weight_files(&source.folder)?)?;
        let adapter = adapter_folder.map(Adapter::open).transpose()?;
        let loader = Loader::new(&weights, adapter.as_ref(), device, kind);
        let causal = diffusion.attention == Attention::Causal;
        let network = family.build(&config, &loader, causal)?;
        loader.finish()?;
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

    /// `prompt` as a conversation with `masks` masked positions for the answer.
    ///
    /// # Errors
    ///
    /// Where the prompt is empty, the template fails, or the whole exceeds the context.
    pub fn canvas(&self, prompt: &str, masks: usize) -> Result<Canvas, Error> {
        let canvas = self.text()?.canvas(prompt, masks, self.mask()?)?;
        self.check_length(canvas.tokens().len())?;
        Ok(canvas)
    }

    /// Whether the network takes `canvas`.
    ///
    /// # Errors
    ///
    /// Where it exceeds the context or holds an id outside the vocabulary.
    pub fn check_canvas(&self, canvas: &Canvas) -> Result<(), Error> {
        self.check(0, &Query::new(canvas.tokens(), &[]), &Ask::default())
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

    #[cfg(test)]
    pub(crate) fn network(&self) -> &dyn Network {
        &*self.network
    }

    pub(crate) fn placement(&self) -> (Device, Kind, usize) {
        (self.device, self.kind, self.batch_tokens)
    }

    fn check_length(&self, length: usize) -> Result<(), Error> {
        let context = self.shape.context as usize;
        if length <= context {
            return Ok(());
        }
        Err(Error::Prompt(format!(
            "prompt and masks take {length} tokens and the model's context has {context}: \
             shorten the prompt or ask for fewer masks"
        )))
    }

    fn check(&self, index: usize, query: &Query<'_>, ask: &Ask<'_>) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Ask(format!("sequence {index}: {problem}")));
        let (tokens, positions) = (query.tokens.len(), query.positions.len());
        if tokens == 0 {
            return refuse("it is empty".into());
        }
        self.check_length(tokens)?;
        let vocab = self.shape.vocab as u32;
        let known = query.tokens.iter().chain(query.targets.iter().flatten());
        if let Some(token) = known.copied().find(|&token| vocab <= token) {
            return refuse(format!("token {token} is not below the vocabulary of {vocab}"));
        }
        if let Some(position) = query.positions.iter().find(|&&position| tokens <= position) {
            return refuse(format!("position {position} lies outside its {tokens} tokens"));
        }
        if 0.0 < ask.temperature && query.uniforms.len() != positions {
            let uniforms = query.uniforms.len();
            return refuse(format!("{uniforms} uniform numbers for {positions} positions"));
        }
        if let Some(uniform) = query.uniforms.iter().find(|u| !(0.0..1.0).contains(*u)) {
            return refuse(format!("a uniform number of {uniform} is not in [0, 1)"));
        }
        if !query.targets.is_empty() && query.targets.len() != positions {
            let targets = query.targets.len();
            return refuse(format!("{targets} targets for {positions} positions"));
        }
        Ok(())
    }

    fn check_ask(&self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<(), Error> {
        let vocab = self.shape.vocab as usize;
        if vocab < ask.top_k {
            let problem = format!("top-k {} exceeds the vocabulary of {vocab}", ask.top_k);
            return Err(Error::Ask(problem));
        }
        if !(0.0..f64::INFINITY).contains(&ask.temperature) {
            let problem = format!("a temperature of {} is not 0 or above", ask.temperature);
            return Err(Error::Ask(problem));
        }
        if let Some(weights) = ask.expectations.iter().find(|w| w.len() != vocab) {
            let problem = format!("{} weights for a vocabulary of {vocab}", weights.len());
            return Err(Error::Ask(problem));
        }
        if let Some(weight) = ask.expectations.iter().flatten().find(|w| !w.is_finite()) {
            let problem = format!("a weight of {weight} has no expectation: use finite ones");
            return Err(Error::Ask(problem));
        }
        let mut lengths = queries.iter().map(|query| query.positions.len());
        let first = lengths.next().unwrap_or(0);
        if ask.mixture && lengths.any(|length| length != first) {
            let problem = "a mixture needs queries that ask for equally many positions";
            return Err(Error::Ask(problem.to_string()));
        }
        queries.iter().enumerate().try_for_each(|(i, query)| self.check(i, query, ask))
    }

    fn answer(&self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, Error> {
        self.check_ask(queries, ask)?;
        let ruled_out = self.diffusion.mask.filter(|_| !self.diffusion.predicts_mask);
        let ordinals = queries.first().map_or(0, |query| query.positions.len());
        let network = &*self.network;
        let mut readout =
            Readout::new(network, ask, self.shape.vocab, ruled_out, ordinals, self.device)?;
        let mut candidates = Vec::with_capacity(queries.len());
        let mut start = 0;
        while start < queries.len() {
            let end = start + fitting(&queries[start..], self.batch_tokens);
            let batch = &queries[start..end];
            let mut read = self.answer_pack(batch, start, &mut readout)?.into_iter();
            let split = |query: &Query<'_>| (&mut read).take(query.positions.len()).collect();
            candidates.extend(batch.iter().map(split).collect::<Vec<_>>());
            start = end;
        }
        Ok(Prediction { candidates, mixture: readout.mixture(queries.len())? })
    }

    fn answer_pack(
        &self,
        batch: &[Query<'_>],
        first: usize,
        readout: &mut Readout<'_>,
    ) -> Result<Vec<dlm_core::Candidate>, Error> {
        let sequences: Vec<&[TokenId]> = batch.iter().map(|query| query.tokens).collect();
        let pack = Pack::new(&sequences, self.device)?;
        let mut places: Vec<i64> = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        for (index, (query, range)) in batch.iter().zip(&pack.sequences).enumerate() {
            for (ordinal, &position) in query.positions.iter().enumerate() {
                places.push(range.start + self.diffusion.row(position) as i64);
                rows.push(Row {
                    query: first + index,
                    ordinal,
                    position,
                    uniform: query.uniforms.get(ordinal).copied().unwrap_or(0.0),
                    target: query.targets.get(ordinal).copied().flatten(),
                });
            }
        }
        let places = Tensor::f_from_slice(&places)?.f_to_device(self.device)?;
        let hidden = self.network.hidden(&pack)?.f_index_select(0, &places)?;
        readout.read(&hidden, &rows)
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
    /// LLaDA, Dream, Llama or BERT.
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
    /// Whether prompts are put into a conversation.
    pub chat_template: bool,
    /// Where it computes.
    pub device: String,
    /// In what numbers it computes.
    pub dtype: String,
}

/// How many of `queries`, at least one, fit into `tokens` together.
fn fitting(queries: &[Query<'_>], tokens: usize) -> usize {
    let mut sum = 0;
    let fits = queries.iter().take_while(|query| {
        sum += query.tokens.len();
        sum <= tokens
    });
    fits.count().max(1)
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
