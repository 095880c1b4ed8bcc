//! Models for the tests of likelihoods: one that contradicts itself, one that remembers.

use dlm_core::{Ask, MaskPredictor, ModelError, Prediction, Query, TokenId};
use dlm_testkit::Tabular;

/// Answers from one table at odd numbers of masks and from the other at even ones, so
/// that its likelihood depends on the order.
pub(crate) struct Inconsistent {
    pub(crate) tables: [Tabular; 2],
}

impl MaskPredictor for Inconsistent {
    fn vocab(&self) -> usize {
        self.tables[0].vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let mut all = Prediction::default();
        for query in queries {
            let mask = self.tables[0].mask();
            let masks = query.tokens.iter().filter(|&&token| token == mask).count();
            let one = self.tables[masks % 2].predict(std::slice::from_ref(query), ask)?;
            all.candidates.extend(one.candidates);
        }
        Ok(all)
    }
}

/// Remembers what it was asked: tokens, positions, time.
pub(crate) struct Witness {
    model: Tabular,
    pub(crate) seen: Vec<(Vec<TokenId>, Vec<usize>, Option<f64>)>,
}

impl Witness {
    pub(crate) fn new(model: Tabular) -> Self {
        Self { model, seen: Vec::new() }
    }
}

impl MaskPredictor for Witness {
    fn vocab(&self) -> usize {
        self.model.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let seen = queries.iter().map(|q| (q.tokens.to_vec(), q.positions.to_vec(), q.time));
        self.seen.extend(seen);
        self.model.predict(queries, ask)
    }
}

/// All orders of `0..n`.
pub(crate) fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let shorter = orders(n - 1);
    let with_last = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, n - 1);
        order
    };
    shorter.iter().flat_map(|order| (0..n).map(move |at| with_last(order, at))).collect()
}

/// All subsets of `0..n` but the empty one.
pub(crate) fn subsets(n: usize) -> Vec<Vec<usize>> {
    (1..1 << n).map(|set: usize| (0..n).filter(|i| set >> i & 1 == 1).collect()).collect()
}
