//! How varied a text is: the entropy of its tokens, and how much of it repeats.

use std::collections::{BTreeMap, BTreeSet};

use dlm_core::TokenId;

/// Entropy of a text's unigram distribution, nats, in `[0, ln n]` for `n` tokens.
///
/// ```text
/// H = −Σᵥ (c(v)/n) ln (c(v)/n)      c(v) occurrences of token v
/// ```
///
/// Text that repeats itself has a low entropy however probable it is, which is why it
/// stands beside every generative perplexity (Zheng et al. 2024). Absent for an empty text.
pub fn unigram_entropy(tokens: &[TokenId]) -> Option<f64> {
    run_entropy(tokens, 1)
}

/// Entropy of the frequencies of its runs of `n` tokens, nats, at most the logarithm of how
/// many there are; none where there is no such run.
pub fn run_entropy(tokens: &[TokenId], n: usize) -> Option<f64> {
    if n == 0 || tokens.len() < n {
        return None;
    }
    let mut counts: BTreeMap<&[TokenId], usize> = BTreeMap::new();
    tokens.windows(n).for_each(|run| *counts.entry(run).or_default() += 1);
    let runs = (tokens.len() + 1 - n) as f64;
    let shares: Vec<f64> = counts.values().map(|&count| count as f64 / runs).collect();
    dlm_stats::entropy(&shares).ok()
}

/// Distinct-n: the share of a text's runs of `n` tokens that are distinct, in `(0, 1]`
/// (Li et al. 2016). Absent where the text has no such run.
pub fn distinct(tokens: &[TokenId], n: usize) -> Option<f64> {
    if n == 0 || tokens.len() < n {
        return None;
    }
    let distinct: BTreeSet<&[TokenId]> = tokens.windows(n).collect();
    Some(distinct.len() as f64 / (tokens.len() + 1 - n) as f64)
}

/// Rep-n: the share of a text's runs of `n` tokens that occurred before in it,
/// `1 − distinct-n`, in `[0, 1)` (Welleck et al. 2020). Absent where there is no such run.
pub fn repeated(tokens: &[TokenId], n: usize) -> Option<f64> {
    distinct(tokens, n).map(|distinct| 1.0 - distinct)
}

#[cfg(test)]
mod tests {
    use super::{distinct, repeated, run_entropy, unigram_entropy};

    #[test]
    fn entropies_counted_by_hand() {
        let ln = f64::ln;
        for (tokens, entropy) in [
            (vec![7], 0.0),
            (vec![7, 7, 7], 0.0),
            (vec![1, 2, 1, 2], ln(2.0)),
            (vec![1, 2, 3, 4, 5], ln(5.0)),
            // Shares of ½, ¼ and ¼.
            (vec![1, 9, 1, 4], 1.5 * ln(2.0)),
        ] {
            let found = unigram_entropy(&tokens).unwrap();
            assert!((found - entropy).abs() < 1e-12, "{tokens:?}: {found}");
        }
        assert_eq!(unigram_entropy(&[]), None);
        // Pairs 12 21 12: shares of ⅔ and ⅓.
        let pairs = run_entropy(&[1, 2, 1, 2], 2).unwrap();
        assert!((pairs - (ln(3.0) - 2.0 / 3.0 * ln(2.0))).abs() < 1e-12, "{pairs}");
        assert_eq!((run_entropy(&[1], 2), run_entropy(&[1], 0)), (None, None));
    }

    #[test]
    fn runs_counted_by_hand() {
        // Pairs 12 21 12 21 13, three of them distinct; runs of three 121 212 121 213.
        let text = [1, 2, 1, 2, 1, 3];
        assert_eq!(distinct(&text, 2), Some(3.0 / 5.0));
        assert_eq!(distinct(&text, 3), Some(3.0 / 4.0));
        assert_eq!(repeated(&text, 3), Some(1.0 / 4.0));
        // Runs of four 1212 2121 1213.
        assert_eq!(repeated(&text, 4), Some(0.0));
        // One run, nine times.
        assert_eq!(repeated(&[5; 12], 4), Some(8.0 / 9.0));
        assert_eq!(distinct(&text, 6), Some(1.0));
        assert_eq!((distinct(&text, 7), repeated(&text, 7)), (None, None));
        assert_eq!((distinct(&text, 0), distinct(&[], 1)), (None, None));
    }
}
