//! When each position of some samples got its last token, as rows of shaded cells.

use plotters::style::FontFamily;
use plotters::style::text_anchor::HPos;
use unicode_width::UnicodeWidthStr;

use super::FigureError;
use super::error::at_most;
use super::palette::{BLACK, PALE, QUIET, sequential, text_on};
use super::sheet::{BOLD, Lettering, Sheet, draw};
use super::text::{TOKEN_LEGEND, shorten, token_text, wrap};

/// A sample as it was left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SettledSample {
    /// Stands above its cells.
    pub(crate) title: String,
    /// One a position, in order.
    pub(crate) cells: Vec<SettledCell>,
}

/// A position as it was left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SettledCell {
    /// Its last token, as it is; absent where a mask was left.
    pub(crate) token: Option<String>,
    /// After how many network evaluations it came; 0 where a mask was left.
    pub(crate) step: usize,
    /// How many tokens stood here one after the other.
    pub(crate) tokens: usize,
}

const MOST_SAMPLES: usize = 12;
const MOST_POSITIONS: usize = 1024;

const NUMBER_WIDTH: f64 = 40.0;
const CELL_WIDTH: f64 = 64.0;
const CELL_HEIGHT: f64 = 34.0;
const BAND_GAP: f64 = 4.0;
const HEADING_LINE: f64 = 20.0;
const SAMPLE_GAP: f64 = 12.0;
const LEGEND_HEIGHT: f64 = 46.0;
const BAR_WIDTH: f64 = 200.0;
const LEAST_WIDTH: f64 = 600.0;

const SMALL: Lettering = Lettering {
    family: FontFamily::SansSerif,
    size: 10.6,
    bold: false,
    colour: QUIET,
    anchor: HPos::Center,
};
const HEADING: Lettering = Lettering {
    family: FontFamily::SansSerif,
    size: 13.0,
    bold: true,
    colour: BLACK,
    anchor: HPos::Left,
};

/// An SVG figure of `samples` below each other, `per_band` positions abreast.
///
/// A cell holds a position's last token and the number of evaluations after which it came,
/// which also sets the shade: light is early. Where other tokens stood before, a cross
/// says how many, as in `7 ×2`. Symbols for spaces and controls are those of
/// [`heat_map`](super::heat_map).
///
/// # Errors
///
/// Where there is no position, `per_band` is 0, or there are more than 12 samples or 1024
/// positions of one.
pub(crate) fn step_map(
    title: &str,
    description: &str,
    samples: &[SettledSample],
    per_band: usize,
) -> Result<String, FigureError> {
    let longest = samples.iter().map(|sample| sample.cells.len()).max().unwrap_or(0);
    if longest == 0 {
        return Err(FigureError::Empty { title: title.to_owned(), what: "position" });
    }
    if per_band == 0 {
        return Err(FigureError::NoBand);
    }
    at_most("samples", samples.len(), MOST_SAMPLES)?;
    at_most("positions", longest, MOST_POSITIONS)?;

    let last = samples.iter().flat_map(|s| &s.cells).map(|c| c.step).max().unwrap_or(0).max(1);
    let width = (NUMBER_WIDTH + per_band.min(longest) as f64 * CELL_WIDTH).max(LEAST_WIDTH);
    let headings: Vec<Vec<String>> =
        samples.iter().map(|s| wrap(&s.title, width, BOLD * HEADING.size)).collect();
    let sample_height = |(sample, heading): (&SettledSample, &Vec<String>)| {
        let bands = sample.cells.len().div_ceil(per_band) as f64;
        heading.len() as f64 * HEADING_LINE + bands * (CELL_HEIGHT + BAND_GAP) + SAMPLE_GAP
    };
    let height = samples.iter().zip(&headings).map(sample_height).sum::<f64>() + LEGEND_HEIGHT;

    draw(title, description, (width, height), |sheet, (left, top)| {
        let mut y = top;
        for (sample, heading) in samples.iter().zip(&headings) {
            for line in heading {
                sheet.write(line, (left, y + HEADING_LINE / 2.0), HEADING)?;
                y += HEADING_LINE;
            }
            for (index, band) in sample.cells.chunks(per_band).enumerate() {
                paint_band(sheet, (left, y), index * per_band, band, last)?;
                y += CELL_HEIGHT + BAND_GAP;
            }
            y += SAMPLE_GAP;
        }
        paint_legend(sheet, (left + NUMBER_WIDTH, y), left + width, last)
    })
}

/// A line of positions, the number of the first before it.
fn paint_band(
    sheet: &mut Sheet<'_>,
    (left, top): (f64, f64),
    first: usize,
    cells: &[SettledCell],
    last: usize,
) -> Result<(), FigureError> {
    let number = Lettering { anchor: HPos::Right, ..SMALL };
    let middle = top + CELL_HEIGHT / 2.0;
    sheet.write(&first.to_string(), (left + NUMBER_WIDTH - 8.0, middle), number)?;
    for (index, cell) in cells.iter().enumerate() {
        let corner = (left + NUMBER_WIDTH + index as f64 * CELL_WIDTH, top);
        paint_cell(sheet, corner, cell, last)?;
        let opposite = (corner.0 + CELL_WIDTH, corner.1 + CELL_HEIGHT);
        sheet.tooltip(corner, opposite, &said(first + index, cell));
    }
    Ok(())
}

fn said(position: usize, cell: &SettledCell) -> String {
    let SettledCell { token, step, tokens } = cell;
    match token {
        Some(token) => {
            let token = token_text(token);
            format!("position {position}: {token} after {step} evaluations, token {tokens} here")
        }
        None => format!("position {position}: masked at the end"),
    }
}

