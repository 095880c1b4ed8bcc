//! From cells to the table, and how many properties each family satisfies.

use dlm_stats::Estimate;

use super::cell::{CellRow, Property};
use crate::{
    CellNote, Estimates, Family, Outcome, Table, experiments::paragraph::rounded, summary::Findings,
};

/// The families, in the order of the table.
const FAMILIES: [Family; 3] = [Family::Gaussian, Family::Masked, Family::Autoregressive];

const METHOD: &str = "Every cell is an estimate of another experiment of this report, held against \
     a bound that its spec states beforehand. A cell is satisfied where the whole interval lies on \
     the right side of the bound, not satisfied where it lies on the other, and undecided where it \
     straddles the bound or the number is missing. A family's count is that of its numbers on the \
     right side; its interval goes from the cells that are surely satisfied to those that may be. \
     The bounds turn degrees into ticks, and another bound could turn a cell over: the numbers \
     are what was found.";

const COMMON_KNOWLEDGE: &str = "The row of the autoregressive family and the closed-form \
     marginals of the Gaussian one are common knowledge of the field and not the paper's words.";

pub(super) fn of(rows: &[CellRow]) -> Findings {
    let estimates = estimates(rows);
    Findings {
        finding: finding(rows, &estimates),
        method: METHOD.to_string(),
        omitted: rows.iter().filter_map(omitted).collect(),
        tables: vec![table(rows)],
        estimates,
        ..Findings::default()
    }
}

fn of_family(rows: &[CellRow], family: Family) -> impl Iterator<Item = &CellRow> {
    rows.iter().filter(move |row| row.family == family)
}

fn estimates(rows: &[CellRow]) -> Estimates {
    let mut estimates = Estimates::default();
    for family in FAMILIES {
        // What is not measured by intent, as diffusion of a family that has none, is left out.
        let cells: Vec<&CellRow> =
            of_family(rows, family).filter(|row| row.estimate.is_some()).collect();
        if cells.iter().all(|row| row.value.is_none()) {
            continue;
        }
        let count = |is: &dyn Fn(&CellRow) -> bool| cells.iter().filter(|row| is(row)).count();
        let likely = count(&|row| row.likely == Some(true));
        let surely = count(&|row| row.outcome == Some(Outcome::Holds));
        let failed = count(&|row| row.outcome == Some(Outcome::Fails));
        let estimate = Estimate {
            value: likely as f64,
            lower: surely as f64,
            upper: (cells.len() - failed) as f64,
            level: 0.95,
            units: count(&|row| row.value.is_some()),
        };
        let meaning = format!(
            "properties that the {family} family satisfies, of {} that are measured; from those \
             whose whole interval does to those whose interval does not rule it out",
            cells.len()
        );
        estimates.add(&format!("{family}_satisfied"), &meaning, estimate);
    }
    let ticked: Vec<&CellRow> =
        rows.iter().filter(|row| row.holds.is_some() && row.value.is_some()).collect();
    if !ticked.is_empty() {
        let n = ticked.len() as f64;
        let share =
            |is: &dyn Fn(&CellRow) -> bool| ticked.iter().filter(|row| is(row)).count() as f64 / n;
        let estimate = Estimate {
            value: share(&|row| row.likely == row.holds),
            lower: share(&|row| row.agrees() == Some(true)),
            upper: 1.0 - share(&|row| row.agrees() == Some(false)),
            level: 0.95,
            units: ticked.len(),
        };
        let meaning = "share of cells with a number and a position of the paper in which both \
                       agree; from those that surely do to those that may";
        estimates.add("paper_agreement", meaning, estimate);
    }
    estimates
}

fn finding(rows: &[CellRow], estimates: &Estimates) -> String {
    let count = |family: Family| {
        let all = of_family(rows, family).filter(|row| row.estimate.is_some()).count();
        match estimates.get(&format!("{family}_satisfied")) {
            Some(e) => format!(
                "the {family} family satisfies {} of {all} (surely {}, at most {})",
                e.value, e.lower, e.upper
            ),
            None => format!("of the {family} family nothing was measured"),
        }
    };
    let counts = FAMILIES.map(count).join("; ");
    let mut letters = counts.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let names = |agrees: bool| -> Vec<String> {
        let rows = rows.iter().filter(|row| row.agrees() == Some(agrees));
        rows.map(|row| format!("{} {}", row.family, row.property)).collect()
    };
    let against = match names(false) {
        none if none.is_empty() => "No decided cell goes against the paper.".to_string(),
        cells => format!("Against the paper's position: {}.", cells.join(", ")),
    };
    let with = names(true).len();
    format!(
        "{first}{}. {with} decided cells agree with the paper. {against} {COMMON_KNOWLEDGE}",
        letters.as_str()
    )
}

/// A sentence on a cell without its number.
fn omitted(row: &CellRow) -> Option<String> {
    let why = row.missing.as_deref()?;
    Some(format!("The cell {} of the {} family is empty: {why}.", row.property, row.family))
}

fn table(rows: &[CellRow]) -> Table {
    let heads = Property::ALL.map(|property| property.title().to_string());
    let (mut cells, mut cell_notes) = (Vec::new(), Vec::new());
    for (index, family) in FAMILIES.into_iter().enumerate() {
        let mut line = vec![family.to_string()];
        for (place, property) in Property::ALL.into_iter().enumerate() {
            let row = of_family(rows, family).find(|row| row.property == property);
            line.push(row.map(text).unwrap_or_default());
            cell_notes.extend(row.map(|row| CellNote {
                row: index,
                column: place + 1,
                text: definition(row),
            }));
        }
        cells.push(line);
    }
    Table {
        title: "Five properties, three families".to_string(),
        note: format!(
            "Each cell: the number with its 95 % interval, what it says of the bound, and the \
             paper's position. {COMMON_KNOWLEDGE}"
        ),
        columns: std::iter::once("family".to_string()).chain(heads).collect(),
        rows: cells,
        cell_notes,
    }
}

/// What a cell shows.
fn text(row: &CellRow) -> String {
    let number = match (row.value, row.lower, row.upper) {
        (Some(value), Some(lower), Some(upper)) => {
            format!("{} [{}, {}]", rounded(value), rounded(lower), rounded(upper))
        }
        _ => String::new(),
    };
    let outcome = row.outcome.map_or("", |outcome| match outcome {
        Outcome::Holds => "satisfied",
        Outcome::Fails => "not satisfied",
        Outcome::Undecided => "undecided",
    });
    let paper = row.paper.as_ref().map_or(String::new(), |paper| format!("paper: {paper}"));
    let agrees = row.agrees().map_or("", |agrees| if agrees { "agrees" } else { "disagrees" });
    let parts = [&number, outcome, &paper, agrees];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// What stands behind a cell.
fn definition(row: &CellRow) -> String {
    let mut text = row.meaning.clone();
    let bounds = [("above", row.above), ("below", row.below)];
    for (side, bound) in bounds {
        if let Some(bound) = bound {
            text += &format!(" Satisfied where the whole interval lies {side} {bound}.");
        }
    }
    if let (Some(id), Some(estimate)) = (&row.experiment, &row.estimate) {
        text += &format!(" The number is {estimate} of {id}.");
    }
    text += match row.holds {
        Some(true) => " The paper's position counts as a tick.",
        Some(false) => " The paper's position counts as none.",
        None => "",
    };
    match &row.missing {
        Some(why) => format!("{text} It is empty: {why}."),
        None => text,
    }
}
