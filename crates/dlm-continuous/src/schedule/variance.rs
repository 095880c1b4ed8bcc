//! The two scales of one process: variance kept, or signal kept.

use dlm_core::NoiseLevel;

/// The level of the same signal-to-noise ratio and time with `α² + σ² = 1`.
///
/// ```text
/// α = 1/√(1 + r²),  σ = r/√(1 + r²),  r = σ/α
/// ```
///
/// A state moves along by a factor: `x/√(α² + σ²)`.
pub fn variance_preserving(level: NoiseLevel) -> NoiseLevel {
    let size = level.alpha.hypot(level.sigma);
    NoiseLevel { alpha: level.alpha / size, sigma: level.sigma / size, ..level }
}

/// The level of the same signal-to-noise ratio and time with `α = 1`, so `σ` is what it was
/// in units of the signal.
///
/// A state moves along by a factor: `x/α`.
pub fn variance_exploding(level: NoiseLevel) -> NoiseLevel {
    NoiseLevel { alpha: 1.0, sigma: level.ratio(), ..level }
}

/// The variance-preserving level with `−ln α² = decay`; exact where hardly any has decayed.
pub(super) fn decayed(t: f64, decay: f64) -> NoiseLevel {
    NoiseLevel { t, alpha: (-0.5 * decay).exp(), sigma: (-(-decay).exp_m1()).sqrt() }
}

/// `−ln α²` of the variance-preserving level with this `λ`.
pub(super) fn decay_at(lambda: f64) -> f64 {
    (-2.0 * lambda).exp().ln_1p()
}

/// The variance-preserving level with this `λ`: `α² = sigmoid(2λ)`, `σ² = sigmoid(−2λ)`.
pub(super) fn with_lambda(t: f64, lambda: f64) -> NoiseLevel {
    NoiseLevel { t, alpha: sigmoid(2.0 * lambda).sqrt(), sigma: sigmoid(-2.0 * lambda).sqrt() }
}

/// `1/(1 + e^{−x})`.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
