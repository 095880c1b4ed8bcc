//! What an answer does to a row.

use std::cmp::Ordering;

use dlm_core::{Candidate, Memory};

use super::{
    Commit, Commitment, Draws, EndPolicy, Order, Ranked, Remasking, UnmaskingSampler,
    commit::Situation, order::Surroundings, question::Question, remask::keep_best, row::Row,
};

/// What a step changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    /// Tokens committed, best first, and those replaced in place after them.
    pub(super) committed: Vec<Commitment>,
    /// How many of `committed` replaced another token.
    pub(super) edits: usize,
    /// Positions masked again.
    pub(super) remasked: Vec<usize>,
}

/// The network's answer to one question.
pub(super) struct Answer {
    /// One per position and shadow, in order.
    pub(super) candidates: Vec<Candidate>,
    /// What the network wants to be shown next time.
    pub(super) memory: Option<Memory>,
    /// Row-major dependences of the masked positions asked about, where a rule needs them.
    pub(super) dependence: Vec<f64>,
}

impl Row {
    /// Applies an answer: ranks, commits, masks again.
    pub(super) fn settle(
        &mut self,
        sampler: &UnmaskingSampler,
        question: &Question,
        answer: Answer,
        frequencies: &[f32],
        draws: &mut dyn Draws,
    ) -> Change {
        let mut candidates = answer.candidates;
        let mut known = candidates.split_off(question.masked);
        let shadows = known.split_off(question.positions.len() - question.masked);
        self.revalue(sampler, &mut candidates);
        self.mark_stable(sampler, &candidates);
        self.earlier = answer.memory;

        let ranked = self.rank(sampler, question, candidates, frequencies, draws);
        let chosen = match question.settled {
            true => (0..ranked.len()).collect(),
            false => self.choose(sampler, question, &ranked, &answer.dependence),
        };
        let mut change = Change { remasked: question.remask.clone(), ..Change::default() };
        let chosen = match sampler.remasking {
            Remasking::PathPlanning { eta } if !known.is_empty() => {
                self.plan_path(eta, &ranked, chosen.len(), &known, &mut change)
            }
            _ => chosen,
        };
        let is_token = |r: &&Ranked| r.candidate.token != self.canvas.mask();
        let committed = chosen.iter().map(|&i| &ranked[i]).filter(is_token);
        change.committed.extend(committed.map(|r| commitment(&r.candidate)));
        match sampler.remasking {
            Remasking::Verify { below } => verify(below, &shadows, &mut change),
            Remasking::Edit { above, .. } => self.edit(above, &known, &mut change),
            _ => {}
        }
        self.apply(&change);
        change
    }

    /// Probabilities as the rule sees them: with credit, or as published code has them.
    fn revalue(&mut self, sampler: &UnmaskingSampler, candidates: &mut [Candidate]) {
        if let Commit::Credit(rule) = &sampler.commit {
            candidates.iter_mut().for_each(|candidate| self.credits.apply(rule, candidate));
        }
        if sampler.faults.aliased_end_confidence {
            let gone = if sampler.tokens.temperature == 0.0 { 0 } else { 1 };
            let ends = sampler.ending.tokens.get(gone..).unwrap_or_default();
            for candidate in candidates {
                let lost: f64 =
                    candidate.watched.iter().skip(gone).map(|&l| f64::from(l).exp()).sum();
                candidate.log_probability = match ends.contains(&candidate.token) {
                    true => f32::NEG_INFINITY,
                    false => candidate.log_probability - (-lost).ln_1p() as f32,
                };
            }
        }
    }

    fn mark_stable(&mut self, sampler: &UnmaskingSampler, candidates: &[Candidate]) {
        let Commit::Stable { nats, .. } = sampler.commit else { return };
        for candidate in candidates {
            let moved_little = candidate.divergence.is_some_and(|moved| f64::from(moved) < nats);
            let steps = self.stable.entry(candidate.position).or_default();
            *steps = if moved_little { *steps + 1 } else { 0 };
        }
    }

