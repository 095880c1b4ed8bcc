//! Quantities along an axis of positions, each with its interval, in a grid of panels.

use super::FigureError;
use super::axis::Axis;
use super::error::at_most;
use super::palette::CURVE_COLOURS;
use super::panel::{self, Header};
use super::sheet::draw;

/// One measured quantity along the axis of positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// What the legend calls it.
    pub(crate) label: String,
    /// Its points, in any order. What was not measured is not among them.
    pub(crate) points: Vec<Point>,
}

/// An estimate and its interval at one position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// The position.
    pub(crate) x: f64,
    /// The estimate.
    pub(crate) value: f64,
    /// Lower end of the interval.
    pub(crate) lower: f64,
    /// Upper end of the interval.
    pub(crate) upper: f64,
}

/// A pair of axes with the curves between them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    /// Stands above the panel.
    pub(crate) title: String,
    /// What the vertical axis measures, with its unit.
    pub(crate) y_label: String,
    /// At most five curves; without a single point the panel says so.
    pub(crate) curves: Vec<Curve>,
    /// Whether the vertical axis includes zero.
    pub(crate) y_from_zero: bool,
}

const MOST_PANELS: usize = 60;
const COLUMN_GAP: f64 = 26.0;
const ROW_GAP: f64 = 24.0;

/// An SVG figure of `panels`, three abreast (two where there are two or four).
///
/// Every curve is a line within the shaded band of its interval; a curve of few
/// points shows each as a dot, a curve of one point its interval as a bar. All panels
/// share the horizontal axis, labelled `x_label`; the vertical axes are their own.
/// `title` stands above, `description` tells screen readers what is to be seen.
///
/// # Errors
///
/// Where there is no panel or more than 60, a panel has more than five curves, a
/// number is not finite or exceeds 1e100, or an interval is upside down.
pub(crate) fn curves(
    title: &str,
    description: &str,
    x_label: &str,
    panels: &[Panel],
) -> Result<String, FigureError> {
    if panels.is_empty() {
        return Err(FigureError::Empty { title: title.to_owned(), what: "panel" });
    }
    at_most("panels", panels.len(), MOST_PANELS)?;
    panels.iter().try_for_each(check)?;

    let x_axis = horizontal_axis(panels);
    let y_axes: Vec<Option<Axis>> = panels.iter().map(vertical_axis).collect();
    let tick_width = y_axes.iter().flatten().map(panel::tick_width).fold(0.0, f64::max);
    let column_width = tick_width + panel::PLOT_WIDTH;
    let headers: Vec<Header> =
        panels.iter().map(|panel| Header::new(panel, column_width)).collect();

    let columns = if matches!(panels.len(), 2 | 4) { 2 } else { panels.len().min(3) };
    // In a row of panels, the plots are level.
    let header_heights: Vec<f64> = headers
        .chunks(columns)
        .map(|row| row.iter().map(Header::height).fold(0.0, f64::max))
        .collect();
    let below = panel::PLOT_HEIGHT + panel::FOOTER_HEIGHT + ROW_GAP;
    let width = columns as f64 * (column_width + COLUMN_GAP) - COLUMN_GAP;
    let height = header_heights.iter().map(|header| header + below).sum::<f64>() - ROW_GAP;

    draw(title, description, (width, height), |sheet, (left, top)| {
        let mut upper = top;
        for (row, header_height) in header_heights.iter().enumerate() {
            for index in row * columns..panels.len().min((row + 1) * columns) {
                let start = left + (index % columns) as f64 * (column_width + COLUMN_GAP);
                let plot = (start + tick_width, upper + header_height);
                headers[index].paint(sheet, (start, upper))?;
                match (&x_axis, &y_axes[index]) {
                    (Some(x), Some(y)) => panel::paint(sheet, plot, &panels[index], x, y)?,
                    _ => panel::paint_empty(sheet, plot)?,
                }
                panel::paint_x_axis(sheet, plot, x_axis.as_ref(), x_label)?;
            }
            upper += header_height + below;
        }
        Ok(())
    })
}

