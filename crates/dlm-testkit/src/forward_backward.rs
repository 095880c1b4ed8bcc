//! What known tokens say about masked ones: forward and backward passes in logarithms.

use dlm_core::TokenId;

use crate::{HiddenMarkov, MarkovError};

/// Sums above it lost nothing that matters to underflow: what did is below 10⁻³⁰⁰.
const FAINT: f64 = 1e-200;

impl HiddenMarkov {
    /// `p(xⁱ | known tokens)` at every asked position `i`, `[positions, vocab]`.
    ///
    /// `tokens` holds the mask where nothing is known; a known position has all its mass
    /// on its own token.
    ///
    /// ```text
    /// fᵢ(h) = ln p(hᵢ = h, known tokens up to i)
    /// bᵢ(h) = ln p(known tokens after i | hᵢ = h)
    /// p(xⁱ = v | known) ∝ Σ_h exp(fᵢ(h) + bᵢ(h)) e(v|h)
    /// ```
    ///
    /// Source: Rabiner, *A tutorial on hidden Markov models* (1989).
    ///
    /// # Errors
    ///
    /// Tokens above the mask, positions that do not exist, and known tokens that have
    /// probability 0.
    pub fn posterior(
        &self,
        tokens: &[TokenId],
        positions: &[usize],
    ) -> Result<Vec<Vec<f64>>, MarkovError> {
        let length = tokens.len();
        if let Some(&position) = positions.iter().find(|&&position| length <= position) {
            return Err(MarkovError::Position { position, length });
        }
        let (forward, backward) = (self.forward(tokens)?, self.backward(tokens));
        let at = |&i: &usize| {
            let sum = |(f, b): (&f64, &f64)| f + b;
            let joint: Vec<f64> = forward[i].iter().zip(&backward[i]).map(sum).collect();
            let total = log_sum(joint.iter().copied());
            if total == f64::NEG_INFINITY {
                return Err(MarkovError::Impossible);
            }
            if tokens[i] != self.mask() {
                let own = |v| if v == tokens[i] { 1.0 } else { 0.0 };
                return Ok((0..self.mask()).map(own).collect());
            }
            Ok(self.tokens_of(joint.iter().map(|joint| (joint - total).exp()).collect()))
        };
        positions.iter().map(at).collect()
    }

    /// `ln p(known tokens)`, nats, masked ones summed over; `−∞` for what cannot be. For a
    /// word without masks it is the word's log-likelihood.
    ///
    /// # Errors
    ///
    /// Tokens above the mask.
    pub fn log_probability(&self, tokens: &[TokenId]) -> Result<f64, MarkovError> {
        let forward = self.forward(tokens)?;
        Ok(forward.last().map_or(0.0, |last| log_sum(last.iter().copied())))
    }

    /// `fᵢ(h)`, `[length, states]`.
    fn forward(&self, tokens: &[TokenId]) -> Result<Vec<Vec<f64>>, MarkovError> {
        let mask = self.mask();
        if let Some(position) = tokens.iter().position(|&token| mask < token) {
            return Err(MarkovError::Token { position, token: tokens[position], mask });
        }
        let mut messages: Vec<Vec<f64>> = Vec::with_capacity(tokens.len());
        for &token in tokens {
            let mut message = match messages.last() {
                Some(before) => log_applied(&self.incoming, before),
                None => self.start.iter().map(|p| p.ln()).collect(),
            };
            self.weigh(&mut message, token);
            messages.push(message);
        }
        Ok(messages)
    }

    /// `bᵢ(h)`, `[length, states]`.
    fn backward(&self, tokens: &[TokenId]) -> Vec<Vec<f64>> {
        let mut messages = vec![vec![0.0; self.states()]; tokens.len()];
        for i in (1..tokens.len()).rev() {
            let mut here = messages[i].clone();
            self.weigh(&mut here, tokens[i]);
            messages[i - 1] = log_applied(&self.transition, &here);
        }
        messages
    }

    /// Adds what a token says about its state: nothing where it is masked.
    fn weigh(&self, message: &mut [f64], token: TokenId) {
        if token != self.mask() {
            let states = message.iter_mut().enumerate();
            states.for_each(|(h, message)| *message += self.emits(h, token as usize).ln());
        }
    }
}

/// `ln Σⱼ mₖⱼ exp(aⱼ)` for every row `k`.
///
/// One exponential per `j` and products do where nothing vanishes; only rows that look
/// faint beside the largest `aⱼ` are summed term by term.
fn log_applied(rows: &[Vec<f64>], a: &[f64]) -> Vec<f64> {
    let max = a.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return vec![max; rows.len()];
    }
    let weights: Vec<f64> = a.iter().map(|a| (a - max).exp()).collect();
    let apply = |row: &Vec<f64>| {
        let sum: f64 = row.iter().zip(&weights).map(|(m, w)| m * w).sum();
        match FAINT < sum {
            true => max + sum.ln(),
            false => log_sum(row.iter().zip(a).map(|(m, a)| m.ln() + a)),
        }
    };
    rows.iter().map(apply).collect()
}

/// `ln Σ exp(term)`.
fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + terms.map(|term| (term - max).exp()).sum::<f64>().ln()
}
