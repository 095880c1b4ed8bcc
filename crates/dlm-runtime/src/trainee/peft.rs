//! A trained row of numbers as an adapter in PEFT's layout.

use std::path::Path;

use serde_json::json;
use tch::{Kind, Tensor};

use super::{Plan, Slot, slots};
use crate::{
    Error, Source,
    checkpoint::{ADAPTER_FILES, LATENT_INPUT},
};

/// What PEFT calls trained rows of the input embedding.
pub(super) const ROWS: &str =
    "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta";

/// What the names of PEFT's tensors begin with.
const PREFIX: &str = "base_model.";

pub(super) fn save(
    values: &Tensor,
    slots: &[Slot],
    plan: &Plan,
    source: &Source,
    folder: &Path,
) -> Result<(), Error> {
    let write = |path: &Path, bytes: Vec<u8>| {
        std::fs::write(path, bytes)
            .map_err(|source| Error::Write { path: path.to_path_buf(), source })
    };
    std::fs::create_dir_all(folder)
        .map_err(|source| Error::Write { path: folder.to_path_buf(), source })?;
    let stored = values.f_detach()?.f_to_kind(Kind::BFloat16)?.f_to_device(tch::Device::Cpu)?;
    let tensors = slots::cut(&stored, slots)?;
    let named = slots.iter().zip(&tensors).map(|(slot, tensor)| (slot.name.as_str(), tensor));
    let (known, beside): (Vec<_>, Vec<_>) = named.partition(|(name, _)| name.starts_with(PREFIX));
    Tensor::write_safetensors(&known, folder.join(ADAPTER_FILES[1]))?;
    if !beside.is_empty() {
        Tensor::write_safetensors(&beside, folder.join(LATENT_INPUT))?;
    }
    let rows = match plan.rows.is_empty() {
        true => json!(null),
        false => json!({ "embed_tokens": plan.rows }),
    };
    let config = json!({
        "base_model_name_or_path": source.id,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": plan.rank,
        "rank_pattern": {},
        "alpha_pattern": {},
        "target_modules": [
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
        ],
        "task_type": "CAUSAL_LM",
        "trainable_token_indices": rows,
        "use_dora": false,
        "use_rslora": false,
    });
    let text = format!("{config:#}\n");
    write(&folder.join(ADAPTER_FILES[0]), text.into_bytes())
}
