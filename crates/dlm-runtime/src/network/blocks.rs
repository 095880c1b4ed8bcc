//! What transformers are made of: linear maps, norms, attention, gated layers.

use tch::{Kind, Tensor};

use super::{low_rank::LowRank, pack::Sequence};
use crate::{Error, checkpoint::Loader};

/// `y = x·Wᵀ + b`, `W [out, in]`, and a trained update of it.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    update: Option<LowRank>,
}

impl Linear {
    /// Loads `module.weight`, and `module.bias` where `biased`.
    pub(crate) fn load(
        loader: &Loader<'_>,
        module: &str,
        shape: [i64; 2],
        biased: bool,
    ) -> Result<Self, Error> {
        let bias = match biased {
            true => Some(loader.tensor(&format!("{module}.bias"), &shape[..1])?),
            false => None,
        };
        Ok(Self::new(loader.linear(module, shape)?, bias))
    }

    /// A map of the given weight and bias.
    pub(crate) fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias, update: None }
    }

    /// Sets the update that is added to the map.
    pub(crate) fn set_update(&mut self, update: LowRank) {
        self.update = Some(update);
    }

    /// `x [rows, in]` to `[rows, out]`.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, Error> {
        let y = x.f_linear(&self.weight, self.bias.as_ref())?;
        match &self.update {
            Some(update) => update.add_to(y, x),
            None => Ok(y),
        }
    }

    /// `W`.
    pub(crate) fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `(in, out)`.
    pub(crate) fn shape(&self) -> (i64, i64) {
        let size = self.weight.size();
        (size[1], size[0])
    }
}

/// `y = x / √(mean(x²) + ε) · w` (Zhang and Sennrich 2019), normalised in f32.
pub(crate) struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    /// Loads `module.weight [width]`.
    pub(crate) fn load(
        loader: &Loader<'_>,
        module: &str,
        width: i64,
        eps: f64,
    ) -> Result<Self, Error> {
        Ok(Self { weight: loader.tensor(&format!("{module}.weight"), &[width])?, eps })
    }

    /// Normalises every row of `x [rows, width]`.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, Error> {
        let width = x.size()[1] as f64;
        let wide = x.f_to_kind(Kind::Float)?;
        let norm = wide.f_norm_scalaropt_dim(2, [-1i64].as_slice(), true)?;
        let scale = norm.f_square()?.f_div_scalar(width)?.f_add_scalar(self.eps)?.f_rsqrt()?;
        Ok(wide.f_mul(&scale)?.f_to_kind(x.kind())?.f_mul_(&self.weight)?)
    }
}

/// `y = W_down(silu(W_gate·x) ⊙ W_up·x)` (Shazeer 2020).
pub(crate) struct SwiGlu {
    /// `W_gate`.
    pub(crate) gate: Linear,
    /// `W_up`.
    pub(crate) up: Linear,
    /// `W_down`.
    pub(crate) down: Linear,
}

impl SwiGlu {
    /// `x [rows, width]` to the same shape.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, Error> {
        let (mut gate, up) = (self.gate.apply(x)?, self.up.apply(x)?);
        let gated = match gate.requires_grad() {
            // A gradient needs what stood there, and in place it would be copied first.
            true => gate.f_silu()?.f_mul(&up)?,
            false => gate.f_silu_()?.f_mul_(&up)?,
        };
        self.down.apply(&gated)
    }

    /// Its three products, as `(in, out)`.
    pub(crate) fn products(&self) -> [(i64, i64); 3] {
        [&self.gate, &self.up, &self.down].map(Linear::shape)
    }
}

/// `h + x`, in the place of `h` where no gradient needs what stood there.
pub(crate) fn add(mut h: Tensor, x: &Tensor) -> Result<Tensor, Error> {
    Ok(if h.requires_grad() || x.requires_grad() { h.f_add(x)? } else { h.f_add_(x)? })
}

