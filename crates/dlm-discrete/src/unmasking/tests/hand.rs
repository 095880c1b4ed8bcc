//! Candidates, rankings and models written by hand.

use dlm_core::{
    Ask, Candidate, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId,
    predict_dense,
};

use crate::unmasking::{
    Commit, Ranked,
    commit::{Progress, Situation},
};

/// Token 0 with probability `p` at `position`, of an entropy that is its surprise.
pub(super) fn candidate(position: usize, p: f64) -> Candidate {
    Candidate {
        position,
        token: 0,
        log_probability: p.ln() as f32,
        margin: p as f32,
        entropy: -(p.ln() as f32),
        top: Vec::new(),
        expectations: Vec::new(),
        next_divergence: None,
        target: None,
        watched: Vec::new(),
        divergence: None,
    }
}

/// A ranking in the given order: position, confidence and entropy of each.
pub(super) fn ranking(entries: &[(usize, f64, f32)]) -> Vec<Ranked> {
    let rank = |&(position, confidence, entropy): &(usize, f64, f32)| Ranked {
        candidate: Candidate { entropy, ..candidate(position, confidence) },
        priority: confidence,
        confidence,
    };
    entries.iter().map(rank).collect()
}

/// Neighbours from the left with these confidences, ranked as they stand.
pub(super) fn confidences(values: &[f64]) -> Vec<Ranked> {
    let entries: Vec<_> = values.iter().enumerate().map(|(i, &c)| (i, c, 0.0)).collect();
    ranking(&entries)
}

/// What a rule chooses in step `step` of `steps`, knowing nothing else.
pub(super) fn chosen(
    commit: &Commit,
    ranked: &[Ranked],
    (step, steps): (usize, usize),
) -> Vec<usize> {
    commit.choose(
        ranked,
        &Situation {
            progress: Progress { step, steps },
            count: None,
            stable_for: &|_| 0,
            dependence: &[],
            factor_accepts_last: false,
        },
    )
}

/// A model that is a function: `p(tokens, position)`.
pub(super) struct By<F> {
    pub(super) vocab: usize,
    pub(super) p: F,
}

impl<F: Fn(&[TokenId], usize) -> Vec<f64>> MaskPredictor for By<F> {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        // Its mask is the first id beyond the vocabulary.
        predict_dense(queries, ask, self.vocab as TokenId, |tokens, positions, _| {
            let rows = positions.iter().flat_map(|&i| (self.p)(tokens, i));
            DenseLogits::new(rows.map(|p| p.ln() as f32).collect(), self.vocab)
        })
    }
}
