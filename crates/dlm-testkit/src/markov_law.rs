//! Closed forms of hidden Markov models: marginals, information, entropy, all words.

use crate::matrix::{applied, multiplied, normalise, power, transposed};
use crate::{HiddenMarkov, MarkovError, Tabular};

/// The most words that [`HiddenMarkov::tabulate`] writes down.
const WORDS: usize = 1 << 20;

/// Squarings after which a chain that has not settled never will in double precision.
const SQUARINGS: usize = 64;

impl HiddenMarkov {
    /// The transition rows `P(b|a)` between tokens, `[vocab, vocab]`.
    ///
    /// # Errors
    ///
    /// [`MarkovError::Hidden`] where the states are not the tokens.
    pub fn rows(&self) -> Result<&[Vec<f64>], MarkovError> {
        match self.emission {
            Some(_) => Err(MarkovError::Hidden),
            None => Ok(&self.transition),
        }
    }

    /// `p(xⁱ)` of the token at `position`, nothing else being known.
    pub fn marginal(&self, position: usize) -> Vec<f64> {
        self.tokens_of(applied(&self.start, &power(&self.transition, position)))
    }

    /// `p(xⁱ, xʲ)` of the tokens at positions `i` and `j ≠ i`, `[vocab, vocab]`; for
    /// `i = j` it is the marginal on the diagonal.
    pub fn pair(&self, i: usize, j: usize) -> Vec<Vec<f64>> {
        if j < i {
            return transposed(&self.pair(j, i));
        }
        if i == j {
            let p = self.marginal(i);
            let entry = |a, b| if a == b { p[a] } else { 0.0 };
            return (0..p.len()).map(|a| (0..p.len()).map(|b| entry(a, b)).collect()).collect();
        }
        let states = applied(&self.start, &power(&self.transition, i));
        let mut joint = power(&self.transition, j - i);
        for (row, p) in joint.iter_mut().zip(states) {
            row.iter_mut().for_each(|entry| *entry *= p);
        }
        match &self.emission {
            Some(emission) => multiplied(&transposed(emission), &multiplied(&joint, emission)),
            None => joint,
        }
    }

    /// The mutual information of the tokens at positions `i` and `j`, nats, at least 0;
    /// the entropy of the token for `i = j`.
    ///
    /// ```text
    /// I(xⁱ; xʲ) = Σ_ab p(a, b) ln(p(a, b)/(p(a) p(b)))
    /// ```
    pub fn mutual_information(&self, i: usize, j: usize) -> f64 {
        let joint = self.pair(i, j);
        let first: Vec<f64> = joint.iter().map(|row| row.iter().sum()).collect();
        let second = applied(&vec![1.0; joint.len()], &joint);
        let terms = joint.iter().zip(&first).flat_map(|(row, a)| {
            let seen = row.iter().zip(&second).filter(|&(&p, _)| 0.0 < p);
            seen.map(move |(p, b)| p * (p / (a * b)).ln())
        });
        terms.sum::<f64>().max(0.0)
    }

    /// The share of time that the chain spends in each state in the long run, from its
    /// own start.
    ///
    /// It is the limit of `π·((1 + P)/2)ⁿ`, which exists for every chain, periodic and
    /// reducible ones included, and keeps what `P` keeps.
    pub fn stationary(&self) -> Vec<f64> {
        let mut lazy = self.transition.clone();
        for (state, row) in lazy.iter_mut().enumerate() {
            row.iter_mut().for_each(|p| *p /= 2.0);
            row[state] += 0.5;
        }
        for _ in 0..SQUARINGS {
            let mut squared = multiplied(&lazy, &lazy);
            // Rounding of the sums would double with every squaring.
            squared.iter_mut().for_each(|row| normalise(row));
            let moved = squared.iter().flatten().zip(lazy.iter().flatten());
            let furthest = moved.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            lazy = squared;
            if furthest < 1e-15 {
                break;
            }
        }
        applied(&self.start, &lazy)
    }

    /// The entropy rate of a chain, nats per token: what a long word's token is worth.
    ///
    /// ```text
    /// lim H(x¹…xⁿ)/n = Σ_a μ(a) H(P(·|a))      μ the stationary distribution
    /// ```
    ///
    /// # Errors
    ///
    /// [`MarkovError::Hidden`] where the states are not the tokens: there is no closed
    /// form then.
    pub fn entropy_rate(&self) -> Result<f64, MarkovError> {
        let rows = self.rows()?;
        Ok(self.stationary().iter().zip(rows).map(|(share, row)| share * entropy(row)).sum())
    }

    /// The joint distribution of all words of `length` tokens, written down.
    ///
    /// # Errors
    ///
    /// [`MarkovError::TooManyWords`] where there are more than 2²⁰ of them.
    pub fn tabulate(&self, length: usize) -> Result<Tabular, MarkovError> {
        let (vocab, limit) = (self.vocab, WORDS);
        let words = u32::try_from(length).ok().and_then(|length| vocab.checked_pow(length));
        let words = words.filter(|words| *words <= limit).ok_or(MarkovError::TooManyWords {
            vocab,
            length,
            limit,
        })?;
        let digit = |word: usize, place: usize| word / vocab.pow(place as u32) % vocab;
        let probability = |word| {
            let tokens: Vec<_> = (0..length).rev().map(|place| digit(word, place) as u32).collect();
            self.log_probability(&tokens).map(f64::exp)
        };
        let joint = (0..words).map(probability).collect::<Result<_, _>>()?;
        Ok(Tabular::new(length, vocab, joint)?)
    }
}

fn entropy(p: &[f64]) -> f64 {
    -p.iter().filter(|p| 0.0 < **p).map(|p| p * p.ln()).sum::<f64>()
}
