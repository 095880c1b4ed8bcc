//! LLaDA-MoE (Zhu et al. 2025): `LLaDAMoEModelLM` checkpoints, normed queries and keys,
//! most feed-forward layers mixtures of experts.
//!
//! config.json calls their model type `llada`, as the dense model's does; the
//! architecture tells them apart.

use serde_json::{Value, json};

use super::{
    blocks::{Linear, RmsNorm},
    decoder::{Block, BlockShape, Decoder, Feed, Heads},
    mixture::{Mixture, MixtureShape},
};
use crate::{
    Error,
    checkpoint::{Config, Loader},
};

/// Builds the network from tensors named `model.layers.…`.
pub(crate) fn build(config: &Config, loader: &Loader<'_>, causal: bool) -> Result<Decoder, Error> {
    config.expect("hidden_act", &[json!("silu")])?;
    config.expect("clip_qkv", &[])?;
    config.expect("rope_scaling", &[])?;
    config.expect("partial_rotary_factor", &[json!(1), json!(1.0)])?;

    let shape = super::Family::LladaMoe.shape(config)?;
    let (width, vocab) = (shape.width, shape.vocab);
    let fields = ["num_attention_heads", "num_key_value_heads"];
    let queries = config.size(fields[0])?;
    let groups = config.size_or(fields[1], queries)?;
    let head = super::llama::head_width(config, width, queries, groups, fields)?;
    let eps = config.positive_or("rms_norm_eps", 1e-5)?;
    let base = config.positive_or("rope_theta", 10_000.0)?;
    let biased = config.flag_or("attention_bias", false)?;
    let sparse = sparse_layers(config, shape.layers)?;
    let heads = Heads { queries, groups, width: head, base };
    let inner = match sparse.contains(&false) {
        true => config.size("dense_intermediate_size")?,
        false => 0,
    };
    let block = BlockShape {
        width,
        inner,
        heads,
        eps,
        qkv_biased: biased,
        output_biased: biased,
        feed_biased: false,
    };
    let names = &super::llama::PARTS;
    let normed = config.flag_or("qk_layernorm", false)?;
    let mut blocks = Vec::new();
    for (index, sparse) in sparse.into_iter().enumerate() {
        let prefix = format!("model.layers.{index}");
        let mut loaded = match sparse {
            true => {
                let feed = Feed::Sparse(mixture(config, loader, &prefix)?);
                Block::around(feed, loader, &prefix, names, block)?
            }
            false => Block::load(loader, &prefix, names, block)?,
        };
        if normed {
            let norm = |name: &str| {
                RmsNorm::load(loader, &format!("{prefix}.self_attn.{name}"), head, eps)
            };
            loaded = loaded.with_head_norms(norm("q_norm")?, norm("k_norm")?);
        }
        blocks.push(loaded);
    }
    let embedding = loader.embedding("model.embed_tokens", [vocab, width])?;
    let head_weight = match config.flag_or("tie_word_embeddings", false)? {
        true => loader.tensor("model.embed_tokens.weight", &[vocab, width])?,
        false => loader.linear("lm_head", [vocab, width])?,
    };
    loader.leave(|name| name.ends_with("rotary_emb.inv_freq"));
    Ok(Decoder {
        embedding,
        blocks,
        norm: RmsNorm::load(loader, "model.norm", width, eps)?,
        head: Linear::new(head_weight, None),
        heads,
        causal,
    })
}

/// Loads the mixture of one layer.
pub(crate) fn mixture(
    config: &Config,
    loader: &Loader<'_>,
    prefix: &str,
) -> Result<Mixture, Error> {
    config.expect("moe_router_score_function", &[json!("softmax")])?;
    config.expect("moe_router_enable_expert_bias", &[json!(false)])?;
    config.expect("norm_topk_prob", &[json!(false)])?;
    config.expect("routed_scaling_factor", &[json!(1), json!(1.0)])?;
    config.expect("router_num_group", &[])?;
    config.expect("router_topk_group", &[])?;
    let (experts, chosen) = (config.size("num_experts")?, config.size("num_experts_per_tok")?);
    if experts < chosen {
        let problem = format!("{chosen} should not exceed the {experts} experts there are");
        return Err(config.complaint("num_experts_per_tok", problem));
    }
    let shared = "shared_expert_intermediate_size";
    let shape = MixtureShape {
        width: super::Family::LladaMoe.shape(config)?.width,
        inner: config.size("expert_intermediate_size")?,
        experts,
        chosen,
        shared: config.get(shared).map(|_| config.size(shared)).transpose()?,
    };
    Mixture::load(loader, prefix, shape)
}

/// Which layers are mixtures: all, unless `moe_layer_freq` lists a 1 or a 0 for each.
fn sparse_layers(config: &Config, layers: i64) -> Result<Vec<bool>, Error> {
    let field = "moe_layer_freq";
    let Some(value) = config.get(field) else { return Ok(vec![true; layers as usize]) };
    let flag = |value: &Value| value.as_u64().filter(|flag| *flag < 2).map(|flag| flag == 1);
    let flags = value.as_array().and_then(|list| list.iter().map(flag).collect::<Option<Vec<_>>>());
    flags.filter(|flags| flags.len() == layers as usize).ok_or_else(|| {
        config.complaint(field, format!("should list a 0 or a 1 for each of {layers} layers"))
    })
}
