//! The sampler: order × commit × blocks × temperature × remasking, as one value.

use dlm_core::{Ask, Canvas, MaskPredictor, TokenId};
use dlm_rng::Key;
use serde::{Deserialize, Serialize};

use super::{
    Commit, ConfigError, Ending, Faults, Filling, Observer, Order, Outcome, Remasking, SampleError,
    TokenRule, commit::Progress, ending::EndPolicy,
};

/// Fills canvases by committing, step after step, the positions that rank highest.
///
/// The struct is its own configuration: what an experiment's file holds and what a result
/// repeats. The published samplers are values of it, see [`presets`](super::presets).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnmaskingSampler {
    /// Which masked positions come first.
    pub order: Order,
    /// How many of them a step commits, and which.
    pub commit: Commit,
    /// What becomes of those already committed.
    #[serde(default)]
    pub remasking: Remasking,
    /// Network evaluations of the whole response, spread evenly over its blocks; absent, as
    /// many as it has tokens.
    #[serde(default)]
    pub steps: Option<usize>,
    /// Positions of a block; blocks are filled from left to right (semi-autoregressive,
    /// Arriola et al. 2025), and the last may be shorter. Absent, all is one block.
    #[serde(default)]
    pub block_length: Option<usize>,
    /// How tokens are drawn.
    #[serde(default)]
    pub tokens: TokenRule,
    /// Softmax temperature of the order: above 0 the ranking is drawn without replacement
    /// from `softmax(priority / temperature)` (Dream's `alg_temp`). A random order is as
    /// random at any temperature.
    #[serde(default)]
    pub selection_temperature: f64,
    /// What is done about end-of-sequence tokens.
    #[serde(default)]
    pub ending: Ending,
    /// Faults of published code that are reproduced.
    #[serde(default)]
    pub faults: Faults,
}

impl UnmaskingSampler {
    /// The sampler of an order and a commit rule: greedy, one block, a step a token.
    pub fn new(order: Order, commit: Commit) -> Self {
        Self {
            order,
            commit,
            remasking: Remasking::None,
            steps: None,
            block_length: None,
            tokens: TokenRule::default(),
            selection_temperature: 0.0,
            ending: Ending::default(),
            faults: Faults::default(),
        }
    }

