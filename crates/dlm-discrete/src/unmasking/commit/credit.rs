//! Credit for tokens that led before.

use std::collections::BTreeMap;

use dlm_core::{Candidate, Ranked, TokenId};
use serde::{Deserialize, Serialize};

use crate::unmasking::ConfigError;

/// CreditDecoding (Wang et al. 2025): with `v*` the most probable token of a position,
///
/// ```text
/// C(v) ← β·C(v) + [v = v*]·p(v)^γ        in every step
/// l(v) ← l(v) + α·ln(1 + C(v))           before confidence and choice
/// ```
///
/// so a token that keeps leading is committed sooner. Credit is forgotten with the block.
/// The limit is on that probability, whatever the order; margin and entropy stay those of
/// the network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditRule {
    /// The limit on the probability with credit.
    pub above: f64,
    /// `α`, how much credit counts.
    pub alpha: f64,
    /// `β` in `[0, 1]`, how long it lasts.
    pub beta: f64,
    /// `γ`, how much a small lead earns.
    pub gamma: f64,
}

impl CreditRule {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let Self { above, alpha, beta, gamma } = *self;
        for (field, value, holds, allowed) in [
            ("above", above, !above.is_nan(), "a number"),
            ("alpha", alpha, 0.0 <= alpha && alpha.is_finite(), "0 or above"),
            ("beta", beta, (0.0..=1.0).contains(&beta), "between 0 and 1"),
            ("gamma", gamma, 0.0 <= gamma && gamma.is_finite(), "0 or above"),
        ] {
            if !holds {
                return Err(ConfigError::Range { field, value, allowed });
            }
        }
        Ok(())
    }
}

/// Which tokens led at each position of the block, and their credit.
///
/// Only tokens that led have any, so a short list per position is the whole matrix.
#[derive(Clone, Debug, Default)]
pub(in crate::unmasking) struct Credits(BTreeMap<usize, Vec<(TokenId, f64)>>);

impl Credits {
    /// The tokens with credit at `position`: those whose probabilities a step needs.
    pub(in crate::unmasking) fn watched(&self, position: usize) -> Vec<TokenId> {
        self.0.get(&position).into_iter().flatten().map(|&(token, _)| token).collect()
    }

    /// Earns credit for the candidate's mode and makes its token and probability those of
    /// the distribution with credit.
    ///
    /// With `w(v) = p(v)·(1 + C(v))^α`, the best token is one that has credit, because the
    /// mode has, and the sum over the vocabulary is `1 + Σ_C (w(v) − p(v))`.
    pub(in crate::unmasking) fn apply(&mut self, rule: &CreditRule, candidate: &mut Candidate) {
        let Some(mode) = candidate.top.first().copied() else { return };
        let credits = self.0.entry(candidate.position).or_default();
        let mut p: Vec<f64> = candidate.watched.iter().map(|&l| f64::from(l).exp()).collect();
        credits.iter_mut().for_each(|(_, credit)| *credit *= rule.beta);
        let lead = f64::from(mode.log_probability).exp();
        match credits.iter_mut().find(|(token, _)| *token == mode.token) {
            Some((_, credit)) => *credit += lead.powf(rule.gamma),
            None => {
                credits.push((mode.token, lead.powf(rule.gamma)));
                p.push(lead);
            }
        }
        let weight =
            |&(p, (_, credit)): &(f64, (TokenId, f64))| p * (1.0 + credit).powf(rule.alpha);
        let entries = || p.iter().copied().zip(credits.iter().copied());
        let total = 1.0 + entries().map(|entry| weight(&entry) - entry.0).sum::<f64>();
        let best = entries().max_by(|a, b| weight(a).total_cmp(&weight(b)).then(b.1.0.cmp(&a.1.0)));
        if let Some(entry) = best {
            candidate.token = entry.1.0;
            candidate.log_probability = (weight(&entry) / total).ln() as f32;
            let Candidate { token, log_probability, .. } = *candidate;
            candidate.top = vec![Ranked { token, log_probability }];
        }
    }
}
