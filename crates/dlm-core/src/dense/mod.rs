//! The readout in host memory: logits in, candidates out, in double precision.

mod predict;
mod shaping;
#[cfg(test)]
mod tests;

pub use predict::predict_dense;

use crate::{Ask, Candidate, Measure, ModelError, Query, Ranked, Shaping, Target, TokenId};

use shaping::shape;

/// Logits of the asked positions of one query, row-major `[positions, vocab]`.
///
/// This is the definition that device readouts are tested against: slow, plain
/// and exact.
#[derive(Clone, Debug)]
pub struct DenseLogits {
    values: Vec<f32>,
    vocab: usize,
}

impl DenseLogits {
    /// Wraps `values`, whose length is a multiple of `vocab`.
    ///
    /// # Errors
    ///
    /// Where it is not, or where a value is NaN.
    pub fn new(values: Vec<f32>, vocab: usize) -> Result<Self, ModelError> {
        if vocab == 0 || !values.len().is_multiple_of(vocab) {
            return Err(ModelError::new(format!(
                "{} logits do not fill rows of {vocab}",
                values.len()
            )));
        }
        if let Some(at) = values.iter().position(|value| value.is_nan()) {
            let (row, token) = (at / vocab, at % vocab);
            return Err(ModelError::new(format!("the logit of row {row}, token {token} is NaN")));
        }
        Ok(Self { values, vocab })
    }

    /// `p = softmax(logits)` of one row.
    pub fn probabilities(&self, row: usize) -> Vec<f64> {
        softmax(self.row(row), 1.0)
    }

    /// `l_u + (w + 1)(l_c − l_u)`, where these are `l_c`.
    ///
    /// # Errors
    ///
    /// Where the two have not equally many rows.
    pub fn guided(&self, unconditional: &Self, w: f64) -> Result<Self, ModelError> {
        if self.values.len() != unconditional.values.len() {
            let (ours, theirs) = (self.values.len(), unconditional.values.len());
            return Err(ModelError::new(format!("{theirs} unconditional logits for {ours}")));
        }
        let pairs = self.values.iter().zip(&unconditional.values);
        // A token that both rule out stays ruled out; the difference would be no number.
        let guide = |(&c, &u): (&f32, &f32)| match c == u {
            true => c,
            false => (f64::from(u) + (w + 1.0) * f64::from(c - u)) as f32,
        };
        Self::new(pairs.map(guide).collect(), self.vocab)
    }

    /// These logits after biases, top-k and top-p; tokens ruled out have `−∞`.
    ///
    /// # Errors
    ///
    /// Where a biased token is not in the vocabulary, or none is left.
    pub fn shaped(&self, shaping: &Shaping<'_>) -> Result<Self, ModelError> {
        let mut shaped = self.clone();
        shaped.values.chunks_mut(self.vocab).try_for_each(|row| shape(row, shaping))?;
        Ok(shaped)
    }

    /// Answers `ask` for the positions and shadows of `query`, whose rows these are.
    /// Shaping happens here, but for guidance, which needs [`DenseLogits::guided`].
    ///
    /// # Errors
    ///
    /// Where the query and these rows do not belong together, a list of the query has not
    /// one entry per position, or `top_k` exceeds the vocabulary.
    pub fn read(&self, query: &Query<'_>, ask: &Ask<'_>) -> Result<Vec<Candidate>, ModelError> {
        let rows = self.values.len() / self.vocab;
        self.check(rows, query, ask)?;
        let shaped = self.shaped(&ask.shaping)?;
        let mut candidates: Vec<Candidate> = query
            .answered()
            .enumerate()
            .map(|(row, position)| shaped.candidate(row, position, query, ask))
            .collect();
        if ask.neighbours {
            for row in 1..rows {
                let divergence =
                    jensen_shannon(&shaped.probabilities(row - 1), &shaped.probabilities(row));
                candidates[row - 1].next_divergence = Some(divergence as f32);
            }
        }
        Ok(candidates)
    }

