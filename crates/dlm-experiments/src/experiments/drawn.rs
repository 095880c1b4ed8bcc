//! Estimates as points of curves.

use dlm_stats::Estimate;

use crate::figures::{Curve, Point};

/// The point of an estimate at `x`.
pub(super) fn point(x: f64, estimate: Estimate) -> Point {
    let Estimate { value, lower, upper, .. } = estimate;
    Point { x, value, lower, upper }
}

/// A curve through the estimates that there are.
pub(super) fn curve(
    label: impl Into<String>,
    estimates: impl IntoIterator<Item = (f64, Option<Estimate>)>,
) -> Curve {
    let points = estimates.into_iter().filter_map(|(x, estimate)| Some(point(x, estimate?)));
    Curve { label: label.into(), points: points.collect() }
}
