//! End-of-sequence far from the prompt, beside what the model was trained on.
//!
//! A model that was taught answers of a hundred tokens does well to expect the end
//! there. So the mass it puts on the end stands beside the share of training answers
//! that had ended by then, where the adapter says so.

use std::path::Path;

use dlm_stats::Estimate;
use serde::Deserialize;

use super::paragraph::rounded;
use crate::{Error, Table, digest};

/// What an adapter's folder may say about the answers it was trained on.
const FILE: &str = "answer_lengths.json";

/// SHA-256 of that file, which the report depends on; absent where there is none.
pub(super) fn answer_lengths_digest(adapter: &Path) -> Result<Option<String>, Error> {
    let path = Some(adapter.join(FILE)).filter(|path| path.exists());
    path.map(|path| digest::of_file(&path)).transpose()
}

#[derive(Deserialize)]
struct AnswerLengths {
    /// How many answers there were.
    answers: usize,
    /// Lengths in tokens of the shortest answers up to each percentile 0, 1, … 100.
    percentiles: Vec<usize>,
}

/// The table, at a few positions of `curve`; absent where nothing is known of the
/// training text.
pub(super) fn table(
    adapter: Option<&Path>,
    curve: &[Option<Estimate>],
) -> Result<Option<Table>, Error> {
    let Some(path) = adapter.map(|folder| folder.join(FILE)).filter(|path| path.exists()) else {
        return Ok(None);
    };
    let bytes =
        std::fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
    let lengths: AnswerLengths = serde_json::from_slice(&bytes)
        .map_err(|error| Error::malformed(&path, "JSON", error.to_string()))?;
    if lengths.percentiles.len() != 101 {
        let problem = "should list 101 lengths, those of percentile 0 to 100";
        return Err(Error::malformed(&path, "percentiles", problem));
    }
    let Some(last) = curve.len().checked_sub(1) else { return Ok(None) };
    let steps = (0..=8).map(|step| step * last / 8);
    let row = |position: usize| {
        let mass = curve[position].map_or(String::new(), |e| {
            format!("{} [{}, {}]", rounded(e.value), rounded(e.lower), rounded(e.upper))
        });
        // The first entry is the shortest answer, percentile 0.
        let ended = lengths.percentiles.iter().filter(|&&length| length <= position).count();
        let share = ended.saturating_sub(1) as f64 / 100.0;
        vec![position.to_string(), mass, format!("{share:.2}")]
    };
    Ok(Some(Table {
        title: "Does the far end expect the end too much?".to_string(),
        note: format!(
            "Mass on end-of-sequence beside the share of the {} training answers that had ended \
             by that position.",
            lengths.answers
        ),
        columns: ["position", "end-of-sequence mass", "training answers ended"]
            .map(String::from)
            .to_vec(),
        rows: steps.map(row).collect(),
        cell_notes: Vec::new(),
    }))
}
