//! From hidden states to candidates, on the device and in small pieces.
//!
//! The head turns a few hundred rows at a time into logits, and the statistics of
//! those run over a few rows at a time, which stay in the processor's cache. So no
//! tensor of all positions by the whole vocabulary ever exists, and what leaves the
//! device is a handful of numbers per position.
//!
//! With `p = softmax(l)`: `H = logΣe^l − Σ p·l`; the divergence between neighbours is
//! `JS(p, q) = H((p + q)/2) − (H(p) + H(q))/2`; a token is drawn as the first whose
//! cumulative tempered probability exceeds one uniform number, in f64.

use dlm_core::{Ask, Candidate, Mixture, Ranked, Target};
use tch::{Device, Kind, Tensor};

use crate::{Error, network::Network};

/// A logit that no softmax gives any mass, and that still can be multiplied by 0.
const RULED_OUT: f64 = -1e30;

/// Logits that exist at once. The C library gives larger blocks back to the system
/// each time, and clearing their pages anew would cost as much as the statistics.
const HEAD_BYTES: i64 = 26 << 20;

/// Logits that one round of statistics runs over: with its copies, a cache's worth.
const ROUND_BYTES: i64 = 4 << 20;

/// One asked-for position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Index of its query in the batch.
    pub(crate) query: usize,
    /// Its place among the query's positions.
    pub(crate) ordinal: usize,
    /// Its place in the sequence.
    pub(crate) position: usize,
    /// The uniform number of its draw.
    pub(crate) uniform: f64,
    /// The token that belongs there.
    pub(crate) target: Option<u32>,
}

/// Reads hidden states out for one ask.
pub(crate) struct Readout<'a> {
    network: &'a dyn Network,
    ask: &'a Ask<'a>,
    vocab: i64,
    ruled_out: Option<i64>,
    /// The ask's weight vectors, `[vocab]` each.
    weights: Vec<Tensor>,
    /// Summed distributions, `[ordinals, vocab]`.
    mixture: Option<Tensor>,
}

impl<'a> Readout<'a> {
    /// A readout through `network`'s head on `device`; `ordinals` is how many
    /// positions every query asks for, where the ask wants a mixture.
    pub(crate) fn new(
        network: &'a dyn Network,
        ask: &'a Ask<'a>,
        vocab: i64,
        ruled_out: Option<u32>,
        ordinals: usize,
        device: Device,
    ) -> Result<Self, Error> {
        let weights = ask.expectations.iter().map(|w| Tensor::f_from_slice(w)?.f_to_device(device));
        let weights = weights.collect::<Result<_, _>>()?;
        let mixture = match ask.mixture {
            true => Some(Tensor::f_zeros([ordinals as i64, vocab], (Kind::Float, device))?),
            false => None,
        };
        let ruled_out = ruled_out.map(i64::from);
        Ok(Self { network, ask, vocab, ruled_out, weights, mixture })
    }

    /// Candidates of `rows`, whose hidden states are `hidden [rows, width]`.
    pub(crate) fn read(&mut self, hidden: &Tensor, rows: &[Row]) -> Result<Vec<Candidate>, Error> {
        let per_head = (HEAD_BYTES / (4 * self.vocab)).max(1) as usize;
        let mut candidates: Vec<Candidate> = Vec::with_capacity(rows.len());
        // The last distribution of the round before, for the divergence across rounds.
        let mut before: Option<Tensor> = None;
        for (chunk, rows) in rows.chunks(per_head).enumerate() {
            let start = (chunk * per_head) as i64;
            let hidden = hidden.f_narrow(0, start, rows.len() as i64)?;
            let logits = self.network.logits(&hidden)?.f_to_kind(Kind::Float)?;
            if let Some(token) = self.ruled_out {
                let _ = logits.f_narrow(1, token, 1)?.f_fill_(RULED_OUT)?;
            }
            let mut done = 0;
            for round in self.rounds(rows) {
                let logits = logits.f_narrow(0, done, round.len() as i64)?;
                done += round.len() as i64;
                let same = candidates.last().is_some() && 0 < round[0].ordinal;
                let carried = before.take().filter(|_| same);
                before = self.round(&logits, round, carried, &mut candidates)?;
            }
        }
        Ok(candidates)
    }

