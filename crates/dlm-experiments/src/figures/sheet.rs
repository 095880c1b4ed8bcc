//! The sheet of paper that figures are drawn on, measured in pixels.

use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::FigureError;
use super::palette::{BLACK, Colour, WHITE};
use super::text::{printable, wrap};

/// The library draws at whole coordinates only; with this many of them to a pixel,
/// curves are smooth.
pub(super) const UNITS: f64 = 10.0;

/// Font stacks, stated once instead of at every word. Text starts at the side that
/// its own script starts at.
const STYLE: &str = "\
text[font-family=sans-serif]{font-family:\"Segoe UI\",Roboto,Helvetica,Arial,\"DejaVu Sans\",sans-serif}\
text[font-family=monospace]{font-family:ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;\
unicode-bidi:plaintext}";

/// How much wider than others bold letters are, at the most.
pub(super) const BOLD: f64 = 1.07;
const MARGIN: f64 = 20.0;
const TITLE_LINE: f64 = 23.0;
const TITLE_GAP: f64 = 12.0;
const TITLE: Lettering = Lettering {
    family: FontFamily::SansSerif,
    size: 17.0,
    bold: true,
    colour: BLACK,
    anchor: HPos::Left,
};

/// How a piece of text looks.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub(super) family: FontFamily<'static>,
    /// Size of the font in pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: Colour,
    /// Which end of the text its place means.
    pub(super) anchor: HPos,
}

/// A white sheet. Places are `(x, y)` in pixels from its upper left corner.
pub(super) struct Sheet<'a> {
    pub(super) area: DrawingArea<SVGBackend<'a>, Shift>,
    tooltips: String,
}

impl Sheet<'_> {
    /// Writes one line, vertically centred on its place.
    pub(super) fn write(
        &self,
        text: &str,
        place: (f64, f64),
        lettering: Lettering,
    ) -> Result<(), FigureError> {
        let weight = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        // The library takes the height of a font's box, 1.24 times its size.
        let font = FontDesc::new(lettering.family, lettering.size * UNITS * 1.24, weight);
        let colour = rgb(lettering.colour);
        let style =
            TextStyle::from(font).color(&colour).pos(Pos::new(lettering.anchor, VPos::Center));
        self.area.draw_text(text, &style, units(place)).map_err(failed)
    }

    /// Fills the rectangle between two opposite corners.
    pub(super) fn fill(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        colour: Colour,
    ) -> Result<(), FigureError> {
        let corners = [units(from), units(to)];
        self.area.draw(&Rectangle::new(corners, rgb(colour).filled())).map_err(failed)
    }

    /// A straight line of `width` pixels.
    pub(super) fn line(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        colour: Colour,
        width: f64,
    ) -> Result<(), FigureError> {
        let ends = vec![units(from), units(to)];
        self.area.draw(&PathElement::new(ends, stroke(colour, width))).map_err(failed)
    }

    /// Text that a browser shows while the pointer rests within the rectangle.
    pub(super) fn tooltip(&mut self, from: (f64, f64), to: (f64, f64), text: &str) {
        let ((left, top), (right, bottom)) = (units(from), units(to));
        let (width, height) = (right - left, bottom - top);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.tooltips,
            r#"<rect x="{left}" y="{top}" width="{width}" height="{height}"><title>{}</title></rect>"#,
            escape(text),
        );
    }
}

/// An SVG file with the title and, below it, `content` pixels of what `paint` draws
/// from the place on that it is given.
///
/// The library can write neither the element `<title>` nor tooltips. So the opening
/// tag of its file is replaced here by one with a role, a `<title>` and a `<desc>`,
/// and an unpainted layer of tooltips is laid on top.
pub(super) fn draw(
    title: &str,
    description: &str,
    content: (f64, f64),
    paint: impl FnOnce(&mut Sheet<'_>, (f64, f64)) -> Result<(), FigureError>,
) -> Result<String, FigureError> {
    let headline = wrap(title, content.0, BOLD * TITLE.size);
    let top = MARGIN + headline.len() as f64 * TITLE_LINE + TITLE_GAP;
    let (width, height) = ((content.0 + 2.0 * MARGIN).ceil(), (top + content.1 + MARGIN).ceil());
    let (wide, high) = units((width, height));
    let mut drawn = String::new();
    let size = (wide.unsigned_abs(), high.unsigned_abs());
    let tooltips = {
        let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        area.fill(&rgb(WHITE)).map_err(failed)?;
        let mut sheet = Sheet { area, tooltips: String::new() };
        for (index, line) in headline.iter().enumerate() {
            let middle = MARGIN + (index as f64 + 0.5) * TITLE_LINE;
            sheet.write(line, (MARGIN, middle), TITLE)?;
        }
        paint(&mut sheet, (MARGIN, top))?;
        sheet.area.present().map_err(failed)?;
        sheet.tooltips
    };
    let body = drawn.split_once(">\n").map_or("", |(_, body)| body);
    let body = body.trim_end().trim_end_matches("</svg>");
    let layer = if tooltips.is_empty() {
        String::new()
    } else {
        format!("<g fill=\"none\" pointer-events=\"all\">\n{tooltips}</g>\n")
    };
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {wide} {high}\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
         <title>{}</title>\n<desc>{}</desc>\n<style>{STYLE}</style>\n{body}{layer}</svg>\n",
        escape(title),
        escape(description),
    ))
}

/// A stroke of `width` pixels.
pub(super) fn stroke(colour: Colour, width: f64) -> ShapeStyle {
    rgb(colour).stroke_width((width * UNITS).round() as u32)
}

pub(super) fn rgb(Colour(red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

/// Whatever stops the library from drawing.
pub(super) fn failed(error: impl std::fmt::Display) -> FigureError {
    FigureError::Drawing(error.to_string())
}

fn units((x, y): (f64, f64)) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

/// `text` as the content of an XML element.
fn escape(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_names_itself_to_screen_readers() {
        let hostile = "<img src=x onerror=\"alert('&')\">]]>\u{0}\u{B}\u{FFFF}";
        let svg = draw(hostile, hostile, (600.0, 20.0), |sheet, (left, top)| {
            sheet.tooltip((left, top), (left + 2.0, top + 2.5), hostile);
            Ok(())
        })
        .unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        assert_eq!((root.attribute("width"), root.attribute("height")), (Some("640"), Some("95")));
        assert_eq!(root.attribute("viewBox"), Some("0 0 6400 950"));
        let children: Vec<_> = root.children().filter(|node| node.is_element()).collect();
        let names: Vec<_> = children.iter().map(|node| node.tag_name().name()).collect();
        assert_eq!(names, ["title", "desc", "style", "rect", "text", "g"]);
        let shown = "<img src=x onerror=\"alert('&')\">]]>␀␋⟨FFFF⟩";
        assert_eq!((children[0].text(), children[1].text()), (Some(shown), Some(shown)));
        assert_eq!(children[4].text().map(str::trim), Some(shown));
        let background = children[3];
        assert_eq!(background.attribute("fill"), Some("#FFFFFF"));
        assert_eq!(
            (background.attribute("width"), background.attribute("height")),
            (Some("6400"), Some("950"))
        );
        let tooltip = children[5].first_element_child().unwrap();
        assert_eq!(tooltip.attribute("height"), Some("25"));
        assert_eq!(tooltip.first_element_child().unwrap().text(), Some(shown));
    }
}
