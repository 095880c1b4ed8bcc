//! `summary.json`: the claim, its verdict and what to show.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::figure::Figure;
use super::{name_of, read_json};

/// What an experiment found.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) claim: String,
    pub(crate) feeds: String,
    pub(crate) verdict: Verdict,
    pub(crate) rules: Vec<Rule>,
    /// What was found, in words made from the numbers.
    pub(crate) finding: String,
    /// What was measured, and how.
    pub(crate) method: Option<String>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) tables: Vec<Table>,
    /// What could not be run, and why: a sentence each.
    #[serde(default)]
    pub(crate) omitted: Vec<String>,
    /// The command that made the results.
    pub(crate) command: String,
}

/// What becomes of the claim.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
pub(crate) enum Verdict {
    #[serde(rename = "supported")]
    Supported,
    #[serde(rename = "not supported")]
    NotSupported,
    #[serde(rename = "undecided")]
    Undecided,
}

/// A condition that was written down before the run.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) rule: String,
    pub(crate) estimate: String,
    pub(crate) outcome: Outcome,
}

/// What becomes of a rule.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Holds,
    Fails,
    Undecided,
}

/// A table to show as it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) note: Option<String>,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Definitions that stand behind single cells.
    #[serde(default)]
    pub(crate) cell_notes: Vec<CellNote>,
}

/// The definition behind a cell; both numbers count from 0.
#[derive(Debug, Deserialize)]
pub(crate) struct CellNote {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) text: String,
}

/// A cell of a table; an absent value is empty, never 0.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Absent(()),
    Flag(bool),
    Number(serde_json::Number),
    Text(String),
}

impl Summary {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let summary: Self = read_json(path)?;
        let name = name_of(path);
        for figure in &summary.figures {
            figure.check(&name)?;
        }
        for table in &summary.tables {
            table.check(&name)?;
        }
        Ok(summary)
    }
}

impl Table {
    /// What stands behind the cell, if anything does.
    pub(crate) fn note_of(&self, row: usize, column: usize) -> Option<&str> {
        let mut notes = self.cell_notes.iter();
        notes.find(|note| (note.row, note.column) == (row, column)).map(|note| &*note.text)
    }

    fn check(&self, file: &str) -> Result<()> {
        let (title, columns) = (&self.title, self.columns.len());
        for (index, row) in self.rows.iter().enumerate() {
            ensure!(
                row.len() == columns,
                "{file}: field `tables`: row {index} of {title:?} has {} cells for {columns} \
                 columns",
                row.len()
            );
        }
        for CellNote { row, column, .. } in &self.cell_notes {
            ensure!(
                *row < self.rows.len() && *column < columns,
                "{file}: field `tables`: a note of {title:?} is about row {row}, column \
                 {column}, which it does not have"
            );
        }
        Ok(())
    }
}

impl Verdict {
    /// As it is written in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::NotSupported => "not supported",
            Self::Undecided => "undecided",
        }
    }
}

impl Outcome {
    /// As it is written in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tables: &str, verdict: &str) -> Result<Summary> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let text = format!(
            r#"{{"id": "x", "claim": "c", "feeds": "f", "verdict": "{verdict}", "rules": [],
                "finding": "", "figures": [], "tables": [{tables}], "command": "dlm"}}"#
        );
        std::fs::write(&path, text).unwrap();
        Summary::read(&path)
    }

    #[test]
    fn cells_may_be_of_any_plain_kind() {
        let row = r#"{"title": "t", "columns": ["a", "b", "c", "d"],
            "rows": [[null, true, 0.25, "x"]]}"#;
        let summary = read(row, "not supported").unwrap();
        assert_eq!(summary.verdict, Verdict::NotSupported);
        let cells = &summary.tables[0].rows[0];
        assert!(matches!(
            &cells[..],
            [Cell::Absent(()), Cell::Flag(true), Cell::Number(_), Cell::Text(_)]
        ));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let ragged = r#"{"title": "t", "columns": ["a", "b"], "rows": [[1]]}"#;
        let error = read(ragged, "supported").unwrap_err().to_string();
        assert!(error.contains("row 0 of \"t\" has 1 cells for 2 columns"), "{error}");
        let astray = r#"{"title": "t", "columns": ["a"], "rows": [[1]],
            "cell_notes": [{"row": 1, "column": 0, "text": "n"}]}"#;
        let error = read(astray, "supported").unwrap_err().to_string();
        assert!(error.contains("a note of \"t\" is about row 1, column 0"), "{error}");
        let error = read("", "perhaps").unwrap_err().to_string();
        assert!(error.contains("summary.json: field `verdict`"), "{error}");
    }
}