    /// The summed distributions of all that was read.
    pub(crate) fn mixture(self, queries: usize) -> Result<Option<Mixture>, Error> {
        let Some(sum) = self.mixture else { return Ok(None) };
        let sum = sum.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
        let sum = Vec::<f32>::try_from(&sum)?;
        Ok(Some(Mixture { sum, vocab: self.vocab as usize, queries }))
    }

    /// Cuts `rows` into rounds; where neighbours or ordinals matter, a round ends with
    /// its query.
    fn rounds<'r>(&self, rows: &'r [Row]) -> impl Iterator<Item = &'r [Row]> + use<'r> {
        let most = (ROUND_BYTES / (4 * self.vocab)).max(1) as usize;
        let whole = !self.ask.neighbours && !self.ask.mixture;
        rows.chunk_by(move |a, b| whole || a.query == b.query).flat_map(move |r| r.chunks(most))
    }

    /// Statistics of one round; gives back its last distribution.
    fn round(
        &mut self,
        logits: &Tensor,
        rows: &[Row],
        before: Option<Tensor>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<Option<Tensor>, Error> {
        let listed = (self.ask.top_k as i64).max(2).min(self.vocab);
        let p = logits.f_softmax(-1, Kind::Float)?;
        let (top_logits, top_ids) = logits.f_topk(listed, -1, true, true)?;
        let best = top_logits.f_narrow(1, 0, 1)?;
        let p_best = p.f_gather(1, &top_ids.f_narrow(1, 0, 1)?, false)?;
        let log_sum = best.f_sub(&p_best.f_log()?)?;
        let entropy = log_sum.f_sub(&row_dot(&p, logits)?)?;

        let mut floats = vec![top_logits.f_sub(&log_sum)?, entropy];
        let mut whole = vec![top_ids];
        if 0.0 < self.ask.temperature {
            let token = self.draw(logits, rows)?;
            floats.push(logits.f_gather(1, &token, false)?.f_sub(&log_sum)?);
            whole.push(token);
        }
        if rows.iter().any(|row| row.target.is_some()) {
            let targets: Vec<i64> = rows.iter().map(|r| r.target.map_or(0, i64::from)).collect();
            let targets = Tensor::f_from_slice(&targets)?.f_to_device(logits.device())?;
            let logit = logits.f_gather(1, &targets.f_unsqueeze(1)?, false)?;
            let better = logits.f_gt_tensor(&logit)?;
            whole.push(better.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64)?);
            floats.push(logit.f_sub(&log_sum)?);
        }
        for weights in &self.weights {
            floats.push(row_dot(&p, weights)?);
        }
        if let Some(mixture) = &self.mixture {
            let ordinals = mixture.f_narrow(0, rows[0].ordinal as i64, rows.len() as i64)?;
            let _ = { ordinals }.f_add_(&p)?;
        }
        let first = candidates.len();
        let middles = if self.ask.neighbours { middle_entropies(&p, before)? } else { Vec::new() };
        self.collect(&Tensor::f_cat(&floats, 1)?, &Tensor::f_cat(&whole, 1)?, rows, candidates)?;

        // The middle of the last `middles.len()` pairs that end in this round.
        let pairs_start = (first + rows.len()) - middles.len();
        for (end, middle) in (pairs_start..).zip(middles) {
            let mean = (candidates[end - 1].entropy + candidates[end].entropy) / 2.0;
            candidates[end - 1].next_divergence = Some((middle - mean).max(0.0));
        }
        Ok(if self.ask.neighbours { Some(p.f_narrow(0, rows.len() as i64 - 1, 1)?) } else { None })
    }

    /// The first token whose cumulative tempered probability exceeds the row's uniform
    /// number: one number crosses to the device where Gumbel noise would be a vocabulary.
    fn draw(&self, logits: &Tensor, rows: &[Row]) -> Result<Tensor, Error> {
        let uniforms: Vec<f64> = rows.iter().map(|row| row.uniform).collect();
        let uniforms = Tensor::f_from_slice(&uniforms)?.f_to_device(logits.device())?;
        // Relative to the best logit, or a temperature near 0 would overflow.
        let relative = logits.f_sub(&logits.f_amax([1i64].as_slice(), true)?)?;
        let tempered = relative.f_to_kind(Kind::Double)?.f_div_scalar(self.ask.temperature)?;
        let cdf = tempered.f_softmax(-1, Kind::Double)?.f_cumsum(-1, Kind::Double)?;
        // Rounding leaves the last value near 1; scaling keeps every draw below it.
        let threshold = uniforms.f_unsqueeze(1)?.f_mul(&cdf.f_narrow(1, self.vocab - 1, 1)?)?;
        let passed = cdf.f_le_tensor(&threshold)?;
        let token = passed.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64)?;
        Ok(token.f_clamp_max(self.vocab - 1)?)
    }

    /// Turns the numbers of a round into candidates.
    fn collect(
        &self,
        floats: &Tensor,
        whole: &Tensor,
        rows: &[Row],
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), Error> {
        let (float_columns, whole_columns) = (floats.size()[1], whole.size()[1]);
        let floats = floats.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
        let whole = whole.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
        let (floats, whole) = (Vec::<f32>::try_from(&floats)?, Vec::<i64>::try_from(&whole)?);
        let floats = floats.chunks(float_columns as usize);
        let whole = whole.chunks(whole_columns as usize);
        let drawn = 0.0 < self.ask.temperature;
        let targeted = rows.iter().any(|row| row.target.is_some());
        let listed = (self.ask.top_k as i64).max(2).min(self.vocab) as usize;
        for ((row, floats), whole) in rows.iter().zip(floats).zip(whole) {
            if floats.iter().any(|x| x.is_nan()) {
                let (sequence, position) = (row.query, row.position);
                return Err(Error::NotANumber { sequence, position });
            }
            let (mut floats, mut whole) = (floats.iter().copied(), whole.iter().copied());
            let mut top: Vec<Ranked> = (&mut whole)
                .take(listed)
                .zip((&mut floats).take(listed))
                .map(|(token, log_probability)| Ranked { token: token as u32, log_probability })
                .collect();
            // libtorch leaves the order of equals open.
            top.sort_by(|a, b| {
                b.log_probability.total_cmp(&a.log_probability).then(a.token.cmp(&b.token))
            });
            let mut next_float = || floats.next().unwrap_or(f32::NAN);
            let mut next_whole = || whole.next().unwrap_or(0);
            let entropy = next_float().max(0.0);
            let second = top.get(1).map_or(0.0, |second| second.log_probability.exp());
            let margin = top[0].log_probability.exp() - second;
            let (token, log_probability) = match drawn {
                true => (next_whole() as u32, next_float()),
                false => (top[0].token, top[0].log_probability),
            };
            let target = targeted
                .then(|| Target { rank: next_whole() as u32, log_probability: next_float() });
            top.truncate(self.ask.top_k);
            candidates.push(Candidate {
                position: row.position,
                token,
                log_probability,
                margin,
                entropy,
                top,
                expectations: floats.collect(),
                next_divergence: None,
                target: target.filter(|_| row.target.is_some()),
            });
        }
        Ok(())
    }
}

