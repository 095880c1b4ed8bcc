//! The measures of masked models: cross-entropy and accuracy where tokens are masked, and a
//! bound on the likelihood.

use dlm_core::{Ask, MaskPredictor, ModelError, Query, TokenId};
use dlm_discrete::likelihood::{Answer, AnyOrder, LikelihoodError, MonteCarlo};
use dlm_rng::{Key, Purpose};

use super::{rows::TextRow, texts::Text};

/// How much is masked, as shares of the answer.
const TIMES: [f64; 3] = [0.15, 0.5, 1.0];

/// Evaluations of one replicate of the bound, spread evenly over how much is masked.
pub(super) const STRATA: usize = 8;

/// `−ln p(xⁱ | x_t)` and hits, summed over the tokens of an answer that are masked at each
/// of three times; the prompt and what else stands on the canvas is seen.
///
/// Token `j` of the answer is masked at time `t` where the uniform number of
/// (`key`, step = the bits of `t`, position `j`, [`Purpose::Corrupt`]) lies below `t`; at
/// `t = 1` all are. A time at which none happens to be masked has no row.
pub(super) fn rows(
    model: &mut (impl MaskPredictor + ?Sized),
    text: &Text,
    mask: TokenId,
    key: Key,
) -> Result<Vec<TextRow>, ModelError> {
    let corrupt = key.purpose(Purpose::Corrupt);
    let masked = |t: f64| -> Vec<usize> {
        let uniform = |j: usize| corrupt.step(t.to_bits()).position(j as u64).uniform();
        let drawn = |at: &usize| uniform(at - text.answer.start) < t;
        text.answer.clone().filter(drawn).collect()
    };
    let canvases: Vec<Masked> = TIMES
        .iter()
        .map(|&time| Masked::new(time, text, mask, masked(time)))
        .filter(|canvas| !canvas.positions.is_empty())
        .collect();
    let queries: Vec<Query<'_>> = canvases.iter().map(Masked::query).collect();
    let prediction = model.predict(&queries, &Ask::default())?;
    let mut rows = Vec::new();
    for (canvas, candidates) in canvases.iter().zip(prediction.candidates) {
        let nats = candidates.iter().map(|candidate| {
            -candidate.target.map_or(f64::NAN, |target| f64::from(target.log_probability))
        });
        let is_right =
            |candidate: &&dlm_core::Candidate| candidate.token == text.tokens[candidate.position];
        let hits = candidates.iter().filter(is_right).count();
        let mut row = |what: &str, sum, unit: &str| {
            rows.push(TextRow {
                line: text.line,
                measure: format!("masked {what} at t = {}", canvas.time),
                sum,
                tokens: canvas.positions.len(),
                standard_error: None,
                unit: unit.to_string(),
            });
        };
        row("cross-entropy", nats.sum(), "nats");
        row("accuracy", hits as f64, "share");
    }
    Ok(rows)
}

/// An upper bound on the nats of an answer, its end left out: minus the mean over all orders
/// of the chain rule, estimated from `replicates` times [`STRATA`] maskings.
pub(super) fn bound(
    model: &mut (impl MaskPredictor + ?Sized),
    text: &Text,
    mask: TokenId,
    key: Key,
    replicates: u64,
) -> Result<TextRow, LikelihoodError> {
    let answer = Answer::new(text.tokens.clone(), text.answer.clone().collect(), mask)?;
    let estimator = MonteCarlo { replicates, ..MonteCarlo::default() };
    let estimate = estimator.estimate(model, &answer, &AnyOrder::new(STRATA, key)?)?;
    Ok(TextRow {
        line: text.line,
        measure: "bound on nats per token".to_string(),
        sum: -estimate.value,
        tokens: text.answer.len(),
        standard_error: estimate.standard_error,
        unit: "nats".to_string(),
    })
}

/// A canvas with some tokens of its answer masked.
struct Masked {
    time: f64,
    tokens: Vec<TokenId>,
    positions: Vec<usize>,
    targets: Vec<Option<TokenId>>,
}

impl Masked {
    fn new(time: f64, text: &Text, mask: TokenId, positions: Vec<usize>) -> Self {
        let mut tokens = text.tokens.clone();
        let targets = positions.iter().map(|&at| Some(tokens[at])).collect();
        positions.iter().for_each(|&at| tokens[at] = mask);
        Self { time, tokens, positions, targets }
    }

    fn query(&self) -> Query<'_> {
        Query {
            targets: &self.targets,
            time: Some(self.time),
            ..Query::new(&self.tokens, &self.positions)
        }
    }
}
