//! What is done about end-of-sequence tokens.

use dlm_core::TokenId;
use serde::{Deserialize, Serialize};

use crate::fieldless::nothing_else;

/// What is done about tokens that end a text.
///
/// A masked model trained on padded answers likes to put them everywhere far from the
/// prompt, and a sampler that commits the surest positions first then fills the canvas
/// from its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EndPolicy {
    /// Nothing: they are tokens like others.
    #[default]
    #[serde(deserialize_with = "nothing_else")]
    None,
    /// They are never drawn: their logits are `−∞`.
    #[serde(deserialize_with = "nothing_else")]
    Logits,
    /// Where one was drawn, the position comes last of all. It is the drawn token that
    /// counts, so this holds at any temperature, and no other confidence is touched.
    #[serde(deserialize_with = "nothing_else")]
    Confidence,
    /// Their logits are lowered.
    Penalty {
        /// By how much, nats.
        nats: f32,
    },
    /// A sequence is finished when one was committed and no mask stands before it; what
    /// is still masked then becomes that token, without another evaluation.
    #[serde(deserialize_with = "nothing_else")]
    Truncate,
}

/// A policy, and the tokens it is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ending {
    /// What is done.
    pub policy: EndPolicy,
    /// The tokens that end a text, such as end-of-sequence and end-of-turn.
    pub tokens: Vec<TokenId>,
}

impl Ending {
    /// What the policy adds to logits.
    pub(super) fn biases(&self) -> Vec<(TokenId, f32)> {
        let bias = match self.policy {
            EndPolicy::Logits => f32::NEG_INFINITY,
            EndPolicy::Penalty { nats } => -nats,
            EndPolicy::None | EndPolicy::Confidence | EndPolicy::Truncate => return Vec::new(),
        };
        self.tokens.iter().map(|&token| (token, bias)).collect()
    }

    /// Index into `response` of the first end before which nothing is masked.
    pub(super) fn first(
        &self,
        tokens: &[TokenId],
        response: &[usize],
        mask: TokenId,
    ) -> Option<usize> {
        let stop = |&at: &usize| tokens[at] == mask || self.tokens.contains(&tokens[at]);
        let ordinal = response.iter().position(stop)?;
        (tokens[response[ordinal]] != mask).then_some(ordinal)
    }
}
