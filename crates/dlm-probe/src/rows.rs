//! The rows the probe writes: one per ranked token, one per position.

use serde::{Deserialize, Serialize};

/// One of the most probable tokens of one position: a row of probe.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeRow {
    /// Index of the prompt, from 0.
    pub prompt: usize,
    /// Distance from the first mask, from 0.
    pub position: usize,
    /// 0 is the most probable.
    pub rank: usize,
    /// The token.
    pub token_id: u32,
    /// Its text; empty where the model has no tokenizer.
    pub token: String,
    /// `p(token)`, in `[0, 1]`.
    pub prob: f32,
    /// `ln p(token)`, nats.
    pub logprob: f32,
}

/// What kind of distribution one position has: a row of position.csv.
///
/// An absent value is an empty cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositionRow {
    /// Index of the prompt, from 0.
    pub prompt: usize,
    /// Distance from the first mask, from 0.
    pub position: usize,
    /// The most probable token.
    pub top1_token: u32,
    /// Its probability.
    pub top1_prob: f32,
    /// Probability of the listed tokens together.
    pub top_k_mass: f32,
    /// `p₁ − p₂`.
    pub margin: f32,
    /// `−Σ p ln p`, nats.
    pub entropy: f32,
    /// `KL(p ‖ unigram)`, nats; absent without a tokenizer.
    pub kl_unigram: Option<f32>,
    /// `JS(p, p′)` to the next position, nats, at most ln 2; absent at the last.
    pub js_next: Option<f32>,
    /// Mass on tokens that end a text; absent without a tokenizer.
    pub eos_mass: Option<f32>,
    /// Mass on punctuation; absent without a tokenizer.
    pub punctuation_mass: Option<f32>,
    /// Mass on the 100 most frequent other tokens; absent without a tokenizer.
    pub frequent_mass: Option<f32>,
    /// The reference answer's token; absent where there is none.
    pub gold_token: Option<u32>,
    /// How many tokens are more probable than it.
    pub gold_rank: Option<u32>,
    /// `ln p(gold)`, nats.
    pub gold_logprob: Option<f32>,
}
