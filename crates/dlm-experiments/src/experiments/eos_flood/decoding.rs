//! The canvases of some prompts: a look at the masks, then every policy.

use std::ops::Range;

use dlm_core::{Ask, Candidate, Canvas, MaskPredictor, Query, TokenId};
use dlm_discrete::{
    Outcome,
    unmasking::{Ending, UnmaskingSampler, presets},
};
use dlm_rng::Key;
use dlm_runtime::Model;

use super::{FirstRow, PositionRow, RunRow, Settings, policy};
use crate::{Error, experiments::answers::response};

/// How canvases are decoded, one for each of `prompts`.
pub(super) struct Decoding<'a> {
    pub(super) settings: &'a Settings,
    /// Tokens that end a text.
    pub(super) ends: Vec<TokenId>,
    pub(super) prompts: Range<usize>,
    pub(super) keys: Vec<Key>,
}

impl Decoding<'_> {
    /// The mass on ends at every mask.
    pub(super) fn first_pass(
        &self,
        model: &mut Model,
        canvases: &[Canvas],
    ) -> Result<Vec<FirstRow>, Error> {
        let mut weights = vec![0.0; model.vocab()];
        self.ends.iter().for_each(|&end| weights[end as usize] = 1.0);
        let ask = Ask { expectations: &[weights], ..Ask::default() };
        let queries: Vec<Query<'_>> =
            canvases.iter().map(|canvas| Query::new(canvas.tokens(), canvas.response())).collect();
        let answers = model.predict(&queries, &ask)?.candidates;
        let of_prompt = |(prompt, answer): (usize, Vec<Candidate>)| {
            let length = answer.len();
            let row = move |(position, candidate): (usize, Candidate)| FirstRow {
                prompt,
                length,
                position,
                eos_mass: f64::from(candidate.expectations[0]).clamp(0.0, 1.0),
            };
            answer.into_iter().enumerate().map(row)
        };
        Ok(self.prompts.clone().zip(answers).flat_map(of_prompt).collect())
    }

    /// Fills `canvases` under the policy called `name`.
    pub(super) fn decode(
        &self,
        model: &mut Model,
        canvases: &[Canvas],
        name: &str,
    ) -> Result<(Vec<RunRow>, Vec<PositionRow>), Error> {
        let length = canvases[0].response().len();
        let Settings { preset, tokens_per_step, penalty_nats, .. } = self.settings;
        let policy = policy(name, *penalty_nats);
        let sampler = UnmaskingSampler {
            steps: Some(length.div_ceil(*tokens_per_step)),
            block_length: None,
            ending: Ending { policy, tokens: self.ends.clone() },
            ..(presets::find(preset)?.sampler)()
        };
        let mut canvases = canvases.to_vec();
        let outcomes = sampler.fill(model, &mut canvases, &self.keys, &mut ())?;
        let (mut runs, mut positions) = (Vec::new(), Vec::new());
        for ((prompt, canvas), outcome) in self.prompts.clone().zip(&canvases).zip(&outcomes) {
            let ends: Vec<bool> =
                response(canvas).iter().map(|token| self.ends.contains(token)).collect();
            runs.push(Self::run(prompt, name, &ends, outcome));
            let row = |(position, (&step, &end)): (usize, (&Option<usize>, &bool))| PositionRow {
                prompt,
                length,
                policy: name.to_string(),
                position,
                step,
                end,
            };
            positions.extend(outcome.step_map.iter().zip(&ends).enumerate().map(row));
        }
        Ok((runs, positions))
    }

    /// What is said of a filled canvas, by whether its tokens are `ends`.
    fn run(prompt: usize, name: &str, ends: &[bool], outcome: &Outcome) -> RunRow {
        let end = ends.iter().position(|&end| end);
        RunRow {
            prompt,
            length: ends.len(),
            policy: name.to_string(),
            answer_length: end.unwrap_or(ends.len()),
            ended: end.is_some(),
            wasted_positions: outcome.wasted_positions,
            nfe: outcome.nfe,
            wasted_nfe: outcome.wasted_nfe,
        }
    }
}
