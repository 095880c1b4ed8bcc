//! One prompt's canvases: a look at the masks, then every policy.

use dlm_core::{Ask, Canvas, MaskPredictor, Query, TokenId};
use dlm_discrete::unmasking::{Ending, UnmaskingSampler, presets};
use dlm_rng::Key;
use dlm_runtime::Model;

use super::{FirstRow, PositionRow, RunRow, Settings, policy};
use crate::Error;

/// How a prompt's canvases are decoded.
pub(super) struct Decoding<'a> {
    pub(super) settings: &'a Settings,
    /// Tokens that end a text.
    pub(super) ends: Vec<TokenId>,
    pub(super) unit: usize,
    pub(super) key: Key,
}

impl Decoding<'_> {
    /// The mass on ends at every mask.
    pub(super) fn first_pass(
        &self,
        model: &mut Model,
        canvas: &Canvas,
    ) -> Result<Vec<FirstRow>, Error> {
        let mut weights = vec![0.0; model.vocab()];
        self.ends.iter().for_each(|&end| weights[end as usize] = 1.0);
        let ask = Ask { expectations: &[weights], ..Ask::default() };
        let query = Query::new(canvas.tokens(), canvas.response());
        let prediction = model.predict(&[query], &ask)?;
        let candidates = prediction.candidates.into_iter().flatten();
        let row = |(position, candidate): (usize, dlm_core::Candidate)| FirstRow {
            prompt: self.unit,
            length: canvas.response().len(),
            position,
            eos_mass: f64::from(candidate.expectations[0]).clamp(0.0, 1.0),
        };
        Ok(candidates.enumerate().map(row).collect())
    }

    /// Fills `canvas` under the policy called `name`.
    pub(super) fn decode(
        &self,
        model: &mut Model,
        canvas: &Canvas,
        name: &str,
    ) -> Result<(RunRow, Vec<PositionRow>), Error> {
        let length = canvas.response().len();
        let Settings { preset, tokens_per_step, penalty_nats, .. } = self.settings;
        let policy = policy(name, *penalty_nats);
        let sampler = UnmaskingSampler {
            steps: Some(length.div_ceil(*tokens_per_step)),
            block_length: None,
            ending: Ending { policy, tokens: self.ends.clone() },
            ..(presets::find(preset)?.sampler)()
        };
        let mut canvases = [canvas.clone()];
        let outcome = sampler.fill(model, &mut canvases, &[self.key], &mut ())?.remove(0);
        let tokens = canvas.response().iter().map(|&at| canvases[0].tokens()[at]);
        let ends: Vec<bool> = tokens.map(|token| self.ends.contains(&token)).collect();
        let end = ends.iter().position(|&end| end);
        let run = RunRow {
            prompt: self.unit,
            length,
            policy: name.to_string(),
            answer_length: end.unwrap_or(length),
            ended: end.is_some(),
            wasted_positions: outcome.wasted_positions,
            nfe: outcome.nfe,
            wasted_nfe: outcome.wasted_nfe,
        };
        let row = |(position, (step, end)): (usize, (&Option<usize>, bool))| PositionRow {
            prompt: self.unit,
            length,
            policy: name.to_string(),
            position,
            step: *step,
            end,
        };
        let positions = outcome.step_map.iter().zip(ends).enumerate().map(row);
        Ok((run, positions.collect()))
    }
}
