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
use crate::Error;

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
    pub(crate) attention_norm: RmsNorm,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) output: Linear,
    pub(crate) feed_norm: RmsNorm,
    pub(crate) feed: SwiGlu,
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
