//! What a transformer reads where a position holds a noisy vector and no token.

use dlm_core::NoiseLevel;
use tch::{Kind, Tensor};

use super::{blocks::Linear, token_vectors::TokenVectors};
use crate::Error;

/// Frequencies that a noise level is written in.
const FREQUENCIES: i64 = 16;

/// Width of the layer between a noise level and what the network is told of it.
const TIME_WIDTH: i64 = 128;

/// Turns noisy vectors into what the first block reads, beside the embeddings of known
/// tokens.
///
/// ```text
/// h = μ + s·(u + P·u + C·x̂ + V·silu(U·φ(λ) + a) + b)        u = α·x
/// ```
///
/// `u` is the best linear guess of the vector behind `x = α·x₀ + σ·ε` where vectors have unit
/// variance, `x̂` the prediction of the step before (self-conditioning, Chen et al. 2023;
/// zeros where there is none), `λ = ln(α/σ)` and `φ` its sines and cosines. `s` and `μ` undo
/// how [`TokenVectors`] are normalised. `P`, `C`, `V` and `b` start at zero, so at first a
/// vector without noise is read as its token's embedding, but for its length.
pub(crate) struct LatentInput {
    signal: Linear,
    previous: Linear,
    time_in: Linear,
    time_out: Linear,
}

/// The parts in order: their names and shapes `[out, in]` or `[out]`.
pub(crate) fn parts(width: i64) -> [(&'static str, Vec<i64>); 6] {
    [
        ("latent_input.signal.weight", vec![width, width]),
        ("latent_input.previous.weight", vec![width, width]),
        ("latent_input.time_in.weight", vec![TIME_WIDTH, 2 * FREQUENCIES]),
        ("latent_input.time_in.bias", vec![TIME_WIDTH]),
        ("latent_input.time_out.weight", vec![width, TIME_WIDTH]),
        ("latent_input.time_out.bias", vec![width]),
    ]
}

/// Which of the [`parts`] starts at random numbers; the others start at zero.
pub(crate) const RANDOM_PART: usize = 2;

impl LatentInput {
    /// The input of the given [`parts`].
    pub(crate) fn new(tensors: [Tensor; 6]) -> Self {
        let [signal, previous, time_in, time_in_bias, time_out, time_out_bias] = tensors;
        Self {
            signal: Linear::new(signal, None),
            previous: Linear::new(previous, None),
            time_in: Linear::new(time_in, Some(time_in_bias)),
            time_out: Linear::new(time_out, Some(time_out_bias)),
        }
    }

    /// `h [rows, width]` of noisy vectors `x [rows, width]` in f32 at a level each, with the
    /// prediction `previous [rows, width]`.
    pub(crate) fn read(
        &self,
        vectors: &TokenVectors,
        x: &Tensor,
        levels: &[NoiseLevel],
        previous: Option<&Tensor>,
    ) -> Result<Tensor, Error> {
        let kind = self.signal.weight().kind();
        let [alpha, lambda] =
            [|level: NoiseLevel| level.alpha, NoiseLevel::lambda].map(|of| each(levels, of, x));
        let u = x.f_mul(&alpha?)?.f_to_kind(kind)?;
        let time = self.time_in.apply(&features(&lambda?)?.f_to_kind(kind)?)?.f_silu()?;
        let mut sum = self.signal.apply(&u)?.f_add(&u)?.f_add(&self.time_out.apply(&time)?)?;
        if let Some(previous) = previous {
            sum = sum.f_add(&self.previous.apply(&previous.f_to_kind(kind)?)?)?;
        }
        vectors.back(&sum)
    }
}

/// `φ(λ) = (sin ω_k·λ, cos ω_k·λ)` for frequencies `ω_k` from `π/8` to `4π`, evenly spaced in
/// their logarithms: `λ` ranges over about six
/// nats, and a tenth of one matters.
fn features(lambda: &Tensor) -> Result<Tensor, Error> {
    let (least, most) = ((std::f64::consts::PI / 8.0).ln(), (4.0 * std::f64::consts::PI).ln());
    let options = (Kind::Float, lambda.device());
    let frequencies = Tensor::f_linspace(least, most, FREQUENCIES, options)?.f_exp_()?;
    let angles = lambda.f_mul(&frequencies)?;
    Ok(Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 1)?)
}

/// `of` each level as a column beside the rows of `x`, in f32.
fn each(levels: &[NoiseLevel], of: fn(NoiseLevel) -> f64, x: &Tensor) -> Result<Tensor, Error> {
    let values: Vec<f32> = levels.iter().map(|&level| of(level) as f32).collect();
    Ok(Tensor::f_from_slice(&values)?.f_to_device(x.device())?.f_unsqueeze(1)?)
}
