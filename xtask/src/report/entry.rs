//! One experiment as the report sees it.

use std::path::Path;

use crate::results::{Failure, Results, State, VERSION};

/// An experiment of the registry with what its folder holds.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) state: State,
    /// None unless the state is whole.
    pub(crate) results: Option<Results>,
    /// Why the last run could not be made, if that is so. Results, where there are some,
    /// are those of an earlier one.
    pub(crate) failure: Option<Failure>,
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
        // Of a file that cannot be read the state tells, unless there are results to show.
        let failure = Failure::read(&folder).ok().flatten();
        let failure = failure.filter(|failure| failure.version == VERSION);
        Self { id: id.to_string(), state, results, failure }
    }

    /// The claim, where anything in the folder states it.
    pub(crate) fn claim(&self) -> Option<&str> {
        let of_results = self.results.as_ref().map(|results| &*results.summary.claim);
        of_results.or(self.failure.as_ref().map(|failure| &*failure.claim))
    }

    /// What the claim feeds, where anything in the folder says it.
    pub(crate) fn feeds(&self) -> Option<&str> {
        let of_results = self.results.as_ref().map(|results| &*results.summary.feeds);
        of_results.or(self.failure.as_ref().map(|failure| &*failure.feeds))
    }

    /// The verdict, or why there is none.
    pub(crate) fn verdict(&self) -> String {
        match &self.results {
            Some(results) => results.summary.verdict.name().to_string(),
            None => self.state.to_string(),
        }
    }
}
