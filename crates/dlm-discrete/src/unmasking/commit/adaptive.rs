//! Rules that commit as much as the network is sure of.

use super::{Progress, Ranked, set};

/// The limit of this step, falling evenly from `above` in a block's first step to
/// `decay_to` in its last.
pub(super) fn limit(above: f64, decay_to: Option<f64>, progress: Progress) -> f64 {
    let last = progress.steps.saturating_sub(1).max(1);
    let share = progress.step as f64 / last as f64;
    decay_to.map_or(above, |end| above + (end - above) * share)
}

/// All positions surer than `limit`, at least the first.
pub(super) fn above(ranked: &[Ranked], limit: f64) -> Vec<usize> {
    set::with_first(set::all(ranked, |r| limit < r.confidence))
}

/// All positions whose token is more probable than `limit` and not held back, at least the
/// first.
pub(super) fn probable(ranked: &[Ranked], limit: f64) -> Vec<usize> {
    let holds = |r: &Ranked| {
        limit < f64::from(r.candidate.log_probability).exp() && f64::NEG_INFINITY < r.confidence
    };
    set::with_first(set::all(ranked, holds))
}

/// The longest prefix all of whose members pass `(n + 1)(1 − confidence₍ₙ₎) < factor`;
/// the first passes unseen.
///
/// `accepts_last` reproduces the published code, which cannot tell "all passed" from "the
/// last one failed" and accepts it either way.
pub(super) fn factor(ranked: &[Ranked], factor: f64, accepts_last: bool) -> usize {
    let passes = |n: &usize| {
        let confidence = ranked[n - 1].confidence;
        *n == 1 || (*n as f64 + 1.0) * (1.0 - confidence) < factor
    };
    let prefix = (1..=ranked.len()).take_while(passes).count();
    if accepts_last && prefix + 1 == ranked.len() { ranked.len() } else { prefix }
}

/// The longest prefix with `Σ H − max H ≤ nats`. A single position always qualifies.
pub(super) fn entropy_bounded(ranked: &[Ranked], nats: f64) -> usize {
    let (mut sum, mut most) = (0.0, 0.0f64);
    let within = |r: &&Ranked| {
        let entropy = f64::from(r.candidate.entropy);
        sum += entropy;
        most = most.max(entropy);
        sum - most <= nats
    };
    ranked.iter().take_while(within).count().max(1)
}

/// The longest prefix with `Σ H ≤ nats`, at least one.
pub(super) fn entropy_budget(ranked: &[Ranked], nats: f64) -> usize {
    let mut sum = 0.0;
    let within = |r: &&Ranked| {
        sum += f64::from(r.candidate.entropy);
        sum <= nats
    };
    ranked.iter().take_while(within).count().max(1)
}
