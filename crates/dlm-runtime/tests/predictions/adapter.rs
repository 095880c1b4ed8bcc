//! Merging an adapter is the same as having merged it beforehand.

use serde_json::{Value, json};

use crate::{
    checkpoint::{Array, Checkpoint, open},
    questions::{Question, distributions},
};

const PREFIX: &str = "base_model.model.";

/// Rounding of one merge in f32, after three blocks, in a logarithm.
const LOGARITHM: f32 = 2e-4;

/// The scale and rank that a variant gives a module.
type Rule = fn(&str) -> (f64, usize);

/// `W + s·B·A` in f64.
fn merged(weight: &Array, a: &Array, b: &Array, scale: f64) -> Array {
    let (into, rank) = (weight.shape[1], a.shape[0]);
    let mut merged = weight.clone();
    for (i, value) in merged.values.iter_mut().enumerate() {
        let (row, column) = (i / into, i % into);
        let update: f64 =
            (0..rank).map(|k| f64::from(b.row(row)[k]) * f64::from(a.row(k)[column])).sum();
        *value = (f64::from(*value) + scale * update) as f32;
    }
    merged
}

/// The first `rank` of an adapter's directions.
fn cut(a: &Array, b: &Array, rank: usize) -> (Array, Array) {
    let into = a.shape[1];
    let first = a.values[..rank * into].to_vec();
    let rows = b.values.chunks(b.shape[1]).flat_map(|row| row[..rank].to_vec()).collect();
    let a = Array { shape: vec![rank, into], values: first };
    (a, Array { shape: vec![b.shape[0], rank], values: rows })
}

/// The adapted base and the base that was merged by hand give the same distributions.
fn check(what: &str, settings: Value, rule: Rule) {
    let mut base = Checkpoint::model("llama-tiny");
    let mut adapter = Checkpoint::adapter("llama-tiny-adapter");
    let config = adapter.json.get_mut("adapter_config.json").unwrap();
    for (field, value) in settings.as_object().unwrap() {
        config[field] = value.clone();
    }
    let original = base.write();

    let names: Vec<String> = adapter.tensors.keys().cloned().collect();
    let modules: Vec<&str> =
        names.iter().filter_map(|name| name.strip_suffix(".lora_A.weight")).collect();
    assert_eq!(modules.len(), 21, "{what}: seven maps in each of three blocks");
    for module in modules {
        let (a, b) = (format!("{module}.lora_A.weight"), format!("{module}.lora_B.weight"));
        let module = module.strip_prefix(PREFIX).unwrap();
        let (scale, rank) = rule(module);
        let (cut_a, cut_b) = cut(&adapter.tensors[&a], &adapter.tensors[&b], rank);
        let weight = base.tensor(&format!("{module}.weight"));
        *weight = merged(weight, &cut_a, &cut_b, scale);
        adapter.tensors.insert(a, cut_a);
        adapter.tensors.insert(b, cut_b);
    }

    // The head is tied to the base's embedding, of which the adapter changes one row.
    let embedding = base.tensors["model.embed_tokens.weight"].clone();
    base.tensors.insert("lm_head.weight".to_string(), embedding);
    base.json.get_mut("config.json").unwrap()["tie_word_embeddings"] = json!(false);
    let delta = format!("{PREFIX}model.embed_tokens.token_adapter.trainable_tokens_delta");
    let row = adapter.tensors[&delta].values.clone();
    base.tensor("model.embed_tokens.weight").row_mut(16).copy_from_slice(&row);

    // Both are used as masked models; an adapter without tensors says so of the second.
    let adapted = adapter.write();
    let mut empty = Checkpoint::adapter("llama-tiny-adapter");
    empty.tensors.clear();
    let (merged, empty) = (base.write(), empty.write());

    let question = Question::new(320, 16, 20, 12, 1).at(0..32);
    let questions = [question];
    let ours = distributions(&mut open(original.path(), Some(adapted.path()), None), &questions);
    let theirs = distributions(&mut open(merged.path(), Some(empty.path()), None), &questions);
    for (position, (ours, theirs)) in ours[0].iter().zip(&theirs[0]).enumerate() {
        // Two infinities are equal and have no difference.
        let unequal = ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs);
        let largest = unequal.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < LOGARITHM, "{what}, position {position}: off by {largest}");
    }
}

#[test]
fn the_scale_is_alpha_over_rank() {
    check("alpha 8, rank 4", json!({}), |_| (8.0 / 4.0, 4));
    check("alpha 3, rank 4", json!({ "lora_alpha": 3 }), |_| (3.0 / 4.0, 4));
    check("no alpha", json!({ "lora_alpha": null }), |_| (1.0 / 4.0, 4));
}

#[test]
fn rank_stabilised_adapters_are_scaled_by_the_root_of_the_rank() {
    check("rslora", json!({ "use_rslora": true }), |_| (8.0 / 2.0, 4));
    let settings = json!({ "use_rslora": true, "rank_pattern": { "v_proj": 2 } });
    check("rslora, rank 2", settings, |module| {
        if module.ends_with("v_proj") { (8.0 / 2.0_f64.sqrt(), 2) } else { (8.0 / 2.0, 4) }
    });
}

#[test]
fn patterns_give_modules_ranks_and_scales_of_their_own() {
    let settings = json!({ "alpha_pattern": { "q_proj": 2 } });
    check("alpha of q_proj", settings, |module| {
        if module.ends_with(".q_proj") { (2.0 / 4.0, 4) } else { (8.0 / 4.0, 4) }
    });

    let settings = json!({ "rank_pattern": { "down_proj": 2, "layers.0.self_attn.o_proj": 1 } });
    check("rank of down_proj and one o_proj", settings, |module| match module {
        "model.layers.0.self_attn.o_proj" => (8.0, 1),
        _ if module.ends_with(".down_proj") => (8.0 / 2.0, 2),
        _ => (8.0 / 4.0, 4),
    });

    let settings = json!({
        "rank_pattern": { "model.layers.1.mlp.up_proj": 3 },
        "alpha_pattern": { "layers.1.mlp.up_proj": 5, "layers.2.mlp.up_proj": 0.5 },
    });
    check("both, of whole names", settings, |module| match module {
        "model.layers.1.mlp.up_proj" => (5.0 / 3.0, 3),
        "model.layers.2.mlp.up_proj" => (0.5 / 4.0, 4),
        _ => (8.0 / 4.0, 4),
    });
}

#[test]
fn rows_of_the_embedding_may_be_listed_without_their_module() {
    check("a plain list", json!({ "trainable_token_indices": [16] }), |_| (8.0 / 4.0, 4));
}
