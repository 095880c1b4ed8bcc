//! From hidden states to candidates, on the device and in small pieces.
//!
//! The head turns a few hundred rows at a time into logits, and the statistics of
//! those run over a few rows at a time, which stay in the processor's cache. So no
//! tensor of all positions by the whole vocabulary exists, unless an ask wants the
//! distributions remembered, and what leaves the device is a handful of numbers per
//! position.
//!
//! The logits are guided and shaped first; then `p = softmax(l)`, and everything that is
//! said is said of that `p`. Nothing is computed that nobody asked for.

pub(crate) mod blocked;
mod collect;
pub(crate) mod draw;
mod memory;
mod shaping;
mod statistics;

use std::f32::consts::LN_2;

use dlm_core::{Ask, Candidate, Measure, Memory, Mixture, Query, Transition};
use tch::{Device, Kind, Tensor};

use crate::{
    Error,
    network::{Network, Place, RULED_OUT},
};
use collect::Columns;
use draw::Step;
pub(crate) use memory::Distributions;
use shaping::Shaper;
use statistics::{divergence, middle_entropies, rank, row_dot};

/// Logits that exist at once. The C library gives larger blocks back to the system
/// each time, and clearing their pages anew would cost as much as the statistics.
pub(crate) const HEAD_BYTES: i64 = 26 << 20;

/// Logits that one round of statistics runs over: with its copies, a cache's worth.
const ROUND_BYTES: i64 = 4 << 20;

/// One asked-for position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'q> {
    /// Index of its query in the batch.
    pub(crate) query: usize,
    /// Its place among what the query's answers are about.
    pub(crate) ordinal: usize,
    /// Its place in the sequence.
    pub(crate) position: usize,
    /// Whether it is answered as if its token were masked.
    pub(crate) shadow: bool,
    /// Where its logits come from.
    pub(crate) origin: Origin,
    /// The same without the condition, where that is to be led away from.
    pub(crate) unconditional: Option<Origin>,
    /// The uniform number of its draw.
    pub(crate) uniform: f64,
    /// The weights it draws from, unless these are `p`.
    pub(crate) transition: Option<Transition>,
    /// The token that belongs there.
    pub(crate) target: Option<u32>,
    /// Tokens whose probabilities are wanted.
    pub(crate) watched: &'q [u32],
    /// Earlier distributions, and which of them was about this position.
    pub(crate) earlier: Option<(&'q Distributions, i64)>,
}

/// Where a row of logits comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The row of hidden states.
    pub(crate) hidden: i64,
    /// What stands at the position, and when.
    pub(crate) place: Place,
}

/// Reads hidden states out for one ask.
pub(crate) struct Readout<'a> {
    network: &'a dyn Network,
    ask: &'a Ask<'a>,
    shaper: Shaper,
    vocab: i64,
    device: Device,
    ruled_out: Option<i64>,
    /// The ask's weight vectors, `[vocab]` each.
    weights: Vec<Tensor>,
    /// Summed distributions, `[ordinals, vocab]`.
    mixture: Option<Tensor>,
    /// One for each query, where the ask wants them.
    memories: Vec<Distributions>,
}

