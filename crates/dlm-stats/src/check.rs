//! Checks that every statistic makes on what it is given.

use crate::Error;

/// At least `needed` of them.
pub(crate) fn enough(what: &'static str, found: usize, needed: usize) -> Result<(), Error> {
    if found < needed { Err(Error::TooFew { what, found, needed }) } else { Ok(()) }
}

/// One for one.
pub(crate) fn same_length(what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, found, expected }) }
}

/// Neither infinite nor NaN.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::NotFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

/// Each on [0, 1].
pub(crate) fn unit_interval(what: &'static str, values: &[f64]) -> Result<(), Error> {
    match values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        Some(&value) => Err(Error::OutOfRange { what, value, range: "from 0 to 1" }),
        None => Ok(()),
    }
}

/// The level of an interval, strictly between 0 and 1.
pub(crate) fn level(level: f64) -> Result<(), Error> {
    if level > 0.0 && level < 1.0 {
        Ok(())
    } else {
        Err(Error::OutOfRange { what: "level", value: level, range: "between 0 and 1" })
    }
}
