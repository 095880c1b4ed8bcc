//! Categorical diffusion with a matrix for each step.

use dlm_core::{TokenId, invert_cdf};
use dlm_rng::{Key, Purpose};

use super::{ForwardError, Reverse};

/// Categorical diffusion in discrete time on few states: `Q_k(i, j) = q(x_k = j | x_{k−1} = i)`
/// for the steps `k = 1, …, T`, and `Q̄_t = Q₁⋯Q_t` (Austin et al. 2021).
///
/// Tokens are the states `0, …, K − 1`; a mask is one of them like any other. A
/// distribution is a list of `K` probabilities. Needs room for `2TK²` numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    states: usize,
    steps: Vec<Matrix>,
    /// `Q̄₀ = 1, Q̄₁, …, Q̄_T`.
    products: Vec<Matrix>,
}

type Matrix = Vec<Vec<f64>>;

impl Chain {
    /// The chain of the given step matrices, rows first.
    ///
    /// # Errors
    ///
    /// [`ForwardError::NotStochastic`] where a row has not one probability for each state
    /// or does not sum to 1 within 10⁻⁹.
    pub fn new(steps: Vec<Vec<Vec<f64>>>) -> Result<Self, ForwardError> {
        let states = steps.first().map_or(0, Vec::len);
        for (k, step) in steps.iter().enumerate() {
            let fault = |row, problem| ForwardError::NotStochastic { step: k + 1, row, problem };
            if step.len() != states {
                return Err(fault(step.len(), format!("give {states} rows, as in step 1")));
            }
            for (i, row) in step.iter().enumerate() {
                check_row(row, states).map_err(|problem| fault(i, problem))?;
            }
        }
        let mut products = vec![identity(states)];
        for step in &steps {
            let last = &products[products.len() - 1];
            products.push(last.iter().map(|row| forth(row, step)).collect());
        }
        Ok(Self { states, steps, products })
    }

    /// `Q_k = (1 − β_k)·1 + β_k/K`: with chance `β_k` a state anew, all equally likely.
    ///
    /// # Errors
    ///
    /// As [`Chain::new`], where a `β` lies outside `[0, 1]`.
    pub fn uniform(states: usize, betas: &[f64]) -> Result<Self, ForwardError> {
        Self::towards(&vec![1.0 / states as f64; states], betas)
    }

    /// `Q_k = (1 − β_k)·1 + β_k·[j = mask]`: with chance `β_k` the mask, for good.
    ///
    /// # Errors
    ///
    /// As [`Chain::new`], and where `mask` is no state.
    pub fn absorbing(states: usize, mask: usize, betas: &[f64]) -> Result<Self, ForwardError> {
        let mut noise = vec![0.0; states];
        *noise.get_mut(mask).ok_or(ForwardError::NotAState { token: mask, states })? = 1.0;
        Self::towards(&noise, betas)
    }

    /// `K`.
    pub fn states(&self) -> usize {
        self.states
    }

    /// `T`.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// `Q_k(i, ·)` for `k = 1, …, T`.
    ///
    /// # Errors
    ///
    /// Where there is no such step or state.
    pub fn step(&self, k: usize, i: usize) -> Result<&[f64], ForwardError> {
        let steps = self.steps();
        let step = k.checked_sub(1).and_then(|before| self.steps.get(before));
        let step = step.ok_or(ForwardError::NoSuchStep { step: k, steps })?;
        Ok(&step[self.state(i)?])
    }

    /// `q(x_t | x₀) = Q̄_t(x₀, ·)` for `t = 0, …, T`.
    ///
    /// # Errors
    ///
    /// Where there is no such step or state.
    pub fn marginal(&self, x_0: usize, t: usize) -> Result<&[f64], ForwardError> {
        self.times(0, t)?;
        Ok(&self.products[t][self.state(x_0)?])
    }

    /// `q(x_t | x_s) = (Q_{s+1}⋯Q_t)(x_s, ·)` for `s ≤ t`.
    ///
    /// # Errors
    ///
    /// Where there is no such step or state.
    pub fn transition(&self, x_s: usize, s: usize, t: usize) -> Result<Vec<f64>, ForwardError> {
        self.times(s, t)?;
        let start = self.products[0][self.state(x_s)?].clone();
        Ok(self.steps[s..t].iter().fold(start, |row, step| forth(&row, step)))
    }

    /// `q(x_s | x_t, x₀) ∝ q(x_t | x_s) q(x_s | x₀)` for `s ≤ t`.
    ///
    /// # Errors
    ///
    /// As above, and [`ForwardError::Impossible`] where `q(x_t | x₀) = 0`.
    pub fn posterior(
        &self,
        x_t: usize,
        x_0: usize,
        s: usize,
        t: usize,
    ) -> Result<Vec<f64>, ForwardError> {
        let likelihood = self.likelihood(x_t, s, t)?;
        let prior = self.marginal(x_0, s)?;
        normalised(prior.iter().zip(&likelihood).map(|(p, l)| p * l).collect(), x_t)
    }

