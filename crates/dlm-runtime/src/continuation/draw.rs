//! The next token of each sequence, from its logits and one uniform number.

use dlm_core::{TokenId, invert_cdf};
use tch::{Device, Kind, Tensor};

use crate::{
    Error,
    readout::{blocked, draw::tempered},
};

/// How tokens are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Of the softmax; 0 takes the most probable token.
    pub(super) temperature: f64,
    /// How many of the most probable tokens take part; all if absent.
    pub(super) top_k: Option<i64>,
    /// Whether log-probabilities are wanted.
    pub(super) scored: bool,
}

/// A token that was drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    /// Which.
    pub(super) token: TokenId,
    /// `ln p` of it before temperature and truncation, in nats, where wanted.
    pub(super) log_probability: Option<f32>,
}

impl Rule {
    /// A token for each row of `logits [rows, vocab]` in f32; `None` for a row without
    /// numbers.
    ///
    /// Among the `k` most probable tokens, in the order of their ids, the one whose
    /// cumulative weight `exp(l/T)` first exceeds the row's uniform number. The order of
    /// ids rather than of probabilities keeps a rounding that swaps two of these from
    /// changing what is drawn.
    pub(super) fn draw(
        &self,
        logits: &Tensor,
        uniforms: &[f64],
    ) -> Result<Vec<Option<Drawn>>, Error> {
        let listed = match self.top_k {
            Some(k) if 0.0 < self.temperature => k,
            _ => 1,
        };
        let top = blocked::largest(logits, listed)?;
        let values: Vec<f32> = host(&top.values.f_to_kind(Kind::Float)?)?;
        let tokens: Vec<i64> = match (self.temperature, self.top_k) {
            (0.0, _) => host(&top.best)?,
            (_, None) => {
                let uniforms = Tensor::f_from_slice(uniforms)?.f_to_device(logits.device())?;
                let (p, uniforms) = (logits.f_softmax(-1, Kind::Float)?, uniforms.f_unsqueeze(1)?);
                let largest = top.values.f_narrow(1, 0, 1)?;
                host(&tempered(logits, &p, &largest, self.temperature, &uniforms)?)?
            }
            (temperature, Some(_)) => {
                let ids: Vec<i64> = host(&top.tokens)?;
                let rows = values.chunks(listed as usize).zip(ids.chunks(listed as usize));
                let rows = rows.zip(uniforms);
                rows.map(|((values, ids), &u)| among(values, ids, temperature, u)).collect()
            }
        };
        let scores: Option<Vec<f32>> = match self.scored {
            true => {
                let chosen = Tensor::f_from_slice(&tokens)?.f_to_device(logits.device())?;
                let chosen = logits.f_gather(1, &chosen.f_unsqueeze(1)?, false)?;
                Some(host(&chosen.f_sub(&logits.f_logsumexp([-1i64].as_slice(), true)?)?)?)
            }
            false => None,
        };
        let drawn = |(row, &token): (usize, &i64)| {
            let largest = values[row * listed as usize];
            let log_probability = scores.as_ref().map(|scores| scores[row]);
            largest.is_finite().then_some(Drawn { token: token as TokenId, log_probability })
        };
        Ok(tokens.iter().enumerate().map(drawn).collect())
    }
}

/// One of `ids` with the logits `values`, largest first.
fn among(values: &[f32], ids: &[i64], temperature: f64, uniform: f64) -> i64 {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|&i| ids[i]);
    let largest = f64::from(values[0]);
    let weight = |&i: &usize| ((f64::from(values[i]) - largest) / temperature).exp();
    let weights: Vec<f64> = order.iter().map(weight).collect();
    ids[order[invert_cdf(&weights, uniform)]]
}

fn host<E: tch::kind::Element + Copy>(x: &Tensor) -> Result<Vec<E>, Error>
where
    Vec<E>: TryFrom<Tensor, Error = tch::TchError>,
{
    Ok(Vec::<E>::try_from(x.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?)?)
}
