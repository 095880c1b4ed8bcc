//! A causal base with small updates that can be trained.

mod peft;
mod slots;
mod start;

use std::path::Path;

use dlm_core::{NoiseLevel, TokenId};
use dlm_rng::Key;
use tch::{Device, Kind, Tensor};

pub use slots::Slot;
use start::Start;

use crate::{
    DeviceChoice, DtypeChoice, Error, Source, TextCodec,
    checkpoint::{Config, Loader, Weights, weight_files},
    device::{device_name, kind_name},
    network::{
        Decoder, Family, LatentInput, LowRank, Network, Shape, TokenVectors, attention_of_runs,
        llama,
    },
};

/// What is trained of a base.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Rank `r` of the update of every linear map of every block, at least 1.
    pub rank: i64,
    /// `α`: the updates are scaled by `s = α/r`.
    pub alpha: f64,
    /// Tokens whose rows of the input embedding are trained.
    pub rows: Vec<u32>,
    /// Whether the network learns to read noisy vectors beside tokens.
    pub latent: bool,
}

/// A base in the Llama layout, attention in both directions, whose weights stay as they are
/// while low-rank updates of all its linear maps are trained (Hu et al. 2021).
///
/// All trained numbers stand in one row θ of f32, [`Trainee::parameters`]. For a step,
/// [`Trainee::bind`] casts them to the numbers the network computes in and hands them to
/// it; gradients come back as one row too, so that an optimiser is a few operations on
/// whole rows.
pub struct Trainee {
    decoder: Decoder,
    shape: Shape,
    slots: Vec<Slot>,
    theta: Tensor,
    /// The tensors of the slots in the step that is bound.
    bound: Vec<Tensor>,
    /// How noisy vectors are read in that step, where that is trained.
    input: Option<LatentInput>,
    /// What noise is added to there.
    vectors: Option<TokenVectors>,
    plan: Plan,
    source: Source,
    end: Option<TokenId>,
    device: Device,
    kind: Kind,
    /// Tensors of the network may lie in these files, so they go last.
    _weights: Weights,
}

impl Trainee {
    /// The base of `source` with its adapter's updates, or with fresh ones where it has none:
    /// `A` uniform in `±1/√in` drawn from `key`, as Kaiming's rule with PEFT's `a = √5` gives,
    /// `B = 0`, so that training starts from the base itself.
    ///
    /// # Errors
    ///
    /// Where the checkpoint is none of the Llama layout, a file is missing or malformed, a row
    /// to be trained is no token, or the adapter is of another plan or base.
    pub fn load(
        source: Source,
        device: DeviceChoice,
        dtype: DtypeChoice,
        plan: Plan,
        key: Key,
    ) -> Result<Self, Error> {
        crate::processor::keep_freed_memory();
        let device = device.resolve()?;
        let kind = dtype.resolve(device);
        let config = Config::read(&source.folder.join("config.json"))?;
        if Family::of(&config)? != Family::Llama {
            let problem = "only LlamaForCausalLM bases can be trained";
            return Err(config.complaint("architectures", problem));
        }
        let weights = Weights::open(&weight_files(&source.folder)?)?;
        let loader = Loader::new(&weights, None, device, kind);
        let decoder = llama::build(&config, &loader, false)?;
        loader.finish()?;
        let shape = Family::Llama.shape(&config)?;
        if let Some(id) = plan.rows.iter().find(|&&id| shape.vocab <= i64::from(id)) {
            let problem = format!("token {id} cannot be trained: it has no row");
            return Err(config.complaint("vocab_size", problem));
        }
        let Start { slots, values } = Start::new(&decoder, shape.width, &plan, key)?;
        let vectors = plan.latent.then(|| TokenVectors::of(&decoder.embedding)).transpose()?;
        let theta = match &source.adapter {
            Some(folder) => peft::load(&slots, &plan, folder, device)?,
            None => slots::join(&values, device)?,
        };
        let theta = theta.f_set_requires_grad(true)?;
        let mut trainee = Self {
            decoder,
            shape,
            slots,
            theta,
            bound: Vec::new(),
            input: None,
            vectors,
            plan,
            source,
            end: config.token("eos_token_id")?,
            device,
            kind,
            _weights: weights,
        };
        trainee.bind()?;
        Ok(trainee)
    }

    /// θ, `[numbers]`, f32, of which gradients are taken.
    pub fn parameters(&self) -> &Tensor {
        &self.theta
    }

    /// Replaces θ.
    ///
    /// # Errors
    ///
    /// Where `values` is of another length.
    pub fn set_parameters(&mut self, values: &Tensor) -> Result<(), Error> {
        let fresh = values.f_to_device(self.device)?.f_detach_copy()?;
        if fresh.size() != self.theta.size() {
            let (given, held) = (fresh.numel(), self.theta.numel());
            return Err(Error::Ask(format!("{given} parameters for a network that trains {held}")));
        }
        self.theta = fresh.f_set_requires_grad(true)?;
        self.bind()
    }

    /// The slots of θ, in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Gives the network θ as it is now, recorded for gradients unless they are switched off.
    ///
    /// # Errors
    ///
    /// Where libtorch refuses.
    pub fn bind(&mut self) -> Result<(), Error> {
        self.bound = slots::cut(&self.theta.f_to_kind(self.kind)?, &self.slots)?;
        let scale = self.plan.alpha / self.plan.rank as f64;
        for (linear, pair) in self.decoder.linears_mut().zip(self.bound.chunks_exact(2)) {
            linear.set_update(LowRank::new(pair[0].shallow_clone(), &pair[1], scale)?);
        }
        if self.plan.latent
            && let Some(parts) = self.bound.last_chunk()
        {
            self.input = Some(LatentInput::new(parts.each_ref().map(Tensor::shallow_clone)));
        }
        Ok(())
    }

