//! How far samples are from the Markov chain they should come from.

use std::collections::HashSet;

use dlm_core::TokenId;

use crate::matrix::{Rows, applied};
use crate::{HiddenMarkov, MarkovError};

/// Samples beside their chain, from counts of their tokens and transitions.
///
/// With `n_ab` the number of times that token `b` follows `a` in a word, `n_a = Σ_b n_ab`,
/// `n = Σ_a n_a`, `p̂(b|a) = n_ab/n_a` and `P` the chain:
///
/// ```text
/// kl_rate      = Σ_a (n_a/n) KL(p̂(·|a) ‖ P(·|a))
/// tv_rate      = Σ_a (n_a/n) ½ Σ_b |p̂(b|a) − P(b|a)|
/// nll_rate     = −(1/n) Σ_ab n_ab ln P(b|a)
/// entropy_rate = Σ_a (n_a/n) H(p̂(·|a))
/// ```
///
/// so that `nll_rate = kl_rate + entropy_rate`: samples can be likelier than they should
/// be only by being less diverse. Exact samples of a chain with all of `V²` transitions
/// possible have `2n·kl_rate ~ χ²` with about `V(V − 1)` degrees of freedom, so the rate
/// is above 0 and shrinks like `1/n`; `tv_rate` and `unigram_l1` shrink like `1/√n`.
///
/// Source: Tang, Yu, Zhang and Ver Steeg, *Is your diffusion sampler actually correct?*
/// (2026), where the first two are called full KL and TV rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChainStatistics {
    /// The number of transitions `n`.
    pub transitions: usize,
    /// Nats per transition, at least 0; `∞` where a transition is seen that cannot be.
    pub kl_rate: f64,
    /// Total variation per transition, in `[0, 1]`.
    pub tv_rate: f64,
    /// Mean negative log-likelihood of a transition, nats; `∞` as `kl_rate`.
    pub nll_rate: f64,
    /// Entropy of the samples' own transitions, nats, in `[0, ln V]`.
    pub entropy_rate: f64,
    /// `Σ_v |û(v) − u(v)|` in `[0, 2]`: the share of each token in all words beside its
    /// expectation, which is the mean of the chain's marginals over the positions that
    /// the words have.
    pub unigram_l1: f64,
    /// The share of words that occurred before, `1 − distinct/all`, in `[0, 1)`.
    pub duplicate_rate: f64,
}

impl ChainStatistics {
    /// The statistics of `words`, which may differ in length.
    ///
    /// # Errors
    ///
    /// A model with hidden states, tokens outside the vocabulary (a mask is one), and words
    /// without a single transition.
    pub fn of(chain: &HiddenMarkov, words: &[Vec<TokenId>]) -> Result<Self, MarkovError> {
        let rows = chain.rows()?;
        for word in words {
            if let Some(position) = word.iter().position(|&token| chain.mask() <= token) {
                let (token, mask) = (word[position], chain.mask());
                return Err(MarkovError::Token { position, token, mask });
            }
        }
        let counts = transition_counts(words, rows.len());
        let n: f64 = counts.iter().flatten().sum();
        if n == 0.0 {
            return Err(MarkovError::NoTransition);
        }
        let mut statistics = Self {
            transitions: n as usize,
            kl_rate: 0.0,
            tv_rate: 0.0,
            nll_rate: 0.0,
            entropy_rate: 0.0,
            unigram_l1: unigram_l1(chain, words),
            duplicate_rate: duplicate_rate(words),
        };
        for (counts, row) in counts.iter().zip(rows) {
            statistics.add(counts, row, n);
        }
        statistics.kl_rate = statistics.kl_rate.max(0.0);
        Ok(statistics)
    }

    /// Adds what follows one token: `counts` beside the chain's `row`.
    fn add(&mut self, counts: &[f64], row: &[f64], n: f64) {
        let from_here: f64 = counts.iter().sum();
        for (count, p) in counts.iter().zip(row).filter(|_| 0.0 < from_here) {
            let seen = count / from_here;
            self.tv_rate += from_here / n * (seen - p).abs() / 2.0;
            if 0.0 < *count {
                self.kl_rate += count / n * (seen / p).ln();
                self.nll_rate -= count / n * p.ln();
                self.entropy_rate -= count / n * seen.ln();
            }
        }
    }
}

fn transition_counts(words: &[Vec<TokenId>], vocab: usize) -> Rows {
    let mut counts = vec![vec![0.0; vocab]; vocab];
    for pair in words.iter().flat_map(|word| word.windows(2)) {
        counts[pair[0] as usize][pair[1] as usize] += 1.0;
    }
    counts
}

fn unigram_l1(chain: &HiddenMarkov, words: &[Vec<TokenId>]) -> f64 {
    let longest = words.iter().map(Vec::len).max().unwrap_or(0);
    let tokens = words.iter().map(Vec::len).sum::<usize>() as f64;
    let mut difference = vec![0.0; chain.vocab];
    let mut marginal = chain.start.clone();
    for position in 0..longest {
        let here = words.iter().filter_map(|word| word.get(position));
        let mut reached = 0.0;
        for &token in here {
            difference[token as usize] += 1.0 / tokens;
            reached += 1.0;
        }
        difference.iter_mut().zip(&marginal).for_each(|(d, p)| *d -= reached / tokens * p);
        marginal = applied(&marginal, &chain.transition);
    }
    difference.iter().map(|d| d.abs()).sum()
}

fn duplicate_rate(words: &[Vec<TokenId>]) -> f64 {
    let distinct: HashSet<&Vec<TokenId>> = words.iter().collect();
    1.0 - distinct.len() as f64 / words.len() as f64
}
