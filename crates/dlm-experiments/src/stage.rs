//! What an experiment runs with: its spec, its models and its prompts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use dlm_rng::Key;
use dlm_runtime::{DtypeChoice, LoadOptions, Model, Source};
use dlm_stats::{Bootstrap, Method};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    ComputeArguments, Error, Family, Prompts, Scale, Spec, loading,
    manifest::{ModelRecord, PromptRecord},
    spec::{ModelChoice, Sizes},
};

/// What an experiment runs with.
pub(crate) struct Stage {
    pub(crate) spec: Spec,
    pub(crate) scale: Scale,
    pub(crate) models: Models,
    prompts: Option<Prompts>,
    /// Where the other experiments of this scale leave their folders.
    pub(crate) siblings: PathBuf,
}

/// The models of a run, found and not yet loaded.
pub(crate) struct Sources {
    /// Those of the spec with the role it gives them; one from the command line takes the
    /// role that it turns out to have.
    list: Vec<(Option<Family>, Source)>,
    /// Those that the spec names and that are not there.
    absent: BTreeMap<Family, String>,
    options: LoadOptions,
}

/// The models of a run, by what they are asked as.
pub(crate) struct Models {
    loaded: BTreeMap<Family, Model>,
    absent: BTreeMap<Family, String>,
}

impl Stage {
    pub(crate) fn new(
        spec: Spec,
        scale: Scale,
        models: Models,
        prompts: Option<Prompts>,
        out: &Path,
    ) -> Self {
        let siblings = out.parent().unwrap_or(Path::new("")).to_path_buf();
        Self { spec, scale, models, prompts, siblings }
    }

    /// What the experiment is told.
    ///
    /// # Errors
    ///
    /// Where the spec says something else than it should.
    pub(crate) fn settings<S: DeserializeOwned>(&self) -> Result<S, Error> {
        self.spec.settings(self.scale)
    }

    /// How intervals are resampled: prompts are few.
    pub(crate) fn bootstrap(&self) -> Bootstrap {
        let sizes = self.spec.sizes(self.scale);
        let resamples =
            sizes.map_or(Bootstrap::default().resamples, |sizes: &Sizes| sizes.resamples);
        let method = Method::Expanded;
        Bootstrap { resamples, seed: self.spec.seed, method, ..Bootstrap::default() }
    }

    /// Where the experiment's randomness starts.
    pub(crate) fn key(&self) -> Key {
        Key::new(self.spec.seed)
    }

    /// The prompts.
    ///
    /// # Errors
    ///
    /// Where the spec names none.
    pub(crate) fn prompts(&self) -> Result<&Prompts, Error> {
        let missing = || self.spec.refuse("prompts", "is missing: name a JSONL file of prompts");
        self.prompts.as_ref().ok_or_else(missing)
    }

    /// What a manifest says of the prompts.
    pub(crate) fn prompt_record(&self) -> Option<PromptRecord> {
        self.prompts.as_ref().map(Prompts::record)
    }
}

impl Sources {
    /// Finds the models of a spec, or `given` and `judge` instead of all of them. An adapter
    /// that the spec names and that is not there leaves its model out.
    ///
    /// # Errors
    ///
    /// Where a checkpoint cannot be had.
    pub(crate) fn find(
        sizes: &Sizes,
        given: Option<ModelChoice>,
        judge: Option<&str>,
        compute: ComputeArguments,
    ) -> Result<Self, Error> {
        let find = |choice: &ModelChoice| loading::find(&choice.model, choice.adapter.as_deref());
        let (mut list, mut absent) = (Vec::new(), BTreeMap::new());
        // A spec without models asks oracles, and no other model would change what they say.
        match given.filter(|_| !sizes.models.is_empty()) {
            Some(given) => {
                list.push((None, find(&given)?));
                let judge = judge.map(|judge| loading::find(judge, None)).transpose()?;
                list.extend(judge.map(|judge| (Some(Family::Autoregressive), judge)));
            }
            None => {
                for (&role, choice) in &sizes.models {
                    match choice.adapter.as_deref().filter(|adapter| !adapter.exists()) {
                        Some(adapter) => {
                            let remedy = format!("`cargo xtask train {role}` makes it");
                            let missing = format!("{} is not there: {remedy}", adapter.display());
                            absent.insert(role, missing);
                        }
                        None => list.push((Some(role), find(choice)?)),
                    }
                }
            }
        }
        let dtype = match (&sizes.dtype, compute.dtype) {
            (Some(dtype), DtypeChoice::Auto) => dtype.parse().map_err(Error::Argument)?,
            _ => compute.dtype,
        };
        let options = LoadOptions {
            device: compute.device,
            dtype,
            batch_tokens: compute.batch_tokens,
            parametrisation: None,
        };
        Ok(Self { list, absent, options })
    }

    /// All of them that rows depend on.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, or the device is not there.
    pub(crate) fn inputs(&self) -> Result<Value, Error> {
        if self.list.is_empty() {
            return Ok(Value::Null);
        }
        let (device, dtype) = self.options.resolved()?;
        let files: Result<Vec<_>, _> = self.list.iter().map(|(_, source)| source.files()).collect();
        let batch_tokens = self.options.batch_tokens;
        Ok(json!({
            "files": files?, "device": device, "dtype": dtype, "batch_tokens": batch_tokens,
        }))
    }

    /// Loads them.
    ///
    /// # Errors
    ///
    /// Where a checkpoint does not fit together, is of another family than its role, or of the
    /// same as another.
    pub(crate) fn load(self) -> Result<Models, Error> {
        let mut loaded = BTreeMap::new();
        for (role, source) in self.list {
            let model = Model::load(source, self.options)?;
            let (found, id) = (Family::of(&model)?, model.description().id);
            if role.is_some_and(|role| role != found) {
                let role = role.unwrap_or(found);
                let problem = format!("{id} is to be the {role} model and is {found}");
                return Err(Error::Argument(problem));
            }
            if loaded.contains_key(&found) {
                let problem = format!("{id} is a second {found} model: leave one of them out");
                return Err(Error::Argument(problem));
            }
            loaded.insert(found, model);
        }
        Ok(Models { loaded, absent: self.absent })
    }
}

impl Models {
    /// The model of a family, where the run has one.
    pub(crate) fn get(&mut self, family: Family) -> Option<&mut Model> {
        self.loaded.get_mut(&family)
    }

    /// Why the run has no model of a family, as a clause.
    pub(crate) fn why_not(&self, family: Family) -> String {
        let absent = self.absent.get(&family).cloned();
        absent.unwrap_or_else(|| format!("the run has no {family} model"))
    }

    /// The model of a family.
    ///
    /// # Errors
    ///
    /// Where the run has none.
    pub(crate) fn need(&mut self, family: Family) -> Result<&mut Model, Error> {
        let why = self.why_not(family);
        let missing = || Error::Argument(format!("this experiment asks a {family} model: {why}"));
        self.loaded.get_mut(&family).ok_or_else(missing)
    }

    /// Whether the run has a model of a family.
    pub(crate) fn has(&self, family: Family) -> bool {
        self.loaded.contains_key(&family)
    }

    /// What manifests say of them.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub(crate) fn records(&self) -> Result<Vec<ModelRecord>, Error> {
        self.loaded.values().map(ModelRecord::of).collect()
    }
}
