//! A trained row of numbers as an adapter in PEFT's layout.

use std::path::Path;

use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::{Plan, Slot, slots};
use crate::{
    Error, Source,
    checkpoint::{ADAPTER_FILES, Config, LATENT_INPUT, Loader, Weights},
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
        "trainable_token_indices": trained_rows(plan),
        "use_dora": false,
        "use_rslora": false,
    });
    let text = format!("{config:#}\n");
    write(&folder.join(ADAPTER_FILES[0]), text.into_bytes())
}

/// The row of numbers that [`save`] wrote into `folder`, on `device`.
///
/// # Errors
///
/// Where the adapter is of another plan or another base; the message names every tensor that
/// does not fit.
pub(super) fn load(
    slots: &[Slot],
    plan: &Plan,
    folder: &Path,
    device: Device,
) -> Result<Tensor, Error> {
    let config = Config::read(&folder.join(ADAPTER_FILES[0]))?;
    let expect = |field: &str, fits: bool, wanted: String| match fits {
        true => Ok(()),
        false => Err(config.complaint(field, format!("should be {wanted}, as what is trained"))),
    };
    expect("r", config.size("r")? == plan.rank, plan.rank.to_string())?;
    let alpha = config.positive_or("lora_alpha", 1.0)?;
    expect("lora_alpha", alpha == plan.alpha, plan.alpha.to_string())?;
    let (field, rows) = ("trainable_token_indices", trained_rows(plan));
    expect(field, config.get(field).unwrap_or(&Value::Null) == &rows, rows.to_string())?;
    config.expect("use_rslora", &[json!(false)])?;
    config.expect("rank_pattern", &[json!({})])?;
    config.expect("alpha_pattern", &[json!({})])?;
    let mut files = vec![folder.join(ADAPTER_FILES[1])];
    if plan.latent {
        files.push(folder.join(LATENT_INPUT));
    }
    let weights = Weights::open(&files)?;
    let loader = Loader::new(&weights, None, device, Kind::Float);
    let tensors = slots.iter().map(|slot| loader.tensor(&slot.name, &slot.shape));
    let tensors = tensors.collect::<Result<Vec<_>, Error>>()?;
    loader.finish()?;
    slots::join(&tensors, device)
}

/// How PEFT's configuration names the trained rows of the input embedding.
fn trained_rows(plan: &Plan) -> Value {
    match plan.rows.is_empty() {
        true => Value::Null,
        false => json!({ "embed_tokens": plan.rows }),
    }
}
