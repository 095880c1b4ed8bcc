//! `five-properties`: the paper's main table, filled with what the other experiments found.

mod cell;
mod findings;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Value, json};

use self::cell::{Cell, CellRow};
use super::Experiment;
use crate::{
    Error, Estimates, Folder, Manifest, NamedEstimate, Scale, Spec, digest, stage::Stage,
    summary::Findings,
};

const ROWS: &str = "rows.csv";
const FILES: [&str; 1] = [ROWS];
const ESTIMATES: &str = "estimates.csv";
const MANIFEST: &str = "manifest.json";

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    cells: Vec<Cell>,
}

/// The experiment.
pub(super) struct FiveProperties {
    cells: Vec<Cell>,
}

/// What it depends on besides its spec: the estimates of the finished folders that it reads.
pub(super) fn inputs(spec: &Spec, scale: Scale, siblings: &Path) -> Result<Value, Error> {
    let settings: Settings = spec.settings(scale)?;
    let mut digests = BTreeMap::new();
    for id in settings.cells.iter().filter_map(|cell| cell.experiment.as_deref()) {
        let folder = siblings.join(id);
        let whole = Manifest::read_if_whole(&folder.join(MANIFEST)).is_some();
        let digest = whole.then(|| digest::of_file(&folder.join(ESTIMATES))).transpose()?;
        digests.insert(id, digest);
    }
    Ok(json!(digests))
}

impl FiveProperties {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let Settings { cells } = stage.settings()?;
        for (index, cell) in cells.iter().enumerate() {
            let field = format!("settings.cells, the {}th", index + 1);
            cell.check().map_err(|problem| stage.spec.refuse(&field, problem))?;
            let alike =
                |other: &Cell| (other.family, other.property) == (cell.family, cell.property);
            if cells[..index].iter().any(alike) {
                let problem = "fills a cell that an earlier one fills: leave one out";
                return Err(stage.spec.refuse(&field, problem));
            }
        }
        Ok(Self { cells })
    }
}

impl Experiment for FiveProperties {
    fn units(&self) -> usize {
        1
    }

    fn files(&self) -> &'static [&'static str] {
        &FILES
    }

    fn measure(&mut self, _: usize, stage: &mut Stage, folder: &mut Folder) -> Result<(), Error> {
        let mut found: BTreeMap<&str, Result<Estimates, String>> = BTreeMap::new();
        for id in self.cells.iter().filter_map(|cell| cell.experiment.as_deref()) {
            if !found.contains_key(id) {
                found.insert(id, estimates(&stage.siblings.join(id), id, stage.scale)?);
            }
        }
        let row = |cell: &Cell| match cell.experiment.as_deref() {
            Some(id) => cell
                .row(found.get(id).map_or(Err(""), |found| found.as_ref().map_err(String::as_str))),
            None => cell.row(Err("")),
        };
        folder.append(ROWS, &self.cells.iter().map(row).collect::<Vec<_>>())
    }

    fn analyse(&self, _: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let rows: Vec<CellRow> = folder.read_rows(ROWS)?;
        Ok(findings::of(&rows))
    }
}

/// The estimates of another experiment, or why there are none.
///
/// # Errors
///
/// Where its folder is whole and its estimates cannot be read.
fn estimates(folder: &Path, id: &str, scale: Scale) -> Result<Result<Estimates, String>, Error> {
    let scale = scale.name();
    let Some(manifest) = Manifest::read_if_whole(&folder.join(MANIFEST)) else {
        let remedy = format!("`cargo xtask reproduce {id} --scale {scale}` makes one");
        return Ok(Err(format!("{id} has no finished run at this scale ({remedy})")));
    };
    let other = manifest.inputs.get("scale").and_then(Value::as_str).unwrap_or("none");
    if other != scale {
        return Ok(Err(format!("the run of {id} is of the scale {other}, not {scale}")));
    }
    let path = folder.join(ESTIMATES);
    let malformed = |error: csv::Error| Error::malformed(&path, ESTIMATES, error.to_string());
    let rows = csv::Reader::from_path(&path).map_err(malformed)?.into_deserialize();
    let rows: Result<Vec<NamedEstimate>, csv::Error> = rows.collect();
    Ok(Ok(rows.map_err(malformed)?.into_iter().collect()))
}