impl<'a> Readout<'a> {
    /// A readout for `queries` through `network`'s head on `device`.
    pub(crate) fn new(
        network: &'a dyn Network,
        ask: &'a Ask<'a>,
        queries: &[Query<'_>],
        vocab: i64,
        ruled_out: Option<u32>,
        device: Device,
    ) -> Result<Self, Error> {
        let weights = ask.expectations.iter().map(|w| Tensor::f_from_slice(w)?.f_to_device(device));
        let weights = weights.collect::<Result<_, _>>()?;
        let ordinals = queries.first().map_or(0, |query| query.positions.len()) as i64;
        let mixture = match ask.mixture {
            true => Some(Tensor::f_zeros([ordinals, vocab], (Kind::Float, device))?),
            false => None,
        };
        let remembered = queries.iter().filter(|_| ask.remember);
        let memories = remembered
            .map(|query| Distributions::new(query.answered().collect(), vocab, device))
            .collect::<Result<_, _>>()?;
        let shaper = Shaper::new(&ask.shaping, device)?;
        let ruled_out = ruled_out.map(i64::from);
        Ok(Self { network, ask, shaper, vocab, device, ruled_out, weights, mixture, memories })
    }

    /// Candidates of `rows`, whose hidden states are among `hidden [tokens, width]`.
    pub(crate) fn read(
        &mut self,
        hidden: &Tensor,
        rows: &[Row<'_>],
    ) -> Result<Vec<Candidate>, Error> {
        let guided = rows.iter().any(|row| row.unconditional.is_some());
        let held = if guided { 2 } else { 1 };
        let per_head = (HEAD_BYTES / (4 * self.vocab * held)).max(1) as usize;
        let mut candidates: Vec<Candidate> = Vec::with_capacity(rows.len());
        // The last distribution of the round before, for the divergence across rounds.
        let mut before: Option<Tensor> = None;
        for rows in rows.chunks(per_head) {
            let logits = self.logits(hidden, rows)?;
            let mut done = 0;
            for round in self.rounds(rows) {
                let logits = logits.f_narrow(0, done, round.len() as i64)?;
                done += round.len() as i64;
                let same = candidates.last().is_some() && 0 < round[0].ordinal;
                let carried = before.take().filter(|_| same);
                before = self.round(logits, round, carried, &mut candidates)?;
            }
        }
        Ok(candidates)
    }

    /// The summed distributions of all that was read, and what each query leaves behind.
    pub(crate) fn finish(self, queries: usize) -> Result<(Option<Mixture>, Vec<Memory>), Error> {
        let memories = self.memories.into_iter().map(Memory::new).collect();
        let Some(sum) = self.mixture else { return Ok((None, memories)) };
        let sum = sum.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
        let sum = Vec::<f32>::try_from(&sum)?;
        Ok((Some(Mixture { sum, vocab: self.vocab as usize, queries }), memories))
    }

    /// Guided logits of `rows` in f32, `[rows, vocab]`.
    fn logits(&self, hidden: &Tensor, rows: &[Row<'_>]) -> Result<Tensor, Error> {
        let origins: Vec<Origin> = rows.iter().map(|row| row.origin).collect();
        let mut logits = self.head(hidden, &origins)?;
        let of = |row: &Row<'_>| row.unconditional;
        let unconditional: Vec<Origin> = rows.iter().filter_map(of).collect();
        if !unconditional.is_empty() {
            let guided = (0i64..).zip(rows).filter(|(_, row)| row.unconditional.is_some());
            let guided = self.whole(guided.map(|(index, _)| index))?;
            let conditional = logits.f_index_select(0, &guided)?;
            let unconditional = self.head(hidden, &unconditional)?;
            let led = self.shaper.guide(&conditional, &unconditional)?;
            logits = logits.f_index_copy_(0, &guided, &led)?;
        }
        Ok(logits)
    }

    /// Logits of `origins` in f32, as the network means them.
    fn head(&self, hidden: &Tensor, origins: &[Origin]) -> Result<Tensor, Error> {
        let rows = self.whole(origins.iter().map(|origin| origin.hidden))?;
        let places: Vec<Place> = origins.iter().map(|origin| origin.place).collect();
        let logits = self.network.logits(&hidden.f_index_select(0, &rows)?)?;
        let logits = self.network.parametrise(logits.f_to_kind(Kind::Float)?, &places)?;
        if let Some(token) = self.ruled_out {
            let _ = logits.f_narrow(1, token, 1)?.f_fill_(RULED_OUT)?;
        }
        Ok(logits)
    }

    /// Cuts `rows` into rounds; where queries or ordinals matter, a round ends with its
    /// query.
    fn rounds<'r, 'q>(
        &self,
        rows: &'r [Row<'q>],
    ) -> impl Iterator<Item = &'r [Row<'q>]> + use<'r, 'q> {
        let most = (ROUND_BYTES / (4 * self.vocab)).max(1) as usize;
        let across = !self.ask.neighbours
            && !self.ask.mixture
            && !self.ask.remember
            && rows.iter().all(|row| row.earlier.is_none());
        rows.chunk_by(move |a, b| across || a.query == b.query).flat_map(move |r| r.chunks(most))
    }

    /// Statistics of one round; gives back its last distribution.
    fn round(
        &mut self,
        logits: Tensor,
        rows: &[Row<'_>],
        before: Option<Tensor>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<Option<Tensor>, Error> {
        let ask = self.ask;
        let logits = self.shaper.shape(logits)?;
        let listed = (ask.top_k as i64).max(2).min(self.vocab);
        let p = logits.f_softmax(-1, Kind::Float)?;
        let top = blocked::largest(&logits, listed)?;
        let best = top.values.f_narrow(1, 0, 1)?;
        let log_sum = best.f_sub(&p.f_gather(1, &top.best, false)?.f_log()?)?;
        let entropy = log_sum.f_sub(&row_dot(&p, &logits)?)?;
        let log_of = |token: &Tensor| logits.f_gather(1, token, false)?.f_sub(&log_sum);

        let mut columns = Columns {
            listed: listed as usize,
            wanted: ask.top_k,
            drawn: 0.0 < ask.temperature
                && rows.iter().any(|row| row.transition.is_none() && !row.shadow),
            transitions: rows.iter().any(|row| row.transition.is_some()),
            targets: rows.iter().any(|row| row.target.is_some()),
            watched: rows.iter().map(|row| row.watched.len()).max().unwrap_or(0),
            earlier: rows.iter().any(|row| row.earlier.is_some()),
            vocab: self.vocab,
            floats: vec![best.shallow_clone(), top.values.f_sub(&log_sum)?, entropy],
            whole: vec![top.best, top.tokens],
        };
        if columns.drawn {
            let uniforms: Vec<f64> = rows.iter().map(|row| row.uniform).collect();
            let uniforms = Tensor::f_from_slice(&uniforms)?.f_to_device(self.device)?;
            let uniforms = uniforms.f_unsqueeze(1)?;
            let token = draw::tempered(&logits, &p, &best, ask.temperature, &uniforms)?;
            columns.floats.push(log_of(&token)?);
            columns.whole.push(token);
        }
        if columns.transitions {
            let (token, possible) = self.transitions(&logits, &p, rows)?;
            columns.floats.push(log_of(&token.f_clamp_max(self.vocab - 1)?)?);
            columns.whole.extend([token, possible]);
        }
        if columns.targets {
            let targets = rows.iter().map(|row| row.target.map_or(0, i64::from));
            let logit = logits.f_gather(1, &self.whole(targets)?.f_unsqueeze(1)?, false)?;
            columns.whole.push(rank(&logits, &logit)?);
            columns.floats.push(logit.f_sub(&log_sum)?);
        }
        if 0 < columns.watched {
            let last = self.vocab - 1;
            let token =
                |row: &Row<'_>, i| row.watched.get(i).map_or(0, |&v| i64::from(v).min(last));
            let token = &token;
            let watched = rows.iter().flat_map(|row| (0..columns.watched).map(|i| token(row, i)));
            let watched = self.whole(watched)?.f_view([rows.len() as i64, -1])?;
            columns.floats.push(log_of(&watched)?);
        }
        if columns.earlier || ask.remember {
            let logs = logits.f_sub(&log_sum)?;
            if let Some((earlier, _)) = rows.iter().find_map(|row| row.earlier) {
                let then = rows.iter().map(|row| row.earlier.map_or(0, |(_, at)| at));
                let then = earlier.rows(&then.collect::<Vec<_>>(), self.device)?;
                columns.floats.push(divergence(&p, &logs, &then)?);
            }
            if let Some(memory) = self.memories.get(rows[0].query) {
                memory.keep(rows[0].ordinal as i64, &logs)?;
            }
        }
        for weights in &self.weights {
            columns.floats.push(row_dot(&p, weights)?);
        }
        if let Some(mixture) = &self.mixture {
            let positions = rows.iter().filter(|row| !row.shadow).count() as i64;
            if 0 < positions {
                let ordinals = mixture.f_narrow(0, rows[0].ordinal as i64, positions)?;
                let _ = { ordinals }.f_add_(&p.f_narrow(0, 0, positions)?)?;
            }
        }
        let first = candidates.len();
        let middles = if ask.neighbours { middle_entropies(&p, before)? } else { Vec::new() };
        candidates.extend(columns.collect(rows)?);

        // The middle of the last `middles.len()` pairs that end in this round.
        let pairs_start = (first + rows.len()) - middles.len();
        for (end, middle) in (pairs_start..).zip(middles) {
            let mean = (candidates[end - 1].entropy + candidates[end].entropy) / 2.0;
            candidates[end - 1].next_divergence = Some((middle - mean).clamp(0.0, LN_2));
        }
        Ok(if ask.neighbours { Some(p.f_narrow(0, rows.len() as i64 - 1, 1)?) } else { None })
    }

    /// The token that each row's transition draws, and whether it had any weight to draw
    /// from, both `[rows, 1]`; 0 where a row has none.
    fn transitions(
        &self,
        logits: &Tensor,
        p: &Tensor,
        rows: &[Row<'_>],
    ) -> Result<(Tensor, Tensor), Error> {
        let zeros = || Tensor::f_zeros([rows.len() as i64, 1], (Kind::Int64, self.device));
        let (mut tokens, mut possible) = (zeros()?, zeros()?);
        for measure in [Measure::Probability, Measure::Score] {
            let step = |(index, row): (i64, &Row<'_>)| {
                let transition = row.transition.filter(|t| t.measure == measure)?;
                let (current, uniform) = (row.origin.place.token, row.uniform);
                Some(Step { row: index, transition, current, uniform })
            };
            let steps: Vec<Step> = (0i64..).zip(rows).filter_map(step).collect();
            if steps.is_empty() {
                continue;
            }
            let (drawn, weighty) = draw::transitions(logits, p, measure, &steps)?;
            let places = self.whole(steps.iter().map(|step| step.row))?;
            tokens = tokens.f_index_copy_(0, &places, &drawn)?;
            possible = possible.f_index_copy_(0, &places, &weighty)?;
        }
        Ok((tokens, possible))
    }

    /// Whole numbers on the device.
    fn whole(&self, numbers: impl Iterator<Item = i64>) -> Result<Tensor, Error> {
        Ok(Tensor::f_from_slice(&numbers.collect::<Vec<_>>())?.f_to_device(self.device)?)
    }
}
