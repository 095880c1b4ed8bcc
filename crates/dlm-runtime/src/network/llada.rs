//! LLaDA (Nie et al. 2025): `LLaDAModelLM` checkpoints, multi-head or grouped
//! attention, tied or untied head.

use serde_json::json;

use super::{
    blocks::{Linear, RmsNorm, SwiGlu},
    decoder::{Block, Decoder, Heads},
};
use crate::{
    Error,
    checkpoint::{Config, Loader},
};

/// Builds the network from tensors named `model.transformer.…`.
pub(crate) fn build(config: &Config, loader: &Loader<'_>, causal: bool) -> Result<Decoder, Error> {
    config.expect("activation_type", &[json!("silu")])?;
    config.expect("block_type", &[json!("llama")])?;
    config.expect("layer_norm_type", &[json!("rms")])?;
    config.expect("rope", &[json!(true)])?;
    config.expect("alibi", &[json!(false)])?;
    config.expect("input_emb_norm", &[json!(false)])?;
    config.expect("scale_logits", &[json!(false)])?;
    config.expect("attention_layer_norm", &[json!(false)])?;
    config.expect("block_group_size", &[json!(1)])?;

    let shape = super::Family::Llada.shape(config)?;
    let (width, vocab) = (shape.width, shape.vocab);
    let queries = config.size("n_heads")?;
    let default_groups = if config.flag_or("multi_query_attention", false)? { 1 } else { queries };
    let groups = config.size_or("n_kv_heads", default_groups)?;
    let head = super::llama::head_width(config, width, queries, groups, ["n_heads", "n_kv_heads"])?;
    let inner = config.size_or("mlp_hidden_size", config.size_or("mlp_ratio", 4)? * width)?;
    let eps = config.positive_or("rms_norm_eps", 1e-5)?;
    let biased = config.flag_or("include_bias", false)?;
    let qkv_biased = biased || config.flag_or("include_qkv_bias", false)?;
    let base = config.positive_or("rope_theta", 10_000.0)?;

    let part = |name: &str| format!("model.transformer.{name}");
    let mut blocks = Vec::new();
    for index in 0..shape.layers {
        let part = |name: &str| format!("model.transformer.blocks.{index}.{name}");
        let linear = |name: &str, out: i64, into: i64, biased| {
            Linear::load(loader, &part(name), [out, into], biased)
        };
        blocks.push(Block {
            attention_norm: RmsNorm::load(loader, &part("attn_norm"), width, eps)?,
            query: linear("q_proj", queries * head, width, qkv_biased)?,
            key: linear("k_proj", groups * head, width, qkv_biased)?,
            value: linear("v_proj", groups * head, width, qkv_biased)?,
            output: linear("attn_out", width, queries * head, biased)?,
            feed_norm: RmsNorm::load(loader, &part("ff_norm"), width, eps)?,
            feed: SwiGlu {
                gate: linear("ff_proj", inner, width, biased)?,
                up: linear("up_proj", inner, width, biased)?,
                down: linear("ff_out", width, inner, biased)?,
            },
        });
    }
    let embedding = loader.embedding(&part("wte"), [vocab, width])?;
    let head_weight = match config.flag_or("weight_tying", true)? {
        true => loader.tensor(&part("wte.weight"), &[vocab, width])?,
        false => loader.linear(&part("ff_out"), [vocab, width])?,
    };
    Ok(Decoder {
        embedding,
        blocks,
        norm: RmsNorm::load(loader, &part("ln_f"), width, eps)?,
        head: Linear::new(head_weight, None),
        heads: Heads { queries, groups, width: head, base },
        causal,
    })
}
