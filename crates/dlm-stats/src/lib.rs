//! Estimates with intervals, trend tests, decay fits and divergences.
//!
//! Every measured number is an [`Estimate`]: a value with an interval over
//! independent units. The unit is the prompt; positions of one prompt are not
//! independent of each other, and whatever is measured at them is resampled
//! together.
//!
//! | question | answer |
//! |---|---|
//! | a mean, or any function of the prompts, with its interval | [`Bootstrap`] |
//! | a curve over positions, some cells absent | [`Table`], [`Bootstrap::curve`] |
//! | a function of a series whose neighbours go together | [`Bootstrap::circular_blocks`], [`block_length`] |
//! | a statistic that is too costly to resample by prompt | [`jackknife`] |
//! | a share of trials | [`wilson`] |
//! | does a curve go up or down? | [`mann_kendall`], [`hamed_rao`] and [`hamed_rao_decaying`] where neighbours go together, [`theil_sen`] |
//! | do two quantities go together? | [`spearman`] |
//! | how does a curve decay, and how fast? | [`fit`], [`fit_better`], [`half_life`] |
//! | how far apart are two distributions? | [`kl`], [`jensen_shannon`], [`total_variation`] |
//! | is a confidence a probability? | [`Reliability`] |
//! | many tests at once | [`holm`] |
//! | how probable is a text to counts of other text? | [`Ngram`] |
//!
//! Information is in nats. What cannot be computed is an [`Error`] or an absent
//! value, never a 0.

#![deny(missing_docs)]

mod bca;
mod block_length;
mod bootstrap;
mod calibration;
mod check;
mod circular_block;
mod curve;
mod decay;
mod distribution;
mod divergence;
mod error;
mod estimate;
mod half_life;
mod hamed_rao;
mod holm;
mod jackknife;
mod mann_kendall;
mod ngram;
mod proportion;
mod spearman;
mod table;
mod theil_sen;

pub use block_length::block_length;
pub use bootstrap::{Bootstrap, Method};
pub use calibration::{Bin, Bins, Reliability};
pub use circular_block::Stretch;
pub use curve::{Curve, Family};
pub use decay::{Fit, fit, fit_better};
pub use divergence::{entropy, jensen_shannon, jensen_shannon_of_many, kl, total_variation};
pub use error::Error;
pub use estimate::Estimate;
pub use half_life::half_life;
pub use hamed_rao::{hamed_rao, hamed_rao_decaying};
pub use holm::holm;
pub use jackknife::jackknife;
pub use mann_kendall::{MannKendall, mann_kendall};
pub use ngram::Ngram;
pub use proportion::wilson;
pub use spearman::{Spearman, spearman};
pub use table::Table;
pub use theil_sen::{Line, theil_sen};
