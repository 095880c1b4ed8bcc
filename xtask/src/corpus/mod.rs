//! The corpus that adapters learn from: text, instruction pairs and prompts,
//! made from packages of public registries. Nothing of a package is run; the
//! same packages and lists give the same bytes.

mod archive;
mod clean;
mod document;
#[cfg(test)]
mod fake_archive;
mod npm;
mod pairs;
mod passages;
mod prompts;
mod recipe;
mod seen;
mod sources;
mod sums;
mod templates;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::setup::staging::Staging;
use crate::setup::stamp::Stamp;
use crate::setup::{self, Options, digest};
use crate::workspace::Workspace;
use recipe::Archives;
use sources::ARCHIVES;

/// What to do besides making what is not there.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wish {
    /// Make nothing, and check what is there byte by byte.
    pub(crate) check: bool,
    /// Make everything, and record its sums as those of the recipe.
    pub(crate) record: bool,
}

const STAMP: &str = "stamp.json";

/// Makes sure that the corpus is there; returns a table of what it holds.
pub(crate) fn ensure(workspace: &Workspace, wish: Wish) -> Result<String> {
    let (data, out) = (workspace.root.join("data"), workspace.corpus());
    let recorded = data.join("corpus/sums.csv");
    if wish.check {
        let sums = sums::read(&recorded)?;
        sums::check(&sums, &out)?;
        return Ok(format!("{}every file is as data/corpus/sums.csv says\n", sums::table(&sums)));
    }
    if wish.record || !Stamp::holds(&out.join(STAMP), &out, &made_from(&data)?) {
        let keep = Options { keep_downloads: true, ..Options::default() };
        setup::with_downloads(workspace, keep, |downloads| {
            make(downloads, &data, &out, wish.record)?;
            Ok(Vec::new())
        })
        .context("the corpus was not made; what was there before still is")?;
    }
    Ok(sums::table(&sums::read(&recorded)?))
}

/// Fetches what is missing and makes the corpus anew.
fn make(downloads: &Path, data: &Path, out: &Path, record: bool) -> Result<()> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for archive in ARCHIVES {
        paths.push(archive.fetch(downloads)?);
    }
    let [addresses, bible, books, countries, dictionary, facts] = &paths[..] else {
        bail!("there are {} archives for six sources", paths.len())
    };
    let archives = Archives { addresses, bible, books, countries, dictionary, facts };
    make_from(&archives, data, out, record)
}

/// Makes the corpus beside `out` and puts it in place if it is what is recorded.
fn make_from(archives: &Archives<'_>, data: &Path, out: &Path, record: bool) -> Result<()> {
    let recorded = data.join("corpus/sums.csv");
    let staging = Staging::beside(out)?;
    eprintln!("making {}", out.display());
    let made = recipe::make(archives, data, staging.path())?;
    if record {
        sums::save(&made, &recorded)?;
    } else {
        let expected = sums::read(&recorded)?;
        let differs = made.iter().find(|sum| !expected.contains(sum));
        if let Some(sum) = differs {
            bail!(
                "{} came out otherwise than data/corpus/sums.csv says; if the recipe was changed \
                 on purpose, run `cargo xtask corpus --record`",
                sum.file
            );
        }
    }
    Stamp::of(staging.path(), made_from(data)?)?.save(&staging.path().join(STAMP))?;
    staging.commit()
}

/// The sums of all that decides the result.
fn made_from(data: &Path) -> Result<Vec<String>> {
    let mut from: Vec<String> =
        ARCHIVES.iter().map(|archive| archive.sha256().to_string()).collect();
    for folder in ["topics", "words", "templates/prompts", "templates/pairs"] {
        for (name, lines) in templates::files(&data.join("corpus").join(folder))? {
            from.push(format!("{folder}/{name} {}", digest::of_bytes(lines.join("\n").as_bytes())));
        }
    }
    for file in ["corpus/sums.csv", "prompts/prompts.jsonl"] {
        let bytes = std::fs::read(data.join(file)).unwrap_or_default();
        from.push(format!("{file} {}", digest::of_bytes(&bytes)));
    }
    Ok(from)
}

#[cfg(test)]
mod tests;
