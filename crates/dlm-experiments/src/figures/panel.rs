//! One panel of curves: heading and legend above, axes, bands and lines below.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::palette::{AXIS, BLACK, CURVE_COLOURS, Colour, GRID, PALE, QUIET};
use super::sheet::{BOLD, Lettering, Sheet, UNITS, failed, rgb, stroke};
use super::text::{printable, sans_width, shorten_to, wrap};
use super::{Curve, FigureError, Panel, Point};

pub(super) const PLOT_WIDTH: f64 = 272.0;
pub(super) const PLOT_HEIGHT: f64 = 160.0;
/// Room below the plot for the numbers and the label of the horizontal axis.
pub(super) const FOOTER_HEIGHT: f64 = 36.0;

const HEADING_SIZE: f64 = 13.5;
const LABEL_SIZE: f64 = 11.5;
const HEADING_LINE: f64 = 18.0;
const LABEL_LINE: f64 = 16.0;
const SWATCH: f64 = 16.0;
/// Up to so many points, each is shown as a dot.
const FEW_POINTS: usize = 24;

const HEADING: Lettering = Lettering {
    family: FontFamily::SansSerif,
    size: HEADING_SIZE,
    bold: true,
    colour: BLACK,
    anchor: HPos::Left,
};
const LABEL: Lettering = Lettering {
    family: FontFamily::SansSerif,
    size: LABEL_SIZE,
    bold: false,
    colour: QUIET,
    anchor: HPos::Left,
};

/// What stands above a plot, so that it never covers the data: the title, the unit
/// and the legend.
pub(super) struct Header {
    title: Vec<String>,
    y_label: Vec<String>,
    /// Rows of entries: offset from the left, colour, text.
    legend: Vec<Vec<(f64, Colour, String)>>,
}

impl Header {
    /// Breaks everything into lines no wider than `width` pixels.
    pub(super) fn new(panel: &Panel, width: f64) -> Self {
        let mut legend: Vec<Vec<(f64, Colour, String)>> = Vec::new();
        let mut offset = 0.0;
        for (curve, colour) in panel.curves.iter().zip(CURVE_COLOURS) {
            let label = printable(&curve.label);
            let entry = if curve.points.is_empty() { label + " (no data)" } else { label };
            let entry = shorten_to(&entry, width - SWATCH - 6.0, LABEL_SIZE);
            let entry_width = SWATCH + 6.0 + sans_width(&entry, LABEL_SIZE);
            match legend.last_mut() {
                Some(row) if offset + entry_width <= width => row.push((offset, colour, entry)),
                _ => {
                    offset = 0.0;
                    legend.push(vec![(offset, colour, entry)]);
                }
            }
            offset += entry_width + 14.0;
        }
        Self {
            title: wrap(&panel.title, width, BOLD * HEADING_SIZE),
            y_label: wrap(&panel.y_label, width, LABEL_SIZE),
            legend,
        }
    }

    /// Height of all lines and of the space between them and the plot.
    pub(super) fn height(&self) -> f64 {
        let labels = self.y_label.len() + self.legend.len();
        self.title.len() as f64 * HEADING_LINE + labels as f64 * LABEL_LINE + 10.0
    }

    /// Writes the lines downwards from `(left, y)`.
    pub(super) fn paint(
        &self,
        sheet: &Sheet<'_>,
        (left, mut y): (f64, f64),
    ) -> Result<(), FigureError> {
        for line in &self.title {
            sheet.write(line, (left, y + HEADING_LINE / 2.0), HEADING)?;
            y += HEADING_LINE;
        }
        for line in &self.y_label {
            sheet.write(line, (left, y + LABEL_LINE / 2.0), LABEL)?;
            y += LABEL_LINE;
        }
        for row in &self.legend {
            let middle = y + LABEL_LINE / 2.0;
            for (offset, colour, entry) in row {
                let start = left + offset;
                sheet.line((start, middle), (start + SWATCH, middle), *colour, 2.5)?;
                let lettering = Lettering { colour: BLACK, ..LABEL };
                sheet.write(entry, (start + SWATCH + 6.0, middle), lettering)?;
            }
            y += LABEL_LINE;
        }
        Ok(())
    }
}

/// The room that the numbers of a vertical axis take, with the space to the plot.
pub(super) fn tick_width(axis: &Axis) -> f64 {
    axis.ticks.iter().map(|(_, label)| sans_width(label, LABEL_SIZE)).fold(0.0, f64::max) + 8.0
}

