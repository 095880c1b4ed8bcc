//! The most probable tokens at every masked position, as a table of shaded cells.

use plotters::style::FontFamily;
use plotters::style::text_anchor::HPos;

use super::FigureError;
use super::error::at_most;
use super::palette::{QUIET, sequential, text_on};
use super::sheet::{Lettering, Sheet, draw};
use super::text::{TOKEN_LEGEND, shorten, token_text};
use unicode_width::UnicodeWidthStr;

/// A token and how probable the model thinks it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    /// The token's text, as it is; the figure makes every character visible.
    pub(crate) token: String,
    /// Its probability, in `0..=1`.
    pub(crate) probability: f64,
}

const MOST_POSITIONS: usize = 4096;
const MOST_RANKS: usize = 10;
/// Room for what rounding adds to a sum of single-precision probabilities.
const ROUNDING: f64 = 1e-5;

const RANK_WIDTH: f64 = 56.0;
const NUMBER_HEIGHT: f64 = 18.0;
const CELL_WIDTH: f64 = 64.0;
const CELL_HEIGHT: f64 = 36.0;
const BAND_GAP: f64 = 12.0;
const LEGEND_HEIGHT: f64 = 46.0;
/// However few the positions, the colour bar and the symbols stand side by side.
const LEAST_WIDTH: f64 = 600.0;
const BAR_WIDTH: f64 = 200.0;

const NUMBER: Lettering = Lettering {
    family: FontFamily::SansSerif,
    size: 10.6,
    bold: false,
    colour: QUIET,
    anchor: HPos::Center,
};

/// An SVG figure of the most probable tokens at every masked position.
///
/// `positions[j][r]` is the token at distance `j` from the first mask that `r` others
/// exceed; positions are numbered from 0, ranks written as 1st, 2nd and so on. Bands of `per_band` positions follow each other like the lines
/// of a text. A cell holds the token's text, shortened to what fits, and below it the
/// probability, which also sets the shade ([`sequential`]). A browser shows the
/// whole token and more digits where the pointer rests. Positions may differ in
/// their number of ranks.
///
/// Spaces are shown as `·`, line feeds as `⏎`, tabs as `⇥`, other controls as their
/// pictures, and what would be invisible or reorder the text as its code point in
/// brackets, `·` among them; a token without text is `∅`.
///
/// # Errors
///
/// Where there is no cell, there are more than 4096 positions or 10 ranks, `per_band`
/// is 0, or a probability does not lie in `0..=1`.
pub(crate) fn heat_map(
    title: &str,
    description: &str,
    positions: &[Vec<Cell>],
    per_band: usize,
) -> Result<String, FigureError> {
    let ranks = positions.iter().map(Vec::len).max().unwrap_or(0);
    check(title, positions, ranks, per_band)?;

    let per_band = per_band.min(positions.len());
    let bands = positions.len().div_ceil(per_band);
    let band_height = NUMBER_HEIGHT + ranks as f64 * CELL_HEIGHT + BAND_GAP;
    let width = (RANK_WIDTH + per_band as f64 * CELL_WIDTH).max(LEAST_WIDTH);
    let height = bands as f64 * band_height + LEGEND_HEIGHT;

    draw(title, description, (width, height), |sheet, (left, top)| {
        let mut y = top;
        for (index, band) in positions.chunks(per_band).enumerate() {
            paint_band(sheet, (left, y), index * per_band, band, ranks)?;
            y += band_height;
        }
        paint_legend(sheet, (left + RANK_WIDTH, y), left + width)
    })
}

fn check(
    title: &str,
    positions: &[Vec<Cell>],
    ranks: usize,
    per_band: usize,
) -> Result<(), FigureError> {
    if ranks == 0 {
        return Err(FigureError::Empty { title: title.to_owned(), what: "cell" });
    }
    if per_band == 0 {
        return Err(FigureError::NoBand);
    }
    at_most("positions", positions.len(), MOST_POSITIONS)?;
    at_most("ranks", ranks, MOST_RANKS)?;
    for (position, cells) in positions.iter().enumerate() {
        for (rank, &Cell { probability: value, .. }) in cells.iter().enumerate() {
            if !(0.0..=1.0 + ROUNDING).contains(&value) {
                return Err(FigureError::Probability { position, rank, value });
            }
        }
    }
    Ok(())
}

