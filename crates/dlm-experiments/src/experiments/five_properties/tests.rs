//! The table from finished folders, and the verdicts that can come of it.

use std::{collections::BTreeMap, fs, path::Path};

use dlm_stats::Estimate;

use super::{
    Settings,
    cell::{Cell, CellRow, Property},
    estimates, findings, inputs,
};
use crate::{Error, Estimates, Family, Manifest, Outcome, Scale, Spec, Summary, Verdict};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/five-properties.toml");

fn spec() -> Spec {
    Spec::read(Path::new(SPEC)).unwrap()
}

fn cells() -> Vec<Cell> {
    spec().settings::<Settings>(Scale::Smoke).unwrap().cells
}

fn estimate(value: f64, spread: f64) -> Estimate {
    let (lower, upper) = (value - spread, value + spread);
    Estimate { value, lower, upper, level: 0.95, units: 30 }
}

/// The numbers of all cells, by experiment: `wanted(cell)` and an interval around it.
fn numbers(wanted: impl Fn(&Cell) -> Option<Estimate>) -> BTreeMap<String, Estimates> {
    let mut all: BTreeMap<String, Estimates> = BTreeMap::new();
    for cell in cells() {
        if let (Some(id), Some(name)) = (&cell.experiment, &cell.estimate) {
            let estimates = all.entry(id.clone()).or_default();
            if let Some(estimate) = wanted(&cell).filter(|_| estimates.get(name).is_none()) {
                estimates.add(name, "", estimate);
            }
        }
    }
    all
}

fn rows(numbers: &BTreeMap<String, Estimates>) -> Vec<CellRow> {
    let row = |cell: &Cell| {
        let found = cell.experiment.as_ref().and_then(|id| numbers.get(id));
        cell.row(found.ok_or("it was not run"))
    };
    cells().iter().map(row).collect()
}

/// A number on the right side of a cell's bound, by a lot.
fn right(cell: &Cell) -> Option<Estimate> {
    // Bounds from above are 0.5 at most; p values and gains lie above 0 and 0.01.
    let is_above = matches!(cell.property, Property::D2 | Property::D3);
    Some(if is_above { estimate(0.9, 0.05) } else { estimate(0.0, 0.001) })
}

fn wrong() -> Estimate {
    estimate(0.9, 0.05)
}

fn verdict(rows: &[CellRow]) -> (Summary, Estimates) {
    let found = findings::of(rows);
    (Summary::new(&spec(), &found, String::new()), found.estimates)
}

#[test]
fn what_cells_say_decides_the_claim() {
    // All five of both.
    let (summary, estimates) = verdict(&rows(&numbers(right)));
    assert_eq!(summary.verdict, Verdict::NotSupported);
    assert_eq!(estimates.get("masked_satisfied").unwrap().lower, 5.0);

    // One cell of each is surely not satisfied.
    let lacking = numbers(|cell| match (cell.family, cell.property) {
        (Family::Masked, Property::L2) | (Family::Gaussian, Property::L1) => Some(wrong()),
        _ => right(cell),
    });
    let (summary, estimates) = verdict(&rows(&lacking));
    assert_eq!(summary.verdict, Verdict::Supported);
    for family in ["masked", "gaussian"] {
        let found = estimates.get(&format!("{family}_satisfied")).unwrap();
        assert_eq!((found.value, found.lower, found.upper, found.units), (4.0, 4.0, 4.0, 5));
    }
    let found = estimates.get("autoregressive_satisfied").unwrap();
    assert_eq!((found.value, found.upper, found.units), (2.0, 2.0, 2));

    // One family alone refutes it, and for the other it holds.
    let one = numbers(|cell| match (cell.family, cell.property) {
        (Family::Gaussian, Property::L1) => Some(wrong()),
        _ => right(cell),
    });
    let (summary, _) = verdict(&rows(&one));
    let outcomes: Vec<Outcome> = summary.rules.iter().map(|rule| rule.outcome).collect();
    assert_eq!(summary.verdict, Verdict::NotSupported);
    assert_eq!(outcomes, [Outcome::Fails, Outcome::Holds]);

    // An interval across its bound, and a number that is missing, leave the count open.
    let open = numbers(|cell| match (cell.family, cell.property) {
        (Family::Masked, Property::D1) => Some(estimate(0.12, 0.05)),
        (Family::Gaussian, Property::D3) => None,
        _ => right(cell),
    });
    let rows = rows(&open);
    let (summary, estimates) = verdict(&rows);
    assert_eq!(summary.verdict, Verdict::Undecided);
    let found = estimates.get("masked_satisfied").unwrap();
    assert_eq!((found.value, found.lower, found.upper), (4.0, 4.0, 5.0));
    let found = estimates.get("gaussian_satisfied").unwrap();
    assert_eq!((found.value, found.lower, found.upper, found.units), (4.0, 4.0, 5.0, 4));
    assert_eq!(summary.omitted.len(), 1);
    assert!(summary.omitted[0].contains("D3 of the gaussian"), "{:?}", summary.omitted);
}

