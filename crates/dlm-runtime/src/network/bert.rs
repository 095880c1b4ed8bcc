//! BERT (Devlin et al. 2019): `BertForMaskedLM` checkpoints, current and legacy
//! tensor names.
//!
//! Post-norm: `h ← LN(h + W_o·attention(h))`, `h ← LN(h + W₂·gelu(W₁·h))`; the head
//! is `LN(gelu(W·h))·Eᵀ + b` with the input embedding `E`.

use serde_json::json;
use tch::Tensor;

use super::{
    Network,
    blocks::{Linear, attention},
    pack::Pack,
};
use crate::{
    Error,
    checkpoint::{Config, Loader},
};

/// The network.
pub(crate) struct Bert {
    words: Tensor,
    positions: Tensor,
    segments: Tensor,
    norm: LayerNorm,
    blocks: Vec<Block>,
    transform: Linear,
    transform_norm: LayerNorm,
    decoder: Linear,
    heads: i64,
}

struct Block {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    attention_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    feed_norm: LayerNorm,
}

impl Bert {
    /// Builds the network from tensors named `bert.…` and `cls.predictions.…`.
    pub(crate) fn build(config: &Config, loader: &Loader<'_>) -> Result<Self, Error> {
        config.expect("hidden_act", &[json!("gelu")])?;
        config.expect("position_embedding_type", &[json!("absolute")])?;
        let shape = super::Family::Bert.shape(config)?;
        let (width, vocab) = (shape.width, shape.vocab);
        let heads = config.size("num_attention_heads")?;
        if width % heads != 0 {
            let problem = format!("{heads} heads do not divide a width of {width}");
            return Err(config.complaint("num_attention_heads", problem));
        }
        let inner = config.size("intermediate_size")?;
        let types = config.size_or("type_vocab_size", 2)?;
        let norm = |module: &str| LayerNorm::load(config, loader, module, width);

        let mut blocks = Vec::new();
        for index in 0..shape.layers {
            let part = |name: &str| format!("bert.encoder.layer.{index}.{name}");
            let linear = |name: &str, out: i64, into: i64| {
                Linear::load(loader, &part(name), [out, into], true)
            };
            blocks.push(Block {
                query: linear("attention.self.query", width, width)?,
                key: linear("attention.self.key", width, width)?,
                value: linear("attention.self.value", width, width)?,
                output: linear("attention.output.dense", width, width)?,
                attention_norm: norm(&part("attention.output.LayerNorm"))?,
                widen: linear("intermediate.dense", inner, width)?,
                narrow: linear("output.dense", width, inner)?,
                feed_norm: norm(&part("output.LayerNorm"))?,
            });
        }
        let embedding = |name: &str, rows: i64| {
            loader.embedding(&format!("bert.embeddings.{name}"), [rows, width])
        };
        let (decoder, bias) = ("cls.predictions.decoder.weight", "cls.predictions.bias");
        let decoder = match loader.has(decoder) {
            true => loader.tensor(decoder, &[vocab, width])?,
            false => loader.tensor("bert.embeddings.word_embeddings.weight", &[vocab, width])?,
        };
        // Next-sentence parts and saved index buffers have no say in a masked word;
        // the decoder's own bias is the same vector under a second name.
        loader.leave(|name| {
            name.starts_with("bert.pooler.")
                || name.starts_with("cls.seq_relationship.")
                || name.ends_with("embeddings.position_ids")
                || name == "cls.predictions.decoder.bias"
        });
        Ok(Self {
            words: embedding("word_embeddings", vocab)?,
            positions: embedding("position_embeddings", shape.context)?,
            segments: embedding("token_type_embeddings", types)?,
            norm: norm("bert.embeddings.LayerNorm")?,
            blocks,
            transform: Linear::load(
                loader,
                "cls.predictions.transform.dense",
                [width, width],
                true,
            )?,
            transform_norm: norm("cls.predictions.transform.LayerNorm")?,
            decoder: Linear::new(decoder, Some(loader.tensor(bias, &[vocab])?)),
            heads,
        })
    }
}

impl Network for Bert {
    fn hidden(&self, pack: &Pack) -> Result<Tensor, Error> {
        let segments = match &pack.segments {
            Some(segments) => self.segments.f_index_select(0, segments)?,
            None => self.segments.f_narrow(0, 0, 1)?,
        };
        let mut h = self
            .words
            .f_index_select(0, &pack.ids)?
            .f_add_(&segments)?
            .f_add_(&self.positions.f_index_select(0, &pack.positions)?)?;
        h = self.norm.apply(&h)?;
        let cut = |x: Tensor| x.f_view([-1, self.heads, x.size()[1] / self.heads]);
        for block in &self.blocks {
            let q = cut(block.query.apply(&h)?)?;
            let k = cut(block.key.apply(&h)?)?;
            let v = cut(block.value.apply(&h)?)?;
            let mixed = block.output.apply(&attention(&q, &k, &v, &pack.sequences, false)?)?;
            h = block.attention_norm.apply(&h.f_add_(&mixed)?)?;
            let fed = block.narrow.apply(&block.widen.apply(&h)?.f_gelu("none")?)?;
            h = block.feed_norm.apply(&h.f_add_(&fed)?)?;
        }
        let h = self.transform.apply(&h)?.f_gelu("none")?;
        self.transform_norm.apply(&h)
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        self.decoder.apply(hidden)
    }

    fn embeddings(&self) -> &Tensor {
        &self.words
    }

    fn products(&self) -> Vec<(i64, i64)> {
        let of = |b: &Block| {
            [&b.query, &b.key, &b.value, &b.output, &b.widen, &b.narrow].map(Linear::shape)
        };
        let mut products: Vec<_> = self.blocks.iter().flat_map(of).collect();
        products.push(self.transform.shape());
        products
    }
}

/// `y = (x − mean)/√(var + ε) · w + b` (Ba et al. 2016).
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Loads `module.weight` and `module.bias`, or `gamma` and `beta` as they were
    /// called before 2019.
    fn load(config: &Config, loader: &Loader<'_>, module: &str, width: i64) -> Result<Self, Error> {
        let legacy = loader.has(&format!("{module}.gamma"));
        let [weight, bias] = if legacy { ["gamma", "beta"] } else { ["weight", "bias"] };
        Ok(Self {
            weight: loader.tensor(&format!("{module}.{weight}"), &[width])?,
            bias: loader.tensor(&format!("{module}.{bias}"), &[width])?,
            eps: config.positive_or("layer_norm_eps", 1e-12)?,
        })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor, Error> {
        let width = x.size()[1];
        let shape = [width];
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        Ok(x.f_layer_norm(shape.as_slice(), weight, bias, self.eps, false)?)
    }
}