fn check(panel: &Panel) -> Result<(), FigureError> {
    at_most("curves in one panel", panel.curves.len(), CURVE_COLOURS.len())?;
    for curve in &panel.curves {
        for (index, point) in curve.points.iter().enumerate() {
            let fields = [
                ("x", point.x),
                ("value", point.value),
                ("lower", point.lower),
                ("upper", point.upper),
            ];
            let holds = |value: f64| (-1e100..=1e100).contains(&value);
            if let Some(&(field, value)) = fields.iter().find(|field| !holds(field.1)) {
                return Err(FigureError::Value {
                    panel: panel.title.clone(),
                    curve: curve.label.clone(),
                    point: index,
                    field,
                    value,
                });
            }
            if point.upper < point.lower {
                return Err(FigureError::Interval {
                    panel: panel.title.clone(),
                    curve: curve.label.clone(),
                    point: index,
                    lower: point.lower,
                    upper: point.upper,
                });
            }
        }
    }
    Ok(())
}

/// The axis of all positions; none where nothing was measured.
fn horizontal_axis(panels: &[Panel]) -> Option<Axis> {
    let (low, high) = range(panels.iter().flat_map(points).map(|point| point.x))?;
    Some(Axis::within(low, high, 7.0))
}

/// The axis of all estimates and intervals; none where nothing was measured.
fn vertical_axis(panel: &Panel) -> Option<Axis> {
    let values = points(panel).flat_map(|point| [point.value, point.lower, point.upper]);
    let (low, high) = range(values)?;
    let (low, high) = if !panel.y_from_zero {
        (low, high)
    } else if low == 0.0 && high == 0.0 {
        (0.0, 1.0)
    } else {
        (low.min(0.0), high.max(0.0))
    };
    Some(Axis::around(low, high, 5.0))
}

