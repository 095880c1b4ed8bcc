//! No file, however damaged, makes loading or asking panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dlm_core::{Ask, MaskPredictor, Query};
use dlm_rng::{Key, Stream};
use serde_json::json;

use crate::{
    WEIGHTS,
    adapter::adapter_with,
    checkpoint::Checkpoint,
    support::{fixture, load},
};

#[test]
fn no_damage_to_a_configuration_makes_it_panic() {
    for name in ["bert-tiny", "llada-tiny", "dream-tiny", "llada-moe-tiny", "mdlm-tiny"] {
        damage(&Checkpoint::copy_of(name), "config.json", <[u8]>::len, 100);
    }
}

#[test]
fn no_damage_to_a_header_makes_it_panic() {
    let header = |bytes: &[u8]| 8 + bytes[0] as usize + 256 * bytes[1] as usize;
    damage(&Checkpoint::copy_of("bert-tiny"), WEIGHTS, header, 150);
}

#[test]
fn no_damage_to_a_tokenizer_makes_it_panic() {
    damage(&Checkpoint::copy_of("bert-tiny"), "tokenizer.json", <[u8]>::len, 150);
    damage(&Checkpoint::copy_of("llada-tiny"), "tokenizer.json", <[u8]>::len, 50);
    for file in ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"] {
        damage(&Checkpoint::copy_of("dream-tiny"), file, <[u8]>::len, 50);
    }
}

#[test]
fn no_damage_to_an_adapter_makes_it_panic() {
    let base = fixture("models/llama-tiny");
    let folder = adapter_with(json!({}), json!({ "mask_token_id": 7, "attention": "causal" }));
    for file in ["adapter_config.json", "diffusion_config.json", "adapter_model.safetensors"] {
        let path = folder.path().join(file);
        let good = std::fs::read(&path).unwrap();
        for seed in 0..100 {
            std::fs::write(&path, damaged(&good, good.len(), &mut Key::new(seed).stream()))
                .unwrap();
            let outcome = catch_unwind(|| load(&base, Some(folder.path())).is_ok());
            assert!(outcome.is_ok(), "{file}, seed {seed}");
        }
        std::fs::write(&path, good).unwrap();
    }
}

/// Loads and asks the checkpoint with one file damaged in ever new ways.
fn damage(checkpoint: &Checkpoint, file: &str, part: impl Fn(&[u8]) -> usize, rounds: u64) {
    let good = checkpoint.read(file);
    for seed in 0..rounds {
        checkpoint.write(file, damaged(&good, part(&good), &mut Key::new(seed).stream()));
        let ask = || -> Option<()> {
            let mut model = checkpoint.load().ok()?;
            let canvas = model.canvas("Hello, how are you?", 4).ok()?;
            let positions = canvas.masked();
            let query = Query::new(canvas.tokens(), &positions);
            model.predict(&[query], &Ask::default()).ok().map(drop)
        };
        assert!(catch_unwind(AssertUnwindSafe(ask)).is_ok(), "{file}, seed {seed}");
    }
}

/// `bytes` with a few of the first `part` changed, or cut short.
fn damaged(bytes: &[u8], part: usize, draws: &mut Stream) -> Vec<u8> {
    /// Signs that keep JSON whole more often than not.
    const SIGNS: &[u8] = b"0123456789-.e\"{}[],: tfn";
    let mut below = |bound: usize| draws.below(bound as u64) as usize;
    let mut bytes = bytes.to_vec();
    match below(4) {
        0 => bytes.truncate(below(part)),
        1 => bytes[below(part)] ^= 1 << below(8),
        _ => {
            for _ in 0..=below(3) {
                bytes[below(part)] = SIGNS[below(SIGNS.len())];
            }
        }
    }
    bytes
}
