//! One experiment as the report sees it.

use std::path::Path;

use crate::results::{Results, State};

/// An experiment of the registry with what its folder holds.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) state: State,
    /// None unless the state is whole.
    pub(crate) results: Option<Results>,
}

impl Entry {
    /// Reads the results of `id` in the folder of a scale. What is malformed is a
    /// state like others: one experiment's folder hides no other's results.
    pub(crate) fn read(folder: &Path, id: &str) -> Self {
        let folder = folder.join(id);
        let (state, results) = match State::of(&folder) {
            State::Whole => match Results::read(&folder) {
                Ok(results) => (State::Whole, Some(results)),
                Err(error) => (State::Malformed(format!("{error:#}")), None),
            },
            state => (state, None),
        };
        Self { id: id.to_string(), state, results }
    }

    /// The verdict, or why there is none.
    pub(crate) fn verdict(&self) -> String {
        match &self.results {
            Some(results) => results.summary.verdict.name().to_string(),
            None => self.state.to_string(),
        }
    }
}