    /// The candidates, best first; those whose priority is no number last, equals in order
    /// of their positions.
    fn rank(
        &self,
        sampler: &UnmaskingSampler,
        question: &Question,
        candidates: Vec<Candidate>,
        frequencies: &[f32],
        draws: &mut dyn Draws,
    ) -> Vec<Ranked> {
        let masked = &question.positions[..question.masked];
        let around = Surroundings {
            start: self.canvas.response()[0],
            leftmost: masked.iter().copied().min().unwrap_or(0),
            frequencies,
        };
        let shuffled = match sampler.order {
            Order::Random if !question.settled => draws.shuffle(self.step, masked),
            _ => vec![0.0; candidates.len()],
        };
        let holds_back = sampler.ending.policy == EndPolicy::Confidence
            && !sampler.faults.aliased_end_confidence;
        let value = |(candidate, shuffled): (Candidate, f64)| {
            let mut confidence = sampler.order.confidence(&candidate, &around);
            let mut priority = sampler.order.priority(candidate.position, confidence, shuffled);
            if holds_back && sampler.ending.tokens.contains(&candidate.token) {
                (priority, confidence) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
            }
            Ranked { candidate, priority, confidence }
        };
        let mut ranked: Vec<Ranked> = candidates.into_iter().zip(shuffled).map(value).collect();
        ranked.sort_by(|a, b| {
            let numbers = a.priority.is_nan().cmp(&b.priority.is_nan());
            let priorities = b.priority.partial_cmp(&a.priority).unwrap_or(Ordering::Equal);
            numbers.then(priorities).then(a.candidate.position.cmp(&b.candidate.position))
        });
        if sampler.softens() && !question.settled {
            let most = question.count.unwrap_or(ranked.len());
            self.draw_ranking(&mut ranked, sampler.selection_temperature, most, draws);
        }
        ranked
    }

    /// Puts first `most` positions drawn without replacement from `softmax(priority/τ)`.
    fn draw_ranking(&self, ranked: &mut [Ranked], tau: f64, most: usize, draws: &mut dyn Draws) {
        for place in 0..most.min(ranked.len()) {
            let rest = &ranked[place..];
            let best = rest.iter().map(|r| r.priority).fold(f64::NEG_INFINITY, f64::max);
            let weight = |r: &Ranked| match r.priority.is_nan() || best == f64::NEG_INFINITY {
                // Priorities that tell nothing leave the order as it is.
                true => 0.0,
                false => ((r.priority - best) / tau).exp(),
            };
            let weights: Vec<f64> = rest.iter().map(weight).collect();
            if 0.0 < weights.iter().sum() {
                let picked = draws.pick(self.step, place, &weights);
                ranked[place..=place + picked].rotate_right(1);
            }
        }
    }

    fn choose(
        &self,
        sampler: &UnmaskingSampler,
        question: &Question,
        ranked: &[Ranked],
        dependence: &[f64],
    ) -> Vec<usize> {
        if ranked.is_empty() {
            return Vec::new();
        }
        let dependence = match dependence.is_empty() {
            true => Vec::new(),
            false => in_order_of(ranked, &question.positions[..question.masked], dependence),
        };
        let situation = Situation {
            progress: question.progress,
            count: question.count,
            stable_for: &|position| self.stable.get(&position).copied().unwrap_or(0),
            dependence: &dependence,
            factor_accepts_last: sampler.faults.factor_accepts_last,
        };
        sampler.commit.choose(ranked, &situation)
    }

