//! What a denoiser is made of: targets, clamping, guidance, conditioning on itself.

mod clamped;
mod clipped;
mod guided;
mod mixture;
mod prediction;
mod self_conditioned;
mod tempered;
mod token_guided;
mod token_logits;

pub use clamped::{Clamped, Clamping};
pub use clipped::Clipped;
pub use guided::{ConditionalDenoiser, Guided, Pair};
pub use mixture::Mixture;
pub use prediction::{DataPrediction, Predicts};
pub use self_conditioned::{ConditionedDenoiser, SelfConditioned};
pub use tempered::Tempered;
pub use token_guided::{TokenGradient, TokenGuided};
pub use token_logits::TokenLogits;
