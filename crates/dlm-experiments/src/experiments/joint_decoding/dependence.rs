//! How strongly positions depend on each other: exactly on a known chain, by distance elsewhere.

use dlm_core::{ModelError, TokenId};
use dlm_discrete::unmasking::Dependence;
use dlm_testkit::HiddenMarkov;

/// `I(xⁱ; xʲ | known tokens)` of a known chain, nats.
///
/// Known tokens cut a chain into runs of masks that know nothing of each other. Within a run
/// from `l` to `r`, between the known tokens `x_{l−1}` and `x_{r+1}`, the masked tokens are a
/// Markov chain of their own:
///
/// ```text
/// β_k(a) = p(x_{r+1} | x_k = a) = Σ_b P(b|a) β_{k+1}(b)
/// p(x_l = a) ∝ P(a|x_{l−1}) β_l(a)
/// p(x_{k+1} = b | x_k = a) = P(b|a) β_{k+1}(b)/β_k(a)
/// ```
#[derive(Clone, Debug)]
pub(super) struct Exact {
    law: HiddenMarkov,
}

impl Exact {
    pub(super) fn new(law: HiddenMarkov) -> Self {
        Self { law }
    }

    /// The joint distributions of the pairs within the run `l..=r`: first place, second place,
    /// row-major `[vocab, vocab]`.
    fn pairs(&self, tokens: &[TokenId], l: usize, r: usize) -> Vec<(usize, usize, Vec<Vec<f64>>)> {
        let rows = self.law.rows().unwrap_or_default();
        let states = rows.len();
        let known = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map(|&t| t as usize);
        let mut beta = vec![vec![1.0; states]; r - l + 1];
        if let Some(after) = known(Some(r + 1)) {
            beta[r - l] = rows.iter().map(|row| row[after]).collect();
        }
        for k in (0..r - l).rev() {
            let ahead = |row: &Vec<f64>| row.iter().zip(&beta[k + 1]).map(|(p, b)| p * b).sum();
            let weights: Vec<f64> = rows.iter().map(ahead).collect();
            beta[k] = scaled(weights);
        }
        let first = match known(l.checked_sub(1)) {
            Some(before) => rows[before].clone(),
            None => self.law.marginal(0),
        };
        let mut here = scaled(first.iter().zip(&beta[0]).map(|(p, b)| p * b).collect());
        let step = |k: usize, a: usize| -> Vec<f64> {
            scaled((0..states).map(|b| rows[a][b] * beta[k + 1][b]).collect())
        };
        let mut found = Vec::new();
        for i in l..r {
            let steps: Vec<Vec<Vec<f64>>> =
                (i..r).map(|k| (0..states).map(|a| step(k - l, a)).collect()).collect();
            let mut joint: Vec<Vec<f64>> = (0..states)
                .map(|a| (0..states).map(|b| if a == b { here[a] } else { 0.0 }).collect())
                .collect();
            for (offset, step) in steps.iter().enumerate() {
                joint = joint.iter().map(|row| applied(row, step)).collect();
                found.push((i, i + 1 + offset, joint.clone()));
            }
            here = applied(&here, &steps[0]);
        }
        found
    }
}

impl Dependence for Exact {
    fn dependence(
        &mut self,
        tokens: &[TokenId],
        positions: &[usize],
    ) -> Result<Vec<f64>, ModelError> {
        let n = positions.len();
        let mut matrix = vec![0.0; n * n];
        let mask = self.law.mask();
        let place = |position: usize| positions.binary_search(&position);
        for run in masked_runs(tokens, mask) {
            for (i, j, joint) in self.pairs(tokens, run.start, run.end - 1) {
                if let (Ok(i), Ok(j)) = (place(i), place(j)) {
                    let information = information(&joint);
                    (matrix[i * n + j], matrix[j * n + i]) = (information, information);
                }
            }
        }
        Ok(matrix)
    }
}

