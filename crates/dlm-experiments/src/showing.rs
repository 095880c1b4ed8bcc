//! Figures into a folder: the drawing, and the numbers behind it.

mod trajectory;

use serde::Serialize;

use crate::{
    Error, Figure, Folder,
    figures::{Cell, FigureError, Panel, curves, heat_map},
    summary::FigureKind,
};

pub(crate) use trajectory::{ChangeRow, Changes, trajectories};

/// Positions side by side in a heat map.
const PER_BAND: usize = 16;

/// What a figure is called, and what it says.
pub(crate) struct Caption {
    /// The stem of its files.
    pub(crate) stem: &'static str,
    pub(crate) title: String,
    pub(crate) caption: String,
}

/// A row of the file behind curves.
#[derive(Serialize)]
struct CurveRow<'a> {
    panel: &'a str,
    curve: &'a str,
    x: f64,
    value: f64,
    lower: f64,
    upper: f64,
}

/// The file behind a heat map.
#[derive(Serialize)]
struct HeatMapFile<'a> {
    prompt: Option<&'a str>,
    positions: &'a [Position],
}

/// A masked position and its best tokens.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Position {
    /// Counted from the first mask.
    pub(crate) position: usize,
    /// Entropy of the prediction, nats.
    pub(crate) entropy: Option<f64>,
    /// The best first.
    pub(crate) top: Vec<Token>,
}

/// A token that a model proposes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Token {
    pub(crate) token: String,
    pub(crate) id: u32,
    pub(crate) probability: f64,
}

impl Caption {
    pub(crate) fn new(
        stem: &'static str,
        title: impl Into<String>,
        caption: impl Into<String>,
    ) -> Self {
        Self { stem, title: title.into(), caption: caption.into() }
    }

    /// Writes curves with their intervals, as a drawing and as a table.
    ///
    /// # Errors
    ///
    /// Where there is nothing to draw or a file cannot be written.
    pub(crate) fn curves(
        self,
        folder: &Folder,
        x_label: &str,
        panels: &[Panel],
    ) -> Result<Figure, Error> {
        let svg = curves(&self.title, &self.caption, x_label, panels);
        let data = format!("{}.csv", self.stem);
        let mut rows = Vec::new();
        for panel in panels {
            for curve in &panel.curves {
                rows.extend(curve.points.iter().map(|point| CurveRow {
                    panel: &panel.title,
                    curve: &curve.label,
                    x: point.x,
                    value: point.value,
                    lower: point.lower,
                    upper: point.upper,
                }));
            }
        }
        // Curves without a point have no table.
        let data = (!rows.is_empty()).then_some(data);
        data.iter().try_for_each(|data| folder.write_rows(data, &rows))?;
        self.drawn(folder, svg, FigureKind::Curves, data)
    }

    /// Writes the best tokens at every position, as a drawing and in full.
    ///
    /// # Errors
    ///
    /// Where there is nothing to draw or a file cannot be written.
    pub(crate) fn heat_map(
        self,
        folder: &Folder,
        prompt: Option<&str>,
        positions: &[Position],
    ) -> Result<Figure, Error> {
        let cells: Vec<Vec<Cell>> = positions.iter().map(Position::cells).collect();
        let svg = heat_map(&self.title, &self.caption, &cells, PER_BAND);
        let data = format!("{}.json", self.stem);
        self.json(folder, &data, &HeatMapFile { prompt, positions })?;
        self.drawn(folder, svg, FigureKind::HeatMap, Some(data))
    }

    fn json(&self, folder: &Folder, name: &str, content: &impl Serialize) -> Result<(), Error> {
        let json = serde_json::to_vec(content)
            .map_err(|error| Error::malformed(folder.file(name), "JSON", error.to_string()))?;
        folder.write(name, &json)
    }

    fn drawn(
        self,
        folder: &Folder,
        svg: Result<String, FigureError>,
        kind: FigureKind,
        data: Option<String>,
    ) -> Result<Figure, Error> {
        let file = format!("{}.svg", self.stem);
        let svg =
            svg.map_err(|error| Error::Figure { name: file.clone(), problem: error.to_string() })?;
        folder.write(&file, svg.as_bytes())?;
        Ok(Figure { file, title: self.title, caption: self.caption, kind, data })
    }
}

impl Position {
    fn cells(&self) -> Vec<Cell> {
        let cell = |token: &Token| Cell { token: token.shown(), probability: token.probability };
        self.top.iter().map(cell).collect()
    }
}

impl Token {
    /// Its text, or its id where it has none.
    pub(crate) fn shown(&self) -> String {
        match self.token.is_empty() {
            true => self.id.to_string(),
            false => self.token.clone(),
        }
    }
}