fn points(panel: &Panel) -> impl Iterator<Item = &Point> {
    panel.curves.iter().flat_map(|curve| &curve.points)
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(label: &str, values: &[f64]) -> Curve {
        let point = |(index, &value): (usize, &f64)| Point {
            x: index as f64,
            value,
            lower: value - 0.1,
            upper: value + 0.1,
        };
        Curve { label: label.to_owned(), points: values.iter().enumerate().map(point).collect() }
    }

    fn panel(title: &str, curves: Vec<Curve>) -> Panel {
        Panel { title: title.to_owned(), y_label: "nats".to_owned(), curves, y_from_zero: true }
    }

    /// The figure's elements by name, each with its text; fails if it is no XML.
    fn elements(svg: &str) -> Vec<(String, String)> {
        roxmltree::Document::parse(svg)
            .unwrap()
            .descendants()
            .filter(|node| node.is_element())
            .map(|node| {
                let text = node.text().unwrap_or("").trim().to_owned();
                (node.tag_name().name().to_owned(), text)
            })
            .collect()
    }

    #[test]
    fn every_curve_is_drawn_with_its_band_and_its_points() {
        let many: Vec<f64> = (0..128).map(|i| f64::from(i).sqrt()).collect();
        let panels = [panel("a", vec![curve("one", &many), curve("two", &many)])];
        let svg = curves("t", "d", "position", &panels).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let count = |name: &str, points: usize| {
            document
                .descendants()
                .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)))
                .filter(|node| {
                    node.attribute("points").is_some_and(|p| p.split_whitespace().count() == points)
                })
                .count()
        };
        assert_eq!((count("polyline", 128), count("polygon", 256)), (2, 2));
        for shown in ["one", "two", "nats", "position"] {
            assert!(elements(&svg).contains(&("text".to_owned(), shown.to_owned())), "{shown}");
        }
    }

    #[test]
    fn few_points_are_dots() {
        let panels = [panel("a", vec![curve("single", &[0.5]), curve("three", &[1.0, 2.0, 3.0])])];
        let svg = curves("t", "d", "x", &panels).unwrap();
        let dots = elements(&svg).iter().filter(|(name, _)| name == "circle").count();
        assert_eq!(dots, 4);
    }

    #[test]
    fn a_panel_without_points_says_so() {
        let panels = [panel("a", vec![curve("nothing", &[])]), panel("b", vec![])];
        let svg = curves("t", "d", "x", &panels).unwrap();
        let said = elements(&svg).iter().filter(|(_, text)| text == "no data").count();
        assert_eq!(said, 2);
    }

    #[test]
    fn flat_and_extreme_curves_stay_within_the_sheet() {
        for value in [0.0, 1.0, -3.5, 1e99, -1e-99, 5e-324] {
            let flat = Point { x: value, value, lower: value, upper: value };
            let curve = Curve { label: "flat".to_owned(), points: vec![flat; 40] };
            for y_from_zero in [true, false] {
                let panels = [Panel { y_from_zero, ..panel("a", vec![curve.clone()]) }];
                let svg = curves("t", "d", "x", &panels).unwrap();
                let document = roxmltree::Document::parse(&svg).unwrap();
                let view = document.root_element().attribute("viewBox").unwrap();
                let size: Vec<f64> = view.split(' ').map(|side| side.parse().unwrap()).collect();
                let drawn = document.descendants().filter_map(|node| node.attribute("points"));
                let mut pairs = drawn.flat_map(str::split_whitespace).peekable();
                assert!(pairs.peek().is_some());
                for pair in pairs {
                    let (x, y) = pair.split_once(',').unwrap();
                    let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                    assert!(0.0 < x && x < size[2] && 0.0 < y && y < size[3], "{value}: {pair}");
                }
            }
        }
    }

    #[test]
    fn hostile_text_is_only_text() {
        let hostile = "<img src=x onerror=\"alert('1')\">&amp;\u{0}\u{202E}\n";
        let panels = [panel(hostile, vec![curve(hostile, &[1.0, 2.0]), curve("b", &[1.0])])];
        let svg = curves(hostile, hostile, hostile, &panels).unwrap();
        assert!(elements(&svg).iter().all(|(name, _)| name != "img"));
    }

    #[test]
    fn the_same_data_give_the_same_bytes() {
        let panels = vec![panel("a", vec![curve("one", &[1.0, 0.3, 0.2])]); 5];
        let draw = || curves("t", "d", "x", &panels).unwrap();
        assert_eq!(draw(), draw());
    }

    #[test]
    fn wrong_data_get_typed_errors() {
        assert!(matches!(curves("t", "d", "x", &[]), Err(FigureError::Empty { .. })));
        let crowded = panel("a", vec![curve("one", &[1.0]); 6]);
        assert!(matches!(
            curves("t", "d", "x", &[crowded]),
            Err(FigureError::TooMany { count: 6, most: 5, .. })
        ));
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e101] {
            for field in ["x", "value", "lower", "upper"] {
                let mut bad = curve("one", &[1.0, 2.0]);
                let point = &mut bad.points[1];
                *match field {
                    "x" => &mut point.x,
                    "value" => &mut point.value,
                    "lower" => &mut point.lower,
                    _ => &mut point.upper,
                } = wrong;
                let error = curves("t", "d", "x", &[panel("a", vec![bad])]).unwrap_err();
                assert!(
                    matches!(error, FigureError::Value { point: 1, field: named, .. } if named == field),
                    "{error}"
                );
            }
        }
        let mut inverted = curve("one", &[1.0]);
        inverted.points[0].lower = 2.0;
        assert!(matches!(
            curves("t", "d", "x", &[panel("a", vec![inverted])]),
            Err(FigureError::Interval { point: 0, .. })
        ));
    }
}
