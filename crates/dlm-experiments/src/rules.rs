//! Rules that turn estimates into a verdict, written before the run.

use serde::{Deserialize, Serialize};

use crate::Estimates;

/// A condition on one estimate, read off its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it means, in a sentence.
    pub text: String,
    /// The estimate it looks at.
    pub estimate: String,
    /// Holds where the whole interval lies above this number.
    pub above: Option<f64>,
    /// Holds where the whole interval lies below this number.
    pub below: Option<f64>,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The interval lies on the right side.
    Holds,
    /// The interval lies on the wrong side.
    Fails,
    /// The interval straddles the bound, or there is no estimate.
    Undecided,
}

/// What all rules of a claim say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every rule holds.
    #[serde(rename = "supported")]
    Supported,
    /// Some rule fails.
    #[serde(rename = "not supported")]
    NotSupported,
    /// No rule fails and some are undecided.
    #[serde(rename = "undecided")]
    Undecided,
}

impl Rule {
    /// Applies the rule.
    pub fn outcome(&self, estimates: &Estimates) -> Outcome {
        let Some(estimate) = estimates.get(&self.estimate) else { return Outcome::Undecided };
        let (lower, upper) = (estimate.lower, estimate.upper);
        let bounds = [
            self.above.map(|bound| (bound < lower, upper < bound)),
            self.below.map(|bound| (upper < bound, bound < lower)),
        ];
        let bounds: Vec<(bool, bool)> = bounds.into_iter().flatten().collect();
        if bounds.iter().any(|&(_, fails)| fails) {
            Outcome::Fails
        } else if !bounds.is_empty() && bounds.iter().all(|&(holds, _)| holds) {
            Outcome::Holds
        } else {
            Outcome::Undecided
        }
    }
}

impl Verdict {
    /// One failure refutes the claim; support takes every rule.
    pub fn of(outcomes: &[Outcome]) -> Self {
        if outcomes.contains(&Outcome::Fails) {
            Self::NotSupported
        } else if outcomes.is_empty() || outcomes.contains(&Outcome::Undecided) {
            Self::Undecided
        } else {
            Self::Supported
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Supported => "supported",
            Self::NotSupported => "not supported",
            Self::Undecided => "undecided",
        })
    }
}

#[cfg(test)]
mod tests {
    use dlm_stats::Estimate;

    use super::{Outcome, Rule, Verdict};
    use crate::Estimates;

    fn rule(above: Option<f64>, below: Option<f64>) -> Rule {
        Rule { text: String::new(), estimate: "x".to_string(), above, below }
    }

    fn estimates(lower: f64, upper: f64) -> Estimates {
        let mut estimates = Estimates::default();
        let value = (lower + upper) / 2.0;
        estimates.add("x", "", Estimate { value, lower, upper, level: 0.95, units: 9 });
        estimates
    }

    #[test]
    fn an_interval_decides_only_where_it_lies_on_one_side() {
        use Outcome::{Fails, Holds, Undecided};
        for (above, below, lower, upper, outcome) in [
            (Some(0.0), None, 0.1, 0.2, Holds),
            (Some(0.0), None, -0.1, 0.2, Undecided),
            (Some(0.0), None, -0.2, -0.1, Fails),
            (None, Some(1.0), 0.1, 0.2, Holds),
            (None, Some(1.0), 0.9, 1.2, Undecided),
            (None, Some(1.0), 1.1, 1.2, Fails),
            (Some(0.0), Some(1.0), 0.4, 0.6, Holds),
            (Some(0.0), Some(1.0), 0.4, 1.6, Undecided),
            (Some(0.0), Some(1.0), 1.4, 1.6, Fails),
            (None, None, 0.4, 0.6, Undecided),
        ] {
            let found = rule(above, below).outcome(&estimates(lower, upper));
            assert_eq!(found, outcome, "{above:?} {below:?} [{lower}, {upper}]");
        }
        assert_eq!(rule(Some(0.0), None).outcome(&Estimates::default()), Undecided);
    }

    #[test]
    fn support_takes_every_rule_and_refutation_one() {
        use Outcome::{Fails, Holds, Undecided};
        assert_eq!(Verdict::of(&[Holds, Holds]), Verdict::Supported);
        assert_eq!(Verdict::of(&[Holds, Undecided]), Verdict::Undecided);
        assert_eq!(Verdict::of(&[Undecided, Fails, Holds]), Verdict::NotSupported);
        assert_eq!(Verdict::of(&[]), Verdict::Undecided);
    }
}
