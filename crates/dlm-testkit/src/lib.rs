//! Models whose laws are known, for tests, benches and smoke runs.
//!
//! A perfect network leaves nothing but the error of whoever asks it. [`Tabular`]
//! is one over short words, small enough to write down; [`Counted`] counts what any
//! network is asked.

#![deny(missing_docs)]

mod counted;
mod tabular;

pub use counted::Counted;
pub use tabular::{Tabular, TabularError};
