//! Low-rank adapters in PEFT's layout, merged into the weights they adapt.
//!
//! `W' = W + s·B·A` with `A [r, in]`, `B [out, r]` and `s = α/r`, or `α/√r` where
//! the adapter says `use_rslora` (Hu et al. 2021; Kalajdzievski 2023). Rows of the
//! input embedding that were trained replace the base's rows; a tied output head
//! keeps the base's.

use std::{cell::RefCell, collections::BTreeSet, path::Path};

use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::{config::Config, weights::Weights};
use crate::{Error, error::TensorProblem};

/// File names of the layout, all of which identify an adapter.
pub(crate) const FILES: [&str; 3] =
    ["adapter_config.json", "adapter_model.safetensors", "diffusion_config.json"];

/// Where a Gaussian adapter keeps what PEFT has no names for, and would refuse.
pub(crate) const LATENT_INPUT: &str = "latent_input.safetensors";

const PREFIX: &str = "base_model.model.";

/// An adapter's tensors and how they are scaled.
pub(crate) struct Adapter {
    config: Config,
    weights: Weights,
    used: RefCell<BTreeSet<String>>,
}

impl Adapter {
    /// Opens the adapter in `folder`.
    ///
    /// # Errors
    ///
    /// Where a file is missing or malformed, or where the adapter uses a variant
    /// that would be merged wrongly (DoRA, trained biases, saved modules).
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let config = Config::read(&folder.join(FILES[0]))?;
        config.expect("peft_type", &[json!("LORA")])?;
        config.expect("bias", &[json!("none")])?;
        config.expect("use_dora", &[json!(false)])?;
        config.expect("fan_in_fan_out", &[json!(false)])?;
        config.expect("modules_to_save", &[json!([])])?;
        config.size("r")?;
        config.positive_or("lora_alpha", 1.0)?;
        let weights = Weights::open(&[folder.join(FILES[1])])?;
        Ok(Self { config, weights, used: RefCell::default() })
    }

    /// `W + s·B·A`, where the adapter adapts `module`; computed in f32.
    pub(crate) fn merge(&self, module: &str, weight: Tensor) -> Result<Tensor, Error> {
        let a_name = format!("{PREFIX}{module}.lora_A.weight");
        let b_name = format!("{PREFIX}{module}.lora_B.weight");
        if self.weights.shape(&a_name).is_none() && self.weights.shape(&b_name).is_none() {
            return Ok(weight);
        }
        let &[out, into] = weight.size().as_slice() else {
            // The weight itself is missing, which its loader reports.
            self.used.borrow_mut().extend([a_name, b_name]);
            return Ok(weight);
        };
        let rank = self.pattern("rank_pattern", module)?.unwrap_or(self.config.size("r")? as f64);
        let a = self.tensor(&a_name, &[rank as i64, into])?;
        let b = self.tensor(&b_name, &[out, rank as i64])?;
        let alpha = self.pattern("alpha_pattern", module)?;
        let alpha = alpha.unwrap_or(self.config.positive_or("lora_alpha", 1.0)?);
        let rs = self.config.flag_or("use_rslora", false)?;
        let scale = if rs { alpha / rank.sqrt() } else { alpha / rank };
        let update = b.f_matmul(&a)?.f_mul_scalar(scale)?.f_to_device(weight.device())?;
        Ok(weight.f_to_kind(Kind::Float)?.f_add(&update)?.f_to_kind(weight.kind())?)
    }

    /// The embedding with the rows that the adapter trained in place of the base's.
    pub(crate) fn replace_rows(&self, module: &str, weight: Tensor) -> Result<Tensor, Error> {
        let name = format!("{PREFIX}{module}.token_adapter.trainable_tokens_delta");
        let Some(shape) = self.weights.shape(&name).map(<[i64]>::to_vec) else {
            return Ok(weight);
        };
        let leaf = module.rsplit('.').next().unwrap_or(module);
        let field = "trainable_token_indices";
        let rows: Option<Vec<i64>> = match self.config.get(field) {
            Some(Value::Object(modules)) => modules.get(leaf).and_then(integers),
            Some(list) => integers(list),
            None => None,
        };
        let &[vocab, width] = weight.size().as_slice() else {
            self.used.borrow_mut().insert(name);
            return Ok(weight);
        };
        let held = shape.first().copied().unwrap_or(0);
        let rows = rows
            .filter(|rows| rows.iter().all(|row| (0..vocab).contains(row)))
            .filter(|rows| rows.len() as i64 == held)
            .ok_or_else(|| {
                let problem = format!(
                    "should list the {held} row(s) of {leaf} that {name} holds, each below {vocab}"
                );
                self.config.complaint(field, problem)
            })?;
        let values = self.tensor(&name, &[rows.len() as i64, width])?;
        let values = values.f_to_device(weight.device())?.f_to_kind(weight.kind())?;
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(weight.device())?;
        Ok(weight.f_index_copy(0, &rows, &values)?)
    }

    /// Whether every tensor of the adapter found what it adapts.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let path = self.config.path().with_file_name(FILES[1]);
        let used = self.used.borrow();
        let problems: Vec<TensorProblem> = self
            .weights
            .names()
            .filter(|name| !used.contains(*name))
            .map(|name| TensorProblem::Extra { name: name.to_string(), file: path.clone() })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::Tensors { path, problems }) }
    }

    fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor, Error> {
        self.used.borrow_mut().insert(name.to_string());
        let found = self.weights.shape(name);
        if found == Some(shape) {
            return self.weights.tensor(name, tch::Device::Cpu, Kind::Float);
        }
        let path = self.config.path().with_file_name(FILES[1]);
        let (name, expected) = (name.to_string(), shape.to_vec());
        let problem = match found {
            Some(found) => {
                TensorProblem::Shape { name, expected, found: found.to_vec(), file: path.clone() }
            }
            None => TensorProblem::Missing { name, expected },
        };
        Err(Error::Tensors { path, problems: vec![problem] })
    }

    /// The entry of a pattern table whose key is `module` or its ending.
    fn pattern(&self, field: &str, module: &str) -> Result<Option<f64>, Error> {
        let Some(Value::Object(patterns)) = self.config.get(field) else { return Ok(None) };
        let matched =
            patterns.iter().find(|(key, _)| module == *key || module.ends_with(&format!(".{key}")));
        let Some((key, value)) = matched else { return Ok(None) };
        value.as_f64().filter(|number| 0.0 < *number).map(Some).ok_or_else(|| {
            self.config.complaint(&format!("{field}.{key}"), "should be a positive number")
        })
    }
}

fn integers(value: &Value) -> Option<Vec<i64>> {
    value.as_array()?.iter().map(Value::as_i64).collect()
}