    /// `p(x_s | x_t)` from a prediction `p(x₀)`, in either of two ways.
    ///
    /// # Errors
    ///
    /// As above; [`ForwardError::Impossible`] where `p` holds no token possible from which
    /// `x_t` can be reached, [`ForwardError::NotAState`] where `p` has not `K` entries.
    pub fn reverse(
        &self,
        p: &[f64],
        x_t: usize,
        s: usize,
        t: usize,
        reverse: Reverse,
    ) -> Result<Vec<f64>, ForwardError> {
        let likelihood = self.likelihood(x_t, s, t)?;
        if p.len() != self.states {
            return Err(ForwardError::NotAState { token: p.len(), states: self.states });
        }
        let weight = |x_0: usize| match reverse {
            Reverse::Joint => p[x_0],
            // q(x_s | x_t, x₀) has q(x_t | x₀) below the line.
            Reverse::Mixture => match self.products[t][x_0][x_t] {
                0.0 => 0.0,
                evidence => p[x_0] / evidence,
            },
        };
        let prior = forth(&(0..self.states).map(weight).collect::<Vec<_>>(), &self.products[s]);
        normalised(prior.iter().zip(&likelihood).map(|(p, l)| p * l).collect(), x_t)
    }

    /// A draw of `x_t` given `x₀ = tokens`; position `i` uses the number of
    /// `key.position(i)` for [`Purpose::Corrupt`].
    ///
    /// # Errors
    ///
    /// Where there is no such step or state.
    pub fn corrupt(
        &self,
        tokens: &[TokenId],
        t: usize,
        key: Key,
    ) -> Result<Vec<TokenId>, ForwardError> {
        let key = key.purpose(Purpose::Corrupt);
        let at = |(i, &token): (usize, &TokenId)| {
            let law = self.marginal(token as usize, t)?;
            Ok(invert_cdf(law, key.position(i as u64).uniform()) as TokenId)
        };
        tokens.iter().enumerate().map(at).collect()
    }

    fn towards(noise: &[f64], betas: &[f64]) -> Result<Self, ForwardError> {
        let entry = |beta: f64, i, j| beta * noise[j] + if i == j { 1.0 - beta } else { 0.0 };
        let states = 0..noise.len();
        let row = |beta, i| states.clone().map(|j| entry(beta, i, j)).collect();
        let step = |&beta: &f64| states.clone().map(|i| row(beta, i)).collect();
        Self::new(betas.iter().map(step).collect())
    }

    /// `q(x_t | x_s)` as a function of `x_s`.
    fn likelihood(&self, x_t: usize, s: usize, t: usize) -> Result<Vec<f64>, ForwardError> {
        self.times(s, t)?;
        let end = self.products[0][self.state(x_t)?].clone();
        Ok(self.steps[s..t].iter().rev().fold(end, |column, step| {
            step.iter().map(|row| row.iter().zip(&column).map(|(q, c)| q * c).sum()).collect()
        }))
    }

    fn times(&self, s: usize, t: usize) -> Result<(), ForwardError> {
        let steps = self.steps();
        match steps < t || t < s {
            true => Err(ForwardError::NoSuchStep { step: if steps < t { t } else { s }, steps }),
            false => Ok(()),
        }
    }

    fn state(&self, token: usize) -> Result<usize, ForwardError> {
        let states = self.states;
        if token < states { Ok(token) } else { Err(ForwardError::NotAState { token, states }) }
    }
}

fn check_row(row: &[f64], states: usize) -> Result<(), String> {
    let sum: f64 = row.iter().sum();
    if row.len() != states {
        return Err(format!("{} entries for {states} states", row.len()));
    }
    match row.iter().any(|&q| q.is_nan() || q < 0.0) || 1e-9 < (sum - 1.0).abs() {
        true => Err(format!("no distribution: it sums to {sum}, or an entry is negative")),
        false => Ok(()),
    }
}

fn identity(states: usize) -> Matrix {
    let entry = |i, j| if i == j { 1.0 } else { 0.0 };
    (0..states).map(|i| (0..states).map(|j| entry(i, j)).collect()).collect()
}

/// `row·matrix`.
fn forth(row: &[f64], matrix: &Matrix) -> Vec<f64> {
    let mut product = vec![0.0; row.len()];
    for (&weight, from) in row.iter().zip(matrix) {
        product.iter_mut().zip(from).for_each(|(sum, q)| *sum += weight * q);
    }
    product
}

fn normalised(mut weights: Vec<f64>, x_t: usize) -> Result<Vec<f64>, ForwardError> {
    let total: f64 = weights.iter().sum();
    if total.is_nan() || total <= 0.0 {
        return Err(ForwardError::Impossible { x_t });
    }
    weights.iter_mut().for_each(|weight| *weight /= total);
    Ok(weights)
}
