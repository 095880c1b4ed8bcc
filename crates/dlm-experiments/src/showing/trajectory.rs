//! Trajectories: samples on their way from masks to text, step by step.
//!
//! [`Changes`] watches a run, its [`ChangeRow`]s go to a file of rows, [`trajectories`]
//! makes samples of them, and [`Caption::trajectory`] shows those.

use std::ops::ControlFlow;

use dlm_core::TokenId;
use dlm_discrete::{Observer, Step};
use serde::{Deserialize, Serialize};

use super::Caption;
use crate::{
    Error, Figure, Folder,
    figures::{SettledCell, SettledSample, step_map},
    summary::FigureKind,
};

/// Positions side by side in the still picture.
const PER_BAND: usize = 16;

/// One change of one position: a row of trajectory.csv.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChangeRow {
    /// Which of the shown samples, by its title.
    pub(crate) sample: String,
    /// Network evaluations spent when it changed.
    pub(crate) nfe: usize,
    /// Counted from the first position of the response.
    pub(crate) position: usize,
    /// What stands there now; absent where it was masked again.
    pub(crate) token_id: Option<TokenId>,
    /// Its text.
    pub(crate) token: String,
    /// Its probability when it was put there; absent where nobody asked.
    pub(crate) probability: Option<f32>,
}

/// Writes down every change of a run with one canvas.
pub(crate) struct Changes<'a> {
    sample: String,
    text: &'a dyn Fn(TokenId) -> String,
    /// Evaluations that were spent before this run.
    before: usize,
    pub(crate) rows: Vec<ChangeRow>,
}

impl<'a> Changes<'a> {
    /// Of a sample with that title; `text` is what a token spells, `before` the evaluations
    /// that an earlier part of the run has cost.
    pub(crate) fn new(sample: &str, before: usize, text: &'a dyn Fn(TokenId) -> String) -> Self {
        Self { sample: sample.to_string(), text, before, rows: Vec::new() }
    }
}

impl Observer for Changes<'_> {
    fn observe(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        let row = |position: usize| ChangeRow {
            sample: self.sample.clone(),
            nfe: self.before + step.nfe,
            position: step.canvas.response().binary_search(&position).unwrap_or(0),
            token_id: None,
            token: String::new(),
            probability: None,
        };
        let mut rows: Vec<ChangeRow> = step.remasked.iter().map(|&at| row(at)).collect();
        rows.extend(step.committed.iter().map(|committed| ChangeRow {
            token_id: Some(committed.token),
            token: (self.text)(committed.token),
            probability: Some(committed.probability),
            ..row(committed.position)
        }));
        self.rows.extend(rows);
        ControlFlow::Continue(())
    }
}

/// A sample on its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Trajectory {
    pub(crate) title: String,
    pub(crate) prompt: String,
    /// Positions; each starts masked.
    pub(crate) length: usize,
    pub(crate) steps: Vec<Moment>,
}

/// What changed with one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Moment {
    pub(crate) nfe: usize,
    pub(crate) changes: Vec<Change>,
}

/// A position that changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) position: usize,
    /// Its text now; null where it is masked again.
    pub(crate) token: Option<String>,
    pub(crate) probability: Option<f64>,
}

/// The file behind the figure.
#[derive(Serialize)]
struct TrajectoryFile<'a> {
    samples: &'a [Trajectory],
}

/// The samples of `rows`, in the order in which they first appear, each of `length`
/// positions and an answer to `prompt`.
pub(crate) fn trajectories(rows: &[ChangeRow], prompt: &str, length: usize) -> Vec<Trajectory> {
    let mut samples: Vec<Trajectory> = Vec::new();
    for row in rows {
        let known = samples.iter().position(|sample| sample.title == row.sample);
        let place = known.unwrap_or(samples.len());
        if known.is_none() {
            let (title, prompt) = (row.sample.clone(), prompt.to_string());
            samples.push(Trajectory { title, prompt, length, steps: Vec::new() });
        }
        let change = Change {
            position: row.position,
            token: row.token_id.map(|id| shown(&row.token, id)),
            probability: row.probability.map(f64::from),
        };
        let steps = &mut samples[place].steps;
        match steps.last_mut() {
            Some(moment) if moment.nfe == row.nfe => moment.changes.push(change),
            _ => steps.push(Moment { nfe: row.nfe, changes: vec![change] }),
        }
    }
    samples
}