/// Paints the curves with the vertical axis; `(left, top)` is the plot's corner.
pub(super) fn paint(
    sheet: &Sheet<'_>,
    (left, top): (f64, f64),
    panel: &Panel,
    x_axis: &Axis,
    y_axis: &Axis,
) -> Result<(), FigureError> {
    let (right, bottom) = (left + PLOT_WIDTH, top + PLOT_HEIGHT);
    for (value, label) in &y_axis.ticks {
        let share = (value - y_axis.low) / (y_axis.high - y_axis.low);
        let y = bottom - share * PLOT_HEIGHT;
        let colour = if *value == 0.0 { AXIS } else { GRID };
        sheet.line((left, y), (right, y), colour, 1.0)?;
        sheet.write(label, (left - 8.0, y), Lettering { anchor: HPos::Right, ..LABEL })?;
    }
    let pixels = |from: f64, to: f64| (from * UNITS) as i32..(to * UNITS) as i32;
    let plot =
        sheet.area.clone().apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            x_axis.low..x_axis.high,
            y_axis.low..y_axis.high,
            (pixels(left, right), pixels(bottom, top)),
        ));
    let sorted: Vec<Vec<Point>> = panel.curves.iter().map(by_position).collect();
    let coloured = || sorted.iter().zip(CURVE_COLOURS);
    // All bands lie below all lines.
    for (points, colour) in coloured() {
        if let [point] = points[..] {
            let ends = vec![(point.x, point.lower), (point.x, point.upper)];
            plot.draw(&PathElement::new(ends, stroke(colour, 1.5))).map_err(failed)?;
        } else {
            let upper = points.iter().map(|point| (point.x, point.upper));
            let lower = points.iter().rev().map(|point| (point.x, point.lower));
            let band: Vec<(f64, f64)> = upper.chain(lower).collect();
            plot.draw(&Polygon::new(band, rgb(colour).mix(0.2))).map_err(failed)?;
        }
    }
    for (points, colour) in coloured() {
        let line = points.iter().map(|point| (point.x, point.value));
        if points.len() <= FEW_POINTS {
            for place in line.clone() {
                let dot = Circle::new(place, (2.6 * UNITS) as i32, rgb(colour).filled());
                plot.draw(&dot).map_err(failed)?;
            }
        }
        plot.draw(&PathElement::new(line.collect::<Vec<_>>(), stroke(colour, 1.8)))
            .map_err(failed)?;
    }
    Ok(())
}

/// Says that nothing was measured.
pub(super) fn paint_empty(sheet: &Sheet<'_>, (left, top): (f64, f64)) -> Result<(), FigureError> {
    sheet.fill((left, top), (left + PLOT_WIDTH, top + PLOT_HEIGHT), PALE)?;
    let middle = (left + PLOT_WIDTH / 2.0, top + PLOT_HEIGHT / 2.0);
    sheet.write("no data", middle, Lettering { anchor: HPos::Center, ..LABEL })
}

/// Paints the horizontal axis below the plot at `(left, top)`.
pub(super) fn paint_x_axis(
    sheet: &Sheet<'_>,
    (left, top): (f64, f64),
    axis: Option<&Axis>,
    label: &str,
) -> Result<(), FigureError> {
    let (right, bottom) = (left + PLOT_WIDTH, top + PLOT_HEIGHT);
    sheet.line((left, bottom), (right, bottom), AXIS, 1.0)?;
    let centred = Lettering { anchor: HPos::Center, ..LABEL };
    for (value, number) in axis.map_or(&[][..], |axis| &axis.ticks) {
        let share = axis.map_or(0.0, |axis| (value - axis.low) / (axis.high - axis.low));
        let x = left + share * PLOT_WIDTH;
        sheet.line((x, bottom), (x, bottom + 4.0), AXIS, 1.0)?;
        sheet.write(number, (x, bottom + 12.0), centred)?;
    }
    let label = shorten_to(&printable(label), PLOT_WIDTH, LABEL_SIZE);
    sheet.write(&label, ((left + right) / 2.0, bottom + 29.0), centred)
}

/// The points from left to right.
fn by_position(curve: &Curve) -> Vec<Point> {
    let mut points = curve.points.clone();
    points.sort_by(|one, other| one.x.total_cmp(&other.x));
    points
}
