//! How probable a continuous model holds data to be.
//!
//! | what | is | costs |
//! |---|---|---|
//! | [`Vlb`] | a lower bound of `ln p(data)`, as nats to pay: prior, integral over noise, reconstruction | any number of evaluations |
//! | [`Flow`] | the density of the probability flow itself, traces estimated or exact | four evaluations a step, and as many derivatives for each probe |
//!
//! The bound speaks of tokens or of data, whatever the [`Reconstruction`] names; the flow
//! speaks of the density of latents that are a little noisy. Both are conditional on
//! positions that stay [clean](dlm_core::NoiseLevel::CLEAN): a prompt costs nothing. Values are
//! those of whole sequences, in nats, never divided by a length.
//!
//! Randomness is named by key, by sequence and by evaluation, so a sequence has the same value
//! in whatever batch it comes.

mod draws;
mod error;
mod finite_difference;
mod flow;
mod path;
mod probes;
mod reconstruction;
mod vlb;

pub use error::LikelihoodError;
pub use finite_difference::FiniteDifference;
pub use flow::{Flow, LogDensity};
pub use path::Path;
pub use probes::{ProbeLaw, Trace};
pub use reconstruction::{EmbeddingSoftmax, Reconstruction};
pub use vlb::{Bound, Integral, Vlb};
