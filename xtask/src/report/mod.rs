//! The report of one scale: a pure function of its folder of results.

mod experiment;
mod markdown;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::results::{Results, State};
use crate::scale::Scale;
use markdown::{inline, table, target};

/// One experiment as the report sees it.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) state: State,
    /// None unless the state is whole.
    pub(crate) results: Option<Results>,
}

impl Entry {
    /// Reads the results of `id` in the folder of a scale.
    ///
    /// # Errors
    /// If they are whole but malformed.
    pub(crate) fn read(folder: &Path, id: &str) -> Result<Self> {
        let folder = folder.join(id);
        let state = State::of(&folder)?;
        let results = if state == State::Whole { Some(Results::read(&folder)?) } else { None };
        Ok(Self { id: id.to_string(), state, results })
    }

    /// The verdict, or why there is none.
    pub(crate) fn verdict(&self) -> String {
        match (&self.results, &self.state) {
            (Some(results), _) => results.summary.verdict.name().to_string(),
            (None, State::Partial(why)) => format!("not whole ({why})"),
            (None, _) => "not run".to_string(),
        }
    }
}

/// Writes `report.md` into the folder of `scale` in `out`; returns its path.
pub(crate) fn write(out: &Path, scale: Scale, ids: &[&str]) -> Result<PathBuf> {
    let folder = out.join(scale.name());
    let entries = ids.iter().map(|id| Entry::read(&folder, id)).collect::<Result<Vec<Entry>>>()?;
    let path = folder.join("report.md");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, render(scale, &entries)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The report as Markdown.
fn render(scale: Scale, entries: &[Entry]) -> String {
    let mut page = format!(
        "# Results at scale `{}`\n\n\
         Each experiment tests one claim about diffusion language models. Its verdict follows \
         from rules that were written down before the run, and every estimate stands \
         with its interval. {}\n\n",
        scale.name(),
        match scale {
            Scale::Smoke => {
                "This scale only proves that everything runs: its numbers say nothing about the \
                 claims."
            }
            Scale::Default => "This scale is meant for an ordinary computer.",
            Scale::Full => "This is the largest scale.",
        }
    );
    page.push_str(&table(
        &["Experiment", "Feeds", "Claim", "Verdict"],
        &entries.iter().map(verdict_row).collect::<Vec<_>>(),
    ));
    for entry in entries {
        page.push('\n');
        page.push_str(&experiment::section(entry, scale));
    }
    page
}

fn verdict_row(entry: &Entry) -> Vec<String> {
    // The anchor of the section's heading, which is the id.
    let link = format!("[{}](#{})", inline(&entry.id), target(&entry.id));
    let (feeds, claim) = entry
        .results
        .as_ref()
        .map(|results| (inline(&results.summary.feeds), inline(&results.summary.claim)))
        .unwrap_or_default();
    vec![link, feeds, claim, inline(&entry.verdict())]
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
