//! The diffusion transformer of MDLM (Sahoo et al. 2024; Peebles and Xie 2023, Lou et
//! al. 2024 before it): `MDLM` checkpoints.
//!
//! Every sublayer is modulated by the sequence's time. With the shift `a`, scale `b` and
//! gate `g` that a linear map makes of the time's embedding,
//!
//! ```text
//! h ← h + g·f(norm(h)·(1 + b) + a)
//! ```
//!
//! where `f` is attention or a feed-forward layer; a last shift and scale precede the
//! head. A network that is not conditioned on time gets the embedding of `σ = 0`.

mod parametrisation;
mod time;

use serde_json::json;
use tch::Tensor;

pub use self::parametrisation::Parametrisation;
use self::time::TimeEmbedding;
pub(crate) use self::time::sigma;
use super::{
    Network, Place,
    blocks::{Linear, attention},
    pack::Pack,
    rotary::Rotary,
};
use crate::{
    Attention, Diffusion, Error,
    checkpoint::{Config, Loader},
};

/// The network.
pub(crate) struct Dit {
    embedding: Tensor,
    time: TimeEmbedding,
    blocks: Vec<Block>,
    norm: Norm,
    /// To the last shift and scale.
    modulation: Linear,
    head: Linear,
    heads: i64,
    causal: bool,
    mask: u32,
    parametrisation: Parametrisation,
}

struct Block {
    attention_norm: Norm,
    /// Queries, keys and values, one below the other.
    projection: Linear,
    output: Linear,
    feed_norm: Norm,
    widen: Linear,
    narrow: Linear,
    /// To shift, scale and gate of attention, then those of the feed-forward layer.
    modulation: Linear,
}

impl Dit {
    /// Builds the network from tensors named `backbone.…`.
    pub(crate) fn build(
        config: &Config,
        loader: &Loader<'_>,
        diffusion: &Diffusion,
    ) -> Result<Self, Error> {
        // The reference's switch for a D3PM whose mask is ruled out.
        config.expect("subs_masking", &[json!(false)])?;
        let shape = super::Family::Mdlm.shape(config)?;
        let (width, vocab) = (shape.width, shape.vocab);
        let heads = config.size("n_heads")?;
        super::llama::head_width(config, width, heads, heads, ["n_heads", "n_heads"])?;
        let condition = config.size("cond_dim")?;
        let mask = diffusion.mask.ok_or_else(|| config.complaint("mask_token_id", "is missing"))?;

        let mut blocks = Vec::new();
        for index in 0..shape.layers {
            let part = |name: &str| format!("backbone.blocks.{index}.{name}");
            let linear = |name: &str, out: i64, into: i64, biased: bool| {
                Linear::load(loader, &part(name), [out, into], biased)
            };
            blocks.push(Block {
                attention_norm: Norm::load(loader, &part("norm1"), width)?,
                projection: linear("attn_qkv", 3 * width, width, false)?,
                output: linear("attn_out", width, width, false)?,
                feed_norm: Norm::load(loader, &part("norm2"), width)?,
                widen: linear("mlp.0", 4 * width, width, true)?,
                narrow: linear("mlp.2", width, 4 * width, true)?,
                modulation: linear("adaLN_modulation", 6 * width, condition, true)?,
            });
        }
        let last = |name: &str, out: i64, into: i64| {
            Linear::load(loader, &format!("backbone.output_layer.{name}"), [out, into], true)
        };
        loader.leave(|name| name == "backbone.rotary_emb.inv_freq");
        Ok(Self {
            embedding: loader.tensor("backbone.vocab_embed.embedding", &[vocab, width])?,
            time: TimeEmbedding::load(config, loader, condition)?,
            blocks,
            norm: Norm::load(loader, "backbone.output_layer.norm_final", width)?,
            modulation: last("adaLN_modulation", 2 * width, condition)?,
            head: last("linear", vocab, width)?,
            heads,
            causal: diffusion.attention == Attention::Causal,
            mask,
            parametrisation: diffusion.parametrisation.unwrap_or_default(),
        })
    }

    fn attend(
        &self,
        block: &Block,
        x: &Tensor,
        pack: &Pack,
        rotary: &Rotary,
    ) -> Result<Tensor, Error> {
        let projected = block.projection.apply(x)?;
        let width = projected.size()[1] / 3;
        let part = |i: i64| {
            projected.f_narrow(1, i * width, width)?.f_view([-1, self.heads, width / self.heads])
        };
        let (q, k, v) = (rotary.turn(&part(0)?)?, rotary.turn(&part(1)?)?, part(2)?);
        block.output.apply(&attention(&q, &k, &v, &pack.sequences, self.causal)?)
    }
}

impl Network for Dit {
    fn hidden(&self, pack: &Pack) -> Result<Tensor, Error> {
        /// The reference's, a constant of its code.
        const ROTARY_BASE: f64 = 10_000.0;
        let mut h = self.embedding.f_index_select(0, &pack.ids)?;
        let width = h.size()[1];
        let rotary = Rotary::new(&pack.positions, width / self.heads, ROTARY_BASE)?;
        let condition = self.time.condition(pack, self.mask, h.kind())?;
        for block in &self.blocks {
            let modulation = condition.modulation(&block.modulation, width)?;
            let [shift, scale, gate] = [0, 1, 2].map(|part| modulation.part(part));
            let x = block.attention_norm.modulated(&h, &shift?, &scale?)?;
            let mixed = self.attend(block, &x, pack, &rotary)?;
            h = h.f_addcmul_(&gate?, &mixed)?;
            let [shift, scale, gate] = [3, 4, 5].map(|part| modulation.part(part));
            let x = block.feed_norm.modulated(&h, &shift?, &scale?)?;
            let fed = block.narrow.apply(&block.widen.apply(&x)?.f_gelu("tanh")?)?;
            h = h.f_addcmul_(&gate?, &fed)?;
        }
        let last = condition.modulation(&self.modulation, width)?;
        self.norm.modulated(&h, &last.part(0)?, &last.part(1)?)
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        self.head.apply(hidden)
    }

    fn embeddings(&self) -> &Tensor {
        &self.embedding
    }

    fn parametrise(&self, logits: Tensor, places: &[Place]) -> Result<Tensor, Error> {
        self.parametrisation.apply(logits, places, self.mask)
    }

    fn products(&self) -> Vec<(i64, i64)> {
        let of = |b: &Block| [&b.projection, &b.output, &b.widen, &b.narrow].map(Linear::shape);
        self.blocks.iter().flat_map(of).collect()
    }
}

/// `(x − mean)/√(var + ε)·w`: a layer norm without a bias of its own.
struct Norm {
    weight: Tensor,
}

impl Norm {
    fn load(loader: &Loader<'_>, module: &str, width: i64) -> Result<Self, Error> {
        Ok(Self { weight: loader.tensor(&format!("{module}.weight"), &[width])? })
    }

    /// `norm(x)·(1 + scale) + shift`.
    fn modulated(&self, x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor, Error> {
        /// The reference's, torch's default.
        const EPS: f64 = 1e-5;
        let width = [x.size()[1]];
        let no_bias = None::<&Tensor>;
        let x = x.f_layer_norm(width.as_slice(), Some(&self.weight), no_bias, EPS, false)?;
        Ok(x.f_mul(&scale.f_add_scalar(1.0)?)?.f_add_(shift)?)
    }
}
