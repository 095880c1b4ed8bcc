//! Configurations that are malformed, or that no network here would honour.

use dlm_runtime::Error;
use serde_json::{Value, json};

use crate::{
    checkpoint::{Checkpoint, malformed, refusal},
    support::says,
};

#[test]
fn a_configuration_that_is_no_object_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    for text in ["", "{", "[]", "3", "null", "\u{feff}{}"] {
        let error = refusal(checkpoint.write("config.json", text));
        malformed(&error, "config.json", "JSON");
        says(&error, &["download"]);
    }
    let nested = "[".repeat(100_000);
    malformed(&refusal(checkpoint.write("config.json", nested)), "config.json", "JSON");
    let error = refusal(checkpoint.remove("config.json"));
    assert!(matches!(&error, Error::MissingFile { file, .. } if file == "config.json"));
    says(&error, &["config.json", "Hugging Face layout"]);
}

#[test]
fn sizes_have_to_be_whole_positive_and_sane() {
    for field in ["hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size"] {
        let checkpoint = Checkpoint::copy_of("bert-tiny");
        let wrong = [
            json!(-1),
            json!(0),
            json!(1.5),
            json!("64"),
            json!([]),
            json!(i64::MAX),
            json!(1e300),
        ];
        for value in wrong {
            let error = refusal(checkpoint.set("config.json", field, value));
            malformed(&error, "config.json", field);
            says(&error, &["whole number from 1 to"]);
        }
        let error = refusal(checkpoint.set("config.json", field, Value::Null));
        malformed(&error, "config.json", field);
        says(&error, &["missing"]);
    }
}

#[test]
fn a_configuration_of_millions_of_layers_allocates_nothing() {
    let cases = [
        ("bert-tiny", ["num_hidden_layers", "vocab_size"]),
        ("dream-tiny", ["num_hidden_layers", "vocab_size"]),
        ("llada-tiny", ["n_layers", "embedding_size"]),
        ("llada-moe-tiny", ["num_experts", "vocab_size"]),
        ("mdlm-tiny", ["n_blocks", "vocab_size"]),
    ];
    for (name, field) in cases.into_iter().flat_map(|(name, fields)| fields.map(|f| (name, f))) {
        let checkpoint = Checkpoint::copy_of(name);
        let error = refusal(checkpoint.set("config.json", field, json!(1 << 24)));
        assert!(matches!(error, Error::Tensors { .. }), "{name} {field}: {error}");
    }
}

#[test]
fn settings_that_would_be_ignored_are_refused() {
    let cases = [
        ("llada-tiny", "activation_type", json!("gelu")),
        ("llada-tiny", "alibi", json!(true)),
        ("llada-tiny", "n_heads", json!(5)),
        ("llada-tiny", "n_kv_heads", json!(3)),
        ("llada-tiny", "rms_norm_eps", json!(-1.0)),
        ("llada-tiny", "weight_tying", json!("yes")),
        ("llada-moe-tiny", "hidden_act", json!("relu")),
        ("llada-moe-tiny", "clip_qkv", json!(8.0)),
        ("llada-moe-tiny", "moe_router_score_function", json!("sigmoid")),
        ("llada-moe-tiny", "moe_router_enable_expert_bias", json!(true)),
        ("llada-moe-tiny", "norm_topk_prob", json!(true)),
        ("llada-moe-tiny", "routed_scaling_factor", json!(2.5)),
        ("llada-moe-tiny", "num_experts_per_tok", json!(9)),
        ("llada-moe-tiny", "moe_layer_freq", json!([1])),
        ("llada-moe-tiny", "moe_layer_freq", json!([1, 2])),
        ("mdlm-tiny", "n_heads", json!(5)),
        ("mdlm-tiny", "cond_dim", json!(0)),
        ("mdlm-tiny", "time_conditioning", json!("yes")),
        ("mdlm-tiny", "parameterization", json!("ar")),
        ("mdlm-tiny", "subs_masking", json!(true)),
        ("mdlm-tiny", "mask_token_id", json!(300)),
        ("dream-tiny", "hidden_act", json!("relu")),
        ("dream-tiny", "rope_scaling", json!({ "type": "yarn" })),
        ("dream-tiny", "use_sliding_window", json!(true)),
        ("dream-tiny", "num_attention_heads", json!(3)),
        ("bert-tiny", "hidden_act", json!("relu")),
        ("bert-tiny", "position_embedding_type", json!("relative_key")),
        ("bert-tiny", "num_attention_heads", json!(7)),
        ("bert-tiny", "mask_token_id", json!(-3)),
        ("bert-tiny", "mask_token_id", json!("[MASK]")),
        ("bert-tiny", "eos_token_id", json!(1.5)),
    ];
    for (name, field, value) in cases {
        let checkpoint = Checkpoint::copy_of(name);
        let error = refusal(checkpoint.set("config.json", field, value));
        malformed(&error, "config.json", field);
    }
}

#[test]
fn an_unknown_architecture_is_refused_with_those_that_are_known() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    for architectures in [json!(["GPT2LMHeadModel"]), json!([]), json!("x"), json!([3])] {
        let error = refusal(checkpoint.set("config.json", "architectures", architectures));
        assert!(matches!(error, Error::UnknownArchitecture { .. }), "{error:?}");
        says(&error, &["config.json", "architectures", "LLaDAModelLM", "BertForMaskedLM"]);
    }
}
