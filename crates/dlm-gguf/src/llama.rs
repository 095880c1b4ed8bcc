//! The Llama architecture as GGUF metadata state it, and where each tensor goes.

use crate::error::Error;
use crate::file::Gguf;

/// The sizes and constants of a Llama network (Touvron et al., 2023).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Llama {
    pub(crate) layers: u64,
    pub(crate) context: u64,
    pub(crate) hidden: u64,
    pub(crate) feed_forward: u64,
    pub(crate) heads: u64,
    pub(crate) kv_heads: u64,
    pub(crate) head_width: u64,
    pub(crate) rope_base: f32,
    pub(crate) norm_epsilon: f32,
    pub(crate) vocabulary: u64,
    /// Whether the output projection is the embedding itself.
    pub(crate) tied: bool,
}

/// One tensor's way from the GGUF file into the Hugging Face layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Move {
    /// Its name in the GGUF file.
    pub(crate) from: String,
    /// Its name in the Hugging Face layout.
    pub(crate) to: String,
    /// Its shape, outermost first.
    pub(crate) shape: Vec<u64>,
    /// The heads whose rows go from interleaved to half-split order.
    pub(crate) rotary_heads: Option<u64>,
}

impl Llama {
    /// Reads the network's sizes; `vocabulary` is the number of tokens.
    pub(crate) fn read(gguf: &Gguf, vocabulary: u64) -> Result<Self, Error> {
        let architecture = gguf.required::<&str>("general.architecture")?;
        if architecture != "llama" {
            return Err(gguf.unsupported("general.architecture", architecture, "llama"));
        }
        if let Some(kind) = gguf.optional::<&str>("llama.rope.scaling.type")?
            && kind != "none"
        {
            return Err(gguf.unsupported("llama.rope.scaling.type", kind, "none"));
        }
        if let Some(stated) = gguf.optional::<u64>("llama.vocab_size")?
            && stated != vocabulary
        {
            let problem = format!("is {stated}, and there are {vocabulary} tokens");
            return Err(gguf.malformed("llama.vocab_size", problem));
        }

        let hidden = size(gguf, "llama.embedding_length")?;
        let heads = size(gguf, "llama.attention.head_count")?;
        let kv_heads = optional_size(gguf, "llama.attention.head_count_kv")?.unwrap_or(heads);
        if !heads.is_multiple_of(kv_heads) {
            let problem = format!("is {kv_heads}, which does not divide {heads} heads");
            return Err(gguf.malformed("llama.attention.head_count_kv", problem));
        }
        Ok(Self {
            layers: size(gguf, "llama.block_count")?,
            context: size(gguf, "llama.context_length")?,
            hidden,
            feed_forward: size(gguf, "llama.feed_forward_length")?,
            heads,
            kv_heads,
            head_width: head_width(gguf, hidden, heads)?,
            rope_base: positive(gguf, "llama.rope.freq_base")?.unwrap_or(10_000.0),
            norm_epsilon: norm_epsilon(gguf)?,
            vocabulary,
            tied: !gguf.tensors().contains_key("output.weight"),
        })
    }

    /// Every tensor's way, in the order of the written file. The file's tensors
    /// are exactly those of the network, in the shapes that follow from it.
    pub(crate) fn moves(&self, gguf: &Gguf) -> Result<Vec<Move>, Error> {
        let (hidden, feed_forward) = (self.hidden, self.feed_forward);
        let (queries, keys) = (self.heads * self.head_width, self.kv_heads * self.head_width);

        let mut moves = Moves { gguf, list: Vec::new() };
        let embedding = [self.vocabulary, hidden];
        moves.push("token_embd.weight", "model.embed_tokens.weight", &embedding, None)?;
        for layer in 0..self.layers {
            for (from, to, shape, rotary_heads) in [
                ("attn_norm", "input_layernorm", &[hidden][..], None),
                ("attn_q", "self_attn.q_proj", &[queries, hidden], Some(self.heads)),
                ("attn_k", "self_attn.k_proj", &[keys, hidden], Some(self.kv_heads)),
                ("attn_v", "self_attn.v_proj", &[keys, hidden], None),
                ("attn_output", "self_attn.o_proj", &[hidden, queries], None),
                ("ffn_norm", "post_attention_layernorm", &[hidden], None),
                ("ffn_gate", "mlp.gate_proj", &[feed_forward, hidden], None),
                ("ffn_up", "mlp.up_proj", &[feed_forward, hidden], None),
                ("ffn_down", "mlp.down_proj", &[hidden, feed_forward], None),
            ] {
                let from = format!("blk.{layer}.{from}.weight");
                let to = format!("model.layers.{layer}.{to}.weight");
                moves.push(&from, &to, shape, rotary_heads)?;
            }
        }
        moves.push("output_norm.weight", "model.norm.weight", &[hidden], None)?;
        if !self.tied {
            moves.push("output.weight", "lm_head.weight", &embedding, None)?;
        }
        moves.all()
    }
}

