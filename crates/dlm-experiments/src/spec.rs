//! Specs: what is claimed, measured and would decide, before anything runs.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use clap::ValueEnum;
use serde::Deserialize;

use crate::{Error, Rule};

/// A file of specs/, one per experiment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The experiment.
    pub id: String,
    /// A sentence that could turn out false.
    pub claim: String,
    /// Which part of the paper it feeds.
    pub feeds: String,
    /// Seed of the resamples.
    pub seed: u64,
    /// Tokens listed at each position.
    pub top_k: usize,
    /// The share of the masks, next to the prompt, that counts as near.
    pub near: f64,
    /// The share of the masks, at the end, that counts as far.
    pub far: f64,
    /// Every rule must hold for the claim to be supported.
    pub rules: Vec<Rule>,
    /// Sizes, by scale.
    pub scales: BTreeMap<String, Sizes>,
}

/// How large a run is, and on what.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// A checkpoint's folder, relative to the spec, or a hub id.
    pub model: String,
    /// An adapter's folder, relative to the spec.
    pub adapter: Option<PathBuf>,
    /// A JSONL file of prompts, relative to the spec.
    pub prompts: PathBuf,
    /// How many of them.
    pub count: usize,
    /// Masks appended to each.
    pub masks: usize,
    /// Resamples of every interval.
    pub resamples: usize,
}

/// How much of an experiment to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// Seconds on a tiny random model: whether everything works.
    Smoke,
    /// Minutes on two cores with the default model.
    Default,
    /// The paper's own model, on a GPU.
    Full,
}

impl Scale {
    /// Its name in specs and folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}

impl Spec {
    /// Reads a spec; paths in it become relative to the working directory.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, holds an unknown or misses a field, or states a
    /// rule without a bound.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
        let mut spec: Self = toml::from_str(&text)
            .map_err(|error| Error::malformed(path, "TOML", error.to_string()))?;
        let shares = [("near", spec.near), ("far", spec.far)];
        if let Some((field, share)) = shares.iter().find(|(_, s)| !(0.0..=0.5).contains(s)) {
            return Err(Error::malformed(path, *field, format!("{share} is not within 0 and 0.5")));
        }
        if let Some(rule) = spec.rules.iter().find(|r| r.above.is_none() && r.below.is_none()) {
            let problem = format!("the rule on {} needs above or below", rule.estimate);
            return Err(Error::malformed(path, "rules", problem));
        }
        let base = path.parent().unwrap_or(Path::new("."));
        for sizes in spec.scales.values_mut() {
            // A hub id has no file of its own and stays as it is.
            if sizes.model.starts_with('.') {
                sizes.model = joined(base, Path::new(&sizes.model)).display().to_string();
            }
            sizes.adapter = sizes.adapter.take().map(|adapter| joined(base, &adapter));
            sizes.prompts = joined(base, &sizes.prompts);
        }
        Ok(spec)
    }

    /// The sizes of a scale.
    ///
    /// # Errors
    ///
    /// Where the spec does not define it.
    pub fn sizes(&self, scale: Scale, path: &Path) -> Result<&Sizes, Error> {
        let field = format!("scales.{}", scale.name());
        let missing = || Error::malformed(path, field, "is missing: the scale is not defined");
        self.scales.get(scale.name()).ok_or_else(missing)
    }
}

/// `path` seen from `base`, without the detours that `base/..` would be.
fn joined(base: &Path, path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in base.join(path).components() {
        match (part, whole.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                whole.pop();
            }
            (Component::CurDir, _) => {}
            _ => whole.push(part),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::joined;

    #[test]
    fn paths_of_a_spec_are_seen_from_its_folder() {
        for (base, path, whole) in [
            ("specs", "../data/x", "data/x"),
            ("/w/specs", "../../y", "/y"),
            ("", "x", "x"),
            (".", "../x", "../x"),
            ("a/b", "/z", "/z"),
        ] {
            assert_eq!(joined(Path::new(base), Path::new(path)), PathBuf::from(whole));
        }
    }
}
