//! Text of a causal network, token by token: many prompts at once, keys and values kept.

mod cache;
mod draw;
mod step;

use dlm_core::TokenId;
use dlm_rng::Key;

use crate::{Error, Model};
pub use step::Continuer;

/// How prompts are continued.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Continuation {
    /// Softmax temperature of the draw; 0 takes the most probable token.
    pub temperature: f64,
    /// How many of the most probable tokens a draw chooses from; all if absent.
    pub top_k: Option<usize>,
    /// Where an answer is cut off that has not ended by itself.
    pub max_tokens: usize,
    /// Sequences under way at once; suits the device if absent.
    pub batch: Option<usize>,
    /// Whether [`Answer::log_probabilities`] are wanted.
    pub scored: bool,
}

impl Default for Continuation {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: None, max_tokens: 128, batch: None, scored: false }
    }
}

/// A prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What the caller calls it.
    pub id: usize,
    /// What stands before the answer.
    pub tokens: Vec<TokenId>,
    /// Of its randomness: token `t` of the answer is drawn with the uniform number of
    /// `key.step(t)`.
    pub key: Key,
}

/// A finished answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The opening's id.
    pub id: usize,
    /// The tokens after the prompt, without the one that ended them.
    pub tokens: Vec<TokenId>,
    /// `ln p` of each token, and of the one that ended them, before temperature and
    /// truncation, nats; empty unless asked for.
    pub log_probabilities: Vec<f32>,
    /// Whether the model ended it, with one of [`Model::ends`]; else it was cut off.
    pub ended: bool,
}

impl Model {
    /// Continues all `openings`; the answers come in their order.
    ///
    /// What an answer says depends on its own opening alone, up to the rounding of a
    /// network that computes other sequences beside it: in f32 one of two nearly equal
    /// choices may fall otherwise in another batch.
    ///
    /// # Errors
    ///
    /// As [`Continuer::new`], [`Continuer::push`] and [`Continuer::step`].
    pub fn continue_batch(
        &self,
        openings: &[Opening],
        how: &Continuation,
    ) -> Result<Vec<Answer>, Error> {
        let mut continuer = Continuer::new(self, *how)?;
        for (place, opening) in openings.iter().enumerate() {
            continuer.push(Opening { id: place, ..opening.clone() })?;
        }
        let mut answers = Vec::with_capacity(openings.len());
        while !continuer.is_done() {
            answers.extend(continuer.step()?);
        }
        answers.sort_unstable_by_key(|answer| answer.id);
        for (answer, opening) in answers.iter_mut().zip(openings) {
            answer.id = opening.id;
        }
        Ok(answers)
    }
}
