//! The numbers of a round, read from the device column by column into candidates.

use dlm_core::{Candidate, Ranked, Target};
use tch::{Device, Tensor};

use super::Row;
use crate::Error;

/// The columns of one round on the device, in the order in which [`Columns::collect`]
/// reads them.
pub(super) struct Columns {
    /// How many tokens are listed, the best two at least.
    pub(super) listed: usize,
    /// How many of them the ask wanted.
    pub(super) wanted: usize,
    /// Whether there is a drawn token: its id, and `ln p`.
    pub(super) drawn: bool,
    /// Whether there is a token of a transition: its id and whether it had any weight,
    /// and `ln p`.
    pub(super) transitions: bool,
    /// Whether there is a target: its rank, and `ln p`.
    pub(super) targets: bool,
    /// How many tokens are watched: `ln p` of each.
    pub(super) watched: usize,
    /// Whether there is an earlier distribution to diverge from.
    pub(super) earlier: bool,
    /// Size of the vocabulary.
    pub(super) vocab: i64,
    /// Columns in f32, `[rows, n]` each: the largest logit, `ln p` of the listed, the
    /// entropy, those above, and the expectations.
    pub(super) floats: Vec<Tensor>,
    /// Columns in i64, `[rows, n]` each: the best token, the listed tokens, those above.
    pub(super) whole: Vec<Tensor>,
}

impl Columns {
    /// The candidates of `rows`.
    pub(super) fn collect(&self, rows: &[Row<'_>]) -> Result<Vec<Candidate>, Error> {
        let (floats, whole) = (Tensor::f_cat(&self.floats, 1)?, Tensor::f_cat(&self.whole, 1)?);
        let (float_columns, whole_columns) = (floats.size()[1], whole.size()[1]);
        let floats = floats.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
        let whole = whole.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?;
        let (floats, whole) = (Vec::<f32>::try_from(&floats)?, Vec::<i64>::try_from(&whole)?);
        let floats = floats.chunks(float_columns as usize);
        let whole = whole.chunks(whole_columns as usize);
        let rows = rows.iter().zip(floats).zip(whole);
        rows.map(|((row, floats), whole)| self.candidate(row, floats, whole)).collect()
    }

    fn candidate(&self, row: &Row<'_>, floats: &[f32], whole: &[i64]) -> Result<Candidate, Error> {
        let (sequence, position) = (row.query, row.position);
        if floats[0] == f32::NEG_INFINITY {
            return Err(Error::NothingLeft { sequence, position });
        }
        if floats.iter().any(|x| x.is_nan()) {
            return Err(Error::NotANumber { sequence, position });
        }
        let best = whole[0] as u32;
        let (mut floats, mut whole) = (floats[1..].iter().copied(), whole[1..].iter().copied());
        let mut top: Vec<Ranked> = (&mut whole)
            .take(self.listed)
            .zip((&mut floats).take(self.listed))
            .map(|(token, log_probability)| Ranked { token: token as u32, log_probability })
            .collect();
        // libtorch leaves open which of equals it lists, and in what order. Where all that
        // are listed are equals of the best, it may be missing.
        if top.iter().all(|ranked| ranked.token != best) {
            top[self.listed - 1].token = best;
        }
        top.sort_by(|a, b| {
            b.log_probability.total_cmp(&a.log_probability).then(a.token.cmp(&b.token))
        });
        let mut next_float = || floats.next().unwrap_or(f32::NAN);
        let mut next_whole = || whole.next().unwrap_or(0);
        let entropy = next_float().max(0.0);
        let second = top.get(1).map_or(0.0, |second| second.log_probability.exp());
        let margin = top[0].log_probability.exp() - second;

        let (mut token, mut log_probability) = (top[0].token, top[0].log_probability);
        if self.drawn {
            let drawn = (next_whole() as u32, next_float());
            if row.transition.is_none() && !row.shadow {
                (token, log_probability) = drawn;
            }
        }
        if self.transitions {
            let (drawn, possible) = (next_whole(), next_whole() == 1);
            let of_drawn = next_float();
            if row.transition.is_some() {
                if !possible {
                    return Err(Error::NoWeight { sequence, position });
                }
                let inside = drawn < self.vocab;
                token = drawn as u32;
                log_probability = if inside { of_drawn } else { f32::NEG_INFINITY };
            }
        }
        let target = self
            .targets
            .then(|| Target { rank: next_whole() as u32, log_probability: next_float() });
        let watched: Vec<f32> = (0..self.watched).map(|_| next_float()).collect();
        let of_watched = |(&token, log_probability)| match i64::from(token) < self.vocab {
            true => log_probability,
            false => f32::NEG_INFINITY,
        };
        let divergence = self.earlier.then(&mut next_float);
        top.truncate(self.wanted);
        Ok(Candidate {
            position,
            token,
            log_probability,
            margin,
            entropy,
            top,
            expectations: floats.collect(),
            next_divergence: None,
            target: target.filter(|_| row.target.is_some()),
            watched: row.watched.iter().zip(watched).map(of_watched).collect(),
            divergence: divergence.filter(|_| row.earlier.is_some()),
        })
    }
}