    /// Gives the places, those already taken and `free` more, to the best scores; returns
    /// the candidates among them.
    fn plan_path(
        &self,
        eta: f64,
        ranked: &[Ranked],
        free: usize,
        known: &[Candidate],
        change: &mut Change,
    ) -> Vec<usize> {
        let candidates = ranked.iter().map(|r| match r.confidence == f64::NEG_INFINITY {
            true => f64::NEG_INFINITY,
            false => f64::from(r.candidate.log_probability),
        });
        let own = |c: &Candidate| c.target.map_or(0.0, |target| f64::from(target.log_probability));
        // Zero times −∞ is to be nothing: η = 0 keeps everything.
        let worth = |c: &Candidate| if eta == 0.0 { 0.0 } else { eta * own(c) };
        let scores: Vec<f64> = known.iter().map(worth).chain(candidates).collect();
        let kept = keep_best(&scores, known.len() + free);
        let gone = known.iter().zip(&kept).filter(|(_, kept)| !**kept);
        change.remasked.extend(gone.map(|(candidate, _)| candidate.position));
        (0..ranked.len()).filter(|i| kept[known.len() + i]).collect()
    }

    /// Replaces committed tokens that the network would rather see otherwise.
    fn edit(&mut self, above: f64, known: &[Candidate], change: &mut Change) {
        let mask = self.canvas.mask();
        for candidate in known {
            let Some(mode) = candidate.top.first() else { continue };
            let other =
                mode.token != self.canvas.tokens()[candidate.position] && mode.token != mask;
            if other && above < f64::from(mode.log_probability).exp() {
                change.committed.push(Commitment {
                    token: mode.token,
                    probability: mode.log_probability.exp(),
                    ..commitment(candidate)
                });
                change.edits += 1;
            }
        }
        if self.masked().is_empty() {
            self.edit_steps += 1;
            self.is_edited = change.edits == 0;
        }
    }

    fn apply(&mut self, change: &Change) {
        for &position in &change.remasked {
            self.canvas.remask(position);
            self.committed_at.remove(&position);
            self.stable.remove(&position);
            self.map_step(position, None);
        }
        for committed in &change.committed {
            self.canvas.commit(committed.position, committed.token);
            self.committed_at.insert(committed.position, f64::from(committed.probability));
            self.map_step(committed.position, Some(self.step));
        }
        self.outcome.commits += change.committed.len() - change.edits;
        self.outcome.edits += change.edits;
        self.outcome.remasks += change.remasked.len();
    }

    fn map_step(&mut self, position: usize, step: Option<usize>) {
        if let Ok(ordinal) = self.canvas.response().binary_search(&position) {
            self.outcome.step_map[ordinal] = step;
        }
    }
}

/// Masks again the committed tokens that the network, not seeing them, gives less than
/// `below`: the least probable first, at most one fewer than the step commits.
fn verify(below: f64, shadows: &[Candidate], change: &mut Change) {
    let own = |c: &Candidate| c.target.map_or(f32::NAN, |target| target.log_probability);
    let mut doubtful: Vec<&Candidate> =
        shadows.iter().filter(|&c| f64::from(own(c)).exp() < below).collect();
    doubtful.sort_by(|a, b| own(a).total_cmp(&own(b)).then(a.position.cmp(&b.position)));
    let most = change.committed.len().saturating_sub(1);
    change.remasked.extend(doubtful.iter().take(most).map(|candidate| candidate.position));
}

fn commitment(candidate: &Candidate) -> Commitment {
    Commitment {
        position: candidate.position,
        token: candidate.token,
        probability: candidate.probability(),
        entropy: candidate.entropy,
    }
}

/// A row-major matrix over `asked`, ascending positions, as one over the ranking.
fn in_order_of(ranked: &[Ranked], asked: &[usize], matrix: &[f64]) -> Vec<f64> {
    let place = |r: &Ranked| asked.binary_search(&r.candidate.position).unwrap_or(0);
    let places: Vec<usize> = ranked.iter().map(place).collect();
    let row = |&i: &usize| places.iter().map(move |j| matrix[i * asked.len() + j]);
    places.iter().flat_map(row).collect()
}
