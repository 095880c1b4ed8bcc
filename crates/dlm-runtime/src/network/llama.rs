//! Llama (Touvron et al. 2023) and SmolLM2: `LlamaForCausalLM` checkpoints, causal
//! as they are published, bidirectional under an adapter that says so.

use serde_json::json;

use super::{
    blocks::{Linear, RmsNorm},
    decoder::{Block, BlockShape, Decoder, Heads, PartNames},
};
use crate::{
    Error,
    checkpoint::{Config, Loader},
};

pub(super) const PARTS: PartNames = PartNames {
    attention_norm: "input_layernorm",
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    output: "self_attn.o_proj",
    feed_norm: "post_attention_layernorm",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
};

/// What the linear maps of a network are called, in the order of [`Decoder::linears`].
pub(crate) fn modules(layers: usize) -> impl Iterator<Item = String> {
    let PartNames { query, key, value, output, gate, up, down, .. } = PARTS;
    let parts = [query, key, value, output, gate, up, down];
    (0..layers).flat_map(move |layer| parts.map(|part| format!("model.layers.{layer}.{part}")))
}

/// Builds the network from tensors named `model.layers.…`.
pub(crate) fn build(config: &Config, loader: &Loader<'_>, causal: bool) -> Result<Decoder, Error> {
    config.expect("mlp_bias", &[json!(false)])?;
    let biased = config.flag_or("attention_bias", false)?;
    build_with_biases(config, loader, causal, biased, biased)
}

/// The layout that Llama and Qwen2 share, with or without biases around attention.
pub(super) fn build_with_biases(
    config: &Config,
    loader: &Loader<'_>,
    causal: bool,
    qkv_biased: bool,
    output_biased: bool,
) -> Result<Decoder, Error> {
    config.expect("hidden_act", &[json!("silu")])?;
    config.expect("rope_scaling", &[])?;
    config.expect("use_sliding_window", &[json!(false)])?;

    let shape = super::Family::Llama.shape(config)?;
    let (width, vocab) = (shape.width, shape.vocab);
    let fields = ["num_attention_heads", "num_key_value_heads"];
    let queries = config.size(fields[0])?;
    let groups = config.size_or(fields[1], queries)?;
    let head = match config.get("head_dim") {
        // The heads then need not fill the width, but still divide into groups.
        Some(_) => {
            let head = config.size("head_dim")?;
            head_width(config, queries * head, queries, groups, fields)?
        }
        None => head_width(config, width, queries, groups, fields)?,
    };
    let inner = config.size("intermediate_size")?;
    let eps = config.positive_or("rms_norm_eps", 1e-6)?;
    let base = config.positive_or("rope_theta", 10_000.0)?;

    let heads = Heads { queries, groups, width: head, base };
    let feed_biased = false;
    let block = BlockShape { width, inner, heads, eps, qkv_biased, output_biased, feed_biased };
    let blocks = (0..shape.layers)
        .map(|index| Block::load(loader, &format!("model.layers.{index}"), &PARTS, block))
        .collect::<Result<_, _>>()?;
    let embedding = loader.embedding("model.embed_tokens", [vocab, width])?;
    let head_weight = match config.flag_or("tie_word_embeddings", false)? {
        true => {
            // Some exporters write the shared matrix twice.
            loader.leave(|name| name == "lm_head.weight");
            loader.tensor("model.embed_tokens.weight", &[vocab, width])?
        }
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

/// Width of one head, where heads divide the width and groups the heads.
pub(super) fn head_width(
    config: &Config,
    width: i64,
    queries: i64,
    groups: i64,
    [query_field, group_field]: [&str; 2],
) -> Result<i64, Error> {
    if width % queries != 0 || (width / queries) % 2 != 0 {
        let problem = format!("{queries} heads do not divide a width of {width} evenly");
        return Err(config.complaint(query_field, problem));
    }
    if queries % groups != 0 {
        let problem = format!("{groups} key heads do not divide {queries} query heads");
        return Err(config.complaint(group_field, problem));
    }
    Ok(width / queries)
}