    fn check(&self, rows: usize, query: &Query<'_>, ask: &Ask<'_>) -> Result<(), ModelError> {
        let (asked, positions) = (query.answered().count(), query.positions.len());
        if rows != asked {
            return Err(ModelError::new(format!("{rows} rows of logits for {asked} positions")));
        }
        if let Some(outside) = query.answered().find(|&i| query.tokens.len() <= i) {
            let tokens = query.tokens.len();
            let problem = format!("position {outside} lies outside its {tokens} tokens");
            return Err(ModelError::new(problem));
        }
        let mut targets = query.targets.iter().flatten().copied();
        if let Some(token) = targets.find(|&token| self.vocab <= token as usize) {
            let problem = format!("the target {token} is not below {}", self.vocab);
            return Err(ModelError::new(problem));
        }
        if self.vocab < ask.top_k {
            let (k, vocab) = (ask.top_k, self.vocab);
            return Err(ModelError::new(format!("top-k {k} exceeds the vocabulary of {vocab}")));
        }
        let draws = 0.0 < ask.temperature || !query.transitions.is_empty();
        for (what, entries, needed) in [
            ("uniform numbers", query.uniforms.len(), draws),
            ("targets", query.targets.len(), false),
            ("watched lists", query.watched.len(), false),
            ("transitions", query.transitions.len(), false),
        ] {
            if entries != positions && (needed || entries != 0) {
                let problem = format!("{entries} {what} for {positions} positions");
                return Err(ModelError::new(problem));
            }
        }
        Ok(())
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.vocab..(row + 1) * self.vocab]
    }

    fn candidate(
        &self,
        row: usize,
        position: usize,
        query: &Query<'_>,
        ask: &Ask<'_>,
    ) -> Candidate {
        let logits = self.row(row);
        let p = softmax(logits, 1.0);
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));

        let is_shadow = query.positions.len() <= row;
        let current = query.tokens[position];
        let token = match query.transitions.get(row) {
            Some(transition) => {
                let s = match transition.measure {
                    Measure::Probability => p.clone(),
                    Measure::Score => logits.iter().map(|&l| f64::from(l).exp()).collect(),
                };
                let drawn = invert_cdf(&transition.weights(&s, current), query.uniforms[row]);
                if drawn == p.len() { current as usize } else { drawn }
            }
            None if ask.temperature == 0.0 || is_shadow => order[0],
            None => invert_cdf(&softmax(logits, ask.temperature), query.uniforms[row]),
        };
        let log = |token: usize| p.get(token).map_or(f64::NEG_INFINITY, |p| p.ln()) as f32;
        let expectation =
            |w: &Vec<f32>| -> f64 { p.iter().zip(w).map(|(p, &w)| p * f64::from(w)).sum() };
        let target = match is_shadow {
            true => Some(current),
            false => query.targets.get(row).copied().flatten(),
        };
        let mass = |token: TokenId| p.get(token as usize).copied().unwrap_or(0.0);
        let target = target.map(|target| Target {
            rank: p.iter().filter(|&&other| mass(target) < other).count() as u32,
            log_probability: log(target as usize),
        });
        let watched = query.watched.get(row).map_or(&[][..], Vec::as_slice);
        let earlier = query.earlier.and_then(|memory| memory.content::<Distributions>());
        Candidate {
            position,
            token: token as TokenId,
            log_probability: log(token),
            margin: (p[order[0]] - order.get(1).map_or(0.0, |&second| p[second])) as f32,
            entropy: entropy(&p) as f32,
            top: order[..ask.top_k]
                .iter()
                .map(|&v| Ranked { token: v as TokenId, log_probability: log(v) })
                .collect(),
            expectations: ask.expectations.iter().map(|w| expectation(w) as f32).collect(),
            next_divergence: None,
            target,
            watched: watched.iter().map(|&token| log(token as usize)).collect(),
            divergence: earlier
                .and_then(|earlier| earlier.at(position))
                .map(|before| kullback_leibler(&p, before) as f32),
        }
    }
}

/// The distributions of one query, to be found again at the next.
#[derive(Debug)]
struct Distributions(Vec<(usize, Vec<f64>)>);

impl Distributions {
    fn of(query: &Query<'_>, shaped: &DenseLogits) -> Self {
        let rows = query.answered().enumerate();
        Self(rows.map(|(row, position)| (position, shaped.probabilities(row))).collect())
    }

    fn at(&self, position: usize) -> Option<&[f64]> {
        self.0.iter().find(|(at, _)| *at == position).map(|(_, p)| p.as_slice())
    }
}

fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut p: Vec<f64> =
        logits.iter().map(|&l| (f64::from(l - max) / temperature).exp()).collect();
    let total: f64 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= total);
    p
}

/// The first index whose cumulative weight exceeds the share `u` of the whole, `u` in
/// `[0, 1)`; weights are not negative and need not sum to 1. An index without weight is
/// never given, unless none has any.
pub fn invert_cdf(w: &[f64], u: f64) -> usize {
    let threshold = u * w.iter().sum::<f64>();
    let mut cdf = 0.0;
    for (i, &w) in w.iter().enumerate() {
        cdf += w;
        if threshold < cdf {
            return i;
        }
    }
    // Rounding left the sum at the threshold.
    w.iter().rposition(|&w| 0.0 < w).unwrap_or(0)
}

fn entropy(p: &[f64]) -> f64 {
    -p.iter().filter(|&&p| 0.0 < p).map(|p| p * p.ln()).sum::<f64>()
}

/// `Σ p ln(p/q)`, `∞` where `q` rules out what `p` does not.
fn kullback_leibler(p: &[f64], q: &[f64]) -> f64 {
    let terms = p.iter().zip(q).filter(|&(&p, _)| 0.0 < p).map(|(p, q)| p * (p / q).ln());
    terms.sum::<f64>().max(0.0)
}

fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    let middle: Vec<f64> = p.iter().zip(q).map(|(p, q)| (p + q) / 2.0).collect();
    (entropy(&middle) - (entropy(p) + entropy(q)) / 2.0).max(0.0)
}
