//! Owned queries, and whole distributions as a model gives them.

use dlm_core::{Ask, Candidate, DenseLogits, MaskPredictor, Prediction, Query, TokenId};
use dlm_runtime::Model;

/// A [`Query`] that owns what it asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) tokens: Vec<TokenId>,
    pub(crate) positions: Vec<usize>,
    pub(crate) uniforms: Vec<f64>,
    pub(crate) targets: Vec<Option<TokenId>>,
}

impl Question {
    /// A prompt of `known` tokens, told apart by `salt`, and `masks` masked positions,
    /// all of which are asked about.
    pub(crate) fn new(
        vocab: usize,
        mask: TokenId,
        known: usize,
        masks: usize,
        salt: usize,
    ) -> Self {
        let token = |i: usize| ((salt * 131 + 7) * (i + 3) + 17 * i * i) % vocab;
        // A mask among the known tokens would be one more thing to predict.
        let known_token = |i: usize| token(i) as TokenId;
        let known_token = |i| if known_token(i) == mask { 0 } else { known_token(i) };
        let mut tokens: Vec<TokenId> = (0..known).map(known_token).collect();
        tokens.resize(known + masks, mask);
        let positions = (known..known + masks).collect();
        Self { tokens, positions, ..Self::default() }
    }

    /// The same sequence, asked at other positions.
    pub(crate) fn at(self, positions: impl IntoIterator<Item = usize>) -> Self {
        Self { positions: positions.into_iter().collect(), ..self }
    }

    /// The same, with the right tokens as `target` gives them for each position.
    pub(crate) fn knowing(self, target: impl Fn(usize) -> Option<TokenId>) -> Self {
        let targets = self.positions.iter().map(|&position| target(position)).collect();
        Self { targets, ..self }
    }

    /// The query.
    pub(crate) fn query(&self) -> Query<'_> {
        let Self { tokens, positions, uniforms, targets } = self;
        Query { uniforms, targets, ..Query::new(tokens, positions) }
    }
}

/// The answers of `model`.
pub(crate) fn predict(model: &mut Model, questions: &[Question], ask: &Ask<'_>) -> Prediction {
    let queries: Vec<Query<'_>> = questions.iter().map(Question::query).collect();
    model.predict(&queries, ask).unwrap()
}

/// `ln p` of every token at every asked position, `[position][token]`, question by
/// question; minus infinity for a token that is ruled out.
pub(crate) fn distributions(model: &mut Model, questions: &[Question]) -> Vec<Vec<Vec<f32>>> {
    let vocab = model.vocab();
    let whole = Ask { top_k: vocab, ..Ask::default() };
    let candidates = predict(model, questions, &whole).candidates;
    let row = |candidate| listed(candidate, vocab);
    candidates.iter().map(|list| list.iter().map(row).collect()).collect()
}

/// `ln p` of every token, of a candidate that lists all of them.
pub(crate) fn listed(candidate: &Candidate, vocab: usize) -> Vec<f32> {
    let mut row = vec![f32::NAN; vocab];
    for ranked in &candidate.top {
        row[ranked.token as usize] = ranked.log_probability;
    }
    assert!(row.iter().all(|value| !value.is_nan()), "every token is listed once");
    row
}

/// Distributions in the form that the definition of a readout takes.
pub(crate) fn dense(rows: &[Vec<f32>], vocab: usize) -> DenseLogits {
    DenseLogits::new(rows.concat(), vocab).unwrap()
}
