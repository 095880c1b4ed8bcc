//! Rising curves through given points.

use serde::{Deserialize, Serialize};

use super::ParameterError;

/// Points `(x, y)` of a curve that rises strictly from the first to the last.
///
/// Whoever holds knots need not look again: both numbers of every knot are finite and above
/// those of the knot before, and there are two at least.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[f64; 2]>", into = "Vec<[f64; 2]>")]
pub struct Knots(Vec<[f64; 2]>);

/// How a curve goes from knot to knot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Straight.
    #[default]
    Linear,
    /// By cubics that join smoothly and rise wherever the knots do (Fritsch & Butland 1984).
    MonotoneCubic,
}

impl Knots {
    /// The curve through these points.
    ///
    /// # Errors
    ///
    /// [`ParameterError::TooFewKnots`] for fewer than two, [`ParameterError::NotRising`]
    /// names the first knot that does not rise or is not finite.
    pub fn new(points: Vec<[f64; 2]>) -> Result<Self, ParameterError> {
        if points.len() < 2 {
            return Err(ParameterError::TooFewKnots(points.len()));
        }
        for (knot, &[x, y]) in points.iter().enumerate() {
            let before = knot.checked_sub(1).map(|k| points[k]);
            let rises = before.is_none_or(|[left, below]| left < x && below < y);
            if !(rises && x.is_finite() && y.is_finite()) {
                return Err(ParameterError::NotRising { knot, x, y });
            }
        }
        Ok(Self(points))
    }

    /// A curve given by its values at equally spaced `x` from 0 to 1, as a monotone network
    /// evaluated there gives them.
    ///
    /// # Errors
    ///
    /// Those of [`Knots::new`].
    pub fn evenly(values: &[f64]) -> Result<Self, ParameterError> {
        let last = values.len().saturating_sub(1) as f64;
        Self::new(values.iter().enumerate().map(|(k, &y)| [k as f64 / last, y]).collect())
    }

    /// The straight curve between two points, the second above the first in both numbers.
    pub(super) fn straight(from: [f64; 2], to: [f64; 2]) -> Self {
        Self(vec![from, to])
    }

    /// The points.
    pub fn points(&self) -> &[[f64; 2]] {
        &self.0
    }

    /// The first point and the last.
    pub fn ends(&self) -> ([f64; 2], [f64; 2]) {
        (self.0[0], self.0[self.0.len() - 1])
    }

    /// `y` at `x`; beyond the ends, that of the end.
    pub fn at(&self, x: f64, interpolation: Interpolation) -> f64 {
        let k = self.segment(0, x);
        let ([left, below], [right, above]) = (self.0[k], self.0[k + 1]);
        let u = ((x - left) / (right - left)).clamp(0.0, 1.0);
        let line = (1.0 - u) * below + u * above;
        match interpolation {
            Interpolation::Linear => line,
            Interpolation::MonotoneCubic => {
                // A cubic with these slopes at its ends, as its distance from the line.
                let (width, slope) = (right - left, (above - below) / (right - left));
                let bend = (1.0 - u) * (self.slope(k) - slope) - u * (self.slope(k + 1) - slope);
                (line + width * u * (1.0 - u) * bend).clamp(below, above)
            }
        }
    }

    /// The `x` at which the curve reaches `y`; beyond the ends, that of the end. Cubics are
    /// inverted by bisection, to the last bits.
    pub fn x_at(&self, y: f64, interpolation: Interpolation) -> f64 {
        let k = self.segment(1, y);
        let ([mut left, below], [mut right, above]) = (self.0[k], self.0[k + 1]);
        let u = ((y - below) / (above - below)).clamp(0.0, 1.0);
        if interpolation == Interpolation::Linear || u == 0.0 || u == 1.0 {
            return (1.0 - u) * left + u * right;
        }
        loop {
            let middle = 0.5 * (left + right);
            if middle <= left || right <= middle {
                return middle;
            }
            match self.at(middle, interpolation) < y {
                true => left = middle,
                false => right = middle,
            }
        }
    }

    /// The piece in which one of the two coordinates has this value.
    fn segment(&self, coordinate: usize, value: f64) -> usize {
        let beyond = self.0.partition_point(|point| point[coordinate] <= value);
        beyond.saturating_sub(1).min(self.0.len() - 2)
    }

    /// The slope at a knot: that of the only piece at the ends, and a harmonic mean of both
    /// pieces' slopes between, which is never above three times the lesser.
    fn slope(&self, knot: usize) -> f64 {
        let piece = |k: usize| {
            let ([left, below], [right, above]) = (self.0[k], self.0[k + 1]);
            (right - left, (above - below) / (right - left))
        };
        if knot == 0 || knot == self.0.len() - 1 {
            return piece(knot.saturating_sub(1)).1;
        }
        let ((h, slope), (next_h, next_slope)) = (piece(knot - 1), piece(knot));
        let (w, next_w) = (h + 2.0 * next_h, 2.0 * h + next_h);
        (w + next_w) / (w / slope + next_w / next_slope)
    }
}

impl TryFrom<Vec<[f64; 2]>> for Knots {
    type Error = ParameterError;

    fn try_from(points: Vec<[f64; 2]>) -> Result<Self, ParameterError> {
        Self::new(points)
    }
}

impl From<Knots> for Vec<[f64; 2]> {
    fn from(knots: Knots) -> Self {
        knots.0
    }
}
