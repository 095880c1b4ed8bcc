//! A published chain in discrete time, as a schedule to read from a file.

use dlm_core::NoiseLevel;
use serde::{Deserialize, Serialize};

use super::{Betas, NoiseSchedule, ParameterError, ScheduleError, Table};

/// A [`Table`] of published `β`, known by the rule they follow and the number of steps.
///
/// In a file it is these two, and what is read is a chain: other numbers are refused there.
///
/// ```
/// use dlm_continuous::schedule::{NoiseSchedule, Schedule};
///
/// // The chain of Diffusion-LM (Li et al. 2022).
/// let file = r#"{"kind": "published", "betas": {"kind": "sqrt"}, "steps": 2000}"#;
/// let schedule: Schedule = serde_json::from_str(file)?;
/// assert!(schedule.level(1.0)?.alpha < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Chain", into = "Chain")]
pub struct Published {
    chain: Chain,
    table: Table,
}

/// What a file says of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chain {
    betas: Betas,
    steps: usize,
}

impl Published {
    /// The published chain of so many steps.
    ///
    /// # Errors
    ///
    /// Those of [`Table::published`].
    pub fn new(betas: Betas, steps: usize) -> Result<Self, ParameterError> {
        let table = Table::published(betas, steps)?;
        Ok(Self { chain: Chain { betas, steps }, table })
    }

    /// The chain in numbers.
    pub fn table(&self) -> &Table {
        &self.table
    }
}

impl TryFrom<Chain> for Published {
    type Error = ParameterError;

    fn try_from(Chain { betas, steps }: Chain) -> Result<Self, ParameterError> {
        Self::new(betas, steps)
    }
}

impl From<Published> for Chain {
    fn from(published: Published) -> Self {
        published.chain
    }
}

/// That of the [`Table`].
impl NoiseSchedule for Published {
    fn level(&self, t: f64) -> Result<NoiseLevel, ScheduleError> {
        self.table.level(t)
    }

    fn level_at(&self, lambda: f64) -> Result<NoiseLevel, ScheduleError> {
        self.table.level_at(lambda)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Betas, NoiseSchedule, Schedule, Table};

    #[test]
    fn a_chain_that_is_read_is_the_published_table() {
        let file = r#"{"kind":"published","betas":{"kind":"sqrt","offset":0.0001},"steps":2000}"#;
        let schedule: Schedule = serde_json::from_str(file).unwrap();
        schedule.validate().unwrap();
        let table = Table::published(Betas::Sqrt { offset: 1e-4 }, 2000).unwrap();
        let Schedule::Published(published) = &schedule else { panic!("{schedule:?}") };
        assert_eq!(published.table(), &table);
        for t in [0.0, 0.0005, 0.3, 0.77701, 1.0] {
            assert_eq!(schedule.level(t), table.level(t));
        }
        assert_eq!(schedule.level_at(0.3), table.level_at(0.3));
        assert_eq!(serde_json::to_string(&schedule).unwrap(), file);
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        for (file, cause) in [
            (r#"{"kind":"published","betas":{"kind":"sqrt"},"steps":0}"#, "steps = 0"),
            (r#"{"kind":"published","betas":{"kind":"sqrt","offset":1.5},"steps":9}"#, "offset"),
            (r#"{"kind":"published","betas":{"kind":"sqrt"}}"#, "missing field `steps`"),
            (r#"{"kind":"published","betas":{"kind":"sqrt"},"steps":9,"t":1}"#, "unknown field"),
        ] {
            let error = serde_json::from_str::<Schedule>(file).unwrap_err().to_string();
            assert!(error.contains(cause), "{error}");
        }
    }
}