/// Nearness, `1/(1 + |i − j|)`: what stands in for dependence where a network gives none
/// without more evaluations.
pub(super) fn nearness(_: &[TokenId], positions: &[usize]) -> Result<Vec<f64>, ModelError> {
    let near = |i: usize, j: usize| 1.0 / (1.0 + i.abs_diff(j) as f64);
    Ok(positions.iter().flat_map(|&i| positions.iter().map(move |&j| near(i, j))).collect())
}

fn masked_runs(tokens: &[TokenId], mask: TokenId) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for at in (0..tokens.len()).filter(|&at| tokens[at] == mask) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// `Σ_ab p(a, b) ln(p(a, b)/(p(a) p(b)))`, at least 0.
fn information(joint: &[Vec<f64>]) -> f64 {
    let first: Vec<f64> = joint.iter().map(|row| row.iter().sum()).collect();
    let second = applied(&vec![1.0; joint.len()], joint);
    let mut sum = 0.0;
    for (row, a) in joint.iter().zip(&first) {
        for (p, b) in row.iter().zip(&second).filter(|(p, _)| 0.0 < **p) {
            sum += p * (p / (a * b)).ln();
        }
    }
    sum.max(0.0)
}

fn applied(vector: &[f64], matrix: &[Vec<f64>]) -> Vec<f64> {
    let mut result = vec![0.0; matrix.first().map_or(0, Vec::len)];
    for (weight, row) in vector.iter().zip(matrix) {
        result.iter_mut().zip(row).for_each(|(sum, p)| *sum += weight * p);
    }
    result
}

/// As a distribution; nothing stays nothing.
fn scaled(mut weights: Vec<f64>) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    if 0.0 < total {
        weights.iter_mut().for_each(|weight| *weight /= total);
    }
    weights
}

#[cfg(test)]
mod tests {
    use dlm_discrete::unmasking::Dependence;
    use dlm_rng::Key;
    use dlm_testkit::RandomChain;

    use super::{Exact, information};

    /// Beside `p(xⁱ)·p(xʲ | xⁱ)` from the chain's posteriors with `xⁱ` filled in.
    #[test]
    fn dependence_is_the_conditional_mutual_information() {
        let recipe = RandomChain { states: 4, concentration: 1.0, top_k: 2, epsilon: 0.01 };
        let chain = recipe.chain(Key::new(8)).unwrap();
        let m = chain.mask();
        for tokens in [vec![m; 5], vec![m, m, 2, m, m, m, 1], vec![0, m, m, 3, m]] {
            let masked: Vec<usize> = (0..tokens.len()).filter(|&i| tokens[i] == m).collect();
            let found = Exact::new(chain.clone()).dependence(&tokens, &masked).unwrap();
            for (row, &i) in masked.iter().enumerate() {
                for (column, &j) in masked.iter().enumerate().filter(|(_, j)| **j != i) {
                    let marginal = &chain.posterior(&tokens, &[i]).unwrap()[0];
                    let joint: Vec<Vec<f64>> = (0..4)
                        .map(|a| {
                            let mut filled = tokens.clone();
                            filled[i] = a as u32;
                            let given = &chain.posterior(&filled, &[j]).unwrap()[0];
                            given.iter().map(|p| marginal[a] * p).collect()
                        })
                        .collect();
                    let expected = information(&joint);
                    let got = found[row * masked.len() + column];
                    assert!((got - expected).abs() < 1e-9, "{tokens:?} {i} {j}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn known_tokens_cut_the_chain() {
        let recipe = RandomChain { states: 3, concentration: 1.0, top_k: 2, epsilon: 0.01 };
        let chain = recipe.chain(Key::new(1)).unwrap();
        let m = chain.mask();
        let found = Exact::new(chain).dependence(&[m, 1, m], &[0, 2]).unwrap();
        assert_eq!(found, [0.0; 4]);
    }
}
