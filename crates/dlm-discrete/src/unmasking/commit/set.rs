//! Rules whose choice need not be a prefix of the ranking.

use std::cmp::Ordering;

use super::Ranked;

/// Indices of all that satisfy `holds`, in the ranking's order.
pub(super) fn all(ranked: &[Ranked], holds: impl Fn(&Ranked) -> bool) -> Vec<usize> {
    (0..ranked.len()).filter(|&i| holds(&ranked[i])).collect()
}

/// The first position, where nothing else was chosen.
pub(super) fn with_first(chosen: Vec<usize>) -> Vec<usize> {
    if chosen.is_empty() { vec![0] } else { chosen }
}

/// All surer than `above`, and the surest of each run of neighbouring masks if it is surer
/// than `run_above`; at least the first.
pub(super) fn runs(ranked: &[Ranked], above: f64, run_above: f64) -> Vec<usize> {
    let mut by_position: Vec<usize> = (0..ranked.len()).collect();
    by_position.sort_by_key(|&i| ranked[i].candidate.position);
    let mut chosen = vec![false; ranked.len()];
    let adjacent =
        |&a: &usize, &b: &usize| ranked[a].candidate.position + 1 == ranked[b].candidate.position;
    for run in by_position.chunk_by(adjacent) {
        // Equals go to the one that ranks first; what is no number exceeds nothing.
        let sure = run.iter().copied().filter(|&i| run_above < ranked[i].confidence);
        let surest = sure.max_by(|&a, &b| {
            let (x, y) = (ranked[a].confidence, ranked[b].confidence);
            x.partial_cmp(&y).unwrap_or(Ordering::Equal).then(b.cmp(&a))
        });
        surest.into_iter().for_each(|i| chosen[i] = true);
    }
    with_first((0..ranked.len()).filter(|&i| chosen[i] || above < ranked[i].confidence).collect())
}

/// Greedily in the ranking's order, each position whose dependence with every one already
/// chosen is at most `above`.
pub(super) fn independent(ranked: &[Ranked], dependence: &[f64], above: f64) -> Vec<usize> {
    let n = ranked.len();
    let mut chosen: Vec<usize> = Vec::new();
    for i in 0..n {
        let free = |&j: &usize| dependence[i * n + j].max(dependence[j * n + i]) <= above;
        if chosen.iter().all(free) {
            chosen.push(i);
        }
    }
    chosen
}
