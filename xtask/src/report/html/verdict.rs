//! Verdicts and outcomes, told apart by word and sign and not by colour alone.

use maud::{Markup, html};

use crate::report::Entry;
use crate::results::{Outcome, State, Verdict};

/// The verdict of an experiment, or its state; why it could not run stands elsewhere.
pub(super) fn badge(entry: &Entry) -> Markup {
    match (&entry.results, &entry.state) {
        (Some(results), _) => of(results.summary.verdict),
        (None, State::Failed(_)) => sign("none", "!", "could not run"),
        (None, _) => sign("none", "–", &entry.verdict()),
    }
}

/// A verdict.
pub(super) fn of(verdict: Verdict) -> Markup {
    match verdict {
        Verdict::Supported => sign("yes", "✓", verdict.name()),
        Verdict::NotSupported => sign("no", "✗", verdict.name()),
        Verdict::Undecided => sign("open", "?", verdict.name()),
    }
}

/// What became of a rule.
pub(super) fn outcome(outcome: Outcome) -> Markup {
    match outcome {
        Outcome::Holds => sign("yes", "✓", outcome.name()),
        Outcome::Fails => sign("no", "✗", outcome.name()),
        Outcome::Undecided => sign("open", "?", outcome.name()),
    }
}

fn sign(kind: &str, sign: &str, word: &str) -> Markup {
    html! { span.badge.(kind) { span.sign aria-hidden="true" { (sign) } (word) } }
}
