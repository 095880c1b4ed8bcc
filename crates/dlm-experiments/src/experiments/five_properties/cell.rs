//! One cell: a family, a property, and the number behind them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Estimates, Family, NamedEstimate, Outcome, Rule};

/// The paper's five properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Property {
    /// Smooth corruption.
    D1,
    /// Tractable intermediate states.
    D2,
    /// Iterative reverse generation.
    D3,
    /// Discreteness.
    L1,
    /// Structural dependency.
    L2,
}

/// A cell as the spec defines it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cell {
    pub(super) family: Family,
    pub(super) property: Property,
    /// Whose estimate fills it; absent where there is nothing to measure.
    pub(super) experiment: Option<String>,
    pub(super) estimate: Option<String>,
    /// Satisfied where the whole interval lies above this number, or below the next.
    above: Option<f64>,
    below: Option<f64>,
    /// What the number is, or why there is none.
    meaning: String,
    /// The paper's position, where its text takes one.
    paper: Option<String>,
    /// Whether that is a tick.
    holds: Option<bool>,
}

/// A cell as it was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CellRow {
    pub(super) family: Family,
    pub(super) property: Property,
    pub(super) experiment: Option<String>,
    pub(super) estimate: Option<String>,
    pub(super) value: Option<f64>,
    pub(super) lower: Option<f64>,
    pub(super) upper: Option<f64>,
    pub(super) above: Option<f64>,
    pub(super) below: Option<f64>,
    /// What the interval says of the bound; absent without a number.
    pub(super) outcome: Option<Outcome>,
    /// Whether the number alone lies on the right side.
    pub(super) likely: Option<bool>,
    pub(super) paper: Option<String>,
    pub(super) holds: Option<bool>,
    pub(super) meaning: String,
    /// Why there is no number where there should be one.
    pub(super) missing: Option<String>,
}

impl Property {
    pub(super) const ALL: [Self; 5] = [Self::D1, Self::D2, Self::D3, Self::L1, Self::L2];

    /// Its short name and what it asks for.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::D1 => "D1 smooth corruption",
            Self::D2 => "D2 tractable states",
            Self::D3 => "D3 refinement",
            Self::L1 => "L1 discreteness",
            Self::L2 => "L2 structural dependency",
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Cell {
    /// Whether a number, where there is one, has a bound, and a tick a position.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.experiment.is_some() != self.estimate.is_some() {
            return Err("names an experiment without an estimate, or the other way round");
        }
        if self.estimate.is_some() != (self.above.is_some() || self.below.is_some()) {
            return Err("give above or below with an estimate, and neither without one");
        }
        if self.holds.is_some() && self.paper.is_none() {
            return Err("holds: give `paper`, the position that it counts");
        }
        Ok(())
    }

    /// The cell with its number, or with the reason why there is none.
    pub(super) fn row(&self, found: Result<&Estimates, &str>) -> CellRow {
        let name = self.estimate.as_deref();
        let number = name.zip(found.ok()).and_then(|(name, found)| found.get(name));
        let missing = match (name, &self.experiment, number, found) {
            (Some(_), _, None, Err(why)) => Some(why.to_string()),
            (Some(name), Some(id), None, Ok(_)) => Some(format!("{id} has no estimate {name}")),
            _ => None,
        };
        CellRow {
            family: self.family,
            property: self.property,
            experiment: self.experiment.clone(),
            estimate: self.estimate.clone(),
            value: number.map(|number| number.value),
            lower: number.map(|number| number.lower),
            upper: number.map(|number| number.upper),
            above: self.above,
            below: self.below,
            outcome: number.zip(found.ok()).map(|(number, found)| self.rule(number).outcome(found)),
            likely: number.map(|number| self.is_right(number.value)),
            paper: self.paper.clone(),
            holds: self.holds,
            meaning: self.meaning.clone(),
            missing,
        }
    }

    fn rule(&self, number: &NamedEstimate) -> Rule {
        let (text, estimate) = (self.meaning.clone(), number.name.clone());
        Rule { text, estimate, above: self.above, below: self.below }
    }

    fn is_right(&self, value: f64) -> bool {
        self.above.is_none_or(|bound| bound < value) && self.below.is_none_or(|bound| value < bound)
    }
}

impl CellRow {
    /// Whether what was found is what the paper says; absent where either says nothing or the
    /// interval leaves it open.
    pub(super) fn agrees(&self) -> Option<bool> {
        match (self.outcome?, self.holds?) {
            (Outcome::Holds, holds) => Some(holds),
            (Outcome::Fails, holds) => Some(!holds),
            (Outcome::Undecided, _) => None,
        }
    }
}
