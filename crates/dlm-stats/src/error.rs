//! Why a statistic cannot be computed.

use crate::Family;

/// Why a statistic cannot be computed, and what to give instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Fewer values than the statistic needs.
    #[error("{found} {what} given: give at least {needed}")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Two inputs that go together differ in length.
    #[error("{found} {what} given for {expected}: give one for one")]
    Length {
        /// The input whose length is wrong.
        what: &'static str,
        /// How many were given.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A number that is infinite or not a number.
    #[error("{what} {index} is {value}: give finite numbers and leave out what is absent")]
    NotFinite {
        /// The input that holds it.
        what: &'static str,
        /// Its place in the input, from 0.
        index: usize,
        /// The number.
        value: f64,
    },
    /// A number outside the range in which it has a meaning.
    #[error("{what} is {value}: give a number {range}")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// The number.
        value: f64,
        /// The range in words.
        range: &'static str,
    },
    /// Probabilities that do not sum to 1.
    #[error("{what} sums to {sum}: give probabilities that sum to 1")]
    NotNormalized {
        /// The input.
        what: &'static str,
        /// Its sum.
        sum: f64,
    },
    /// Values without any variation, where the statistic needs some.
    #[error("all {what} are equal: the statistic needs values that differ")]
    Constant {
        /// The input.
        what: &'static str,
    },
    /// The statistic is not a number on the units as they are.
    #[error("the statistic is not a number on the units themselves: give more units")]
    UndefinedValue,
    /// The statistic is not a number on so many resamples that an end of the
    /// interval lies among them.
    #[error(
        "the statistic is not a number on {undefined} of {resamples} resamples: give more units"
    )]
    UndefinedResamples {
        /// On how many resamples it is not a number.
        undefined: usize,
        /// The number of resamples.
        resamples: usize,
    },
    /// The value lies so far from its resamples that the BCa correction does not
    /// exist.
    #[error("the BCa correction does not exist for these units: use the percentile interval")]
    NoCorrection,
    /// The values decay no better than they stay where they are.
    #[error("a constant describes the values as well as a decay does")]
    Flat,
    /// The best half-life is shorter than the distances can show.
    #[error("the best {family} half-life is below {bound}: give values at shorter distances")]
    HalfLifeTooShort {
        /// The family fitted.
        family: Family,
        /// The shortest half-life that is looked for.
        bound: f64,
    },
    /// The best half-life is longer than the distances can show.
    #[error("the best {family} half-life is above {bound}: give values at longer distances")]
    HalfLifeTooLong {
        /// The family fitted.
        family: Family,
        /// The longest half-life that is looked for.
        bound: f64,
    },
}
