//! Named estimates: the numbers of a report, each with its interval.

use dlm_stats::Estimate;
use serde::{Deserialize, Serialize};

/// A row of estimates.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedEstimate {
    /// What rules call it.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Lower end of its interval.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// The interval's level.
    pub level: f64,
    /// Independent units it rests on.
    pub units: usize,
    /// What it is, in words.
    pub meaning: String,
}

/// The estimates of one run, in the order they were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimates(Vec<NamedEstimate>);

impl FromIterator<NamedEstimate> for Estimates {
    fn from_iter<I: IntoIterator<Item = NamedEstimate>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl Estimates {
    /// Adds an estimate.
    pub fn add(&mut self, name: &str, meaning: &str, estimate: Estimate) {
        let Estimate { value, lower, upper, level, units } = estimate;
        let (name, meaning) = (name.to_string(), meaning.to_string());
        self.0.push(NamedEstimate { name, value, lower, upper, level, units, meaning });
    }

    /// Adds an estimate where the data allow one: a single prompt has no interval, and
    /// a flat curve no half-life. Nothing is reported then, which a rule reads as
    /// undecided.
    pub fn add_if_any(
        &mut self,
        name: &str,
        meaning: &str,
        estimate: Result<Estimate, dlm_stats::Error>,
    ) {
        if let Ok(estimate) = estimate {
            self.add(name, meaning, estimate);
        }
    }

    /// The estimate of that name.
    pub fn get(&self, name: &str) -> Option<&NamedEstimate> {
        self.0.iter().find(|estimate| estimate.name == name)
    }

    /// All, in order.
    pub fn rows(&self) -> &[NamedEstimate] {
        &self.0
    }
}
