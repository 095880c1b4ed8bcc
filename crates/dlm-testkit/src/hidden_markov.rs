//! A hidden Markov model as a perfect mask predictor over words of any length.

use dlm_core::{
    Ask, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, invert_cdf,
    predict_dense,
};
use dlm_rng::Key;

use crate::MarkovError;
use crate::matrix::{Rows, transposed};

/// How far from 1 the sum of a row may lie.
const SLACK: f64 = 1e-9;

/// A chain of hidden states, each of which emits one token.
///
/// ```text
/// p(h, x) = π(h₁) e(x₁|h₁) ∏ᵢ P(hᵢ₊₁|hᵢ) e(xᵢ₊₁|hᵢ₊₁)
/// ```
///
/// In a *chain* the states are the tokens, and `e` is the identity. As a
/// [`MaskPredictor`] it answers `p(xⁱ | known tokens)` exactly, whatever is masked, which
/// makes it the oracle by which samplers are told from networks (Tang et al. 2026). The
/// mask is token `vocab`. Words may have any length; a prediction costs time in
/// proportion to length × states².
///
/// ```
/// use dlm_testkit::HiddenMarkov;
///
/// // A token is repeated with probability 0.9.
/// let rows = vec![vec![0.9, 0.1], vec![0.1, 0.9]];
/// let chain = HiddenMarkov::chain(vec![0.5, 0.5], rows)?;
/// let mask = chain.mask();
/// let between = &chain.posterior(&[0, mask, 0], &[1])?[0];
/// assert!((between[0] - 0.81 / 0.82).abs() < 1e-12);
/// # Ok::<(), dlm_testkit::MarkovError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenMarkov {
    pub(crate) start: Vec<f64>,
    pub(crate) transition: Rows,
    /// The transposed transitions, by which the forward pass reads rows too.
    pub(crate) incoming: Rows,
    /// Absent where the states are the tokens.
    pub(crate) emission: Option<Rows>,
    pub(crate) vocab: usize,
}

impl HiddenMarkov {
    /// A Markov chain on tokens: `start[v] = π(v)`, `transition[a][b] = P(b|a)`.
    ///
    /// # Errors
    ///
    /// Where sizes disagree or a row is no distribution.
    pub fn chain(start: Vec<f64>, transition: Vec<Vec<f64>>) -> Result<Self, MarkovError> {
        let vocab = start.len();
        check("start", std::slice::from_ref(&start), 1, vocab.max(1))?;
        check("transition", &transition, vocab, vocab)?;
        let incoming = transposed(&transition);
        Ok(Self { start, transition, incoming, emission: None, vocab })
    }

    /// A chain of hidden states with `emission[h][v] = e(v|h)`.
    ///
    /// # Errors
    ///
    /// Where sizes disagree or a row is no distribution.
    pub fn new(
        start: Vec<f64>,
        transition: Vec<Vec<f64>>,
        emission: Vec<Vec<f64>>,
    ) -> Result<Self, MarkovError> {
        let vocab = emission.first().map_or(0, Vec::len);
        check("emission", &emission, start.len(), vocab.max(1))?;
        Ok(Self { emission: Some(emission), vocab, ..Self::chain(start, transition)? })
    }

    /// How many states there are, `H`.
    pub fn states(&self) -> usize {
        self.start.len()
    }

    /// The mask's id, `V`.
    pub fn mask(&self) -> TokenId {
        self.vocab as TokenId
    }

    /// A word of `length` tokens.
    ///
    /// Position `i` is drawn with the numbers of `key.position(i)`, so that a shorter
    /// word is the beginning of a longer one; the other coordinates are the caller's.
    pub fn draw(&self, length: usize, key: Key) -> Vec<TokenId> {
        let mut state = None;
        let step = |position: usize| {
            let mut numbers = key.position(position as u64).stream();
            let row = state.map_or(&self.start, |h: usize| &self.transition[h]);
            let h = invert_cdf(row, numbers.uniform());
            state = Some(h);
            let token = match &self.emission {
                Some(emission) => invert_cdf(&emission[h], numbers.uniform()),
                None => h,
            };
            token as TokenId
        };
        (0..length).map(step).collect()
    }

    /// `e(v|h)`.
    pub(crate) fn emits(&self, h: usize, v: usize) -> f64 {
        match &self.emission {
            Some(emission) => emission[h][v],
            None if h == v => 1.0,
            None => 0.0,
        }
    }

    /// The tokens that follow from a distribution of states.
    pub(crate) fn tokens_of(&self, states: Vec<f64>) -> Vec<f64> {
        match &self.emission {
            Some(emission) => crate::matrix::applied(&states, emission),
            None => states,
        }
    }

    fn logits(&self, tokens: &[TokenId], positions: &[usize]) -> Result<DenseLogits, ModelError> {
        let rows = self.posterior(tokens, positions).map_err(ModelError::new)?;
        DenseLogits::new(rows.iter().flatten().map(|p| p.ln() as f32).collect(), self.vocab)
    }
}

impl MaskPredictor for HiddenMarkov {
    fn vocab(&self) -> usize {
        self.vocab
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        predict_dense(queries, ask, self.mask(), |tokens, positions, _| {
            self.logits(tokens, positions)
        })
    }
}

/// Whether a matrix has `rows × columns` entries and rows that are distributions.
pub(crate) fn check(
    what: &'static str,
    matrix: &[Vec<f64>],
    rows: usize,
    columns: usize,
) -> Result<(), MarkovError> {
    if matrix.len() != rows {
        return Err(MarkovError::Size { what, expected: rows, found: matrix.len() });
    }
    for (row, entries) in matrix.iter().enumerate() {
        if entries.len() != columns {
            return Err(MarkovError::Size { what, expected: columns, found: entries.len() });
        }
        let sum: f64 = entries.iter().sum();
        let all_probabilities = entries.iter().all(|p| (0.0..=1.0 + SLACK).contains(p));
        if !all_probabilities || SLACK < (sum - 1.0).abs() {
            return Err(MarkovError::NotADistribution { what, row, sum });
        }
    }
    Ok(())
}
