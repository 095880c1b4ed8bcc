//! What a row asks in one step, and what is settled before it asks.

use dlm_core::{Memory, Query, TokenId};
use dlm_rng::Purpose;

use super::{
    At, Commit, Draws, Order, Remasking, Strength, UnmaskingSampler,
    commit::{Progress, even_split, scheduled},
    remask::Rates,
    row::Row,
};
use crate::{Clock, Schedule};

/// What a row asks in one step.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Masked positions asked about, then committed ones seen in place.
    pub(super) positions: Vec<usize>,
    /// How many of `positions` are masked.
    pub(super) masked: usize,
    /// Committed positions asked about as if they were masked.
    pub(super) shadows: Vec<usize>,
    /// Whether `positions` are the ones to commit, without ranking.
    pub(super) settled: bool,
    /// How many are committed, where that is known.
    pub(super) count: Option<usize>,
    /// Positions that are masked again whatever the prediction says.
    pub(super) remask: Vec<usize>,
    pub(super) progress: Progress,
    uniforms: Vec<f64>,
    targets: Vec<Option<TokenId>>,
    watched: Vec<Vec<TokenId>>,
    unconditional: Option<Vec<TokenId>>,
    time: f64,
    earlier: Option<Memory>,
}

/// Which masked positions a step is about.
struct Choice {
    positions: Vec<usize>,
    /// Whether they are the ones to commit, without ranking.
    settled: bool,
    /// How many of them are committed, where that is known.
    count: Option<usize>,
}

impl Question {
    /// Whether no evaluation is needed.
    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.shadows.is_empty()
    }

    /// The question as the network sees it.
    pub(super) fn query<'a>(&'a self, tokens: &'a [TokenId]) -> Query<'a> {
        Query {
            shadows: &self.shadows,
            uniforms: &self.uniforms,
            targets: &self.targets,
            watched: &self.watched,
            unconditional: self.unconditional.as_deref(),
            time: Some(self.time),
            earlier: self.earlier.as_ref(),
            ..Query::new(tokens, &self.positions)
        }
    }

    /// Network evaluations that the answer costs.
    pub(super) fn nfe(&self) -> usize {
        1 + usize::from(self.unconditional.is_some())
    }
}

impl Row {
    /// What comes next; nothing, when the row is done. `mean` is the batch's mean number of
    /// masks, where a fault wants it.
    pub(super) fn plan(
        &mut self,
        sampler: &UnmaskingSampler,
        draws: &mut dyn Draws,
        mean: Option<f64>,
    ) -> Option<Question> {
        if self.truncate(sampler) || !self.enter_block(sampler) {
            return None;
        }
        let (_, steps) = &self.blocks[self.block];
        let progress = Progress { step: self.in_block, steps: *steps };
        let masked = self.masked();
        // A block without masks is still being edited.
        if masked.is_empty() || sampler.finishes(progress) {
            let all = Choice { positions: masked, settled: true, count: None };
            return Some(self.question(sampler, draws, progress, all));
        }
        let remask = self.chance_remasks(sampler, progress, draws);
        let choice = self.choice(sampler, draws, progress, masked, mean);
        Some(Question { remask, ..self.question(sampler, draws, progress, choice) })
    }

    /// What order and rule say before the prediction. What they settle is not ranked, what
    /// they leave out is not asked about, and where nothing is asked about, the step costs
    /// no evaluation.
    fn choice(
        &self,
        sampler: &UnmaskingSampler,
        draws: &mut dyn Draws,
        progress: Progress,
        masked: Vec<usize>,
        mean: Option<f64>,
    ) -> Choice {
        let blind = sampler.is_blind();
        let count = match &sampler.commit {
            Commit::Ancestral { clock, .. } => {
                let revealed = |i: &usize| {
                    let rates = self.rates(sampler, clock, *i, progress, 0.0);
                    let at = At { step: self.step, position: *i };
                    draws.chance(Purpose::Reveal, at, rates.reveal())
                };
                let revealed: Vec<usize> = masked.iter().copied().filter(revealed).collect();
                if blind && sampler.order == Order::Random {
                    return Choice { positions: revealed, settled: true, count: None };
                }
                Some(revealed.len())
            }
            _ => self.count(sampler, progress, &masked, mean),
        };
        match count {
            Some(count) if blind => {
                let mut ranked = masked.clone();
                if sampler.order == Order::Random {
                    let mut shuffled: Vec<_> =
                        draws.shuffle(self.step, &masked).into_iter().zip(masked).collect();
                    shuffled.sort_by(|(a, i), (b, j)| b.total_cmp(a).then(i.cmp(j)));
                    ranked = shuffled.into_iter().map(|(_, position)| position).collect();
                }
                ranked.truncate(count);
                Choice { positions: ranked, settled: true, count: Some(count) }
            }
            Some(0) if !sampler.remasking.sees_committed() => {
                Choice { positions: Vec::new(), settled: true, count }
            }
            _ => Choice { positions: masked, settled: false, count },
        }
    }

