//! The Gaussian forward process: what data becomes, step by step and all at once.
//!
//! With `x₀` data, `s` a level that is no noisier than `t`, and `z ~ N(0, I)`:
//!
//! ```text
//! q(x_t | x₀)       marginal     x_t = α_t·x₀ + σ_t·z
//! q(x_t | x_s)      transition   x_t = (α_t/α_s)·x_s + √(c·σ_t²)·z
//! q(x_s | x_t, x₀)  posterior    x_s = (1 − c)(α_s/α_t)·x_t + c·α_s·x₀ + √(c·σ_s²)·z
//!
//! c = 1 − (α_t²/σ_t²)/(α_s²/σ_s²) = −expm1(2(λ_t − λ_s))
//! ```
//!
//! `c` is the share of the noise at `t` that came after `s`. The formulas hold whether the
//! process keeps its variance or lets it grow (Kingma et al. 2021).

use dlm_core::{Latent, LatentError, Levels, NoiseLevel, Weights};

/// `[α, σ]`, the weights of `x₀` and `z` in a draw of `q(x_t | x₀)`.
pub fn marginal(level: NoiseLevel) -> [f64; 2] {
    [level.alpha, level.sigma]
}

/// `[α_t/α_s, √(c·σ_t²)]`, the weights of `x_s` and `z` in a draw of `q(x_t | x_s)`.
///
/// The second is NaN where `s` is noisier than `t`.
pub fn transition(s: NoiseLevel, t: NoiseLevel) -> [f64; 2] {
    [t.alpha / s.alpha, t.sigma * added(s, t).sqrt()]
}

/// `[(1 − c)α_s/α_t, c·α_s, √(c·σ_s²)]`, the weights of `x_t`, `x₀` and `z` in a draw of
/// `q(x_s | x_t, x₀)`.
///
/// At `σ_s = 0` that is `x₀` scaled by `α_s`. The third is NaN where `s` is noisier than `t`.
pub fn posterior(t: NoiseLevel, s: NoiseLevel) -> [f64; 3] {
    let c = added(s, t);
    [kept(s, t) * s.alpha / t.alpha, c * s.alpha, s.sigma * c.sqrt()]
}

/// `c = −expm1(2(λ_t − λ_s))`, the share of the noise at `t` that came after `s`: in `[0, 1]`
/// where `s` is no noisier than `t`, and 1 from data to anything.
///
/// 0 where both are equally noisy, data included.
pub fn added(s: NoiseLevel, t: NoiseLevel) -> f64 {
    -gain(s, t).exp_m1()
}

/// `1 − c`, from its own exponential, so that it stays above 0.
fn kept(s: NoiseLevel, t: NoiseLevel) -> f64 {
    gain(s, t).exp()
}

/// `2(λ_t − λ_s)`, at most 0. One logarithm of the ratio has digits where the difference of
/// two has lost them, and its sign agrees with the order of the levels to the last bit.
fn gain(s: NoiseLevel, t: NoiseLevel) -> f64 {
    match s.ratio() == t.ratio() {
        true => 0.0,
        false => 2.0 * (s.ratio() / t.ratio()).ln(),
    }
}

/// Why a forward process could not be drawn from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// A level that no forward process has.
    #[error(
        "position {position}: t = {}, α = {}, σ = {} is no noise level: t lies in [0, 1], α is \
         above 0 and σ at least 0, all finite",
        level.t, level.alpha, level.sigma
    )]
    Invalid {
        /// Entry of its list of levels; 0 where the level is shared.
        position: usize,
        /// The level.
        level: NoiseLevel,
    },
    /// The cleaner level is the noisier one.
    #[error(
        "position {position}: σ/α = {} at s is above {} at t: s has to be the cleaner level",
        s.ratio(), t.ratio()
    )]
    Order {
        /// Entry of the list of levels; 0 where the level is shared.
        position: usize,
        /// What should be the cleaner level.
        s: NoiseLevel,
        /// What should be the noisier level.
        t: NoiseLevel,
    },
    /// The states do not fit each other or the levels.
    #[error(transparent)]
    Latent(#[from] LatentError),
}

/// A draw of `q(x_t | x₀)` with the standard normal noise `z`, in the shape of `x0`.
///
/// A position whose level is [`NoiseLevel::CLEAN`] stays what it is.
///
/// # Errors
///
/// [`ForwardError::Invalid`] for a level that is none, [`LatentError`] for states or levels that
/// do not fit each other.
pub fn corrupt<X: Latent>(x0: &X, levels: &Levels, z: &X) -> Result<X, ForwardError> {
    valid(levels)?;
    Ok(X::combine(&levels.weights(marginal), [x0, z])?)
}

/// A draw of `q(x_t | x_s)` with the standard normal noise `z`, in the shape of `x_s`.
///
/// A position whose level does not change stays what it is.
///
/// # Errors
///
/// [`ForwardError::Invalid`] for a level that is none, [`ForwardError::Order`] for a position
/// whose noise shrinks, and [`LatentError`] for states or levels that do not fit each other.
pub fn corrupt_further<X: Latent>(
    x_s: &X,
    s: &Levels,
    t: &Levels,
    z: &X,
) -> Result<X, ForwardError> {
    in_order(s, t)?;
    Ok(X::combine(&Weights::of([s, t], |[s, t]| transition(s, t)), [x_s, z])?)
}

/// A draw of `q(x_s | x_t, x₀)` with the standard normal noise `z`, in the shape of `x_t`.
///
/// A position whose level does not change stays what it is.
///
/// # Errors
///
/// [`ForwardError::Invalid`] for a level that is none, [`ForwardError::Order`] for a position
/// whose noise would grow, and [`LatentError`] for states or levels that do not fit each other.
pub fn restore<X: Latent>(
    x_t: &X,
    x0: &X,
    t: &Levels,
    s: &Levels,
    z: &X,
) -> Result<X, ForwardError> {
    in_order(s, t)?;
    Ok(X::combine(&Weights::of([t, s], |[t, s]| posterior(t, s)), [x_t, x0, z])?)
}

fn valid(levels: &Levels) -> Result<(), ForwardError> {
    let wrong = levels.as_slice().iter().position(|level| !level.is_valid());
    wrong.map_or(Ok(()), |position| {
        Err(ForwardError::Invalid { position, level: levels.at(position) })
    })
}

fn in_order(s: &Levels, t: &Levels) -> Result<(), ForwardError> {
    valid(s)?;
    valid(t)?;
    let wrong = (0..Levels::entries(&[s, t])).find(|&i| t.at(i).ratio() < s.at(i).ratio());
    wrong.map_or(Ok(()), |position| {
        Err(ForwardError::Order { position, s: s.at(position), t: t.at(position) })
    })
}