    /// Input embeddings of `ids [tokens]`, `[tokens, width]`, the trained rows among them.
    ///
    /// # Errors
    ///
    /// Where libtorch refuses, as it does for an id outside the vocabulary.
    pub fn embed(&self, ids: &Tensor) -> Result<Tensor, Error> {
        let mut embedded = self.decoder.embed(ids)?;
        let trained = self.slots.iter().position(|slot| slot.name == peft::ROWS);
        let Some(rows) = trained.map(|index| &self.bound[index]) else { return Ok(embedded) };
        for (index, &id) in self.plan.rows.iter().enumerate() {
            let here = ids.f_eq(i64::from(id))?.f_unsqueeze(1)?;
            embedded = rows.f_narrow(0, index as i64, 1)?.f_where_self(&here, &embedded)?;
        }
        Ok(embedded)
    }

    /// Input embeddings of `ids [tokens]` like [`embed`](Self::embed), with noisy vectors in
    /// the places `rows`, in order: `x [rows, width]` in f32, at a level each, and what was
    /// predicted for them before, `previous [rows, width]`.
    ///
    /// # Errors
    ///
    /// Where the plan has no [`Plan::latent`], or libtorch refuses.
    pub fn embed_noisy(
        &self,
        ids: &Tensor,
        rows: &Tensor,
        x: &Tensor,
        levels: &[NoiseLevel],
        previous: Option<&Tensor>,
    ) -> Result<Tensor, Error> {
        let (Some(input), Some(vectors)) = (&self.input, &self.vectors) else {
            return Err(not_latent());
        };
        let read = input.read(vectors, x, levels, previous)?;
        Ok(self.embed(ids)?.f_index_copy(0, rows, &read)?)
    }

    /// What noise is added to, and what it says of tokens.
    ///
    /// # Errors
    ///
    /// Where the plan has no [`Plan::latent`].
    pub fn vectors(&self) -> Result<&TokenVectors, Error> {
        self.vectors.as_ref().ok_or_else(not_latent)
    }

    /// The weight of the head, `[vocab, width]`.
    pub fn head(&self) -> &Tensor {
        self.decoder.head.weight()
    }

    /// Hidden states `[tokens, width]` of sequences laid end to end, whose lengths are
    /// `lengths` and whose inputs are `h [tokens, width]`. A token sees its own sequence
    /// and no other, so several texts may share a batch; neighbours of one length are
    /// computed together.
    ///
    /// # Errors
    ///
    /// Where the lengths do not add up to the tokens or one exceeds the context.
    pub fn hidden(&self, h: Tensor, lengths: &[usize]) -> Result<Tensor, Error> {
        if let Some(longest) = lengths.iter().find(|&&n| (self.shape.context as usize) < n) {
            let context = self.shape.context;
            return Err(Error::Ask(format!(
                "a sequence of {longest} tokens exceeds the context of {context}: cut it"
            )));
        }
        let positions: Vec<i64> = lengths.iter().flat_map(|&n| 0..n as i64).collect();
        let positions = Tensor::f_from_slice(&positions)?.f_to_device(self.device)?;
        self.decoder.run(h, &positions, &mut |_, q, k, v| attention_of_runs(q, k, v, lengths))
    }

    /// What is trained.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The longest sequence.
    pub fn context(&self) -> usize {
        self.shape.context as usize
    }

    /// Sizes: tokens of the vocabulary, width of a hidden state.
    pub fn size(&self) -> (i64, i64) {
        (self.shape.vocab, self.shape.width)
    }

    /// Every matrix product of a token's way to its hidden state, as `(in, out)`: what a
    /// speed ceiling is measured on.
    pub fn products(&self) -> Vec<(i64, i64)> {
        self.decoder.products()
    }

    /// Where it computes, and in what numbers.
    pub fn placement(&self) -> (Device, Kind) {
        (self.device, self.kind)
    }

    /// Where it computes: `cpu` or `cuda:n`.
    pub fn device_name(&self) -> String {
        device_name(self.device)
    }

    /// In what numbers it computes: `f32` or `bf16`.
    pub fn dtype_name(&self) -> String {
        kind_name(self.kind).to_string()
    }

    /// The token that ends a text, as config.json names it.
    ///
    /// # Errors
    ///
    /// Where it names none.
    pub fn end_of_sequence(&self) -> Result<TokenId, Error> {
        self.end.ok_or_else(|| {
            Error::Ask(format!(
                "{}: eos_token_id: should name the token that ends a text",
                self.source.folder.join("config.json").display()
            ))
        })
    }

    /// The base's tokenizer.
    ///
    /// # Errors
    ///
    /// Where it has none.
    pub fn text(&self) -> Result<TextCodec, Error> {
        let folder = self.source.folder.clone();
        TextCodec::open(&folder, self.shape.vocab)?.ok_or(Error::NoTokenizer { folder })
    }

    /// Writes `values`, a row like θ, as an adapter in PEFT's layout: adapter_config.json
    /// and adapter_model.safetensors in bf16. What reads noisy vectors goes into
    /// latent_input.safetensors beside them, because PEFT would refuse names it does not
    /// know.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written.
    pub fn save(&self, values: &Tensor, folder: &Path) -> Result<(), Error> {
        peft::save(values, &self.slots, &self.plan, &self.source, folder)?;
        // Rare enough to cost nothing.
        crate::processor::return_freed_memory();
        Ok(())
    }
}

fn not_latent() -> Error {
    Error::Ask("noisy vectors are read by a network that is trained to: ask for it".to_string())
}
