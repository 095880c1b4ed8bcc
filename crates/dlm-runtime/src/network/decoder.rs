//! The pre-norm transformer that LLaDA, LLaDA-MoE, Dream and Llama share.
//!
//! `h ← h + W_o·attention(norm(h))`, `h ← h + f(norm(h))`, once per block, where `f` is a
//! gated layer or a mixture of them. The families differ in how their tensors are
//! called, in biases, in whether heads have norms of their own, in who may look at whom
//! and in which row predicts which position; nothing else.

use tch::Tensor;

use super::{
    Network,
    blocks::{Linear, RmsNorm, SwiGlu, add, attention},
    mixture::Mixture,
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
    /// Norms of every head's query and key.
    head_norms: Option<[RmsNorm; 2]>,
    output: Linear,
    feed_norm: RmsNorm,
    feed: Feed,
}

/// What follows attention in a block.
pub(crate) enum Feed {
    /// One layer for all tokens.
    Dense(SwiGlu),
    /// A few of many layers for each token.
    Sparse(Mixture),
}

impl Feed {
    fn apply(&self, x: &Tensor) -> Result<Tensor, Error> {
        match self {
            Self::Dense(layer) => layer.apply(x),
            Self::Sparse(mixture) => mixture.apply(x),
        }
    }

    fn products(&self) -> Vec<(i64, i64)> {
        match self {
            Self::Dense(layer) => layer.products().to_vec(),
            Self::Sparse(mixture) => mixture.products(),
        }
    }

    fn linears(&self) -> Vec<&Linear> {
        match self {
            Self::Dense(SwiGlu { gate, up, down }) => vec![gate, up, down],
            Self::Sparse(_) => Vec::new(),
        }
    }

    fn linears_mut(&mut self) -> Vec<&mut Linear> {
        match self {
            Self::Dense(SwiGlu { gate, up, down }) => vec![gate, up, down],
            Self::Sparse(_) => Vec::new(),
        }
    }
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
        let linear = |name: &str, out: i64, into: i64| {
            Linear::load(loader, &format!("{prefix}.{name}"), [out, into], shape.feed_biased)
        };
        let feed = SwiGlu {
            gate: linear(names.gate, shape.inner, shape.width)?,
            up: linear(names.up, shape.inner, shape.width)?,
            down: linear(names.down, shape.width, shape.inner)?,
        };
        Self::around(Feed::Dense(feed), loader, prefix, names, shape)
    }

    /// Loads what surrounds `feed` in a block.
    pub(crate) fn around(
        feed: Feed,
        loader: &Loader<'_>,
        prefix: &str,
        names: &PartNames,
        shape: BlockShape,
    ) -> Result<Self, Error> {
        let BlockShape { width, heads, eps, .. } = shape;
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
            feed,
            head_norms: None,
        })
    }

    /// The same block with norms of every head's query and key.
    pub(crate) fn with_head_norms(self, query: RmsNorm, key: RmsNorm) -> Self {
        Self { head_norms: Some([query, key]), ..self }
    }
}

impl Block {
    /// The linear maps of a block with one layer for all tokens, in a fixed order.
    fn linears(&self) -> Vec<&Linear> {
        let around = [&self.query, &self.key, &self.value, &self.output];
        around.into_iter().chain(self.feed.linears()).collect()
    }

    fn linears_mut(&mut self) -> Vec<&mut Linear> {
        let Self { query, key, value, output, feed, .. } = self;
        [query, key, value, output].into_iter().chain(feed.linears_mut()).collect()
    }
}

/// Attention of one block, which is given by its index: `q [tokens, heads, d]` and `k`, `v`
/// `[tokens, groups, d]` to `[tokens, heads·d]`.
pub(crate) type Attend<'a> =
    dyn FnMut(usize, &Tensor, &Tensor, &Tensor) -> Result<Tensor, Error> + 'a;

impl Network for Decoder {
    fn hidden(&self, pack: &Pack) -> Result<Tensor, Error> {
        self.run(self.embed(&pack.ids)?, &pack.positions, &mut |_, q, k, v| {
            attention(q, k, v, &pack.sequences, self.causal)
        })
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        self.head.apply(hidden)
    }

    fn embeddings(&self) -> &Tensor {
        &self.embedding
    }

    fn products(&self) -> Vec<(i64, i64)> {
        let of = |b: &Block| {
            let around = [&b.query, &b.key, &b.value, &b.output].map(Linear::shape);
            around.into_iter().chain(b.feed.products()).collect::<Vec<_>>()
        };
        self.blocks.iter().flat_map(of).collect()
    }

    fn decoder(&self) -> Option<&Decoder> {
        Some(self)
    }
}

impl Decoder {
    /// Whether a position sees itself and what stands before it, and nothing else.
    pub(crate) fn is_causal(&self) -> bool {
        self.causal
    }

    /// The linear maps of all blocks, in a fixed order.
    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.blocks.iter().flat_map(Block::linears)
    }

    /// The linear maps of all blocks, in the same order, to be changed.
    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.blocks.iter_mut().flat_map(Block::linears_mut)
    }

    /// Input embeddings of `ids [tokens]`, `[tokens, width]`.
    pub(crate) fn embed(&self, ids: &Tensor) -> Result<Tensor, Error> {
        Ok(self.embedding.f_index_select(0, ids)?)
    }

    /// Hidden states after the final norm, from inputs `h [tokens, width]` of any making at
    /// `positions [tokens]`; who sees whom is up to `attend`.
    pub(crate) fn run(
        &self,
        mut h: Tensor,
        positions: &Tensor,
        attend: &mut Attend<'_>,
    ) -> Result<Tensor, Error> {
        let rotary = Rotary::new(positions, self.heads.width, self.heads.base)?;
        for (index, block) in self.blocks.iter().enumerate() {
            let (q, k, v) = self.ask(block, &block.attention_norm.apply(&h)?, &rotary)?;
            let mixed = block.output.apply(&attend(index, &q, &k, &v)?)?;
            h = add(h, &mixed)?;
            let fed = block.feed.apply(&block.feed_norm.apply(&h)?)?;
            h = add(h, &fed)?;
        }
        self.norm.apply(&h)
    }

    /// Queries, keys and values of `x [tokens, width]`.
    fn ask(
        &self,
        block: &Block,
        x: &Tensor,
        rotary: &Rotary,
    ) -> Result<(Tensor, Tensor, Tensor), Error> {
        let Heads { queries, groups, width, .. } = self.heads;
        let mut q = block.query.apply(x)?;
        let mut k = block.key.apply(x)?;
        if let Some([query, key]) = &block.head_norms {
            q = query.apply(&q.f_view([-1, width])?)?;
            k = key.apply(&k.f_view([-1, width])?)?;
        }
        let q = rotary.turn(&q.f_view([-1, queries, width])?)?;
        let k = rotary.turn(&k.f_view([-1, groups, width])?)?;
        let v = block.value.apply(x)?.f_view([-1, groups, width])?;
        Ok((q, k, v))
    }
}
