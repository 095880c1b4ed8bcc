//! Where the mask comes from, and masks that cannot be one.

use std::path::Path;

use dlm_runtime::Error;
use serde_json::{Value, json};

use crate::{
    adapter::adapter_with,
    checkpoint::{Checkpoint, malformed, refusal},
    support::{fixture, load, says},
};

#[test]
fn the_mask_is_sought_in_config_then_adapter_then_tokenizer() {
    let base = Checkpoint::copy_of("dream-tiny");
    let adapter = adapter_with(json!({}), json!({ "mask_token_id": 7 }));
    let mask = |adapter: Option<&Path>| load(&base.file(""), adapter).unwrap().mask().unwrap();
    base.set("tokenizer_config.json", "mask_token", json!("<|im_start|>"));
    assert_eq!(mask(Some(adapter.path())), 495, "config.json comes first");
    base.set("config.json", "mask_token_id", Value::Null);
    assert_eq!(mask(Some(adapter.path())), 7, "then diffusion_config.json");
    assert_eq!(mask(None), 489, "then tokenizer_config.json");
}

#[test]
fn without_a_mask_there_is_no_canvas() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    checkpoint.set("tokenizer_config.json", "mask_token", Value::Null);
    let model = checkpoint.load().unwrap();
    assert_eq!(model.description().mask, None);
    let error = model.canvas("hello", 3).unwrap_err();
    assert!(matches!(error, Error::NoMask { .. }), "{error:?}");
    says(&error, &["config.json", "mask_token_id", "tokenizer_config.json", "--adapter"]);

    let llama = load(&fixture("models/llama-tiny"), None).unwrap();
    assert_eq!(llama.description().mask, None);
    let error = llama.mask().unwrap_err();
    assert!(matches!(error, Error::NoMask { .. }), "{error:?}");
    says(&error, &["models/llama-tiny", "mask_token_id", "diffusion_config.json", "--adapter"]);
}

#[test]
fn a_mask_outside_the_embedding_is_refused_where_it_stands() {
    let checkpoint = Checkpoint::copy_of("dream-tiny");
    let adapter = adapter_with(json!({}), json!({ "mask_token_id": 512 }));
    checkpoint.set("config.json", "mask_token_id", Value::Null);
    let error = load(&checkpoint.file(""), Some(adapter.path())).err().unwrap();
    malformed(&error, "diffusion_config.json", "mask_token_id");
    let error = refusal(checkpoint.set("config.json", "mask_token_id", json!(512)));
    malformed(&error, "config.json", "mask_token_id");
    says(&error, &["512 rows"]);
}

#[test]
fn a_mask_that_the_tokenizer_does_not_know_is_refused() {
    let checkpoint = Checkpoint::copy_of("bert-tiny");
    for (value, problem) in [(json!("[HOLE]"), "not in the vocabulary"), (json!(3), "name a token")]
    {
        let error = refusal(checkpoint.set("tokenizer_config.json", "mask_token", value));
        malformed(&error, "tokenizer_config.json", "mask_token");
        says(&error, &[problem]);
    }
}
