//! What can be recovered of texts whose tokens are hidden, position by position.

mod hiding;
mod loss;
#[cfg(test)]
mod tests;
mod texts;

pub(super) use hiding::{Hidden, distances, missing};
pub(super) use loss::{Level, at_time, lost, mean, spread, steepest, time_of_half};
pub(super) use texts::{KnownText, known_texts, why_no_texts};
