//! How much of a prediction comes from the prompt.
//!
//! At one distance from the prompt, predictions for different prompts differ. Their
//! Jensen–Shannon divergence `JS = H(p̄) − mean H(p)`, with `p̄` the mean prediction,
//! is the mutual information between a uniformly drawn prompt and a token drawn
//! from its prediction: 0 where the prompt is forgotten, at most `ln N` for `N`
//! prompts (Lin 1991).

use dlm_core::Mixture;
use rayon::prelude::*;

/// `JS` across prompts at every position, and without each group of prompts in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptInformation {
    /// `JS` at each position, nats.
    pub all: Vec<f64>,
    /// `without[g][i]`: `JS` at position `i` when group `g` is left out; empty
    /// where there is one group only.
    pub without: Vec<Vec<f64>>,
}

/// The information that predictions carry about their prompts.
///
/// `groups` are disjoint sets of prompts, each with the summed predictions of its
/// prompts; `mean_entropies[g][i]` is the mean of `H(p)` over the prompts of group
/// `g` at position `i`. The distributions of single prompts are never needed, which
/// is why an interval comes from leaving groups out.
///
/// # Panics
///
/// Where groups differ in shape or number from `mean_entropies`: they come from one
/// run of one probe.
pub fn prompt_information(groups: &[Mixture], mean_entropies: &[Vec<f64>]) -> PromptInformation {
    assert_eq!(groups.len(), mean_entropies.len(), "one list of entropies per group");
    let positions = mean_entropies.first().map_or(0, Vec::len);
    let columns: Vec<Vec<f64>> = (0..positions)
        .into_par_iter()
        .map(|position| at_position(groups, mean_entropies, position))
        .collect();
    let left_out = if groups.len() < 2 { 0 } else { groups.len() };
    PromptInformation {
        all: columns.iter().map(|column| column[0]).collect(),
        without: (1..=left_out)
            .map(|group| columns.iter().map(|column| column[group]).collect())
            .collect(),
    }
}

/// `JS` of all groups, then without each in turn.
fn at_position(groups: &[Mixture], mean_entropies: &[Vec<f64>], position: usize) -> Vec<f64> {
    let row = |group: usize| {
        let Mixture { sum, vocab, .. } = &groups[group];
        sum[position * vocab..(position + 1) * vocab].iter().map(|&p| f64::from(p))
    };
    let entropies = |group: usize| groups[group].queries as f64 * mean_entropies[group][position];
    let mut total = vec![0.0; groups[0].vocab];
    for group in 0..groups.len() {
        total.iter_mut().zip(row(group)).for_each(|(total, p)| *total += p);
    }
    let count: f64 = groups.iter().map(|group| group.queries as f64).sum();
    let entropy_sum: f64 = (0..groups.len()).map(entropies).sum();
    let all = entropy(total.iter().copied(), count) - entropy_sum / count;
    let without = |group: usize| {
        let rest = count - groups[group].queries as f64;
        let sums = total.iter().zip(row(group)).map(|(total, p)| total - p);
        entropy(sums, rest) - (entropy_sum - entropies(group)) / rest
    };
    let left_out = (0..groups.len()).filter(|_| 1 < groups.len()).map(without);
    // Rounding can leave a divergence of 0 a little below it.
    std::iter::once(all).chain(left_out).map(|js| js.max(0.0)).collect()
}

/// `H(s/n)` of sums `s` over `n` distributions.
fn entropy(sums: impl Iterator<Item = f64>, n: f64) -> f64 {
    let positive = sums.map(|s| s / n).filter(|p| 0.0 < *p);
    -positive.map(|p| p * p.ln()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use dlm_core::Mixture;

    use super::prompt_information;

    fn group(sums: &[f32], queries: usize) -> Mixture {
        Mixture { sum: sums.to_vec(), vocab: 2, queries }
    }

    #[test]
    fn predictions_that_name_their_prompt_carry_all_of_it() {
        // Two prompts, certain of different tokens at position 0, and both undecided
        // at position 1.
        let groups = [group(&[1.0, 0.0, 0.5, 0.5], 1), group(&[0.0, 1.0, 0.5, 0.5], 1)];
        let ln2 = std::f64::consts::LN_2;
        let information = prompt_information(&groups, &[vec![0.0, ln2], vec![0.0, ln2]]);
        assert!((information.all[0] - ln2).abs() < 1e-12);
        assert!(information.all[1].abs() < 1e-12);
        // One prompt alone is no news.
        assert_eq!(information.without, [[0.0, 0.0], [0.0, 0.0]]);
    }

    #[test]
    fn groups_weigh_by_their_prompts() {
        // Three prompts predict (1, 0), one predicts (0, 1): JS = H(3/4, 1/4).
        let groups = [group(&[3.0, 0.0], 3), group(&[0.0, 1.0], 1)];
        let information = prompt_information(&groups, &[vec![0.0], vec![0.0]]);
        let expected = -(0.75f64 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
        assert!((information.all[0] - expected).abs() < 1e-12);
    }
}