/// A token's text, or its id where it has none.
fn shown(text: &str, id: TokenId) -> String {
    if text.is_empty() { format!("⟨{id}⟩") } else { text.to_string() }
}

impl Trajectory {
    /// How it ends, and when each position got there.
    fn settled(&self) -> SettledSample {
        let masked = SettledCell { token: None, step: 0, tokens: 0 };
        let mut cells = vec![masked; self.length];
        for moment in &self.steps {
            for change in &moment.changes {
                let Some(cell) = cells.get_mut(change.position) else { continue };
                let step = if change.token.is_some() { moment.nfe } else { 0 };
                let tokens = cell.tokens + usize::from(change.token.is_some());
                *cell = SettledCell { token: change.token.clone(), step, tokens };
            }
        }
        SettledSample { title: self.title.clone(), cells }
    }
}

impl Caption {
    /// Writes samples on their way: a still picture of when each position got its last
    /// token, and every step in full.
    ///
    /// # Errors
    ///
    /// Where there is nothing to draw or a file cannot be written.
    pub(crate) fn trajectory(
        self,
        folder: &Folder,
        samples: &[Trajectory],
    ) -> Result<Figure, Error> {
        let settled: Vec<SettledSample> = samples.iter().map(Trajectory::settled).collect();
        let svg = step_map(&self.title, &self.caption, &settled, PER_BAND);
        let data = format!("{}.json", self.stem);
        self.json(folder, &data, &TrajectoryFile { samples })?;
        self.drawn(folder, svg, FigureKind::Trajectory, Some(data))
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeRow, trajectories};

    fn row(nfe: usize, position: usize, token_id: Option<u32>) -> ChangeRow {
        let token = token_id.map_or(String::new(), |id| format!("t{id}"));
        let (sample, probability) = ("s".to_string(), token_id.map(|_| 0.5));
        ChangeRow { sample, nfe, position, token_id, token, probability }
    }

    #[test]
    fn the_last_token_counts_and_those_before_it_are_remembered() {
        let rows = [
            row(1, 0, Some(7)),
            row(1, 2, Some(8)),
            row(2, 0, None),
            row(2, 1, Some(9)),
            row(3, 0, Some(5)),
            row(3, 2, None),
        ];
        let samples = trajectories(&rows, "p", 4);
        assert_eq!(samples.len(), 1);
        let steps: Vec<usize> = samples[0].steps.iter().map(|moment| moment.nfe).collect();
        assert_eq!(steps, [1, 2, 3]);
        let cells = samples[0].settled().cells;
        let found: Vec<_> = cells.iter().map(|c| (c.token.as_deref(), c.step, c.tokens)).collect();
        let expected = [(Some("t5"), 3, 2), (Some("t9"), 2, 1), (None, 0, 1), (None, 0, 0)];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_file_is_as_agreed() {
        let rows = [row(1, 3, Some(2)), row(2, 3, None)];
        let json = serde_json::to_value(trajectories(&rows, "why?", 8)).unwrap();
        let expected = serde_json::json!([{
            "title": "s", "prompt": "why?", "length": 8,
            "steps": [
                {"nfe": 1, "changes": [{"position": 3, "token": "t2", "probability": 0.5}]},
                {"nfe": 2, "changes": [{"position": 3, "token": null, "probability": null}]},
            ],
        }]);
        assert_eq!(json, expected);
    }

    #[test]
    fn a_token_without_text_is_its_id() {
        let mut nameless = row(1, 0, Some(4));
        nameless.token.clear();
        let samples = trajectories(&[nameless], "p", 1);
        assert_eq!(samples[0].steps[0].changes[0].token.as_deref(), Some("⟨4⟩"));
    }
}
