//! Masked candidates and committed tokens compete for the places that are kept.

use std::cmp::Ordering;

/// Which of the scored entries are among the best `kept`: a flag each, equals to the
/// first, scores that are no number last.
pub(in crate::unmasking) fn keep_best(scores: &[f64], kept: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let worth = |i: usize| if scores[i].is_nan() { f64::NEG_INFINITY } else { scores[i] };
    order.sort_by(|&a, &b| worth(b).partial_cmp(&worth(a)).unwrap_or(Ordering::Equal));
    let mut flags = vec![false; scores.len()];
    order.iter().take(kept).for_each(|&i| flags[i] = true);
    flags
}
