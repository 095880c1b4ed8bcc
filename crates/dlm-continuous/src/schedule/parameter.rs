//! Parameters that give no schedule.

/// A parameter of a schedule, a table, a grid or a clock that gives none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// A field lies outside its range.
    #[error("{field} = {value} is outside its range: choose {range}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A curve needs two ends.
    #[error("{0} knots make no curve: give at least two")]
    TooFewKnots(usize),
    /// A curve that stands still or turns back.
    #[error(
        "knot {knot} at ({x}, {y}) does not rise: both numbers of a knot must be finite and \
         above those of the knot before"
    )]
    NotRising {
        /// Index of the knot, from 0.
        knot: usize,
        /// Its first number.
        x: f64,
        /// Its second number.
        y: f64,
    },
}

/// An error unless `holds`, which no comparison with NaN does, and `value` is finite.
pub(super) fn require(
    field: &'static str,
    value: f64,
    holds: bool,
    range: &'static str,
) -> Result<(), ParameterError> {
    match holds && value.is_finite() {
        true => Ok(()),
        false => Err(ParameterError::OutOfRange { field, value, range }),
    }
}
