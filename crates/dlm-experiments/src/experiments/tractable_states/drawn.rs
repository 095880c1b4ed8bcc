//! States of one time, drawn at once or step by step.

use super::fit::Fit;
use crate::Error;

/// Draws of a state, beside their law in closed form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Drawn {
    pub(super) fit: Fit,
    /// Random numbers that all draws took together.
    pub(super) numbers: u64,
}

/// How many draws, along what chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Effort {
    /// States that are drawn.
    pub(super) draws: usize,
    /// Transitions from data to the time in question.
    pub(super) steps: usize,
}

/// Is shown the states after each step of a chain: the step, from 1, and how to look.
pub(super) type Watch<'a> =
    dyn FnMut(usize, &dyn Fn() -> Result<Fit, Error>) -> Result<(), Error> + 'a;

/// What makes no process is an argument that makes no sense.
pub(super) fn refused(error: impl ToString) -> Error {
    Error::Argument(error.to_string())
}