    fn question(
        &mut self,
        sampler: &UnmaskingSampler,
        draws: &mut dyn Draws,
        progress: Progress,
        choice: Choice,
    ) -> Question {
        let Choice { positions: masked, settled, count } = choice;
        // A block's last step masks nothing again, so it need not look.
        let last = sampler.finishes(progress);
        let seen = match sampler.remasking {
            Remasking::PathPlanning { .. } if !last => self.committed(),
            Remasking::Edit { .. } => self.committed(),
            _ => Vec::new(),
        };
        let shadows = match sampler.remasking {
            Remasking::Verify { .. } if !last && !masked.is_empty() => self.committed(),
            _ => Vec::new(),
        };
        let uniform = |&position: &usize| draws.token(At { step: self.step, position });
        let uniforms = match sampler.tokens.temperature {
            0.0 => Vec::new(),
            _ => masked.iter().map(uniform).chain(seen.iter().map(|_| 0.0)).collect(),
        };
        let targets = match seen.is_empty() {
            true => Vec::new(),
            false => {
                let known = seen.iter().map(|&i| Some(self.canvas.tokens()[i]));
                masked.iter().map(|_| None).chain(known).collect()
            }
        };
        let watched = |&position: &usize| match sampler.faults.aliased_end_confidence {
            true => sampler.ending.tokens.clone(),
            false => self.credits.watched(position),
        };
        let watches =
            sampler.faults.aliased_end_confidence || matches!(sampler.commit, Commit::Credit(_));
        let watched = match watches {
            true => masked.iter().map(watched).chain(seen.iter().map(|_| Vec::new())).collect(),
            false => Vec::new(),
        };
        Question {
            masked: masked.len(),
            positions: masked.into_iter().chain(seen).collect(),
            shadows,
            settled,
            count,
            remask: Vec::new(),
            progress,
            uniforms,
            targets,
            watched,
            unconditional: (sampler.tokens.guidance != 0.0).then(|| self.canvas.unconditional()),
            time: self.time(sampler, progress, draws),
            earlier: self.earlier.clone(),
        }
    }

    /// How many a rule commits, where it can say so beforehand.
    fn count(
        &self,
        sampler: &UnmaskingSampler,
        progress: Progress,
        masked: &[usize],
        mean: Option<f64>,
    ) -> Option<usize> {
        match &sampler.commit {
            Commit::EvenSplit if sampler.faults.masks_in_prompt.is_some() => {
                let more = usize::from(progress.step < self.quota % progress.steps);
                Some(self.quota / progress.steps + more)
            }
            Commit::EvenSplit => Some(even_split(masked.len(), progress)),
            Commit::Scheduled { clock, until } => {
                let expected = scheduled(clock, *until, progress, masked);
                Some(mean.map_or(expected, |mean| {
                    let (t, s) = progress.times(*until);
                    let share = if progress.is_last() { 1.0 } else { 1.0 - s / t };
                    (mean * share + 1e-9) as usize
                }))
            }
            Commit::FirstHitting => Some(1),
            _ => None,
        }
    }

    /// The positions that ReMDM masks again in this step.
    fn chance_remasks(
        &self,
        sampler: &UnmaskingSampler,
        progress: Progress,
        draws: &mut dyn Draws,
    ) -> Vec<usize> {
        let Remasking::ReMdm(rule) = sampler.remasking else { return Vec::new() };
        let committed = self.committed();
        let weight = |i: &usize| (-self.committed_at.get(i).copied().unwrap_or(0.0)).exp();
        let total: f64 = committed.iter().map(weight).sum();
        let linear = Clock::Shared(Schedule::Linear);
        let clock = match &sampler.commit {
            Commit::Ancestral { clock, .. } | Commit::Scheduled { clock, .. } => clock,
            _ => &linear,
        };
        let hit = |i: &usize| {
            let doubt = if rule.strength == Strength::Confidence { weight(i) / total } else { 1.0 };
            let sigma = self.rates(sampler, clock, *i, progress, doubt).sigma;
            draws.chance(Purpose::Remask, At { step: self.step, position: *i }, sigma)
        };
        committed.iter().copied().filter(hit).collect()
    }

    fn rates(
        &self,
        sampler: &UnmaskingSampler,
        clock: &Clock,
        position: usize,
        progress: Progress,
        doubt: f64,
    ) -> Rates {
        let (t, s) = progress.times(sampler.commit.until());
        match sampler.remasking {
            Remasking::ReMdm(rule) => rule.rates(clock, position, (t, s), doubt),
            _ => Rates::plain(clock, position, t, s),
        }
    }

    /// The diffusion time that a network is told: the schedule's, which starts anew with each
    /// block, where there is one, otherwise the masked share of the response.
    fn time(
        &mut self,
        sampler: &UnmaskingSampler,
        progress: Progress,
        draws: &mut dyn Draws,
    ) -> f64 {
        match &sampler.commit {
            Commit::Scheduled { until, .. } | Commit::Ancestral { until, .. } => {
                progress.times(*until).0
            }
            Commit::FirstHitting => {
                let u = draws.instant(self.step).max(f64::MIN_POSITIVE);
                self.instant *= u.powf(1.0 / self.masked().len().max(1) as f64);
                self.instant
            }
            _ => self.canvas.masked().len() as f64 / self.canvas.response().len() as f64,
        }
    }
}
