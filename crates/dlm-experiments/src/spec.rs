//! Specs: what is claimed, measured and would decide, before anything runs.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use clap::ValueEnum;
use serde::{Deserialize, de::DeserializeOwned};
use toml::Table;

use crate::{Error, Family, Rule};

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
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Every rule must hold for the claim to be supported.
    pub rules: Vec<Rule>,
    /// What the experiment is told at every scale.
    #[serde(default)]
    settings: Table,
    scales: BTreeMap<String, Sizes>,
    #[serde(skip)]
    path: PathBuf,
}

/// How large a run is, and on what.
#[derive(Clone, Debug, Deserialize)]
pub struct Sizes {
    /// The models, by what they are asked as; none where oracles are enough.
    #[serde(default)]
    pub models: BTreeMap<Family, ModelChoice>,
    /// A JSONL file of prompts.
    pub prompts: Option<PathBuf>,
    /// How many of them; all if absent.
    pub count: Option<usize>,
    /// Resamples of every interval.
    pub resamples: usize,
    /// In what numbers the models compute, unless the command line says: f32 or bf16.
    pub dtype: Option<String>,
    /// What only the experiment knows.
    #[serde(flatten)]
    settings: Table,
}

/// A model of a spec.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// A checkpoint's folder, relative to the spec, or a hub id.
    pub model: String,
    /// An adapter's folder, relative to the spec.
    pub adapter: Option<PathBuf>,
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
    /// Where the file cannot be read, holds an unknown field, misses one, or states a rule
    /// without a bound.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
        let mut spec: Self = toml::from_str(&text)
            .map_err(|error| Error::malformed(path, "TOML", error.to_string()))?;
        spec.path = path.to_path_buf();
        if let Some(rule) = spec.rules.iter().find(|r| r.above.is_none() && r.below.is_none()) {
            let problem = format!("the rule on {} needs above or below", rule.estimate);
            return Err(Error::malformed(path, "rules", problem));
        }
        let base = path.parent().unwrap_or(Path::new("."));
        for sizes in spec.scales.values_mut() {
            for choice in sizes.models.values_mut() {
                // A hub id has no file of its own and stays as it is.
                if choice.model.starts_with('.') {
                    choice.model = joined(base, Path::new(&choice.model)).display().to_string();
                }
                choice.adapter = choice.adapter.take().map(|adapter| joined(base, &adapter));
            }
            sizes.prompts = sizes.prompts.take().map(|prompts| joined(base, &prompts));
        }
        Ok(spec)
    }

    /// The sizes of a scale.
    ///
    /// # Errors
    ///
    /// Where the spec does not define it.
    pub fn sizes(&self, scale: Scale) -> Result<&Sizes, Error> {
        let field = format!("scales.{}", scale.name());
        let missing =
            || Error::malformed(&self.path, field, "is missing: the scale is not defined");
        self.scales.get(scale.name()).ok_or_else(missing)
    }

    /// What the experiment is told: the settings of every scale, overruled by this scale's.
    ///
    /// # Errors
    ///
    /// Where a field is missing, unknown or of another kind.
    pub(crate) fn settings<S: DeserializeOwned>(&self, scale: Scale) -> Result<S, Error> {
        let mut settings = self.settings.clone();
        settings.extend(self.sizes(scale)?.settings.clone());
        settings.try_into().map_err(|error: toml::de::Error| self.refuse("settings", error))
    }

    /// A setting that makes no sense.
    pub(crate) fn refuse(&self, field: &str, problem: impl ToString) -> Error {
        Error::malformed(&self.path, field, problem.to_string())
    }

    /// A file that a setting names, relative to the spec.
    pub(crate) fn beside(&self, file: &Path) -> PathBuf {
        joined(self.path.parent().unwrap_or(Path::new(".")), file)
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