/// Families are compared at one noise, that at which half of the information is lost.
#[test]
fn smooth_corruption_is_read_where_half_is_lost() {
    let cells = cells();
    let named = |family: Family| {
        let is = |cell: &&Cell| (cell.family, cell.property) == (family, Property::D1);
        cells.iter().find(is).and_then(|cell| cell.estimate.as_deref())
    };
    assert_eq!(named(Family::Gaussian), Some("gaussian_spread_excess"));
    assert_eq!(named(Family::Masked), Some("masked_spread_half_excess"));
}

#[test]
fn agreement_with_the_paper_is_counted_where_both_speak() {
    // As the paper ticks them.
    let as_ticked = numbers(|cell| match (cell.family, cell.property) {
        (Family::Masked, Property::D1 | Property::L2) => Some(wrong()),
        (Family::Gaussian, Property::L1) => Some(wrong()),
        _ => right(cell),
    });
    let all = rows(&as_ticked);
    let (_, estimates) = verdict(&all);
    let found = estimates.get("paper_agreement").unwrap();
    assert_eq!((found.value, found.lower, found.upper, found.units), (1.0, 1.0, 1.0, 10));
    let against = |row: &&CellRow| row.agrees() == Some(false);
    assert_eq!(all.iter().filter(against).count(), 0);
    // What the paper says nothing of is measured and agrees with nothing.
    let silent = |row: &&CellRow| row.paper.is_none();
    let silent: Vec<_> = all.iter().filter(silent).collect();
    assert_eq!(silent.len(), 2);
    assert!(silent.iter().all(|row| row.agrees().is_none() && row.outcome == Some(Outcome::Holds)));
}

#[test]
fn the_table_has_a_note_behind_every_cell() {
    let found = findings::of(&rows(&numbers(right)));
    let table = &found.tables[0];
    assert_eq!((table.rows.len(), table.columns.len(), table.cell_notes.len()), (3, 6, 15));
    assert!(table.rows.iter().flatten().all(|cell| !cell.is_empty()));
    assert!(table.rows[2][1].contains("not diffusion"), "{:?}", table.rows[2]);
    assert!(table.rows[0][4].starts_with("0.000 [-0.001, 0.001]; satisfied; paper: lacks"));
    assert!(found.finding.contains("common knowledge"));
    let note = &table.cell_notes[0].text;
    assert!(note.contains("below 0.1") && note.contains("information-decay"), "{note}");
}

#[test]
fn nothing_finished_gives_an_empty_table_and_sentences() {
    let rows = rows(&BTreeMap::new());
    let (summary, estimates) = verdict(&rows);
    assert_eq!((summary.verdict, estimates.rows().len()), (Verdict::Undecided, 0));
    // All but the three that are not measured by intent.
    assert_eq!(summary.omitted.len(), 12);
}

/// A finished folder at smoke scale with one estimate.
fn finish(folder: &Path, scale: &str, csv: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("estimates.csv"), csv).unwrap();
    let manifest = Manifest::for_test(serde_json::json!({"scale": scale}));
    fs::write(folder.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
}

const HEAD: &str = "name,value,lower,upper,level,units,meaning\n";

#[test]
fn only_finished_folders_of_the_same_scale_are_read() {
    let results = tempfile::tempdir().unwrap();
    let folder = results.path().join("rounding");
    let read = || estimates(&folder, "rounding", Scale::Smoke);
    assert!(read().unwrap().unwrap_err().contains("no finished run"));
    finish(&folder, "default", HEAD);
    assert!(read().unwrap().unwrap_err().contains("scale default"));
    finish(&folder, "smoke", &format!("{HEAD}masked_flips,0.0,0.0,0.0,1.0,0,exact\n"));
    assert_eq!(read().unwrap().unwrap().get("masked_flips").unwrap().value, 0.0);
    finish(&folder, "smoke", &format!("{HEAD}masked_flips,none,0.0,0.0,1.0,0,exact\n"));
    let error = read().unwrap_err();
    assert!(
        matches!(error, Error::Malformed { .. }) && error.to_string().contains("estimates.csv")
    );
}

#[test]
fn other_estimates_make_the_table_stale() {
    let results = tempfile::tempdir().unwrap();
    let read = || inputs(&spec(), Scale::Smoke, results.path()).unwrap();
    let nothing = read();
    assert!(nothing["rounding"].is_null() && nothing.as_object().unwrap().len() == 5);
    finish(&results.path().join("rounding"), "smoke", HEAD);
    let empty = read();
    assert_ne!(nothing, empty);
    finish(&results.path().join("rounding"), "smoke", &format!("{HEAD}x,1.0,1.0,1.0,1.0,0,y\n"));
    assert_ne!(empty, read());
}

#[test]
fn cells_that_contradict_themselves_are_refused() {
    for (text, part) in [
        ("experiment = 'rounding'", "without an estimate"),
        ("experiment = 'rounding'\nestimate = 'x'", "above or below"),
        ("above = 0.5", "above or below"),
        ("holds = true", "paper"),
    ] {
        let text = format!("family = 'masked'\nproperty = 'D1'\nmeaning = 'm'\n{text}");
        let cell: Cell = toml::from_str(&text).unwrap();
        assert!(cell.check().unwrap_err().contains(part), "{text}");
    }
    assert!(cells().iter().all(|cell| cell.check().is_ok()));
}
