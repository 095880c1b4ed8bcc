//! What the report shows of a run.

use serde::{Deserialize, Serialize};

use crate::{Estimates, Outcome, Spec, Verdict};

/// summary.json: everything a report needs besides the estimates and the manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// The experiment.
    pub id: String,
    /// The claim, as its spec states it.
    pub claim: String,
    /// Which part of the paper it feeds.
    pub feeds: String,
    /// What the rules say together.
    pub verdict: Verdict,
    /// What each says.
    pub rules: Vec<RuleOutcome>,
    /// What was found, in words made from the numbers.
    pub finding: String,
    /// What was measured and how, in a few sentences.
    pub method: String,
    /// What could not be run, and why, a sentence each.
    pub omitted: Vec<String>,
    /// Figures, in the order to be shown.
    pub figures: Vec<Figure>,
    /// Tables, in the order to be shown.
    pub tables: Vec<Table>,
    /// The command that made it.
    pub command: String,
}

/// A rule and what it says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuleOutcome {
    /// The rule in words.
    pub rule: String,
    /// The estimate it looks at.
    pub estimate: String,
    /// What it says.
    pub outcome: Outcome,
}

/// A figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// Its file in the results folder.
    pub file: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    pub caption: String,
    /// What a reader can do with it.
    pub kind: FigureKind,
    /// The file of numbers behind it: JSON of a heat map or trajectory, CSV of curves.
    pub data: Option<String>,
}

/// What a reader can do with a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FigureKind {
    /// Look at it.
    Picture,
    /// Ask every cell for its best tokens.
    HeatMap,
    /// Read the curves as a table.
    Curves,
    /// Play a sample's way from noise to text.
    Trajectory,
}

/// A table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// Its title.
    pub title: String,
    /// What it shows.
    pub note: String,
    /// Heads of the columns.
    pub columns: Vec<String>,
    /// The cells, row by row; an absent value is an empty cell.
    pub rows: Vec<Vec<String>>,
    /// What single cells mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cell_notes: Vec<CellNote>,
}

/// What one cell of a table means.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellNote {
    /// The row, from 0, heads not counted.
    pub row: usize,
    /// The column, from 0.
    pub column: usize,
    /// The definition.
    pub text: String,
}

/// What an experiment found, before the rules are applied.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The numbers.
    pub estimates: Estimates,
    /// What was found, in words.
    pub finding: String,
    /// What was measured and how.
    pub method: String,
    /// What could not be run, and why.
    pub omitted: Vec<String>,
    /// Figures.
    pub figures: Vec<Figure>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Files written besides the figures and the estimates.
    pub files: Vec<String>,
}

impl Summary {
    /// Applies the rules of `spec` to what was found.
    pub fn new(spec: &Spec, findings: &Findings, command: String) -> Self {
        let rules: Vec<RuleOutcome> = spec
            .rules
            .iter()
            .map(|rule| RuleOutcome {
                rule: rule.text.clone(),
                estimate: rule.estimate.clone(),
                outcome: rule.outcome(&findings.estimates),
            })
            .collect();
        let outcomes: Vec<Outcome> = rules.iter().map(|rule| rule.outcome).collect();
        Self {
            id: spec.id.clone(),
            claim: spec.claim.clone(),
            feeds: spec.feeds.clone(),
            verdict: Verdict::of(&outcomes),
            rules,
            finding: findings.finding.clone(),
            method: findings.method.clone(),
            omitted: findings.omitted.clone(),
            figures: findings.figures.clone(),
            tables: findings.tables.clone(),
            command,
        }
    }
}
