//! What the model says of the true tokens of masked sequences.

use dlm_core::{Ask, MaskPredictor, Query, Shaping, TokenId};
use serde::{Deserialize, Serialize};

use super::{Answer, LikelihoodError};

/// How masked sequences are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scoring {
    /// Most sequences of one call of the model, at least 1. It decides how much memory is
    /// needed, and nothing else: values are the same for every batch size. 16 unless told.
    pub batch: usize,
    /// Classifier-free guidance `w` (see [`Shaping::guidance`]): the distribution scored
    /// is the guided one, for which everything but the answer is masked a second time. 0,
    /// the default, is off; otherwise an evaluation costs two passes of the network.
    pub guidance: f64,
}

impl Default for Scoring {
    fn default() -> Self {
        Self { batch: 16, guidance: 0.0 }
    }
}

/// A masked sequence and what is asked of it.
pub(super) struct Masked<'a> {
    /// The positions that are masked.
    pub(super) hidden: &'a [usize],
    /// Those of them that are asked about.
    pub(super) asked: &'a [usize],
    /// Diffusion time, for networks that are told it.
    pub(super) time: Option<f64>,
}

impl<'a> Masked<'a> {
    /// A sequence that is asked about all its masks.
    pub(super) fn whole(hidden: &'a [usize], time: Option<f64>) -> Self {
        Self { hidden, asked: hidden, time }
    }
}

impl Scoring {
    /// Whether the settings make sense and the model knows the answer's tokens.
    pub(super) fn check(
        &self,
        model: &mut (impl MaskPredictor + ?Sized),
        answer: &Answer,
    ) -> Result<(), LikelihoodError> {
        if self.batch == 0 {
            let (field, value, range) = ("batch", 0.0, "above 0");
            return Err(LikelihoodError::Setting { field, value, range });
        }
        if !self.guidance.is_finite() {
            let (field, value, range) = ("guidance", self.guidance, "that is finite");
            return Err(LikelihoodError::Setting { field, value, range });
        }
        let vocab = model.vocab();
        let mut tokens = answer.positions().iter().map(|&at| (at, answer.tokens()[at]));
        match tokens.find(|(_, token)| vocab <= *token as usize) {
            Some((position, token)) => Err(LikelihoodError::Token { position, token, vocab }),
            None => Ok(()),
        }
    }

    /// `ln p(xⁱ | known tokens)` of every asked position, sequence by sequence.
    pub(super) fn score(
        &self,
        model: &mut (impl MaskPredictor + ?Sized),
        answer: &Answer,
        sequences: &[Masked<'_>],
    ) -> Result<Vec<Vec<f64>>, LikelihoodError> {
        let shaping = Shaping { guidance: self.guidance, ..Shaping::default() };
        let ask = Ask { shaping, ..Ask::default() };
        let mut scores = Vec::with_capacity(sequences.len());
        for batch in sequences.chunks(self.batch) {
            let inputs: Vec<Input> =
                batch.iter().map(|masked| self.input(answer, masked)).collect();
            let queries: Vec<Query<'_>> =
                inputs.iter().zip(batch).map(|(input, masked)| input.query(masked)).collect();
            let mut answers = model.predict(&queries, &ask)?.candidates.into_iter();
            for masked in batch {
                let mut candidates = answers.next().unwrap_or_default().into_iter();
                let of_target = |&position: &usize| {
                    let target = candidates.next().and_then(|candidate| candidate.target);
                    let target = target.ok_or(LikelihoodError::Unanswered { position })?;
                    Ok(f64::from(target.log_probability))
                };
                let row: Result<_, LikelihoodError> = masked.asked.iter().map(of_target).collect();
                scores.push(row?);
            }
        }
        Ok(scores)
    }

    fn input(&self, answer: &Answer, masked: &Masked<'_>) -> Input {
        let tokens = answer.masked(masked.hidden);
        let unconditional = (self.guidance != 0.0).then(|| answer.unconditional(&tokens));
        let targets = masked.asked.iter().map(|&at| Some(answer.tokens()[at])).collect();
        Input { tokens, unconditional, targets }
    }
}

/// What a query borrows.
struct Input {
    tokens: Vec<TokenId>,
    unconditional: Option<Vec<TokenId>>,
    targets: Vec<Option<TokenId>>,
}

impl Input {
    fn query<'a>(&'a self, masked: &Masked<'a>) -> Query<'a> {
        Query {
            targets: &self.targets,
            unconditional: self.unconditional.as_deref(),
            time: masked.time,
            ..Query::new(&self.tokens, masked.asked)
        }
    }
}
