//! The single-pass probe: what a masked model predicts at every masked position.
//!
//! A prompt is followed by `n` masks, the network runs once, and the prediction at
//! every mask is written down: the most probable tokens, and what kind of
//! distribution they come from. Near the prompt a prediction may name what follows;
//! far from it, it may fall back to how often words occur at all (Jin et al. 2025).
//!
//! [`Vocabulary`] says what a model's tokens are, [`Lexicon`] adds how often each
//! occurs in ordinary text, [`Probe`] asks a
//! [`MaskPredictor`](dlm_core::MaskPredictor), and [`prompt_information`] measures
//! how much of the predictions comes from the prompts.
//!
//! Positions count from the first mask, ranks from 0, information is in nats.

#![deny(missing_docs)]

mod information;
mod lexicon;
mod probe;
mod rows;

pub use information::{PromptInformation, prompt_information};
pub use lexicon::{Lexicon, LexiconError, TokenClass, Vocabulary};
pub use probe::{Probe, Reading, Subject};
pub use rows::{PositionRow, ProbeRow};
