//! The experiments, in an order in which they can run. What an experiment
//! claims, and which part of the paper it feeds, stands in `specs/<id>.toml`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// One experiment.
#[derive(Debug)]
pub(crate) struct Experiment {
    /// Stem of `specs/<id>.toml`, and name of its folder of results.
    pub(crate) id: &'static str,
    /// Experiments whose results it reads.
    pub(crate) needs: &'static [&'static str],
}

/// Every experiment.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    Experiment { id: "probe-example", needs: &[] },
    Experiment { id: "probe-aggregate", needs: &[] },
    Experiment { id: "mask-count", needs: &[] },
    Experiment { id: "information-decay", needs: &[] },
    Experiment { id: "tractable-states", needs: &[] },
    Experiment { id: "refinement", needs: &[] },
    Experiment { id: "rounding", needs: &[] },
    Experiment { id: "dependency", needs: &[] },
    Experiment { id: "marginal-trap", needs: &[] },
    Experiment { id: "committed-states", needs: &[] },
    Experiment { id: "steps-below-tokens", needs: &[] },
    Experiment { id: "eos-flood", needs: &[] },
    Experiment { id: "information-aware", needs: &[] },
    Experiment { id: "joint-decoding", needs: &[] },
    Experiment {
        id: "five-properties",
        needs: &[
            "information-decay",
            "tractable-states",
            "refinement",
            "rounding",
            "marginal-trap",
        ],
    },
];

impl Experiment {
    /// The spec, relative to the root.
    pub(crate) fn spec(&self) -> String {
        format!("specs/{}.toml", self.id)
    }
}

/// What `ids` name, and what they need, in the order of the registry; all if
/// `ids` is empty.
pub(crate) fn select(ids: &[String]) -> Vec<&'static Experiment> {
    select_from(EXPERIMENTS, ids)
}

fn select_from<'a>(all: &'a [Experiment], ids: &[String]) -> Vec<&'a Experiment> {
    let mut wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
    if wanted.is_empty() {
        return all.iter().collect();
    }
    // Needs come first in the registry, so one pass from its end finds them all.
    for experiment in all.iter().rev() {
        if wanted.contains(&experiment.id) {
            wanted.extend(experiment.needs);
        }
    }
    all.iter().filter(|experiment| wanted.contains(&experiment.id)).collect()
}

/// The part of a spec that concerns every experiment alike.
#[derive(Debug, PartialEq)]
pub(crate) struct Spec {
    /// Same as the file's stem.
    pub(crate) id: String,
    /// A sentence that could turn out false.
    pub(crate) claim: String,
    /// The figure, table or passage of the paper.
    pub(crate) feeds: String,
}

impl Spec {
    /// Reads a spec file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let table: toml::Table = text.parse().with_context(|| format!("{shown} is not TOML"))?;
        let field = |name: &str| match table.get(name) {
            Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
            Some(_) => bail!("{shown}: `{name}` must be a text that is not empty"),
            None => bail!("{shown}: `{name}` is missing; add it at the top level"),
        };
        let spec = Self { id: field("id")?, claim: field("claim")?, feeds: field("feeds")? };
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        ensure!(
            stem == Some(&spec.id),
            "{shown}: `id` is {:?}, which is not the file's name",
            spec.id
        );
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_stand_before_those_who_need_them() {
        for (index, experiment) in EXPERIMENTS.iter().enumerate() {
            for need in experiment.needs {
                let before = EXPERIMENTS[..index].iter().any(|earlier| earlier.id == *need);
                assert!(before, "{} needs {need}", experiment.id);
            }
        }
    }

    #[test]
    fn selecting_brings_along_what_is_needed() {
        let all = [
            Experiment { id: "a", needs: &[] },
            Experiment { id: "b", needs: &["a"] },
            Experiment { id: "c", needs: &["b"] },
            Experiment { id: "d", needs: &[] },
        ];
        let ids = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            select_from(&all, &wanted).iter().map(|experiment| experiment.id).collect::<String>()
        };
        assert_eq!(ids(&[]), "abcd");
        assert_eq!(ids(&["c"]), "abc");
        assert_eq!(ids(&["d", "a"]), "ad");
    }

    #[test]
    fn a_spec_that_is_wrong_is_named_with_its_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Spec::read(&path).map_err(|error| format!("{error:#}"))
        };
        let good = "id = 'x'\nclaim = 'c'\nfeeds = 'f'\n[model]\nid = 'm'\n";
        assert_eq!(read(good).unwrap().claim, "c");
        let cases = [
            ("id = 'x'\nfeeds = 'f'", "`claim` is missing"),
            ("id = 'x'\nclaim = 1\nfeeds = 'f'", "`claim` must be a text"),
            ("id = 'y'\nclaim = 'c'\nfeeds = 'f'", "not the file's name"),
            ("id = ", "is not TOML"),
        ];
        for (text, part) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(part) && error.contains("x.toml"), "{error}");
        }
    }
}
