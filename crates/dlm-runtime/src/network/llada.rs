//! LLaDA (Nie et al. 2025): `LLaDAModelLM` checkpoints, multi-head or grouped
//! attention, tied or untied head.

use serde_json::json;

use super::{
    blocks::{Linear, RmsNorm},
    decoder::{Block, BlockShape, Decoder, Heads, PartNames},
};
use crate::{
    Error,
    checkpoint::{Config, Loader},
};

const PARTS: PartNames = PartNames {
    attention_norm: "attn_norm",
    query: "q_proj",
    key: "k_proj",
    value: "v_proj",
    output: "attn_out",
    feed_norm: "ff_norm",
    gate: "ff_proj",
    up: "up_proj",
    down: "ff_out",
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
    let base = config.positive_or("rope_theta", 10_000.0)?;
    let heads = Heads { queries, groups, width: head, base };
    let block = BlockShape {
        width,
        inner,
        heads,
        eps,
        qkv_biased: biased || config.flag_or("include_qkv_bias", false)?,
        output_biased: biased,
        feed_biased: biased,
    };

    let part = |name: &str| format!("model.transformer.{name}");
    let blocks = (0..shape.layers)
        .map(|index| Block::load(loader, &part(&format!("blocks.{index}")), &PARTS, block))
        .collect::<Result<_, _>>()?;
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
        heads,
        causal,
    })
}
