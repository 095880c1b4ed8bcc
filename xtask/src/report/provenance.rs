//! Where results come from, as pairs of a name and what it names.

use serde_json::Value;

use super::numbers::number;
use crate::results::{Manifest, Model};

/// The run: program, machine and time. Nothing that is empty.
pub(super) fn of_run(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let parts = manifest.seconds_of.iter();
    let parts = parts.map(|(part, &seconds)| format!("{part} {} s", number(seconds)));
    present(vec![
        ("Program", format!("{} {}", manifest.program, manifest.version)),
        ("Program's SHA-256", manifest.program_sha256().unwrap_or_default().to_string()),
        ("Started", manifest.started.clone()),
        ("Wall time", format!("{} s", number(manifest.wall_seconds))),
        ("Of which", parts.collect::<Vec<_>>().join(", ")),
        ("Seed", manifest.seed.to_string()),
        ("Device", format!("{}, {} threads", manifest.device, manifest.threads)),
        ("Number format", manifest.dtype.clone()),
        ("libtorch", manifest.libtorch.clone()),
        ("Prompts", plain(&manifest.prompts)),
    ])
}

/// A model, without its files.
pub(super) fn of_model(model: &Model) -> Vec<(&'static str, String)> {
    present(vec![
        ("Model", format!("{} ({})", model.id, model.family)),
        ("Role", model.role.clone()),
        ("Revision", model.revision.clone().unwrap_or_default()),
        ("Adapter", model.adapter.clone().unwrap_or_default()),
    ])
}

/// Every file with its SHA-256: those of the models, then the results.
pub(super) fn files(manifest: &Manifest) -> Vec<(String, &str, &str)> {
    let of_models = manifest.models.iter().flat_map(|model| {
        let whose = format!("Model file ({})", model.role);
        model.files.iter().map(move |file| (whose.clone(), &*file.name, &*file.sha256))
    });
    let of_results = manifest.files.iter();
    let of_results = of_results.map(|file| ("Result file".to_string(), &*file.path, &*file.sha256));
    of_models.chain(of_results).collect()
}

fn present(mut facts: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    facts.retain(|(_, what)| !what.is_empty());
    facts
}

/// A JSON value as `key value, key value`: its shape is the manifest's affair.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{key} {}", plain(value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