/// One band: the numbers of its positions, from `first` on, above a row per rank.
fn paint_band(
    sheet: &mut Sheet<'_>,
    (left, top): (f64, f64),
    first: usize,
    band: &[Vec<Cell>],
    ranks: usize,
) -> Result<(), FigureError> {
    let cells_top = top + NUMBER_HEIGHT;
    let number_y = top + NUMBER_HEIGHT / 2.0;
    let cells_left = left + RANK_WIDTH;
    let right = Lettering { anchor: HPos::Right, ..NUMBER };
    sheet.write("position", (cells_left - 8.0, number_y), right)?;
    for rank in 0..ranks {
        let y = cells_top + (rank as f64 + 0.5) * CELL_HEIGHT;
        sheet.write(&ordinal(rank), (cells_left - 8.0, y), right)?;
    }
    for (index, cells) in band.iter().enumerate() {
        let left = cells_left + index as f64 * CELL_WIDTH;
        let position = first + index;
        sheet.write(&position.to_string(), (left + CELL_WIDTH / 2.0, number_y), NUMBER)?;
        for (rank, cell) in cells.iter().enumerate() {
            let corner = (left, cells_top + rank as f64 * CELL_HEIGHT);
            paint_cell(sheet, corner, cell)?;
            let Cell { token, probability } = cell;
            sheet.tooltip(
                corner,
                (corner.0 + CELL_WIDTH, corner.1 + CELL_HEIGHT),
                &format!(
                    "position {position}, {}: {} with probability {probability:.4}",
                    ordinal(rank),
                    token_text(token),
                ),
            );
        }
    }
    Ok(())
}

/// How a rank counted from 0 is read.
fn ordinal(rank: usize) -> String {
    match rank {
        0 => "1st".to_owned(),
        1 => "2nd".to_owned(),
        2 => "3rd".to_owned(),
        _ => format!("{}th", rank + 1),
    }
}

/// A shaded rectangle with the token and, below it, its probability.
fn paint_cell(sheet: &Sheet<'_>, (left, top): (f64, f64), cell: &Cell) -> Result<(), FigureError> {
    let shade = sequential(cell.probability);
    // Half a pixel of white all around separates the cells.
    let (right, bottom) = (left + CELL_WIDTH - 0.5, top + CELL_HEIGHT - 0.5);
    sheet.fill((left + 0.5, top + 0.5), (right, bottom), shade)?;
    let middle = left + CELL_WIDTH / 2.0;
    let colour = text_on(shade);
    let text = Lettering { family: FontFamily::Monospace, colour, ..NUMBER };
    let (token, size) = fitted(&cell.token);
    sheet.write(&token, (middle, top + 13.0), Lettering { size, ..text })?;
    let probability = format!("{:.2}", cell.probability.min(1.0));
    sheet.write(&probability, (middle, top + 27.5), Lettering { size: 9.0, ..text })
}

/// The token as it fits into a cell, and the size of its font: the larger one where
/// it fits uncut.
fn fitted(token: &str) -> (String, f64) {
    let shown = token_text(token);
    // A column of a monospaced font is 0.6 of its size wide.
    let columns = |size: f64| ((CELL_WIDTH - 4.0) / (0.602 * size)) as usize;
    let size = if shown.width() <= columns(12.0) { 12.0 } else { 10.0 };
    (shorten(&shown, columns(size)), size)
}

