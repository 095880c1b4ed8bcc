//! Markov chains with random rows, and the smoothing of given ones.

use dlm_rng::Key;

use crate::dirichlet::dirichlet;
use crate::hidden_markov::check;
use crate::matrix::{Rows, normalise};
use crate::{HiddenMarkov, MarkovError};

/// A recipe for random chains: rows of a symmetric Dirichlet distribution, smoothed.
///
/// `P' = (1 − ε)·P_topK + ε/H`: every row is drawn, its `top_k` largest entries are kept,
/// and a small chance `epsilon` of jumping anywhere makes every word possible. The chain
/// starts from the stationary distribution of `P'`, so that all positions have the same
/// marginal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomChain {
    /// How many states, `H ≥ 1`.
    pub states: usize,
    /// The Dirichlet distribution's parameter, above 0: below 1 few transitions have most
    /// of the mass.
    pub concentration: f64,
    /// How many entries of a row are kept, at least 1; all of them from `H` on.
    pub top_k: usize,
    /// The chance `ε` in `[0, 1]` of a jump to any state.
    pub epsilon: f64,
}

impl RandomChain {
    /// A chain on tokens. Row `h` is drawn with the numbers of `key.position(h)`; the
    /// other coordinates are the caller's.
    ///
    /// # Errors
    ///
    /// [`MarkovError::Setting`] for a field outside its range.
    pub fn chain(&self, key: Key) -> Result<HiddenMarkov, MarkovError> {
        let rows = self.drawn(self.states, key, 0)?;
        let uniform = vec![1.0 / self.states as f64; self.states];
        let rows = smooth(&rows, self.top_k, self.epsilon, &uniform)?;
        let mut start = HiddenMarkov::chain(uniform, rows.clone())?.stationary();
        normalise(&mut start);
        HiddenMarkov::chain(start, rows)
    }

    /// A chain of hidden states whose emissions over `vocab` tokens are drawn as the rows
    /// are, from `key.position(H + h)`, and smoothed with the same `epsilon`.
    ///
    /// # Errors
    ///
    /// As [`RandomChain::chain`].
    pub fn hidden(&self, vocab: usize, key: Key) -> Result<HiddenMarkov, MarkovError> {
        let states = self.chain(key)?;
        let emission = self.drawn(vocab, key, self.states)?;
        let uniform = vec![1.0 / vocab as f64; vocab];
        let emission = smooth(&emission, vocab, self.epsilon, &uniform)?;
        HiddenMarkov::new(states.start, states.transition, emission)
    }

    fn drawn(&self, outcomes: usize, key: Key, first: usize) -> Result<Rows, MarkovError> {
        let concentration = self.concentration;
        for (field, value, fits, range) in [
            ("states", self.states as f64, 0 < self.states, "above 0"),
            ("vocab", outcomes as f64, 0 < outcomes, "above 0"),
            (
                "concentration",
                concentration,
                concentration.is_finite() && 0.0 < concentration,
                "above 0",
            ),
        ] {
            if !fits {
                return Err(MarkovError::Setting { field, value, range });
            }
        }
        let row = |h: usize| {
            dirichlet(outcomes, concentration, &mut key.position((first + h) as u64).stream())
        };
        Ok((0..self.states).map(row).collect())
    }
}

/// `P' = (1 − ε)·P_topK + ε·1νᵀ` (Tang et al. 2026): the `top_k` largest entries of each
/// row, equals in order of their index, made a distribution again and mixed with `nu`.
///
/// # Errors
///
/// Rows or a `nu` that are no distributions, `top_k = 0`, and `epsilon` outside `[0, 1]`.
pub fn smooth(
    transition: &[Vec<f64>],
    top_k: usize,
    epsilon: f64,
    nu: &[f64],
) -> Result<Vec<Vec<f64>>, MarkovError> {
    check("transition", transition, transition.len(), nu.len())?;
    check("nu", &[nu.to_vec()], 1, nu.len())?;
    for (field, value, fits, range) in [
        ("top_k", top_k as f64, 0 < top_k, "above 0"),
        ("epsilon", epsilon, (0.0..=1.0).contains(&epsilon), "in [0, 1]"),
    ] {
        if !fits {
            return Err(MarkovError::Setting { field, value, range });
        }
    }
    let smoothed = |row: &Vec<f64>| {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        let mut kept = row.clone();
        order.iter().skip(top_k).for_each(|&dropped| kept[dropped] = 0.0);
        normalise(&mut kept);
        kept.iter().zip(nu).map(|(p, nu)| (1.0 - epsilon) * p + epsilon * nu).collect()
    };
    Ok(transition.iter().map(smoothed).collect())
}
