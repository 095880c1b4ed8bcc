//! The likelihoods of a masked model, by name.

use clap::ValueEnum;
use dlm_core::MaskPredictor;
use dlm_discrete::likelihood::{
    Answer, AnyOrder, Clean, Elbo, LikelihoodError, MonteCarlo, Scoring, along_order,
    check_enumerable, over_all_orders,
};
use dlm_rng::Key;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Error;

/// Where MDLM's integral over time begins (Sahoo et al. 2024).
const EPSILON: f64 = 1e-3;

/// What is computed of every answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// Which likelihood.
    pub name: MethodName,
    /// Evaluations of one replicate, spread evenly; the estimates use it.
    pub strata: usize,
    /// Replicates, when to stop before, and how sequences are evaluated.
    pub estimate: MonteCarlo,
    /// Seed of the estimates' maskings; every prompt has its own.
    pub seed: u64,
}

/// Which likelihood of a masked model is meant; `dlm_discrete::likelihood` compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MethodName {
    /// The mean over all orders, estimated (LLaDA).
    AnyOrder,
    /// The integral over diffusion time on the linear schedule, estimated (MDLM).
    Elbo,
    /// The mean over all orders, exactly; at most 12 tokens.
    Exact,
    /// The chain rule from left to right, exactly.
    LeftToRight,
}

/// A log-likelihood and what it took.
pub(super) struct Scored {
    /// Nats.
    pub(super) value: f64,
    /// Nats; 0 where the value is exact.
    pub(super) standard_error: Option<f64>,
    /// Network evaluations.
    pub(super) evaluations: usize,
}

impl Method {
    /// What the values depend on. How many sequences are evaluated together is not among
    /// it, so a run that was too large for the memory goes on with a smaller batch.
    pub(super) fn inputs(&self) -> Value {
        json!({
            "name": self.name,
            "strata": self.strata,
            "replicates": self.estimate.replicates,
            "target_error": self.estimate.target_error,
            "guidance": self.estimate.scoring.guidance,
            "seed": self.seed,
        })
    }

    /// Refuses settings that cannot be, and answers that cannot be scored so, before
    /// anything is written.
    pub(super) fn check(&self, answers: &[Answer], path: &str) -> Result<(), Error> {
        if self.name == MethodName::Exact {
            for (index, answer) in answers.iter().enumerate() {
                let path = path.to_string();
                check_enumerable(answer).map_err(|source| Error::Likelihood {
                    path,
                    index,
                    source,
                })?;
            }
        }
        let MonteCarlo { replicates, target_error, scoring } = self.estimate;
        let least = |flag: &str| format!("--{flag} 0: give at least 1");
        let problem = match target_error.filter(|error| !(0.0..f64::INFINITY).contains(error)) {
            Some(error) => format!("--target-error {error}: give nats, 0 or above"),
            None if replicates == 0 => least("samples"),
            None if self.strata == 0 => least("strata"),
            None if scoring.batch == 0 => least("batch"),
            None if !scoring.guidance.is_finite() => "--guidance: give a finite number".to_string(),
            None => return Ok(()),
        };
        Err(Error::Argument(problem))
    }

    pub(super) fn score(
        &self,
        model: &mut dyn MaskPredictor,
        prompt: usize,
        answer: &Answer,
    ) -> Result<Scored, LikelihoodError> {
        let Scoring { guidance, .. } = self.estimate.scoring;
        let passes = if guidance == 0.0 { 1 } else { 2 };
        let exact = |value: f64, sequences: usize| Scored {
            value,
            standard_error: Some(0.0),
            evaluations: passes * sequences,
        };
        let key = Key::new(self.seed).sequence(prompt as u64);
        let length = answer.positions().len();
        let estimate = match self.name {
            MethodName::Exact => {
                let value = over_all_orders(model, answer, &self.estimate.scoring)?;
                return Ok(exact(value, (1 << length) - 1));
            }
            MethodName::LeftToRight => {
                let mut order = answer.positions().to_vec();
                order.sort_unstable();
                let terms = along_order(model, answer, &order, &self.estimate.scoring)?;
                return Ok(exact(terms.iter().sum(), length));
            }
            MethodName::AnyOrder => {
                self.estimate.estimate(model, answer, &AnyOrder::new(self.strata, key)?)?
            }
            MethodName::Elbo => {
                let linear = |_: usize, t: f64| Clean { alpha: 1.0 - t, derivative: -1.0 };
                let maskings = Elbo::new(self.strata, EPSILON, key, linear)?;
                self.estimate.estimate(model, answer, &maskings)?
            }
        };
        Ok(Scored {
            value: estimate.value,
            standard_error: estimate.standard_error,
            evaluations: passes * estimate.evaluations,
        })
    }
}