    /// Fills `canvases`; the randomness of each is its key's alone, so its tokens do not
    /// depend on the others, on their order or on their number.
    ///
    /// [`Filling`] has the same with a limit on the batch and with what some orders and
    /// rules need besides.
    ///
    /// # Errors
    ///
    /// Where a setting cannot be, the model fails, or the observer stops.
    pub fn fill(
        &self,
        predictor: &mut dyn MaskPredictor,
        canvases: &mut [Canvas],
        keys: &[Key],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Outcome>, SampleError> {
        Filling::new(self, predictor).run(canvases, &mut keys.to_vec(), observer)
    }

    /// Checks all settings that do not depend on the canvas.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be, with what may stand there.
    pub fn validate(&self, vocab: usize) -> Result<(), ConfigError> {
        for (field, count) in [("steps", self.steps), ("block_length", self.block_length)] {
            if count == Some(0) {
                return Err(ConfigError::Zero { field });
            }
        }
        let value = self.selection_temperature;
        if !(0.0..f64::INFINITY).contains(&value) {
            let (field, allowed) = ("selection_temperature", "0 or above, and finite");
            return Err(ConfigError::Range { field, value, allowed });
        }
        self.order.validate()?;
        self.tokens.validate()?;
        self.commit.validate()?;
        self.remasking.validate()?;
        if let EndPolicy::Penalty { nats } = self.ending.policy
            && !nats.is_finite()
        {
            let (field, value) = ("ending.policy.nats", f64::from(nats));
            return Err(ConfigError::Range { field, value, allowed: "finite" });
        }
        if self.ending.policy != EndPolicy::None && self.ending.tokens.is_empty() {
            let what = "an end-of-sequence policy needs to know which tokens end a text: name them";
            return Err(ConfigError::Missing { what });
        }
        if matches!(self.commit, Commit::Credit(_)) && self.tokens.temperature != 0.0 {
            let what = "credit is defined for the most probable token: set the temperature to 0";
            return Err(ConfigError::Conflict { what });
        }
        self.validate_tokens(vocab)
    }

    /// Checks all settings for these canvases: everything that can be known before the
    /// first evaluation.
    ///
    /// # Errors
    ///
    /// As [`UnmaskingSampler::validate`]; and where a canvas has more blocks than steps,
    /// nothing that may be drawn, or another mask than the others.
    pub fn check(&self, canvases: &[Canvas], vocab: usize) -> Result<(), ConfigError> {
        self.validate(vocab)?;
        let Some(first) = canvases.first() else { return Ok(()) };
        self.check_bans(first.mask(), vocab)?;
        // The mask is banned for all rows of an evaluation at once.
        if canvases.iter().any(|canvas| canvas.mask() != first.mask()) {
            let what = "the canvases have different masks: fill those with another mask apart";
            return Err(ConfigError::Conflict { what });
        }
        canvases.iter().try_for_each(|canvas| self.blocks(canvas).map(drop))
    }

    /// What a run with this sampler cannot make use of, in sentences for whoever started it.
    pub fn notes(&self, response: usize) -> Vec<String> {
        let steps = self.steps.unwrap_or(response);
        let mut notes = Vec::new();
        // On a schedule a step may commit nothing, and more of them make it finer.
        let scheduled = matches!(self.commit, Commit::Ancestral { .. } | Commit::Scheduled { .. });
        if response < steps && self.remasking == Remasking::None && !scheduled {
            notes.push(format!(
                "{steps} steps for {response} tokens: without remasking, steps beyond one a \
                 token are never used"
            ));
        }
        if matches!(self.commit, Commit::FirstHitting) && steps < response {
            notes.push(format!(
                "first-hitting takes one step a token: with {steps} steps, the last commits \
                 the {} that are left at once",
                response - steps + 1
            ));
        }
        notes
    }

    /// Everything added to logits, the ban of the mask among it.
    pub(super) fn biases(&self, mask: TokenId, vocab: usize) -> Vec<(TokenId, f32)> {
        let mut biases = self.tokens.all_biases();
        biases.extend(self.ending.biases());
        if (mask as usize) < vocab && !self.faults.mask_is_a_token {
            biases.push((mask, f32::NEG_INFINITY));
        }
        biases
    }

    /// What every question of a run asks about each position.
    pub(super) fn ask<'a>(&self, biases: &'a [(TokenId, f32)]) -> Ask<'a> {
        Ask {
            temperature: self.tokens.temperature,
            shaping: self.tokens.shaping(biases),
            top_k: usize::from(self.lists_mode()),
            remember: matches!(self.commit, Commit::Stable { .. }),
            ..Ask::default()
        }
    }

    /// The positions of each block and the steps it may take.
    pub(super) fn blocks(&self, canvas: &Canvas) -> Result<Vec<(Vec<usize>, usize)>, ConfigError> {
        let response = canvas.response();
        let length = self.block_length.unwrap_or(response.len());
        let blocks: Vec<Vec<usize>> = match self.faults.masks_in_prompt {
            None => response.chunks(length).map(<[usize]>::to_vec).collect(),
            // Every block reaches back to the first mask of the prompt.
            Some(prompt) => {
                let end = canvas.tokens().len();
                let length = self.block_length.unwrap_or(end.saturating_sub(prompt)).max(1);
                let ends = (prompt..end).step_by(length);
                let ends = ends.map(|start| start.saturating_add(length).min(end));
                ends.map(|end| response.iter().copied().filter(|&i| i < end).collect()).collect()
            }
        };
        if blocks.is_empty() {
            let value = self.faults.masks_in_prompt.unwrap_or(0) as f64;
            let (field, allowed) = ("faults.masks_in_prompt", "fewer tokens than the canvas has");
            return Err(ConfigError::Range { field, value, allowed });
        }
        let steps = self.steps.unwrap_or(response.len());
        let (each, more) = (steps / blocks.len(), steps % blocks.len());
        if each == 0 {
            return Err(ConfigError::TooFewSteps { steps, blocks: blocks.len() });
        }
        let share = |(index, block): (usize, Vec<usize>)| match self.steps {
            None => (block.len(), block),
            Some(_) => (each + usize::from(index < more), block),
        };
        let with_steps = blocks.into_iter().enumerate().map(share);
        Ok(with_steps.map(|(steps, block)| (block, steps)).collect())
    }

    /// Whether a step's positions are known before its prediction.
    pub(super) fn is_blind(&self) -> bool {
        self.order.is_blind()
            && self.commit.is_blind()
            && !matches!(self.remasking, Remasking::PathPlanning { .. })
            && self.ending.policy != EndPolicy::Confidence
            && !self.softens()
    }

    /// Whether the ranking is drawn; a random one already is.
    pub(super) fn softens(&self) -> bool {
        0.0 < self.selection_temperature && self.order != Order::Random
    }

    /// Whether the network's most probable token is needed besides the drawn one.
    fn lists_mode(&self) -> bool {
        self.order == Order::ModeProbability
            || matches!(self.commit, Commit::Credit(_))
            || matches!(self.remasking, Remasking::Edit { .. })
    }

    /// Whether a position commits everything in a block's last step.
    pub(super) fn finishes(&self, progress: Progress) -> bool {
        let leaves = self.faults.masks_in_prompt.is_some() || self.faults.mean_of_batch;
        progress.is_last() && !leaves
    }

    fn validate_tokens(&self, vocab: usize) -> Result<(), ConfigError> {
        let biased = self.tokens.biases.iter().map(|&(token, _)| ("biases", token));
        let banned = self.tokens.bans.iter().map(|&token| ("bans", token));
        let ends = self.ending.tokens.iter().map(|&token| ("ending.tokens", token));
        for (field, token) in biased.chain(banned).chain(ends) {
            if vocab <= token as usize {
                return Err(ConfigError::Token { field, token, vocab });
            }
        }
        // A mask outside the vocabulary needs no ban.
        self.check_bans(TokenId::MAX, vocab)
    }

    /// Whether any token can be drawn where `mask` cannot.
    fn check_bans(&self, mask: TokenId, vocab: usize) -> Result<(), ConfigError> {
        let mut out = vec![false; vocab];
        let biases = self.biases(mask, vocab);
        for (token, _) in biases.into_iter().filter(|&(_, bias)| bias == f32::NEG_INFINITY) {
            out[token as usize] = true;
        }
        match out.iter().all(|&out| out) {
            true => Err(ConfigError::AllBanned { vocab }),
            false => Ok(()),
        }
    }
}
