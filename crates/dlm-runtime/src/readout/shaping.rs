//! Shaping on the device: logits in, the logits of `p` out.
//!
//! Guidance, then biases, then top-k, then top-p, as [`Shaping`] says. What is ruled out
//! has the logit `−∞`.

use dlm_core::{Crossing, Shaping, TopP};
use tch::{Device, Kind, Tensor};

use super::blocked::{self, Largest};
use crate::{Error, network::RULED_OUT};

/// How many tokens a nucleus is first sought among; eight times as many next.
const NUCLEUS: i64 = 1024;

/// A [`Shaping`] with its biases on the device.
pub(super) struct Shaper {
    guidance: f64,
    /// Tokens and what is added to their logits.
    biases: Option<(Tensor, Tensor)>,
    top_k: Option<usize>,
    top_p: Option<TopP>,
}

impl Shaper {
    pub(super) fn new(shaping: &Shaping<'_>, device: Device) -> Result<Self, Error> {
        let (tokens, values): (Vec<i64>, Vec<f32>) =
            shaping.biases.iter().map(|&(token, bias)| (i64::from(token), bias)).unzip();
        let biases = match tokens.is_empty() {
            true => None,
            false => Some((
                Tensor::f_from_slice(&tokens)?.f_to_device(device)?,
                Tensor::f_from_slice(&values)?.f_to_device(device)?,
            )),
        };
        // The whole mass is everything, however the sum of all is rounded.
        let top_p = shaping.top_p.filter(|top_p| top_p.mass < 1.0);
        Ok(Self { guidance: shaping.guidance, biases, top_k: shaping.top_k, top_p })
    }

    /// `l_u + (w + 1)(l_c − l_u)`; a token that both rule out stays ruled out.
    pub(super) fn guide(
        &self,
        conditional: &Tensor,
        unconditional: &Tensor,
    ) -> Result<Tensor, Error> {
        let difference = conditional.f_sub(unconditional)?.f_mul_scalar_(self.guidance + 1.0)?;
        let guided = { difference }.f_add_(unconditional)?;
        Ok(conditional.f_where_self(&conditional.f_eq_tensor(unconditional)?, &guided)?)
    }

    /// Applies biases, top-k and top-p to `logits [rows, vocab]`, whose memory may serve
    /// for the result.
    pub(super) fn shape(&self, mut logits: Tensor) -> Result<Tensor, Error> {
        let (rows, vocab) = logits.size2()?;
        if let Some((tokens, values)) = &self.biases {
            let values = values.f_unsqueeze(0)?.f_expand([rows, values.size()[0]], false)?;
            logits = logits.f_index_add_(1, tokens, &values)?;
        }
        if let Some(k) = self.top_k.map(|k| k as i64).filter(|&k| k < vocab) {
            let values = blocked::largest(&logits, k)?.values;
            let count = Tensor::f_full([rows, 1], k, (Kind::Int64, logits.device()))?;
            logits = keep(&logits, &values.f_narrow(1, k - 1, 1)?, &count)?;
        }
        if let Some(top_p) = self.top_p {
            let (least, count) = nucleus(&logits, top_p)?;
            logits = keep(&logits, &least, &count)?;
        }
        Ok(logits)
    }
}

/// Rules out all but the first `count [rows, 1]` tokens of each row, the largest logits
/// first and equals in the order of their ids; `least [rows, 1]` is the last that stays.
fn keep(logits: &Tensor, least: &Tensor, count: &Tensor) -> Result<Tensor, Error> {
    let sum = |x: &Tensor| x.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64);
    let reach = logits.f_ge_tensor(least)?;
    if sum(&reach)?.f_equal(count)? {
        return Ok(logits.f_masked_fill(&reach.f_logical_not()?, RULED_OUT)?);
    }
    let above = logits.f_gt_tensor(least)?;
    let equal = logits.f_eq_tensor(least)?;
    let room = count.f_sub(&sum(&above)?)?;
    let first = equal.f_cumsum(1, Kind::Int)?.f_le_tensor(&room)?;
    let kept = equal.f_logical_and(&first)?.f_logical_or(&above)?;
    Ok(logits.f_masked_fill(&kept.f_logical_not()?, RULED_OUT)?)
}

/// The least logit in each row's nucleus and how many tokens that holds, both `[rows, 1]`.
fn nucleus(logits: &Tensor, top_p: TopP) -> Result<(Tensor, Tensor), Error> {
    let vocab = logits.size()[1];
    let p = logits.f_softmax(-1, Kind::Float)?;
    let total = blocked::each(&p, |b| b.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float))?;
    let total = total.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Double)?;
    let limit = total.f_mul_scalar(top_p.mass)?;
    let mut most = NUCLEUS.min(vocab);
    loop {
        let Largest { values, tokens, .. } = blocked::largest(logits, most)?;
        let ranked = p.f_gather(1, &tokens, false)?.f_to_kind(Kind::Double)?;
        let upto = ranked.f_cumsum(1, Kind::Double)?;
        let inside = match top_p.crossing {
            Crossing::Kept => upto.f_sub(&ranked)?.f_lt_tensor(&limit)?,
            Crossing::Dropped => upto.f_le_tensor(&limit)?,
        };
        let count = inside.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64)?;
        let largest = i64::try_from(count.f_max()?)?;
        if largest < most || most == vocab {
            let count = count.f_clamp_min(1)?;
            let least = values.f_gather(1, &count.f_sub_scalar(1)?, false)?;
            return Ok((least, count));
        }
        most = (8 * most).min(vocab);
    }
}
