//! Rotary position embedding (Su et al. 2021), in the half-split convention.
//!
//! `θⱼ = base^(−2j/d)`, angle `mθⱼ` at position `m`; the pair `(xⱼ, xⱼ₊d/₂)` turns
//! by it. Angles are computed in f32 whatever the network's precision.

use tch::{Kind, Tensor};

use crate::Error;

/// Angles of the positions of one pack, for heads of one width.
pub(crate) struct Rotary {
    /// `cos(mθ)`, `[tokens, 1, d/2]`.
    cos: Tensor,
    /// `sin(mθ)`, `[tokens, 1, d/2]`.
    sin: Tensor,
    half: i64,
}

impl Rotary {
    /// Angles for `positions` `[tokens]` and heads of `width` (even).
    pub(crate) fn new(positions: &Tensor, width: i64, base: f64) -> Result<Self, Error> {
        let frequency = |j: i64| (base as f32).powf(-((2 * j) as f32) / width as f32);
        let frequencies: Vec<f32> = (0..width / 2).map(frequency).collect();
        let frequencies = Tensor::f_from_slice(&frequencies)?.f_to_device(positions.device())?;
        let angle = positions.f_to_kind(Kind::Float)?.f_outer(&frequencies)?.f_unsqueeze(1)?;
        Ok(Self { cos: angle.f_cos()?, sin: angle.f_sin()?, half: width / 2 })
    }

    /// Turns `x`, `[tokens, heads, d]`.
    pub(crate) fn turn(&self, x: &Tensor) -> Result<Tensor, Error> {
        let wide = x.f_to_kind(Kind::Float)?;
        // One cut: its gradient is put together once, where two would each be filled with zeros.
        let halves = wide.f_split(self.half, -1)?;
        let [a, b] = halves.as_slice() else {
            let width = wide.size().last().copied().unwrap_or(0);
            return Err(Error::Ask(format!("a head of {width} numbers has no two equal halves")));
        };
        let turned_a = a.f_mul(&self.cos)?.f_addcmul_(b, &self.sin.f_neg()?)?;
        let turned_b = b.f_mul(&self.cos)?.f_addcmul_(a, &self.sin)?;
        Ok(Tensor::f_cat(&[turned_a, turned_b], -1)?.f_to_kind(x.kind())?)
    }
}