/// The colour bar on the left and what the symbols mean on the right.
fn paint_legend(sheet: &Sheet<'_>, (left, top): (f64, f64), right: f64) -> Result<(), FigureError> {
    let (bar_top, bar_bottom) = (top + 16.0, top + 28.0);
    let at = |share: f64| left + share * BAR_WIDTH;
    for percent in 0..100 {
        // Each shade reaches to the end, so that no seam shows between neighbours.
        let from = f64::from(percent) / 100.0;
        sheet.fill((at(from), bar_top), (at(1.0), bar_bottom), sequential(from + 0.005))?;
    }
    sheet.write("probability", (left, top + 7.0), Lettering { anchor: HPos::Left, ..NUMBER })?;
    for (share, label) in [(0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1")] {
        sheet.line((at(share), bar_bottom), (at(share), bar_bottom + 3.0), QUIET, 1.0)?;
        sheet.write(label, (at(share), bar_bottom + 10.5), NUMBER)?;
    }
    let symbols = Lettering { family: FontFamily::Monospace, anchor: HPos::Right, ..NUMBER };
    sheet.write(TOKEN_LEGEND, (right, (bar_top + bar_bottom) / 2.0), symbols)
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use super::*;

    fn cell(token: &str, probability: f64) -> Cell {
        Cell { token: token.to_owned(), probability }
    }

    /// `count` positions of `ranks` cells; every cell has a text of its own.
    fn table(count: usize, ranks: usize) -> Vec<Vec<Cell>> {
        let probability = |j: usize, r: usize| (j % 7) as f64 / 7.0 / (r + 1) as f64;
        let column =
            |j| (0..ranks).map(|r| cell(&format!("t{j}r{r}"), probability(j, r))).collect();
        (0..count).map(column).collect()
    }

    fn named<'a>(document: &'a Document<'_>, name: &str) -> Vec<Node<'a, 'a>> {
        document.descendants().filter(|node| node.tag_name().name() == name).collect()
    }

    fn written(document: &Document<'_>) -> Vec<String> {
        let texts = named(document, "text");
        texts.iter().map(|node| node.text().unwrap_or("").trim().to_owned()).collect()
    }

    #[test]
    fn every_cell_is_drawn_once_within_the_sheet() {
        for (count, ranks, per_band) in
            [(1, 1, 16), (16, 3, 16), (64, 5, 16), (128, 3, 16), (37, 2, 10), (5, 3, usize::MAX)]
        {
            let svg = heat_map("t", "d", &table(count, ranks), per_band).unwrap();
            let document = Document::parse(&svg).unwrap();
            let texts = written(&document);
            for j in 0..count {
                assert!(texts.contains(&j.to_string()), "position {j}");
                for r in 0..ranks {
                    let token = format!("t{j}r{r}");
                    assert_eq!(texts.iter().filter(|text| **text == token).count(), 1, "{token}");
                }
            }
            let number = |node: &Node<'_, '_>, name| -> f64 {
                node.attribute(name).unwrap().parse().unwrap()
            };
            let sheet = named(&document, "rect")[0];
            for rect in named(&document, "rect") {
                assert!(number(&rect, "x") + number(&rect, "width") <= number(&sheet, "width"));
                assert!(number(&rect, "y") + number(&rect, "height") <= number(&sheet, "height"));
            }
            // One title for the figure and one for every cell.
            assert_eq!(named(&document, "title").len(), 1 + count * ranks);
        }
    }

    #[test]
    fn positions_may_differ_in_ranks() {
        let positions = [vec![cell("a", 0.5), cell("b", 0.2)], vec![], vec![cell("c", 1.0)]];
        let svg = heat_map("t", "d", &positions, 16).unwrap();
        assert_eq!(named(&Document::parse(&svg).unwrap(), "title").len(), 4);
    }

    #[test]
    fn hostile_tokens_are_only_text() {
        for token in [
            "<img src=x onerror=alert(1)>",
            "</text></svg><script>alert(1)</script>",
            "]]>",
            "&lt;",
            "\"'",
            "\0\u{1}\u{8}\u{B}\u{1B}\u{7F}\u{85}",
            "\n\r\t",
            "\u{202E}\u{FFFE}\u{FFFF}",
            "👩\u{200D}🔬",
            "你好",
            "مرحبا",
            "",
        ] {
            let svg = heat_map(token, token, &[vec![cell(token, 0.25)]], 16).unwrap();
            let document = Document::parse(&svg).unwrap();
            for name in ["img", "script"] {
                assert!(named(&document, name).is_empty(), "{token:?}");
            }
            let tooltip = named(&document, "title")[1].text().unwrap();
            let expected =
                format!("position 0, 1st: {} with probability 0.2500", token_text(token));
            assert_eq!(tooltip, expected);
        }
    }

    #[test]
    fn a_token_is_cut_only_where_it_does_not_fit() {
        assert_eq!(fitted(" of"), ("·of".to_owned(), 12.0));
        assert_eq!(fitted(" language"), ("·language".to_owned(), 10.0));
        assert_eq!(fitted(" international"), ("·interna…".to_owned(), 10.0));
    }

    #[test]
    fn the_same_data_give_the_same_bytes() {
        let draw = || heat_map("t", "d", &table(64, 3), 16).unwrap();
        assert_eq!(draw(), draw());
    }

    #[test]
    fn wrong_data_get_typed_errors() {
        for nothing in [&[][..], &[vec![], vec![]]] {
            assert!(matches!(heat_map("t", "d", nothing, 16), Err(FigureError::Empty { .. })));
        }
        assert!(matches!(heat_map("t", "d", &table(3, 1), 0), Err(FigureError::NoBand)));
        for (count, ranks) in [(4097, 1), (1, 11)] {
            let crowded = table(count, ranks);
            assert!(matches!(heat_map("t", "d", &crowded, 16), Err(FigureError::TooMany { .. })));
        }
        for wrong in [f64::NAN, f64::INFINITY, -0.01, 1.01] {
            let positions = [vec![cell("a", 0.5)], vec![cell("b", 0.5), cell("c", wrong)]];
            assert!(matches!(
                heat_map("t", "d", &positions, 16),
                Err(FigureError::Probability { position: 1, rank: 1, .. })
            ));
        }
        // What single precision makes of 1 is no error.
        assert!(heat_map("t", "d", &[vec![cell("a", 1.0 + 1e-6)]], 16).is_ok());
    }
}
