//! `config.json` and `generation_config.json`: the network as Transformers reads it.

use serde::Serialize;

use crate::llama::Llama;
use crate::special_tokens::SpecialTokens;

/// `config.json` of a `LlamaForCausalLM`. The fields are written in this order,
/// whatever features other crates turn on, so that the file is the same bytes
/// everywhere.
#[derive(Serialize)]
pub(crate) struct Config {
    architectures: [&'static str; 1],
    attention_bias: bool,
    attention_dropout: f64,
    bos_token_id: u64,
    eos_token_id: u64,
    head_dim: u64,
    hidden_act: &'static str,
    hidden_size: u64,
    initializer_range: f64,
    intermediate_size: u64,
    max_position_embeddings: u64,
    mlp_bias: bool,
    model_type: &'static str,
    num_attention_heads: u64,
    num_hidden_layers: u64,
    num_key_value_heads: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pad_token_id: Option<u64>,
    pretraining_tp: u64,
    rms_norm_eps: f64,
    rope_scaling: Option<()>,
    rope_theta: f64,
    tie_word_embeddings: bool,
    torch_dtype: &'static str,
    use_cache: bool,
    vocab_size: u64,
}

impl Config {
    /// The configuration of `network`.
    pub(crate) fn new(network: &Llama, special: &SpecialTokens<'_>) -> Self {
        Self {
            architectures: ["LlamaForCausalLM"],
            attention_bias: false,
            attention_dropout: 0.0,
            bos_token_id: special.bos.id,
            eos_token_id: special.eos.id,
            head_dim: network.head_width,
            hidden_act: "silu",
            hidden_size: network.hidden,
            initializer_range: 0.02,
            intermediate_size: network.feed_forward,
            max_position_embeddings: network.context,
            mlp_bias: false,
            model_type: "llama",
            num_attention_heads: network.heads,
            num_hidden_layers: network.layers,
            num_key_value_heads: network.kv_heads,
            pad_token_id: special.pad.as_ref().map(|token| token.id),
            pretraining_tp: 1,
            rms_norm_eps: shortest(network.norm_epsilon),
            rope_scaling: None,
            rope_theta: shortest(network.rope_base),
            tie_word_embeddings: network.tied,
            torch_dtype: "float32",
            use_cache: true,
            vocab_size: network.vocabulary,
        }
    }
}

/// `generation_config.json`: where generation starts, ends and is padded.
#[derive(Serialize)]
pub(crate) struct GenerationConfig {
    bos_token_id: u64,
    eos_token_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pad_token_id: Option<u64>,
}

impl GenerationConfig {
    /// The configuration with these tokens.
    pub(crate) fn new(special: &SpecialTokens<'_>) -> Self {
        Self {
            bos_token_id: special.bos.id,
            eos_token_id: special.eos.id,
            pad_token_id: special.pad.as_ref().map(|token| token.id),
        }
    }
}

/// The double nearest to the shortest decimal that stands for `number`: GGUF
/// keeps a configured 1e-5 in single precision, and 1e-5 was meant.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_decimal_is_the_configured_one() {
        for (single, double) in [(1e-5f32, 1e-5), (1e5, 1e5), (1e-6, 1e-6), (0.1, 0.1)] {
            assert_eq!(shortest(single), double);
            assert_eq!(shortest(single) as f32, single);
        }
    }
}