/// `softmax(q·kᵀ/√d)·v` within each sequence of a pack.
///
/// `q [tokens, heads, d]`; `k`, `v` `[tokens, groups, d]`, where a group of query
/// heads shares one key and value (Ainslie et al. 2023); gives
/// `[tokens, heads·d]`. A sequence's own tokens see all of them, or with `causal` those
/// up to themselves; its shadows see what their [`Sight`](super::pack::Sight) says.
pub(crate) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    sequences: &[Sequence],
    causal: bool,
) -> Result<Tensor, Error> {
    let (tokens, heads, width) = q.size3()?;
    let groups = k.size()[1];
    let shared = heads / groups;
    // The queries that share a key may stand below each other as one longer sequence,
    // unless each may look only at what is before it.
    let (stacked, k, v) = match causal {
        false => (shared, k.shallow_clone(), v.shallow_clone()),
        true => (1, share(k, shared)?, share(v, shared)?),
    };
    // Head by head in memory, which attention reads half as long.
    let by_head = |x: &Tensor| x.f_transpose(0, 1)?.f_contiguous();
    let (k, v) = (by_head(&k)?, by_head(&v)?);
    let mixed = q.f_empty_like()?;
    // The rows `from..end` look at the rows `start..until`.
    let look = |[from, end]: [i64; 2], [start, until]: [i64; 2], seen: Option<&Tensor>| {
        let length = end - from;
        let rows = |x: &Tensor| x.f_narrow(0, from, length);
        let batch = |x: &Tensor| x.f_narrow(1, start, until - start)?.f_unsqueeze(0);
        let q = rows(q)?.f_view([length, heads / stacked, stacked, width])?;
        let q = q.f_permute([1, 2, 0, 3])?.f_reshape([1, heads / stacked, -1, width])?;
        let seen = seen.map(|seen| seen.f_repeat([stacked, 1])).transpose()?;
        let y = Tensor::f_scaled_dot_product_attention(
            &q,
            &batch(&k)?,
            &batch(&v)?,
            seen.as_ref(),
            0.0,
            causal && seen.is_none(),
            None,
            false,
        )?;
        // Devices differ in how they lay the result out, so it may have to be copied.
        let y = y.f_reshape([heads, length, width])?.f_transpose(0, 1)?;
        rows(&mixed)?.f_copy_(&y)?;
        Ok::<(), Error>(())
    };
    for sequence in sequences {
        let (start, own_end, end) = (sequence.start, sequence.own_end(), sequence.end);
        look([start, own_end], [start, own_end], None)?;
        if let Some(sight) = &sequence.sight {
            look([own_end, end], [start, end], Some(&sight.seen))?;
        }
    }
    Ok(mixed.f_view([tokens, heads * width])?)
}

/// [`attention`] in both directions of sequences with the given `lengths`, differentiable.
///
/// Neighbours of one length are one batch, so sorted sequences need few calls.
pub(crate) fn attention_of_runs(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    lengths: &[usize],
) -> Result<Tensor, Error> {
    let mut mixed = Vec::new();
    let mut start = 0;
    for run in lengths.chunk_by(|a, b| a == b) {
        let (count, length) = (run.len() as i64, run[0] as i64);
        let own = |x: &Tensor| x.f_narrow(0, start, count * length);
        mixed.push(attention_of_one_length(&own(q)?, &own(k)?, &own(v)?, length)?);
        start += count * length;
    }
    Ok(Tensor::f_cat(&mixed, 0)?)
}

/// [`attention`] in both directions of sequences of one length, laid end to end.
fn attention_of_one_length(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    length: i64,
) -> Result<Tensor, Error> {
    let (tokens, heads, width) = q.size3()?;
    let groups = k.size()[1];
    let shared = heads / groups;
    // The queries that share a key stand below each other as one longer sequence.
    let q = q.f_view([-1, length, groups, shared, width])?.f_permute([0, 2, 3, 1, 4])?;
    let q = q.f_reshape([-1, groups, shared * length, width])?;
    let by_head =
        |x: &Tensor| x.f_view([-1, length, groups, width])?.f_transpose(1, 2)?.f_contiguous();
    let (k, v) = (by_head(k)?, by_head(v)?);
    let mixed = Tensor::f_scaled_dot_product_attention::<Tensor>(
        &q, &k, &v, None, 0.0, false, None, false,
    )?;
    let mixed = mixed.f_view([-1, groups, shared, length, width])?.f_permute([0, 3, 1, 2, 4])?;
    Ok(mixed.f_reshape([tokens, heads * width])?)
}

/// Repeats every head of `x [tokens, groups, d]` for the queries that share it.
fn share(x: &Tensor, times: i64) -> Result<Tensor, Error> {
    let (tokens, groups, width) = x.size3()?;
    let repeated = x.f_unsqueeze(2)?.f_expand([tokens, groups, times, width], false)?;
    Ok(repeated.f_reshape([tokens, groups * times, width])?)
}
