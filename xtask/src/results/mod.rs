//! The results of one experiment, as `dlm` wrote them.

mod estimates;
mod manifest;
mod summary;

use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

pub(crate) use estimates::Estimate;
#[cfg(test)]
pub(crate) use manifest::tests::EXAMPLE as EXAMPLE_MANIFEST;
pub(crate) use manifest::{Listed, Manifest};
pub(crate) use summary::{Cell, Figure, Summary, Table};

/// Everything that a report tells of one experiment.
pub(crate) struct Results {
    pub(crate) manifest: Manifest,
    pub(crate) summary: Summary,
    pub(crate) estimates: Vec<Estimate>,
}

/// How far a folder of results is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// There is no folder.
    Missing,
    /// The run was interrupted, or files went missing; says which.
    Partial(String),
    /// The manifest is there, which is written last, and every file it lists.
    Whole,
}

impl State {
    /// Looks at `folder`, without reading more than the manifest.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        if !folder.exists() {
            return Ok(Self::Missing);
        }
        if !folder.join("manifest.json").exists() {
            return Ok(Self::Partial("no manifest.json: the run did not finish".to_string()));
        }
        let manifest: Manifest = read_json(&folder.join("manifest.json"))?;
        for listed in &manifest.files {
            if !listed.within(folder)?.exists() {
                return Ok(Self::Partial(format!("{} is missing", listed.path)));
            }
        }
        let needed = ["summary.json", "estimates.csv"];
        match needed.iter().find(|name| !folder.join(name).exists()) {
            Some(name) => Ok(Self::Partial(format!("{name} is missing"))),
            None => Ok(Self::Whole),
        }
    }
}

impl Results {
    /// Reads a folder whose [`State`] is whole.
    ///
    /// # Errors
    /// If a file is malformed: names the file and the field.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        Ok(Self {
            manifest: read_json(&folder.join("manifest.json"))?,
            summary: Summary::read(&folder.join("summary.json"))?,
            estimates: Estimate::read_all(&folder.join("estimates.csv"))?,
        })
    }
}

/// Reads a JSON file; an error names the file and the path of the field.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&text)).map_err(
        |error| {
            let (field, cause) = (error.path().to_string(), error.inner());
            anyhow::anyhow!("{}: field `{field}`: {cause}", path.display())
        },
    )
}

/// Checks that `name`, found in `file`, is a path that stays in its folder.
fn ensure_within(name: &str, file: &str) -> Result<()> {
    let mut parts = Path::new(name).components();
    let plain = !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)));
    ensure!(plain, "{file}: the path {name:?} leaves the folder of results");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_missing_partial_or_whole() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("x");
        let state = || State::of(&folder).unwrap();
        let partial = |why: &str| State::Partial(why.to_string());
        assert_eq!(state(), State::Missing);
        fs::create_dir(&folder).unwrap();
        assert_eq!(state(), partial("no manifest.json: the run did not finish"));
        fs::write(folder.join("manifest.json"), manifest::tests::EXAMPLE).unwrap();
        assert_eq!(state(), partial("rows.csv is missing"));
        fs::write(folder.join("rows.csv"), "").unwrap();
        assert_eq!(state(), partial("summary.json is missing"));
        fs::write(folder.join("summary.json"), "").unwrap();
        fs::write(folder.join("estimates.csv"), "").unwrap();
        assert_eq!(state(), State::Whole);
    }

    #[test]
    fn a_path_stays_in_its_folder() {
        assert!(ensure_within("a/b.svg", "x").is_ok());
        for name in ["", "/etc/passwd", "../a", "a/../../b"] {
            assert!(ensure_within(name, "x").is_err(), "{name}");
        }
    }
}
