//! A sampler's law, by running it with every outcome of every decision.

use std::collections::BTreeMap;

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_rng::Purpose;
use dlm_testkit::Branches;

use super::model::Doubtful;
use crate::unmasking::{
    At, Dependence, Draws, Outcome, ReMdm, Remasking, Strength, UnmaskingSampler, row::Row,
    settle::Answer,
};

/// Probabilities of the finished sequences.
pub(super) type Law = BTreeMap<Vec<TokenId>, f64>;

/// What the orders and rules of a run need besides.
pub(super) struct Aids<'a> {
    pub(super) frequencies: &'a [f32],
    pub(super) dependence: &'a mut dyn Dependence,
}

/// The exact law of `sampler` on `canvas`: a step at a time over the distribution of what a
/// row can be, rows alike taken together.
pub(super) fn law(
    sampler: &UnmaskingSampler,
    model: &mut Doubtful,
    canvas: &Canvas,
    aids: &mut Aids<'_>,
) -> Law {
    let mut law = Law::new();
    let start = Row::new(sampler, canvas.clone()).unwrap();
    let mut states = BTreeMap::from([(String::new(), (start, 1.0))]);
    while !states.is_empty() {
        let mut next = BTreeMap::new();
        for (row, probability) in states.into_values() {
            let mut branch = Branch::default();
            while branch.0.begin() {
                let (row, done) = step(sampler, model, row.clone(), aids, &mut branch);
                let probability = probability * branch.0.probability();
                if done {
                    *law.entry(row.canvas.tokens().to_vec()).or_default() += probability;
                } else {
                    next.entry(format!("{row:?}")).or_insert((row, 0.0)).1 += probability;
                }
            }
        }
        states = next;
    }
    law
}

/// One step along one branch; true where the row was done.
fn step(
    sampler: &UnmaskingSampler,
    model: &mut Doubtful,
    mut row: Row,
    aids: &mut Aids<'_>,
    branch: &mut Branch,
) -> (Row, bool) {
    let Some(question) = row.plan(sampler, branch, None) else { return (row, true) };
    let mut answer = Answer { candidates: Vec::new(), memory: None, dependence: Vec::new() };
    if !question.is_empty() {
        let tokens = row.canvas.tokens().to_vec();
        let biases = sampler.biases(row.canvas.mask(), model.vocab());
        let temperature = sampler.tokens.temperature;
        // The branch draws, in double precision; the model only says what it predicts.
        let ask = dlm_core::Ask { temperature: 0.0, ..sampler.ask(&biases) };
        let prediction = model.predict(&[question.query(&tokens)], &ask).unwrap();
        answer.candidates = prediction.candidates.into_iter().next().unwrap();
        answer.memory = prediction.memories.into_iter().next();
        let masked = &question.positions[..question.masked];
        answer.dependence = aids.dependence.dependence(&tokens, masked).unwrap();
        if 0.0 < temperature {
            for candidate in &mut answer.candidates[..question.masked] {
                let p = model.distribution(&tokens, candidate.position);
                let tempered: Vec<f64> = p.iter().map(|p| p.powf(1.0 / temperature)).collect();
                let token = branch.choose(&tempered);
                candidate.token = token as TokenId;
                candidate.log_probability = p[token].ln() as f32;
            }
        }
    }
    row.settle(sampler, &question, answer, aids.frequencies, branch);
    row.advance();
    // What it cost does not tell rows apart, nor what only one rule looks at.
    row.outcome = Outcome {
        step_map: row.outcome.step_map.iter().map(|_| None).collect(),
        ..Outcome::default()
    };
    let confidence = Strength::Confidence;
    if !matches!(sampler.remasking, Remasking::ReMdm(ReMdm { strength, .. }) if strength == confidence)
    {
        row.committed_at.clear();
    }
    (row, false)
}

/// A sampler's decisions, taken by a path.
#[derive(Default)]
struct Branch(Branches);

impl Branch {
    /// This path's outcome. A sampler that leaves nothing to choose from is wrong.
    fn choose(&mut self, weights: &[f64]) -> usize {
        assert!(weights.iter().any(|&weight| 0.0 < weight), "no outcome is possible: {weights:?}");
        self.0.choose(weights)
    }
}

impl Draws for Branch {
    fn token(&mut self, _: At) -> f64 {
        0.0
    }

    fn chance(&mut self, _: Purpose, _: At, p: f64) -> bool {
        self.choose(&[1.0 - p, p]) == 1
    }

    fn shuffle(&mut self, _: usize, positions: &[usize]) -> Vec<f64> {
        self.0.shuffle(positions.len())
    }

    fn pick(&mut self, _: usize, _: usize, weights: &[f64]) -> usize {
        self.choose(weights)
    }

    fn instant(&mut self, _: usize) -> f64 {
        0.5
    }
}
