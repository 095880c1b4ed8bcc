//! The likeliest tokens of a distribution.

use std::cmp::Ordering;

use dlm_core::TokenId;

/// The nucleus of `softmax(scores)`, most probable first, its probabilities divided by their
/// sum; nothing where the scores have no softmax. Leaves the scores' exponentials behind.
///
/// A token is in if those before it have less than `mass`, in `(0, 1]`, together, so the
/// likeliest always is. Of equally likely tokens the lower comes first, and one without
/// probability is never in.
pub(crate) fn nucleus(scores: &mut [f64], mass: f64) -> Option<Vec<(TokenId, f64)>> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = (*score - most).exp());
    let total: f64 = scores.iter().sum();
    if !total.is_finite() {
        return None;
    }
    let mut ranked: Vec<(TokenId, f64)> = (0..).zip(scores.iter().map(|w| w / total)).collect();
    // More are ranked only where the first do not suffice.
    let mut count = ranked.len().min(64);
    loop {
        if count < ranked.len() {
            ranked.select_nth_unstable_by(count, more_probable);
        }
        ranked[..count].sort_unstable_by(more_probable);
        let mut before = 0.0;
        let inside = ranked[..count].iter().take_while(|&&(_, p)| {
            let inside = 0.0 < p && (mass == 1.0 || before < mass);
            before += p;
            inside
        });
        let inside = inside.count();
        if inside < count || count == ranked.len() {
            ranked.truncate(inside);
            let kept: f64 = ranked.iter().map(|(_, p)| p).sum();
            ranked.iter_mut().for_each(|(_, p)| *p /= kept);
            return Some(ranked);
        }
        count = ranked.len().min(8 * count);
    }
}

fn more_probable(a: &(TokenId, f64), b: &(TokenId, f64)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}