fn paint_cell(
    sheet: &Sheet<'_>,
    (left, top): (f64, f64),
    cell: &SettledCell,
    last: usize,
) -> Result<(), FigureError> {
    let shade = match cell.token {
        Some(_) => sequential(0.85 * cell.step as f64 / last as f64),
        None => PALE,
    };
    let (right, bottom) = (left + CELL_WIDTH - 0.5, top + CELL_HEIGHT - 0.5);
    sheet.fill((left + 0.5, top + 0.5), (right, bottom), shade)?;
    let text = Lettering { family: FontFamily::Monospace, colour: text_on(shade), ..SMALL };
    let middle = left + CELL_WIDTH / 2.0;
    let Some(token) = &cell.token else {
        return sheet.write("mask", (middle, top + CELL_HEIGHT / 2.0), text);
    };
    // A column of a monospaced font is 0.6 of its size wide.
    let columns = |size: f64| ((CELL_WIDTH - 4.0) / (0.602 * size)) as usize;
    let shown = token_text(token);
    let size = if shown.width() <= columns(12.0) { 12.0 } else { 10.0 };
    sheet.write(
        &shorten(&shown, columns(size)),
        (middle, top + 12.5),
        Lettering { size, ..text },
    )?;
    let step = match cell.tokens {
        0 | 1 => cell.step.to_string(),
        tokens => format!("{} ×{tokens}", cell.step),
    };
    sheet.write(&step, (middle, top + 26.0), Lettering { size: 9.0, ..text })
}

/// The shades of the steps on the left and what the symbols mean on the right.
fn paint_legend(
    sheet: &Sheet<'_>,
    (left, top): (f64, f64),
    right: f64,
    last: usize,
) -> Result<(), FigureError> {
    let (bar_top, bar_bottom) = (top + 16.0, top + 28.0);
    let at = |share: f64| left + share * BAR_WIDTH;
    for percent in 0..100 {
        // Each shade reaches to the end, so that no seam shows between neighbours.
        let from = f64::from(percent) / 100.0;
        let shade = sequential(0.85 * (from + 0.005));
        sheet.fill((at(from), bar_top), (at(1.0), bar_bottom), shade)?;
    }
    let heading = Lettering { anchor: HPos::Left, ..SMALL };
    sheet.write("evaluations until the last token came", (left, top + 7.0), heading)?;
    for (share, label) in [(0.0, "0".to_owned()), (1.0, last.to_string())] {
        sheet.line((at(share), bar_bottom), (at(share), bar_bottom + 3.0), QUIET, 1.0)?;
        sheet.write(&label, (at(share), bar_bottom + 10.5), SMALL)?;
    }
    let symbols = Lettering { family: FontFamily::Monospace, anchor: HPos::Right, ..SMALL };
    sheet.write(TOKEN_LEGEND, (right, (bar_top + bar_bottom) / 2.0), symbols)
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    fn sample(title: &str, length: usize) -> SettledSample {
        let cell = |i: usize| SettledCell { token: Some(format!("t{i}")), step: i, tokens: 1 };
        SettledSample { title: title.to_owned(), cells: (0..length).map(cell).collect() }
    }

    fn written(svg: &str) -> Vec<String> {
        let document = Document::parse(svg).unwrap();
        let texts = document.descendants().filter(|node| node.tag_name().name() == "text");
        texts.map(|node| node.text().unwrap_or("").trim().to_owned()).collect()
    }

    #[test]
    fn every_position_is_drawn_once_within_the_sheet() {
        for (lengths, per_band) in [(vec![1], 16), (vec![37, 5], 16), (vec![128], 16)] {
            let samples: Vec<SettledSample> =
                lengths.iter().map(|&length| sample("s", length)).collect();
            let svg = step_map("t", "d", &samples, per_band).unwrap();
            let texts = written(&svg);
            let cells: usize = lengths.iter().sum();
            assert_eq!(texts.iter().filter(|text| text.starts_with('t')).count() - 1, cells);
            let document = Document::parse(&svg).unwrap();
            let size = document.root_element().attribute("viewBox").unwrap();
            let size: Vec<f64> = size.split(' ').map(|side| side.parse().unwrap()).collect();
            for rect in document.descendants().filter(|n| n.tag_name().name() == "rect") {
                let number = |name| rect.attribute(name).map_or(0.0, |a| a.parse::<f64>().unwrap());
                assert!(number("x") + number("width") <= size[2]);
                assert!(number("y") + number("height") <= size[3]);
            }
        }
    }

    #[test]
    fn what_stood_before_and_what_stayed_masked_is_said() {
        let cells = vec![
            SettledCell { token: Some(" a".to_owned()), step: 7, tokens: 2 },
            SettledCell { token: None, step: 0, tokens: 0 },
        ];
        let svg = step_map("t", "d", &[SettledSample { title: "s".to_owned(), cells }], 4).unwrap();
        let texts = written(&svg);
        for text in ["·a", "7 ×2", "mask"] {
            assert!(texts.contains(&text.to_owned()), "{text}: {texts:?}");
        }
    }

    #[test]
    fn wrong_data_get_typed_errors() {
        for nothing in [&[][..], &[sample("s", 0)]] {
            assert!(matches!(step_map("t", "d", nothing, 4), Err(FigureError::Empty { .. })));
        }
        assert!(matches!(step_map("t", "d", &[sample("s", 1)], 0), Err(FigureError::NoBand)));
        let crowded = vec![sample("s", 1); 13];
        assert!(matches!(step_map("t", "d", &crowded, 4), Err(FigureError::TooMany { .. })));
        let long = [sample("s", 1025)];
        assert!(matches!(step_map("t", "d", &long, 4), Err(FigureError::TooMany { .. })));
    }
}