/// A list of moves that were checked against the file.
struct Moves<'a> {
    gguf: &'a Gguf,
    list: Vec<Move>,
}

impl Moves<'_> {
    fn push(
        &mut self,
        from: &str,
        to: &str,
        shape: &[u64],
        rotary_heads: Option<u64>,
    ) -> Result<(), Error> {
        let (path, tensor) = (self.gguf.path().to_owned(), from.to_owned());
        let Some(info) = self.gguf.tensors().get(from) else {
            return Err(Error::MissingTensor { path, tensor });
        };
        if info.shape != shape {
            let (expected, found) = (shape.to_vec(), info.shape.clone());
            return Err(Error::TensorShape { path, tensor, expected, found });
        }
        let (to, shape) = (to.to_owned(), shape.to_vec());
        self.list.push(Move { from: tensor, to, shape, rotary_heads });
        Ok(())
    }

    fn all(self) -> Result<Vec<Move>, Error> {
        let placed: std::collections::BTreeSet<&str> =
            self.list.iter().map(|step| step.from.as_str()).collect();
        match self.gguf.tensors().keys().find(|name| !placed.contains(name.as_str())) {
            None => Ok(self.list),
            Some(name) => Err(Error::UnexpectedTensor {
                path: self.gguf.path().to_owned(),
                tensor: name.clone(),
            }),
        }
    }
}

/// The width of a head. Hugging Face's Llama turns all of it, so that a file
/// that turns less of it cannot be converted.
fn head_width(gguf: &Gguf, hidden: u64, heads: u64) -> Result<u64, Error> {
    const WIDTH: &str = "llama.attention.key_length";
    const TURNED: &str = "llama.rope.dimension_count";
    let width = match optional_size(gguf, WIDTH)? {
        Some(width) => width,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => {
            let problem = format!("is {heads}, which does not divide the width {hidden}");
            return Err(gguf.malformed("llama.attention.head_count", problem));
        }
    };
    if !width.is_multiple_of(2) {
        return Err(gguf.malformed(WIDTH, format!("is {width}, which rotary pairs cannot fill")));
    }
    if let Some(value) = optional_size(gguf, "llama.attention.value_length")?
        && value != width
    {
        return Err(gguf.unsupported("llama.attention.value_length", value, "the key's length"));
    }
    match optional_size(gguf, TURNED)? {
        Some(turned) if turned != width => {
            Err(gguf.unsupported(TURNED, turned, "the whole width of a head"))
        }
        _ => Ok(width),
    }
}

fn norm_epsilon(gguf: &Gguf) -> Result<f32, Error> {
    const KEY: &str = "llama.attention.layer_norm_rms_epsilon";
    positive(gguf, KEY)?
        .ok_or_else(|| Error::MissingMetadata { path: gguf.path().to_owned(), key: KEY.to_owned() })
}

/// A size from 1 to `u32::MAX`, so that the product of two fits a `u64`.
fn optional_size(gguf: &Gguf, key: &str) -> Result<Option<u64>, Error> {
    match gguf.optional::<u64>(key)? {
        Some(size) if size == 0 || size > u64::from(u32::MAX) => {
            Err(gguf.malformed(key, format!("is {size}, not a size")))
        }
        size => Ok(size),
    }
}

fn size(gguf: &Gguf, key: &str) -> Result<u64, Error> {
    optional_size(gguf, key)?
        .ok_or_else(|| Error::MissingMetadata { path: gguf.path().to_owned(), key: key.to_owned() })
}

fn positive(gguf: &Gguf, key: &str) -> Result<Option<f32>, Error> {
    match gguf.optional::<f32>(key)? {
        Some(number) if !(number.is_finite() && number > 0.0) => {
            Err(gguf.malformed(key, format!("is {number}, not a positive number")))
        }
        number => Ok(number),
    }
}
