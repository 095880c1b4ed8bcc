//! The report of one scale: a pure function of its folder of results.

mod address;
mod entry;
mod html;
mod markdown;
mod numbers;
mod provenance;
mod token;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::results::State;
use crate::scale::Scale;
pub(crate) use entry::Entry;

/// Writes `report.html` and `report.md` into the folder of `scale` in `out`;
/// returns the path of the former.
pub(crate) fn write(out: &Path, scale: Scale, ids: &[&str]) -> Result<PathBuf> {
    let folder = out.join(scale.name());
    let entries: Vec<Entry> = ids.iter().map(|id| Entry::read(&folder, id)).collect();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let page = folder.join("report.html");
    let pages = [
        (folder.join("report.md"), markdown::render(scale, &entries)),
        (page.clone(), html::render(scale, &entries)),
    ];
    for (path, text) in &pages {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(page)
}

/// What every report says first.
fn introduction(scale: Scale) -> String {
    let of_scale = match scale {
        Scale::Smoke => {
            "This scale only proves that everything runs: its numbers say nothing about the claims."
        }
        Scale::Default => "This scale is meant for an ordinary computer.",
        Scale::Full => "This is the largest scale.",
    };
    format!(
        "Each experiment tests one claim about diffusion language models. Its verdict follows from \
         rules that were written down before the run, and every estimate stands with its interval. \
         {of_scale}"
    )
}

/// The command that runs an experiment without results.
fn command_to_run(entry: &Entry, scale: Scale) -> String {
    if let Some(failure) = &entry.failure {
        return failure.command.clone();
    }
    // What lies there is not replaced unasked.
    let force = match entry.state {
        State::OtherVersion(_) | State::Malformed(_) => " --force",
        _ => "",
    };
    format!("cargo xtask reproduce {} --scale {}{force}", entry.id, scale.name())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
