//! How an adapter is trained: everything but the base and the data.

use serde::{Deserialize, Serialize};

use crate::{AdamW, Error, Objective};

/// How an adapter is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the adapter names as its base, such as a hub id; where the base lay if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Seed of all randomness.
    #[serde(default)]
    pub seed: u64,
    /// Tokens to train on, prompts and fillings counted: as many steps as would hold them if
    /// every step were full. Texts leave some room at a step's end, so about one token in
    /// twenty-five fewer is read.
    pub tokens: u64,
    /// Rank `r` of the updates, at least 1.
    #[serde(default = "Recipe::rank")]
    pub rank: i64,
    /// `α`: updates are scaled by `α/r`.
    #[serde(default = "Recipe::alpha")]
    pub alpha: f64,
    /// What is minimised.
    pub objective: Objective,
    /// How.
    #[serde(default)]
    pub optimiser: AdamW,
    /// Sizes of canvases and batches.
    #[serde(default)]
    pub layout: Layout,
    /// Parts in which a step is computed, one after the other, at least 1. More take less
    /// memory and give the same gradient up to rounding.
    #[serde(default = "Recipe::one")]
    pub accumulate: usize,
    /// Steps from one checkpoint to the next, at least 1.
    #[serde(default = "Recipe::checkpoint_every")]
    pub checkpoint_every: u64,
    /// Steps from one measurement on held-out texts to the next, at least 1.
    #[serde(default = "Recipe::validate_every")]
    pub validate_every: u64,
    /// Held-out texts that are measured, at least 1.
    #[serde(default = "Recipe::validate_on")]
    pub validate_on: usize,
}

/// Sizes of canvases and batches, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layout {
    /// The longest canvas.
    pub length: usize,
    /// Canvases are as long as multiples of this, so that many have the same length and
    /// share one product.
    pub multiple: usize,
    /// Most tokens of one step: as many canvases as fit, end to end, none of which sees
    /// another.
    pub step_tokens: usize,
}

impl Default for Layout {
    fn default() -> Self {
        Self { length: 208, multiple: 16, step_tokens: 2112 }
    }
}

impl Recipe {
    fn rank() -> i64 {
        32
    }

    fn alpha() -> f64 {
        64.0
    }

    fn one() -> usize {
        1
    }

    fn checkpoint_every() -> u64 {
        50
    }

    fn validate_every() -> u64 {
        200
    }

    fn validate_on() -> usize {
        48
    }

    /// Steps of the whole training.
    pub fn steps(&self) -> u64 {
        self.tokens.div_ceil(self.layout.step_tokens as u64)
    }

    /// Whether the settings make sense together.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] names the first that does not.
    pub fn validate(&self) -> Result<(), Error> {
        let Layout { length, multiple, step_tokens } = self.layout;
        let fits = 0 < length && length.is_multiple_of(multiple.max(1));
        require("tokens", self.tokens, 0 < self.tokens, "at least 1")?;
        require("rank", self.rank, (1..=4096).contains(&self.rank), "in [1, 4096]")?;
        require("alpha", self.alpha, self.alpha.is_finite() && 0.0 < self.alpha, "above 0")?;
        require("layout.multiple", multiple, 0 < multiple, "at least 1")?;
        require("layout.length", length, fits, "a multiple of layout.multiple, above 0")?;
        let holds = length <= step_tokens;
        require("layout.step_tokens", step_tokens, holds, "at least layout.length")?;
        require("accumulate", self.accumulate, 0 < self.accumulate, "at least 1")?;
        let every = self.checkpoint_every;
        require("checkpoint_every", every, 0 < every, "at least 1")?;
        require("validate_every", self.validate_every, 0 < self.validate_every, "at least 1")?;
        require("validate_on", self.validate_on, 0 < self.validate_on, "at least 1")?;
        self.optimiser.validate()?;
        self.objective.validate()
    }
}

/// Complains about a setting unless it is as `wanted`.
pub(crate) fn require(
    field: &'static str,
    given: impl ToString,
    fine: bool,
    wanted: &'static str,
) -> Result<(), Error> {
    match fine {
        true => Ok(()),
        false => Err(Error::Setting { field, given: given.to_string(), wanted }),
    }
}
