//! `dlm inspect`: what a checkpoint is.

use std::fmt::Write;

use crate::{Error, ModelArguments};

/// Loads the model and describes it, a line per fact.
///
/// # Errors
///
/// Where the checkpoint cannot be loaded.
pub fn inspect(arguments: &ModelArguments) -> Result<String, Error> {
    let model = arguments.load()?;
    let is = model.description();
    let or_none = |id: Option<u32>| {
        let token = |id: u32| match model.text().and_then(|text| text.decode(&[id])) {
            Ok(text) => format!("{id} {text:?}"),
            Err(_) => id.to_string(),
        };
        id.map_or("none".to_string(), token)
    };
    let ends: Vec<String> = model.ends().into_iter().map(|id| or_none(Some(id))).collect();
    let attention = if is.causal { "causal" } else { "bidirectional" };
    let logits = if is.shifted { "shifted right by one" } else { "in place" };
    let facts: Vec<(&str, String)> = vec![
        ("model", is.id.clone()),
        ("revision", is.revision.clone().unwrap_or("a folder, none".to_string())),
        ("adapter", is.adapter.as_ref().map_or("none".into(), |a| a.display().to_string())),
        ("family", is.family.clone()),
        ("parameters", format!("{} ({:.1} M)", is.parameters, is.parameters as f64 / 1e6)),
        ("stored as", is.stored_dtypes.join(", ")),
        ("computes in", format!("{} on {}", is.dtype, is.device)),
        ("layers", is.layers.to_string()),
        ("width", is.width.to_string()),
        ("vocabulary", is.vocab.to_string()),
        ("context", is.context.to_string()),
        ("attention", attention.to_string()),
        ("logits", logits.to_string()),
        ("read as", is.parametrisation.clone().unwrap_or("logits".to_string())),
        ("mask", or_none(is.mask)),
        ("ends a text", if ends.is_empty() { "none".to_string() } else { ends.join(", ") }),
        ("tokenizer", if model.has_text() { "yes" } else { "none" }.to_string()),
        ("chat template", if is.chat_template { "yes" } else { "none" }.to_string()),
        ("a question is", asked(&model).unwrap_or("(no mask or no tokenizer)".to_string())),
    ];
    let mut text = String::new();
    for (name, value) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<14} {value}");
    }
    for file in model.source().files()? {
        let _ = writeln!(text, "{:<14} {} ({} bytes)", "file", file.name, file.bytes);
        let _ = writeln!(text, "{:<14} sha256 {}", "", file.sha256);
    }
    Ok(text)
}

/// What the network is shown when somebody asks "Why?", with one mask for the answer.
fn asked(model: &dlm_runtime::Model) -> Option<String> {
    let canvas = model.canvas("Why?", 1).ok()?;
    let text = model.text().and_then(|text| text.decode(canvas.tokens())).ok()?;
    Some(format!("{text:?}"))
}
