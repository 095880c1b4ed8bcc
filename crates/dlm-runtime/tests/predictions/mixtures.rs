//! Mixtures of experts that are a dense layer in disguise.

use serde_json::json;

use crate::{
    checkpoint::{Checkpoint, open},
    questions::{Question, distributions},
};

const LAYER: &str = "model.layers.1";

const PARTS: [&str; 3] = ["gate_proj", "up_proj", "down_proj"];

/// The network's answers.
fn answers(checkpoint: &Checkpoint) -> Vec<Vec<f32>> {
    let mut model = open(checkpoint.write().path(), None, None);
    let mask = model.mask().unwrap();
    distributions(&mut model, &[Question::new(480, mask, 9, 12, 1)]).remove(0)
}

/// The second layer without its mixture, expert 3 a dense layer in its place.
fn dense() -> Checkpoint {
    let mut checkpoint = Checkpoint::model("llada-moe-tiny");
    let config = checkpoint.json.get_mut("config.json").unwrap();
    config["moe_layer_freq"] = json!([1, 0]);
    config["dense_intermediate_size"] = json!(48);
    for part in PARTS {
        let expert = checkpoint.tensor(&format!("{LAYER}.mlp.experts.3.{part}.weight")).clone();
        checkpoint.tensors.insert(format!("{LAYER}.mlp.{part}.weight"), expert);
    }
    checkpoint.tensors.remove(&format!("{LAYER}.mlp.gate.weight"));
    checkpoint.tensors.retain(|name, _| !name.starts_with(&format!("{LAYER}.mlp.experts")));
    checkpoint
}

#[track_caller]
fn assert_near(a: &[Vec<f32>], b: &[Vec<f32>]) {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-4, "log-probabilities differ by {largest}");
}

#[test]
fn equal_experts_with_all_the_weight_are_one_dense_layer() {
    let mut checkpoint = dense();
    let experts = Checkpoint::model("llada-moe-tiny");
    let config = checkpoint.json.get_mut("config.json").unwrap();
    config["moe_layer_freq"] = json!([1, 1]);
    // The first layer then takes all of its experts too, in both.
    config["num_experts_per_tok"] = json!(8);
    for part in PARTS {
        let expert = checkpoint.tensors.remove(&format!("{LAYER}.mlp.{part}.weight")).unwrap();
        for index in 0..8 {
            let name = format!("{LAYER}.mlp.experts.{index}.{part}.weight");
            checkpoint.tensors.insert(name, expert.clone());
        }
    }
    let router = format!("{LAYER}.mlp.gate.weight");
    checkpoint.tensors.insert(router.clone(), experts.tensors[&router].clone());
    let mut plain = dense();
    plain.json.get_mut("config.json").unwrap()["num_experts_per_tok"] = json!(8);
    assert_near(&answers(&checkpoint), &answers(&plain));
}

#[test]
fn a_shared_expert_is_added_to_the_mixture() {
    let mut checkpoint = Checkpoint::model("llada-moe-tiny");
    checkpoint.json.get_mut("config.json").unwrap()["shared_expert_intermediate_size"] = json!(48);
    for layer in 0..2 {
        for part in PARTS {
            let expert = format!("model.layers.{layer}.mlp.experts.3.{part}.weight");
            let mut expert = checkpoint.tensor(&expert).clone();
            if layer == 0 {
                expert.values.fill(0.0);
            }
            let shared = format!("model.layers.{layer}.shared_expert.{part}.weight");
            checkpoint.tensors.insert(shared, expert);
        }
    }
    // Nothing but the shared expert is left of the second layer.
    for index in 0..8 {
        let down = format!("{LAYER}.mlp.experts.{index}.down_proj.weight");
        checkpoint.tensor(&down).values.fill(0.0);
    }
    assert_near(&answers(&checkpoint), &answers(&dense()));
}
