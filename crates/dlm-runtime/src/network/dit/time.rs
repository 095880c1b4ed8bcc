//! What a network is told of the time: `σ(t)`, its embedding, and what layers make of it.
//!
//! The embedding is `silu(W₂·silu(W₁·[cos(σω), sin(σω)] + b₁) + b₂)` with frequencies
//! `ωⱼ = 10000^(−j/128)`.

use tch::{Device, Kind, Tensor};

use super::super::{blocks::Linear, pack::Pack};
use crate::{
    Error,
    checkpoint::{Config, Loader},
};

/// Frequencies of the embedding.
const FREQUENCIES: i64 = 128;

/// `σ(t) = −ln(1 − (1 − ε)·t)` with `ε = 10⁻³`: the log-linear noise level, from 0 to 6.9
/// nats, at which a token is still clean with probability `e^−σ` (Lou et al. 2024, Sahoo
/// et al. 2024).
///
/// # Errors
///
/// Where `t` is not in `[0, 1]`.
pub(crate) fn sigma(t: f64) -> Result<f64, Error> {
    const EPS: f64 = 1e-3;
    if !(0.0..=1.0).contains(&t) {
        let problem = format!("a diffusion time of {t} is not in [0, 1]: 0 is data, 1 is noise");
        return Err(Error::Ask(problem));
    }
    Ok(-(-(1.0 - EPS) * t).ln_1p())
}

/// From times to what modulates a network.
pub(super) struct TimeEmbedding {
    first: Linear,
    second: Linear,
    /// Whether the network is told the time at all.
    told: bool,
}

impl TimeEmbedding {
    /// Loads `backbone.sigma_map`, whose embeddings have `width` entries.
    pub(super) fn load(config: &Config, loader: &Loader<'_>, width: i64) -> Result<Self, Error> {
        let linear = |name: &str, into: i64| {
            Linear::load(loader, &format!("backbone.sigma_map.mlp.{name}"), [width, into], true)
        };
        Ok(Self {
            first: linear("0", 2 * FREQUENCIES)?,
            second: linear("2", width)?,
            told: config.flag_or("time_conditioning", false)?,
        })
    }

    /// The embeddings of a pack's times.
    ///
    /// A sequence that comes without a time is taken to be as old as it looks: its time
    /// is the fraction of its tokens that are `mask`.
    pub(super) fn condition(&self, pack: &Pack, mask: u32, kind: Kind) -> Result<Condition, Error> {
        let device = pack.ids.device();
        if !self.told {
            return Ok(Condition { embeddings: self.embed(&[0.0], device, kind)?, rows: None });
        }
        let is_mask = pack.ids.f_eq(i64::from(mask))?.f_to_kind(Kind::Float)?;
        let mut sigmas = Vec::with_capacity(pack.sequences.len());
        let mut rows: Vec<i64> = Vec::new();
        for (index, (sequence, time)) in pack.sequences.iter().zip(&pack.times).enumerate() {
            let time = match time {
                Some(time) => *time,
                None => {
                    // Shadows are masks that nobody sees.
                    let own = sequence.own_end() - sequence.start;
                    let here = is_mask.f_narrow(0, sequence.start, own)?;
                    here.f_mean(Kind::Float)?.f_double_value(&[])?
                }
            };
            sigmas.push(sigma(time)?);
            let length = sequence.end - sequence.start;
            rows.extend(std::iter::repeat_n(index as i64, length as usize));
        }
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(device)?;
        Ok(Condition { embeddings: self.embed(&sigmas, device, kind)?, rows: Some(rows) })
    }

    fn embed(&self, sigmas: &[f64], device: Device, kind: Kind) -> Result<Tensor, Error> {
        let step = -10_000f64.ln() / FREQUENCIES as f64;
        let frequency = |j: i64| (step * j as f64).exp() as f32;
        let frequencies: Vec<f32> = (0..FREQUENCIES).map(frequency).collect();
        let sigmas: Vec<f32> = sigmas.iter().map(|&sigma| sigma as f32).collect();
        let angles =
            Tensor::f_from_slice(&sigmas)?.f_outer(&Tensor::f_from_slice(&frequencies)?)?;
        let waves = Tensor::f_cat(&[angles.f_cos()?, angles.f_sin()?], 1)?;
        let waves = waves.f_to_device(device)?.f_to_kind(kind)?;
        Ok(self.second.apply(&self.first.apply(&waves)?.f_silu_()?)?.f_silu_()?)
    }
}

/// The times of a pack, embedded.
pub(super) struct Condition {
    /// `[times, width]`.
    embeddings: Tensor,
    /// Which of them each token has, `[tokens]`; absent where all have the first.
    rows: Option<Tensor>,
}

impl Condition {
    /// What `map` makes of the times, in parts of `width` columns.
    pub(super) fn modulation(&self, map: &Linear, width: i64) -> Result<Modulation, Error> {
        let mut parts = map.apply(&self.embeddings)?;
        if let Some(rows) = &self.rows {
            parts = parts.f_index_select(0, rows)?;
        }
        Ok(Modulation { parts, width })
    }
}

/// Shifts, scales and gates of one block.
pub(super) struct Modulation {
    /// `[tokens, parts·width]`, or one row where all tokens have the same.
    parts: Tensor,
    width: i64,
}

impl Modulation {
    /// Part `index`, `[tokens, width]` or `[1, width]`.
    pub(super) fn part(&self, index: i64) -> Result<Tensor, Error> {
        Ok(self.parts.f_narrow(1, index * self.width, self.width)?)
    }
}
