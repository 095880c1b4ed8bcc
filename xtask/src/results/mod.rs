//! The results of one experiment, as `dlm` wrote them.

mod estimates;
mod failure;
mod figure;
mod manifest;
mod summary;

use std::fmt;
use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(crate) use estimates::Estimate;
pub(crate) use failure::Failure;
#[cfg(test)]
pub(crate) use failure::tests::EXAMPLE as EXAMPLE_FAILURE;
pub(crate) use figure::{CurvePoint, Data, Figure, HeatMap, Position, Sample, Shown, Trajectory};
#[cfg(test)]
pub(crate) use manifest::tests::EXAMPLE as EXAMPLE_MANIFEST;
pub(crate) use manifest::{Listed, Manifest, Model};
pub(crate) use summary::{Cell, Outcome, Summary, Table, Verdict};

/// Results of another version may mean something else by the same name.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that a report tells of one experiment.
pub(crate) struct Results {
    pub(crate) manifest: Manifest,
    pub(crate) summary: Summary,
    pub(crate) estimates: Vec<Estimate>,
    /// The figures of the summary, with their contents.
    pub(crate) figures: Vec<Shown>,
}

/// How far a folder of results is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// There is no folder.
    Missing,
    /// The run was interrupted, or files went missing; says which.
    Partial(String),
    /// The last run could not be made; says why.
    Failed(String),
    /// The manifest names another version of the program; says which.
    OtherVersion(String),
    /// A file is not what it should be; says which and why.
    Malformed(String),
    /// The manifest is there, which is written last, and every file it lists.
    Whole,
}

impl State {
    /// Looks at `folder`, without reading more than the manifest and the failure.
    pub(crate) fn of(folder: &Path) -> Self {
        if !folder.exists() {
            return Self::Missing;
        }
        let malformed = |error: anyhow::Error| Self::Malformed(format!("{error:#}"));
        let state = match folder.join("manifest.json").exists() {
            true => Self::by_manifest(folder).unwrap_or_else(malformed),
            false => Self::Partial("no manifest.json: the run did not finish".to_string()),
        };
        if state == Self::Whole {
            return state;
        }
        match Failure::read(folder) {
            Ok(Some(failure)) if failure.version == VERSION => Self::Failed(failure.reason),
            Ok(_) => state,
            Err(error) => malformed(error),
        }
    }

    fn by_manifest(folder: &Path) -> Result<Self> {
        /// The one field that every version has written.
        #[derive(Deserialize)]
        struct Made {
            version: String,
        }
        let path = folder.join("manifest.json");
        let made: Made = read_json(&path)?;
        if made.version != VERSION {
            return Ok(Self::OtherVersion(made.version));
        }
        let manifest: Manifest = read_json(&path)?;
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("not run"),
            Self::Partial(why) => write!(f, "not whole ({why})"),
            Self::Failed(why) => write!(f, "could not run ({why})"),
            Self::OtherVersion(version) => {
                write!(f, "made by another version ({version}): run it again with --force")
            }
            Self::Malformed(why) => write!(f, "not readable ({why}): run it again with --force"),
            Self::Whole => f.write_str("whole"),
        }
    }
}

impl Results {
    /// Reads a folder whose [`State`] is whole.
    ///
    /// # Errors
    /// If a file is malformed: names the file and the field.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let summary = Summary::read(&folder.join("summary.json"))?;
        let figures = summary.figures.iter().map(|figure| Shown::read(folder, figure));
        Ok(Self {
            manifest: read_json(&folder.join("manifest.json"))?,
            estimates: Estimate::read_all(&folder.join("estimates.csv"))?,
            figures: figures.collect::<Result<_>>()?,
            summary,
        })
    }

    /// The estimate of this name.
    pub(crate) fn estimate(&self, name: &str) -> Option<&Estimate> {
        self.estimates.iter().find(|estimate| estimate.name == name)
    }
}

/// Reads a JSON file; an error names the file and the path of the field.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = read_text(path)?;
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&text)).map_err(
        |error| {
            let (field, cause) = (error.path().to_string(), error.inner());
            anyhow::anyhow!("{}: field `{field}`: {cause}", name_of(path))
        },
    )
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", name_of(path)))
}

/// The file's name without its folder: the report is the same wherever that lies.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
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
        let state = || State::of(&folder);
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
    fn a_failure_says_why_where_nothing_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        let state = || State::of(root.path()).to_string();
        write("failure.json", EXAMPLE_FAILURE);
        write("progress.json", "{}");
        assert!(state().starts_with("could not run (this experiment asks a masked"), "{}", state());
        write("manifest.json", r#"{"version": "0.0.9"}"#);
        assert!(state().starts_with("could not run"), "{}", state());
        // What stood there before the attempt still stands.
        write("manifest.json", manifest::tests::EXAMPLE);
        ["rows.csv", "summary.json", "estimates.csv"].iter().for_each(|name| write(name, ""));
        assert_eq!(state(), "whole");
        fs::remove_file(root.path().join("manifest.json")).unwrap();
        write("failure.json", &EXAMPLE_FAILURE.replace(VERSION, "0.0.9"));
        assert!(state().starts_with("not whole"), "{}", state());
    }

    #[test]
    fn results_of_another_version_are_refused_whatever_they_hold() {
        let root = tempfile::tempdir().unwrap();
        let write = |text: &str| fs::write(root.path().join("manifest.json"), text).unwrap();
        write(r#"{"version": "0.0.9", "layout": "unknown"}"#);
        let state = State::of(root.path());
        assert_eq!(state, State::OtherVersion("0.0.9".to_string()));
        assert_eq!(state.to_string(), "made by another version (0.0.9): run it again with --force");
        write("{}");
        let state = State::of(root.path()).to_string();
        assert!(state.starts_with("not readable (manifest.json: field"), "{state}");
    }

    #[test]
    fn a_path_stays_in_its_folder() {
        assert!(ensure_within("a/b.svg", "x").is_ok());
        for name in ["", "/etc/passwd", "../a", "a/../../b"] {
            assert!(ensure_within(name, "x").is_err(), "{name}");
        }
    }
}