/// `Σⱼ aᵢⱼ·bᵢⱼ` as `[rows, 1]`; `b` may be one row for all.
fn row_dot(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    // A matrix product adds a vocabulary up one by one, which costs an f32 its last
    // three digits; a sum adds pairwise.
    Ok(a.f_mul(b)?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?)
}

/// `H((p + q)/2)` of every pair of neighbouring rows, the row `before` the first of
/// them included.
fn middle_entropies(p: &Tensor, before: Option<Tensor>) -> Result<Vec<f32>, Error> {
    let rows = p.size()[0];
    let mut middles = Vec::new();
    if let Some(before) = before {
        middles.push(entropy_of_half(&before.f_add(&p.f_narrow(0, 0, 1)?)?)?);
    }
    if 1 < rows {
        let sums = p.f_narrow(0, 0, rows - 1)?.f_add(&p.f_narrow(0, 1, rows - 1)?)?;
        middles.push(entropy_of_half(&sums)?);
    }
    match middles.as_slice() {
        [] => Ok(Vec::new()),
        parts => Ok(Vec::try_from(&Tensor::f_cat(parts, 0)?.f_to_device(Device::Cpu)?)?),
    }
}

/// `H(s/2) = ln 2 − ½·Σ s·ln s` of rows `s` that sum to 2, as `[rows]`.
fn entropy_of_half(s: &Tensor) -> Result<Tensor, Error> {
    // Where `s` is 0 any finite logarithm will do.
    let log = s.f_clamp_min(f64::from(f32::MIN_POSITIVE))?.f_log_()?;
    let sum = row_dot(s, &log)?.f_squeeze_dim(1)?;
    Ok(sum.f_mul_scalar(-0.5)?.f_add_scalar(std::f64::consts::LN_2)?)
}
