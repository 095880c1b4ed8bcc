//! Masked samplers: which positions to commit next, how many, and which to mask again.
//!
//! Start at [`UnmaskingSampler`]: it is the configuration and has the loop. Everything
//! published is a combination of an [`Order`], a [`Commit`] rule, a block length, a
//! [`TokenRule`] and a [`Remasking`]; [`presets`] names them.

mod commit;
mod draws;
mod ending;
mod error;
mod faults;
mod filling;
mod order;
pub mod presets;
mod question;
mod remask;
mod row;
mod sampler;
mod settle;
#[cfg(test)]
mod tests;
mod token_rule;

pub use commit::{Commit, CreditRule, Ranked};
pub use draws::{At, Draws};
pub use ending::{EndPolicy, Ending};
pub use error::{ConfigError, SampleError};
pub use faults::Faults;
pub use filling::{Dependence, Filling};
pub use order::Order;
pub use remask::{ReMdm, Remasking, Strength};
pub use sampler::UnmaskingSampler;
pub use token_rule::TokenRule;

pub use crate::{Commitment, Observer, Outcome, Step};
