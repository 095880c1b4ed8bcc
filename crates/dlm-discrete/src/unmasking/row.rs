//! One sequence on its way: its blocks, its steps, and what is remembered of it.

use std::collections::BTreeMap;

use dlm_core::{Canvas, Memory};

use super::{
    ConfigError, EndPolicy, Outcome, Remasking, UnmaskingSampler, commit::Credits,
    question::Question,
};

/// A canvas and everything a sampler remembers of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) canvas: Canvas,
    /// The positions of each block and the steps it may take.
    pub(super) blocks: Vec<(Vec<usize>, usize)>,
    pub(super) block: usize,
    /// Steps of the current block.
    pub(super) in_block: usize,
    /// Steps of all blocks.
    pub(super) step: usize,
    /// Masks that the block's quota counts, where a fault counts them once.
    pub(super) quota: usize,
    /// Probability at which each committed position was committed.
    pub(super) committed_at: BTreeMap<usize, f64>,
    /// The last prediction's distributions.
    pub(super) earlier: Option<Memory>,
    /// Steps in a row that each position moved little.
    pub(super) stable: BTreeMap<usize, usize>,
    pub(super) credits: Credits,
    /// The instant of the last first-hitting reveal.
    pub(super) instant: f64,
    /// Evaluations spent on editing the block since it holds no mask.
    pub(super) edit_steps: usize,
    /// Whether the last of them found nothing to replace.
    pub(super) is_edited: bool,
    pub(super) outcome: Outcome,
}

impl Row {
    pub(super) fn new(sampler: &UnmaskingSampler, canvas: Canvas) -> Result<Self, ConfigError> {
        let blocks = sampler.blocks(&canvas)?;
        let step_map = vec![None; canvas.response().len()];
        let mut row = Self {
            canvas,
            blocks,
            block: 0,
            in_block: 0,
            step: 0,
            quota: 0,
            committed_at: BTreeMap::new(),
            earlier: None,
            stable: BTreeMap::new(),
            credits: Credits::default(),
            instant: 1.0,
            edit_steps: 0,
            is_edited: false,
            outcome: Outcome { step_map, ..Outcome::default() },
        };
        row.quota = row.block_quota(sampler);
        Ok(row)
    }

    /// The row as if that many steps of its first block had been made.
    pub(super) fn from(self, step: usize) -> Result<Self, ConfigError> {
        match self.blocks.first() {
            Some((_, steps)) if 0 < step && *steps <= step => {
                let (field, allowed) = ("from_step", "below the number of the first block's steps");
                Err(ConfigError::Range { field, value: step as f64, allowed })
            }
            _ => Ok(Self { step, in_block: step, ..self }),
        }
    }

    /// Masked positions of the current block.
    pub(super) fn masked(&self) -> Vec<usize> {
        let block = self.blocks.get(self.block).map_or(&[][..], |(block, _)| block);
        block.iter().copied().filter(|&i| self.canvas.is_masked(i)).collect()
    }

    /// Committed positions of the current block.
    pub(super) fn committed(&self) -> Vec<usize> {
        let block = self.blocks.get(self.block).map_or(&[][..], |(block, _)| block);
        block.iter().copied().filter(|&i| !self.canvas.is_masked(i)).collect()
    }

    /// Moves on to the first block that is not finished; false where there is none.
    pub(super) fn enter_block(&mut self, sampler: &UnmaskingSampler) -> bool {
        while let Some((_, steps)) = self.blocks.get(self.block) {
            let open = !self.masked().is_empty() && self.in_block < *steps;
            let edits = match sampler.remasking {
                Remasking::Edit { extra_steps, .. } => {
                    !self.is_edited && self.edit_steps < extra_steps && self.masked().is_empty()
                }
                _ => false,
            };
            if open || edits {
                return true;
            }
            self.block += 1;
            self.in_block = 0;
            self.edit_steps = 0;
            self.is_edited = false;
            self.earlier = None;
            self.instant = 1.0;
            self.stable.clear();
            self.credits = Credits::default();
            self.quota = self.block_quota(sampler);
        }
        false
    }

    /// Masks of the current block that its quota counts, where a fault counts them once.
    fn block_quota(&self, sampler: &UnmaskingSampler) -> usize {
        let Some(prompt) = sampler.faults.masks_in_prompt else { return 0 };
        let start = prompt + self.block * sampler.block_length.unwrap_or(0);
        self.masked().into_iter().filter(|&i| start <= i).count()
    }

    /// Ends the row where a policy wants that and its text is settled.
    pub(super) fn truncate(&mut self, sampler: &UnmaskingSampler) -> bool {
        let response = self.canvas.response().to_vec();
        let mask = self.canvas.mask();
        let end = sampler.ending.first(self.canvas.tokens(), &response, mask);
        let Some(end) = end.filter(|_| sampler.ending.policy == EndPolicy::Truncate) else {
            return false;
        };
        let token = self.canvas.tokens()[response[end]];
        for position in self.canvas.masked() {
            self.canvas.commit(position, token);
        }
        true
    }

    /// Counts what a question costs.
    pub(super) fn account(&mut self, sampler: &UnmaskingSampler, question: &Question) {
        if question.is_empty() {
            return;
        }
        let (tokens, mask) = (self.canvas.tokens(), self.canvas.mask());
        let settled = sampler.ending.first(tokens, self.canvas.response(), mask).is_some();
        self.outcome.nfe += question.nfe();
        self.outcome.wasted_nfe += if settled { question.nfe() } else { 0 };
    }

    /// Ends the step.
    pub(super) fn advance(&mut self) {
        self.step += 1;
        self.in_block += 1;
        self.outcome.steps += 1;
    }

    /// The account of the row, which is done.
    pub(super) fn finish(&self, sampler: &UnmaskingSampler) -> Outcome {
        let response = self.canvas.response();
        let end = sampler.ending.first(self.canvas.tokens(), response, self.canvas.mask());
        let wasted_positions = end.map_or(0, |end| response.len() - end - 1);
        Outcome { wasted_positions, ..self.outcome.clone() }
    }
}
