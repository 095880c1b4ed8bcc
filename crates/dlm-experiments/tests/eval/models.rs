//! Tiny networks: of random weights, and of weights that make their predictions known.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dlm-runtime/tests/fixtures/models");

const VOCAB: usize = 320;
const WIDTH: usize = 64;
/// The mask of the adapters.
pub(crate) const MASK: usize = 16;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

/// A tokenizer whose words are single letters, from id 20 on.
pub(crate) fn write_tokenizer(folder: &Path) {
    let letters = ('a'..='z').chain([' ', '.', '?']).enumerate();
    let vocab: BTreeMap<String, usize> =
        letters.map(|(id, letter)| (letter.to_string(), id + 20)).collect();
    let end = json!({
        "id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
    });
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [end],
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

/// The id of a letter.
pub(crate) fn id(letter: char) -> usize {
    20 + (letter as usize - 'a' as usize)
}

/// A causal network of random weights.
pub(crate) fn random() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(fixture("llama-tiny").join(file), folder.path().join(file)).unwrap();
    }
    write_tokenizer(folder.path());
    folder
}

/// Logits that are the same whatever stands before: distinct, and `e` is the best.
pub(crate) fn logits() -> Vec<f64> {
    let logit = |token| if token == id('e') { 5.0 } else { 0.01 * (token * 37 % VOCAB) as f64 };
    (0..VOCAB).map(logit).collect()
}

/// `−ln p` of a letter under [`logits`]; an adapter rules the mask out.
pub(crate) fn nats(letter: char, rules_out_mask: bool) -> f64 {
    let logits = logits();
    let ruled_out = |token: usize| rules_out_mask && token == MASK;
    let sum: f64 = (0..VOCAB).filter(|&v| !ruled_out(v)).map(|v| logits[v].exp()).sum();
    sum.ln() - logits[id(letter)]
}

/// A causal network that predicts [`logits`] everywhere: no block adds anything to an
/// embedding of ones, which the head turns into the logits.
pub(crate) fn known() -> TempDir {
    let folder = random();
    let config = fs::read(folder.path().join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&config).unwrap();
    config["tie_word_embeddings"] = json!(false);
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let path = folder.path().join("model.safetensors");
    rewrite(&path, &path, |name| match name {
        _ if name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") => Some(0.0),
        "model.embed_tokens.weight" | "model.norm.weight" => Some(1.0),
        _ => None,
    });
    let head = logits().into_iter().flat_map(|logit| [(logit / WIDTH as f64) as f32; WIDTH]);
    let head = bytes(head);
    let old = fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&old).unwrap();
    let mut views: Vec<(String, TensorView<'_>)> = tensors.tensors();
    let view = TensorView::new(Dtype::F32, vec![VOCAB, WIDTH], &head).unwrap();
    views.push(("lm_head.weight".to_string(), view));
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    folder
}

/// An adapter that lets attention see both sides and changes nothing else.
pub(crate) fn idle_adapter() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = fixture("llama-tiny-adapter");
    for file in ["adapter_config.json", "diffusion_config.json"] {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    let (from, to) = (from.join("adapter_model.safetensors"), folder.path());
    rewrite(&from, &to.join("adapter_model.safetensors"), |name| {
        Some(if name.contains("lora") { 0.0 } else { 1.0 })
    });
    folder
}

/// Copies a file of f32 tensors; those for which `value` has a number are filled with it.
fn rewrite(from: &Path, to: &Path, value: impl Fn(&str) -> Option<f32>) {
    let old = fs::read(from).unwrap();
    let tensors = SafeTensors::deserialize(&old).unwrap();
    let filled: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            assert_eq!(view.dtype(), Dtype::F32, "{name}");
            let numbers =
                value(&name).map(|x| bytes(std::iter::repeat_n(x, view.data().len() / 4)));
            (name, view.shape().to_vec(), numbers.unwrap_or_else(|| view.data().to_vec()))
        })
        .collect();
    let views = filled.iter().map(|(name, shape, data)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
    });
    fs::write(to, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn bytes(numbers: impl Iterator<Item = f32>) -> Vec<u8> {
    numbers.flat_map(f32::to_le_bytes).collect()
}
