//! The readout in host memory: logits in, candidates out, in double precision.

use crate::{Ask, Candidate, ModelError, Query, Ranked, Target, TokenId};

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

    /// Answers `ask` for the positions of `query`, whose rows these are.
    ///
    /// # Errors
    ///
    /// Where the query and these rows do not belong together, or `top_k` exceeds
    /// the vocabulary.
    pub fn read(&self, query: &Query<'_>, ask: &Ask<'_>) -> Result<Vec<Candidate>, ModelError> {
        let rows = self.values.len() / self.vocab;
        if rows != query.positions.len() {
            let asked = query.positions.len();
            return Err(ModelError::new(format!("{rows} rows of logits for {asked} positions")));
        }
        if self.vocab < ask.top_k {
            let (k, vocab) = (ask.top_k, self.vocab);
            return Err(ModelError::new(format!("top-k {k} exceeds the vocabulary of {vocab}")));
        }
        let mut candidates: Vec<Candidate> =
            (0..rows).map(|row| self.candidate(row, query, ask)).collect();
        if ask.neighbours {
            for row in 1..rows {
                let divergence =
                    jensen_shannon(&self.probabilities(row - 1), &self.probabilities(row));
                candidates[row - 1].next_divergence = Some(divergence as f32);
            }
        }
        Ok(candidates)
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.vocab..(row + 1) * self.vocab]
    }

    fn candidate(&self, row: usize, query: &Query<'_>, ask: &Ask<'_>) -> Candidate {
        let logits = self.row(row);
        let p = softmax(logits, 1.0);
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));

        let token = if ask.temperature == 0.0 {
            order[0]
        } else {
            invert_cdf(&softmax(logits, ask.temperature), query.uniforms[row])
        };
        let expectation =
            |w: &Vec<f32>| -> f64 { p.iter().zip(w).map(|(p, &w)| p * f64::from(w)).sum() };
        let target = query.targets.get(row).copied().flatten().map(|target| Target {
            rank: p.iter().filter(|&&other| p[target as usize] < other).count() as u32,
            log_probability: p[target as usize].ln() as f32,
        });
        Candidate {
            position: query.positions[row],
            token: token as TokenId,
            log_probability: p[token].ln() as f32,
            margin: (p[order[0]] - order.get(1).map_or(0.0, |&second| p[second])) as f32,
            entropy: entropy(&p) as f32,
            top: order[..ask.top_k]
                .iter()
                .map(|&v| Ranked { token: v as TokenId, log_probability: p[v].ln() as f32 })
                .collect(),
            expectations: ask.expectations.iter().map(|w| expectation(w) as f32).collect(),
            next_divergence: None,
            target,
        }
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

/// The first index whose cumulative probability exceeds `u`.
fn invert_cdf(p: &[f64], u: f64) -> usize {
    let mut cdf = 0.0;
    for (i, &p) in p.iter().enumerate() {
        cdf += p;
        if u < cdf {
            return i;
        }
    }
    // The probabilities summed to a little less than `u`.
    p.iter().rposition(|&p| 0.0 < p).unwrap_or(0)
}

fn entropy(p: &[f64]) -> f64 {
    -p.iter().filter(|&&p| 0.0 < p).map(|p| p * p.ln()).sum::<f64>()
}

fn jensen_shannon(p: &[f64], q: &[f64]) -> f64 {
    let middle: Vec<f64> = p.iter().zip(q).map(|(p, q)| (p + q) / 2.0).collect();
    (entropy(&middle) - (entropy(p) + entropy(q)) / 2.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::DenseLogits;
    use crate::{Ask, Query};

    fn logits(rows: &[[f32; 3]]) -> DenseLogits {
        DenseLogits::new(rows.iter().flatten().map(|p| p.ln()).collect(), 3).unwrap()
    }

    #[test]
    fn statistics_of_a_known_distribution() {
        let weights = [vec![1.0, 0.0, 1.0], [0.5f32, 0.25, 0.25].iter().map(|u| -u.ln()).collect()];
        let ask = Ask { top_k: 2, expectations: &weights, neighbours: true, ..Ask::default() };
        let targets = [Some(2), None];
        let query = Query { targets: &targets, ..Query::new(&[], &[4, 5]) };
        let read = logits(&[[0.5, 0.3, 0.2], [0.0, 0.0, 1.0]]).read(&query, &ask).unwrap();

        let first = &read[0];
        assert_eq!((first.position, first.token), (4, 0));
        assert!((first.probability() - 0.5).abs() < 1e-6);
        assert!((first.margin - 0.2).abs() < 1e-6);
        assert!((first.entropy - 1.029_653).abs() < 1e-5);
        assert_eq!(first.top.iter().map(|t| t.token).collect::<Vec<_>>(), [0, 1]);
        assert!((first.expectations[0] - 0.7).abs() < 1e-6);
        assert!((first.expectations[1] - (0.5 * 2f32.ln() + 0.5 * 4f32.ln())).abs() < 1e-6);
        assert_eq!(first.target.unwrap().rank, 2);
        assert!((first.target.unwrap().log_probability - 0.2f32.ln()).abs() < 1e-6);
        // JS((.5,.3,.2), (0,0,1)) = H(.25,.15,.6) − (H(.5,.3,.2) + 0)/2.
        assert!((first.next_divergence.unwrap() - 0.422_812).abs() < 1e-5);
        assert_eq!(read[1].entropy, 0.0);
        assert_eq!(read[1].next_divergence, None);
        assert_eq!(read[1].target, None);
    }

    #[test]
    fn a_uniform_number_inverts_the_cumulative_distribution() {
        let ask = Ask { temperature: 1.0, ..Ask::default() };
        for (u, token) in [(0.0, 0), (0.499, 0), (0.501, 1), (0.799, 1), (0.801, 2), (0.999_999, 2)]
        {
            let query = Query { uniforms: &[u], ..Query::new(&[], &[0]) };
            let read = logits(&[[0.5, 0.3, 0.2]]).read(&query, &ask).unwrap();
            assert_eq!(read[0].token, token, "u = {u}");
        }
    }

    #[test]
    fn nan_and_misshapen_logits_are_refused() {
        assert!(DenseLogits::new(vec![0.0, f32::NAN], 2).is_err());
        assert!(DenseLogits::new(vec![0.0; 3], 2).is_err());
        let ask = Ask { top_k: 4, ..Ask::default() };
        assert!(logits(&[[0.5, 0.3, 0.2]]).read(&Query::new(&[], &[0]), &ask).is_err());
    }
}
