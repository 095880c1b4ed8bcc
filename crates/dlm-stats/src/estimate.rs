//! A number with its interval.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number with its interval over independent units.
///
/// An end may be infinite where a statistic can be, as a half-life; JSON, which
/// has no infinity, cannot hold such an estimate, CSV can.
///
/// It is written as `value [lower, upper] (level, units)`, with four decimals
/// where the format names no other number:
///
/// ```
/// let estimate =
///     dlm_stats::Estimate { value: 0.5, lower: 0.4, upper: 0.625, level: 0.95, units: 100 };
/// assert_eq!(format!("{estimate:.2}"), "0.50 [0.40, 0.62] (95 %, n = 100)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The statistic on all units as they are.
    pub value: f64,
    /// The lower end of the interval.
    pub lower: f64,
    /// The upper end of the interval.
    pub upper: f64,
    /// How often such an interval should hold the truth, between 0 and 1.
    pub level: f64,
    /// How many independent units it rests on.
    pub units: usize,
}

impl Estimate {
    /// Whether `number` lies in the interval, its ends included.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        (self.lower..=self.upper).contains(&number)
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(4);
        let Self { value, lower, upper, level, units } = self;
        // Two decimals of a percentage tell apart every level in use, and the
        // round trip through a number drops the zeros.
        let percent = (level * 1e4).round() / 1e2;
        write!(
            f,
            "{value:.decimals$} [{lower:.decimals$}, {upper:.decimals$}] ({percent} %, n = {units})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Estimate;

    const ESTIMATE: Estimate =
        Estimate { value: 1.0, lower: -0.25, upper: 2.5, level: 0.999, units: 7 };

    #[test]
    fn written_with_four_decimals_and_a_short_level() {
        assert_eq!(ESTIMATE.to_string(), "1.0000 [-0.2500, 2.5000] (99.9 %, n = 7)");
    }

    #[test]
    fn the_interval_is_closed() {
        for (number, inside) in [(-0.25, true), (2.5, true), (-0.26, false), (f64::NAN, false)] {
            assert_eq!(ESTIMATE.contains(number), inside, "{number}");
        }
    }

    #[test]
    fn read_back_as_written() {
        let json = serde_json::to_string(&ESTIMATE).unwrap();
        assert_eq!(serde_json::from_str::<Estimate>(&json).unwrap(), ESTIMATE);
    }
}
