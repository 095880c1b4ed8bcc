//! The points of curves as a table.

use maud::{Markup, html};

use super::table::wide;
use crate::report::numbers::{number, optional};
use crate::results::CurvePoint;

/// A row a point, folded.
pub(super) fn table(points: &[CurvePoint]) -> Markup {
    html! {
        details.fold {
            summary { "Table: " (points.len()) " points" }
            (wide("Points of the curves", html! {
                thead { tr {
                    th scope="col" { "Panel" }
                    th scope="col" { "Curve" }
                    @for name in ["x", "Value", "Lower", "Upper"] {
                        th.number scope="col" { (name) }
                    }
                } }
                tbody { @for point in points {
                    tr {
                        td { (point.panel) }
                        td { (point.curve) }
                        td.number { (number(point.x)) }
                        @for value in [point.value, point.lower, point.upper] {
                            td.number { (optional(value)) }
                        }
                    }
                } }
            }))
        }
    }
}
