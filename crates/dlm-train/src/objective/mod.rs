//! What is minimised.

mod gaussian;
mod masked;
mod masking;

use dlm_core::TokenId;
use dlm_rng::Key;
use dlm_runtime::{Plan, Trainee};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::Tensor;

pub use gaussian::GaussianObjective;
pub use masked::MaskedObjective;
pub use masking::{Masked, Masking};

use crate::{Error, Example, Part, Recipe};

/// What is minimised, which makes the family of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Objective {
    /// Masked diffusion.
    Masked(MaskedObjective),
    /// Gaussian diffusion on the base's token embeddings.
    Gaussian(GaussianObjective),
}

/// The loss of a part of a batch.
#[derive(Debug)]
pub struct Loss {
    /// A number whose gradient is the loss's.
    pub surrogate: Tensor,
    /// The part's share of the loss, nats per token of the whole batch.
    pub value: f64,
    /// What was predicted.
    pub read: Measured,
}

/// How well tokens were predicted: sums, so that parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// `Σ −ln p` of the tokens that were predicted, nats.
    pub nll: f64,
    /// How many of them had the largest probability.
    pub right: f64,
    /// How many there were.
    pub count: f64,
}

impl Measured {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            nll: self.nll + other.nll,
            right: self.right + other.right,
            count: self.count + other.count,
        }
    }

    /// Mean `−ln p`, nats; `NaN` of nothing.
    pub fn cross_entropy(self) -> f64 {
        self.nll / self.count
    }

    /// Share of tokens that had the largest probability; `NaN` of nothing.
    pub fn accuracy(self) -> f64 {
        self.right / self.count
    }
}

impl Objective {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the first that does not.
    pub fn validate(&self) -> Result<(), Error> {
        match self {
            Self::Masked(objective) => objective.validate(),
            Self::Gaussian(objective) => objective.validate(),
        }
    }

    /// What is trained of a base for it.
    pub fn plan(&self, recipe: &Recipe) -> Plan {
        let (rows, latent) = match self {
            Self::Masked(objective) => (vec![objective.mask], false),
            Self::Gaussian(_) => (Vec::new(), true),
        };
        Plan { rank: recipe.rank, alpha: recipe.alpha, rows, latent }
    }

    /// The loss of `part` in the step that `key` names, with its gradient recorded.
    ///
    /// # Errors
    ///
    /// Where libtorch refuses, as it does for want of memory.
    pub fn loss(&self, trainee: &Trainee, part: Part<'_>, key: Key) -> Result<Loss, Error> {
        match self {
            Self::Masked(objective) => objective.loss(trainee, part, key),
            Self::Gaussian(objective) => objective.loss(trainee, part, key),
        }
    }

    /// The diffusion times at which held-out texts are measured.
    pub fn times(&self) -> &'static [f64] {
        match self {
            Self::Masked(_) => &[0.15, 0.5, 1.0],
            Self::Gaussian(_) => &[0.25, 0.5, 0.75, 1.0],
        }
    }

    /// How well `examples` are predicted at time `t`, their end tokens left out.
    ///
    /// # Errors
    ///
    /// Where libtorch refuses.
    pub fn measure(
        &self,
        trainee: &Trainee,
        examples: &[Example],
        t: f64,
        key: Key,
    ) -> Result<Measured, Error> {
        match self {
            Self::Masked(objective) => objective.measure(trainee, examples, t, key),
            Self::Gaussian(objective) => objective.measure(trainee, examples, t, key),
        }
    }

    /// What `diffusion_config.json` says beside an adapter, for those who load it.
    pub fn config(&self, end: TokenId) -> Value {
        let shared = |own: Value| {
            let mut all = json!({
                "attention": "bidirectional",
                "logits": "shifted_right",
                "eos_token_id": end,
            });
            if let (Value::Object(all), Value::Object(own)) = (&mut all, own) {
                all.extend(own);
            }
            all
        };
        match self {
            Self::Masked(objective) => shared(json!({ "mask_token_id": objective.mask })),
            Self::Gaussian(objective) => shared(json!({
                "process": "gaussian",
                "schedule": objective.schedule,
            })),
        }
    }
}
