//! The probe itself: one forward pass per prompt, everything written down.

use dlm_core::{Ask, Candidate, Canvas, MaskPredictor, Mixture, ModelError, Query, TokenId};

use crate::{Lexicon, PositionRow, ProbeRow};

/// What the probe asks for.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// How many tokens to list at each position.
    pub top_k: usize,
    /// What the model's tokens are; without it the statistics about words are absent.
    pub lexicon: Option<&'a Lexicon>,
    /// Whether to sum the predictions over the prompts, which takes as much memory as
    /// those of one prompt.
    pub mixture: bool,
}

/// One prompt to be probed.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Index of the prompt in the whole run, from 0.
    pub prompt: usize,
    /// The prompt with its masks.
    pub canvas: Canvas,
    /// The reference answer, of which token `j` belongs at the `j`-th mask; empty
    /// where there is none.
    pub answer: Vec<TokenId>,
}

/// What the probe wrote down about some prompts.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Ranked tokens, by prompt, position and rank.
    pub tokens: Vec<ProbeRow>,
    /// Statistics, by prompt and position.
    pub positions: Vec<PositionRow>,
    /// The summed predictions, where they were asked for and every prompt has equally
    /// many masks.
    pub mixture: Option<Mixture>,
}

impl Probe<'_> {
    /// Runs the network once on every subject.
    ///
    /// The rows of a subject do not depend on the others, up to the network's own
    /// floating-point error.
    ///
    /// # Errors
    ///
    /// Where the network fails.
    pub fn run(
        &self,
        model: &mut impl MaskPredictor,
        subjects: &[Subject],
    ) -> Result<Reading, ModelError> {
        let masked: Vec<Vec<usize>> = subjects.iter().map(|s| s.canvas.masked()).collect();
        let targets: Vec<Vec<Option<TokenId>>> =
            subjects.iter().zip(&masked).map(|(s, masked)| aligned(s, masked)).collect();
        let queries: Vec<Query<'_>> = subjects
            .iter()
            .zip(masked.iter().zip(&targets))
            .map(|(subject, (positions, targets))| Query {
                targets,
                ..Query::new(subject.canvas.tokens(), positions)
            })
            .collect();
        let weights = self.lexicon.map(Lexicon::weights).unwrap_or_default();
        let ask = Ask {
            top_k: self.top_k,
            expectations: &weights,
            neighbours: true,
            mixture: self.mixture && masked.windows(2).all(|pair| pair[0].len() == pair[1].len()),
            ..Ask::default()
        };
        let prediction = model.predict(&queries, &ask)?;
        let mut reading = Reading { mixture: prediction.mixture, ..Reading::default() };
        for ((subject, targets), candidates) in
            subjects.iter().zip(&targets).zip(&prediction.candidates)
        {
            let first = candidates.first().map_or(0, |candidate| candidate.position);
            for (candidate, &gold) in candidates.iter().zip(targets) {
                let place = (subject.prompt, candidate.position - first);
                reading.tokens.extend(self.token_rows(place, candidate));
                reading.positions.push(self.position_row(place, candidate, gold));
            }
        }
        Ok(reading)
    }

    fn token_rows(
        &self,
        (prompt, position): (usize, usize),
        candidate: &Candidate,
    ) -> impl Iterator<Item = ProbeRow> {
        candidate.top.iter().enumerate().map(move |(rank, ranked)| ProbeRow {
            prompt,
            position,
            rank,
            token_id: ranked.token,
            token: self.lexicon.map_or("", |lexicon| lexicon.text(ranked.token)).to_string(),
            prob: ranked.log_probability.exp(),
            logprob: ranked.log_probability,
        })
    }

    fn position_row(
        &self,
        (prompt, position): (usize, usize),
        candidate: &Candidate,
        gold: Option<TokenId>,
    ) -> PositionRow {
        let class = |class: usize| candidate.expectations.get(class).copied();
        // The last expectation is the cross-entropy with the unigram distribution.
        let kl = class(3).map(|cross_entropy| (cross_entropy - candidate.entropy).max(0.0));
        PositionRow {
            prompt,
            position,
            top1_token: candidate.token,
            top1_prob: candidate.probability(),
            top_k_mass: candidate.top.iter().map(|ranked| ranked.log_probability.exp()).sum(),
            margin: candidate.margin,
            entropy: candidate.entropy,
            kl_unigram: kl,
            js_next: candidate.next_divergence,
            eos_mass: class(0),
            punctuation_mass: class(1),
            frequent_mass: class(2),
            gold_token: gold,
            gold_rank: candidate.target.map(|target| target.rank),
            gold_logprob: candidate.target.map(|target| target.log_probability),
        }
    }
}

/// The answer's token at each mask.
fn aligned(subject: &Subject, masked: &[usize]) -> Vec<Option<TokenId>> {
    (0..masked.len()).map(|ordinal| subject.answer.get(ordinal).copied()).collect()
}
