//! Adapters that make a base a diffusion model, and adapters that do not fit it.

use std::{collections::BTreeMap, path::Path};

use dlm_runtime::Error;
use safetensors::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    checkpoint::malformed,
    support::{fixture, load, says},
    tensor_file::{Raw, filled, rewrite, write},
};

/// A causal Llama without tokenizer and mask.
const BASE: &str = "models/llama-tiny";
const Q_PROJ: &str = "model.layers.0.self_attn.q_proj";
const WEIGHTS: &str = "adapter_model.safetensors";

#[test]
fn an_adapter_makes_a_causal_base_a_diffusion_model() {
    let settings = json!({
        "mask_token_id": 11, "attention": "bidirectional", "logits": "in_place", "eos_token_id": [2]
    });
    let adapter = adapter_with(json!({}), settings);
    let model = load(&fixture(BASE), Some(adapter.path())).unwrap();
    let description = model.description();
    assert_eq!(
        (description.mask, description.causal, description.shifted, description.end_of_sequence),
        (Some(11), false, false, Some(2))
    );
}

#[test]
fn a_file_that_an_adapter_lacks_is_named() {
    for file in ["adapter_config.json", WEIGHTS, "diffusion_config.json"] {
        let adapter = adapter_with(json!({}), json!({}));
        std::fs::remove_file(adapter.path().join(file)).unwrap();
        let error = refused(adapter.path());
        assert!(matches!(&error, Error::MissingFile { file: f, .. } if f == file), "{error:?}");
        says(&error, &[file]);
    }
    let error = refused(Path::new("no/such/adapter"));
    assert!(matches!(error, Error::MissingFile { .. }), "{error:?}");
    says(&error, &["no/such/adapter", "adapter_config.json", "PEFT"]);
}

#[test]
fn an_adapter_that_would_be_merged_wrongly_is_refused() {
    let cases = [
        ("use_dora", json!(true)),
        ("peft_type", json!("IA3")),
        ("bias", json!("all")),
        ("fan_in_fan_out", json!(true)),
        ("modules_to_save", json!(["lm_head"])),
        ("r", json!(0)),
        ("r", Value::Null),
        ("lora_alpha", json!(-4)),
    ];
    for (field, value) in cases {
        let adapter = adapter_with(json!({ field: value }), json!({}));
        malformed(&refused(adapter.path()), "adapter_config.json", field);
    }
    let patterns =
        [("rank_pattern", json!({ "q_proj": -1 })), ("alpha_pattern", json!({ "q_proj": "x" }))];
    for (field, value) in patterns {
        let adapter = adapter_with(json!({ field: value }), json!({}));
        malformed(&refused(adapter.path()), "adapter_config.json", &format!("{field}.q_proj"));
    }
    for (field, value) in [("attention", "sideways"), ("logits", "upside down")] {
        let adapter = adapter_with(json!({}), json!({ field: value }));
        malformed(&refused(adapter.path()), "diffusion_config.json", field);
    }
}

#[test]
fn an_adapter_of_another_rank_or_base_is_refused_tensor_by_tensor() {
    let a = format!("base_model.model.{Q_PROJ}.lora_A.weight");
    let b = format!("base_model.model.{Q_PROJ}.lora_B.weight");
    let expect = |change: &dyn Fn(&mut BTreeMap<String, Raw>), parts: &[&str]| {
        let adapter = adapter_with(json!({}), json!({}));
        rewrite(&adapter.path().join(WEIGHTS), change);
        let error = refused(adapter.path());
        assert!(matches!(error, Error::Tensors { .. }), "{error:?}");
        says(&error, &[WEIGHTS]);
        says(&error, parts);
    };
    expect(&|t| drop(t.insert(a.clone(), filled(&[3, 64]))), &[&a, "[3, 64]", "[2, 64]"]);
    expect(&|t| drop(t.insert(a.clone(), filled(&[2, 4096]))), &[&a, "[2, 4096]", "[2, 64]"]);
    expect(&|t| drop(t.remove(&b)), &[&b, "is missing"]);
    let elsewhere = a.replace("layers.0", "layers.30");
    expect(
        &|t| drop(t.insert(elsewhere.clone(), filled(&[2, 64]))),
        &[&elsewhere, "belongs to no part", "belong together"],
    );
    expect(&|t| drop(t.insert(a.clone(), (Dtype::I8, vec![2, 64], vec![1; 128]))), &[&a, "I8"]);
}

#[test]
fn trained_rows_have_to_be_rows_of_the_embedding() {
    let name = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta";
    let with = |rows: Value, shape: &[usize]| {
        let adapter = adapter_with(json!({ "trainable_token_indices": rows }), json!({}));
        rewrite(&adapter.path().join(WEIGHTS), |tensors| {
            tensors.insert(name.into(), filled(shape));
        });
        load(&fixture(BASE), Some(adapter.path()))
    };
    assert!(with(json!({ "embed_tokens": [0, 319] }), &[2, 64]).is_ok());
    assert!(with(json!([5]), &[1, 64]).is_ok());
    for rows in [json!([320]), json!([-1]), json!([1, 2]), json!("x"), json!({}), Value::Null] {
        let error = with(rows, &[1, 64]).err().unwrap();
        malformed(&error, "adapter_config.json", "trainable_token_indices");
        says(&error, &["embed_tokens", "320"]);
    }
    assert!(matches!(with(json!([1]), &[1, 63]).err().unwrap(), Error::Tensors { .. }));
    assert!(matches!(with(json!([1]), &[]).err().unwrap(), Error::Malformed { .. }));
}

/// A rank-2 adapter of one matrix of [`BASE`], with some settings replaced.
pub(crate) fn adapter_with(config: Value, diffusion: Value) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = json!({ "peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none" });
    for (field, value) in config.as_object().unwrap() {
        settings[field] = value.clone();
    }
    for (file, value) in [("adapter_config.json", settings), ("diffusion_config.json", diffusion)] {
        std::fs::write(folder.path().join(file), value.to_string()).unwrap();
    }
    let name = |part: &str| format!("base_model.model.{Q_PROJ}.{part}.weight");
    let tensors = [(name("lora_A"), filled(&[2, 64])), (name("lora_B"), filled(&[64, 2]))].into();
    write(&folder.path().join(WEIGHTS), &tensors);
    folder
}

/// Why [`BASE`] cannot be loaded with an adapter.
fn refused(adapter: &Path) -> Error {
    load(&fixture(BASE), Some(adapter)).err().expect("the adapter should be refused")
}
