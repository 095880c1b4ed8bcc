//! The pre-norm transformer that LLaDA, Dream and Llama share.
//!
//! `h ← h + W_o·attention(norm(h))`, `h ← h + swiglu(norm(h))`, once per block.
//! The families differ in how their tensors are called, in biases, in who may
//! look at whom and in which row predicts which position; nothing else.

use tch::Tensor;

use super::{
    Network,
    blocks::{Linear, RmsNorm, SwiGlu, attention},
    pack::Pack,
    rotary::Rotary,
};
use crate::{Error, checkpoint::Loader};

/// A stack of blocks between an embedding and a head.
pub(crate) struct Decoder {
    /// `[vocab, width]`.
    pub(crate) embedding: Tensor,
    /// The blocks, first to last.
    pub(crate) blocks: Vec<Block>,
    /// The norm before the head.
    pub(crate) norm: RmsNorm,
    /// The head.
    pub(crate) head: Linear,
    /// How heads are cut and turned.
    pub(crate) heads: Heads,
    /// Whether a position sees only those before it.
    pub(crate) causal: bool,
}

/// Geometry of attention.
#[derive(Clone, Copy)]
pub(crate) struct Heads {
    /// Query heads.
    pub(crate) queries: i64,
    /// Key and value heads.
    pub(crate) groups: i64,
    /// Width of one head.
    pub(crate) width: i64,
    /// Base of the rotary angles.
    pub(crate) base: f64,
}

/// One block.
pub(crate) struct Block {
    attention_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    feed_norm: RmsNorm,
    feed: SwiGlu,
}

/// What a family calls the parts of a block.
pub(crate) struct PartNames {
    pub(crate) attention_norm: &'static str,
    pub(crate) query: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: &'static str,
    pub(crate) output: &'static str,
    pub(crate) feed_norm: &'static str,
    pub(crate) gate: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

/// How large the parts of a block are, and which have biases.
#[derive(Clone, Copy)]
pub(crate) struct BlockShape {
    pub(crate) width: i64,
    pub(crate) inner: i64,
    pub(crate) heads: Heads,
    pub(crate) eps: f64,
    /// Biases of queries, keys and values.
    pub(crate) qkv_biased: bool,
    /// Biases of the attention's output.
    pub(crate) output_biased: bool,
    /// Biases of the feed-forward layer.
    pub(crate) feed_biased: bool,
}

impl Block {
    /// Loads the block whose tensors are called `prefix.part.weight`.
    pub(crate) fn load(
        loader: &Loader<'_>,
        prefix: &str,
        names: &PartNames,
        shape: BlockShape,
    ) -> Result<Self, Error> {
        let BlockShape { width, inner, heads, eps, .. } = shape;
        let (asked, answered) = (heads.queries * heads.width, heads.groups * heads.width);
        let norm = |name: &str| RmsNorm::load(loader, &format!("{prefix}.{name}"), width, eps);
        let linear = |name: &str, out: i64, into: i64, biased: bool| {
            Linear::load(loader, &format!("{prefix}.{name}"), [out, into], biased)
        };
        Ok(Self {
            attention_norm: norm(names.attention_norm)?,
            query: linear(names.query, asked, width, shape.qkv_biased)?,
            key: linear(names.key, answered, width, shape.qkv_biased)?,
            value: linear(names.value, answered, width, shape.qkv_biased)?,
            output: linear(names.output, width, asked, shape.output_biased)?,
            feed_norm: norm(names.feed_norm)?,
            feed: SwiGlu {
                gate: linear(names.gate, inner, width, shape.feed_biased)?,
                up: linear(names.up, inner, width, shape.feed_biased)?,
                down: linear(names.down, width, inner, shape.feed_biased)?,
            },
        })
    }
}

impl Network for Decoder {
    fn hidden(&self, pack: &Pack) -> Result<Tensor, Error> {
        let rotary = Rotary::new(&pack.positions, self.heads.width, self.heads.base)?;
        let mut h = self.embedding.f_index_select(0, &pack.ids)?;
        for block in &self.blocks {
            let mixed = self.attend(block, &block.attention_norm.apply(&h)?, pack, &rotary)?;
            h = h.f_add_(&mixed)?;
            let fed = block.feed.apply(&block.feed_norm.apply(&h)?)?;
            h = h.f_add_(&fed)?;
        }
        self.norm.apply(&h)
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        self.head.apply(hidden)
    }

    fn products(&self) -> Vec<(i64, i64)> {
        let of = |b: &Block| {
            [&b.query, &b.key, &b.value, &b.output, &b.feed.gate, &b.feed.up, &b.feed.down]
                .map(Linear::shape)
        };
        self.blocks.iter().flat_map(of).collect()
    }
}

impl Decoder {
    fn attend(
        &self,
        block: &Block,
        x: &Tensor,
        pack: &Pack,
        rotary: &Rotary,
    ) -> Result<Tensor, Error> {
        let Heads { queries, groups, width, .. } = self.heads;
        let q = rotary.turn(&block.query.apply(x)?.f_view([-1, queries, width])?)?;
        let k = rotary.turn(&block.key.apply(x)?.f_view([-1, groups, width])?)?;
        let v = block.value.apply(x)?.f_view([-1, groups, width])?;
        block.output.apply(&attention(&q, &k, &v, &pack.sequences, self.causal)?)
    }
}
