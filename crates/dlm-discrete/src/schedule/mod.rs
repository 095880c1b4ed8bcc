//! How fast tokens turn into noise, and the times at which a sampler stops to look.

mod clock;
mod grid;

pub use clock::Clock;
pub use grid::Grid;

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use crate::fieldless::nothing_else;

/// `t ↦ α`, the chance that a token is still clean at time `t`: falling from (about) 1
/// at `t = 0` to (about) 0 at `t = 1`.
///
/// With it come `σ(t) = −ln α(t)`, the noise so far, and its rate `dσ/dt = −α′/α`.
/// Schedules that end on 0 have `σ(1) = ∞`; those that their authors keep off the ends,
/// by a floor or a squeeze, say so at the field.
///
/// In a file a schedule is a table with its `kind`; every other field has the value its
/// authors use where it is left out:
///
/// ```
/// use dlm_discrete::Schedule;
///
/// let schedule: Schedule = serde_json::from_str(r#"{"kind": "log-linear"}"#)?;
/// assert_eq!(schedule, Schedule::LogLinear { eps: 1e-3 });
/// assert!((schedule.sigma(1.0) - 1000f64.ln()).abs() < 1e-9);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// `α = 1 − t`: the masking schedule of LLaDA (Nie et al. 2025), and of the
    /// absorbing D3PM (Austin et al. 2021), whose `β_k = 1/(T − k + 1)` it is.
    #[serde(deserialize_with = "nothing_else")]
    Linear,
    /// `α = 1 − (1 − ε)t`: linear, but for a floor `ε` that keeps `σ` finite
    /// (Lou et al. 2024; Sahoo et al. 2024).
    LogLinear {
        /// `α(1)`, in `(0, 1)`; 0.001.
        #[serde(default = "thousandth")]
        eps: f64,
    },
    /// `σ = σ_min^(1−t) σ_max^t` (Lou et al. 2024; Song et al. 2021).
    Geometric {
        /// `σ(0)`, above 0; 0.001.
        #[serde(default = "thousandth")]
        sigma_min: f64,
        /// `σ(1)`, above `sigma_min`; 1. A start from pure noise wants more: 20 in the
        /// experiments of score entropy.
        #[serde(default = "one")]
        sigma_max: f64,
    },
    /// `σ = σ_min + t(σ_max − σ_min)`: noise at a constant rate (Sahoo et al. 2024, as
    /// `linear`).
    ConstantRate {
        /// `σ(0)`, at least 0; 0.
        #[serde(default)]
        sigma_min: f64,
        /// `σ(1)`, above `sigma_min`; 10.
        #[serde(default = "ten")]
        sigma_max: f64,
    },
    /// `α = (1 − 2e)(1 − cos(π/2·(1 − t))) + e` (Shi et al. 2024, MD4).
    Cosine {
        /// `e` in `[0, 1/2)`, the distance of `α` from 1 and 0 at the ends; 0.0001.
        #[serde(default = "ten_thousandth")]
        squeeze: f64,
    },
    /// `α = (1 − 2e)(1 − t^w) + e` (Shi et al. 2024, MD4); at `w = 1` their squeezed
    /// linear schedule.
    Polynomial {
        /// `w`, above 0; 2.
        #[serde(default = "two")]
        exponent: f64,
        /// `e` in `[0, 1/2)`, the distance of `α` from 1 and 0 at the ends; 0.0001.
        #[serde(default = "ten_thousandth")]
        squeeze: f64,
    },
    /// `α = ε + (1 − ε) cosᵏ(πt/2)` (Sahoo et al. 2024: `cosine` at `k = 1`,
    /// `cosinesqr` at `k = 2`).
    CosinePower {
        /// `k`, at least 1; 1.
        #[serde(default = "one")]
        power: f64,
        /// `α(1)`, in `[0, 1)`; 0.001.
        #[serde(default = "thousandth")]
        eps: f64,
    },
    /// `α = f(t)/f(0)` with `f(t) = cos²(π/2·(t + o)/(1 + o))` (Nichol & Dhariwal 2021;
    /// on tokens Austin et al. 2021).
    SquaredCosine {
        /// `o`, at least 0, which keeps the first steps from being too small; 0.008.
        #[serde(default = "eight_thousandths")]
        offset: f64,
    },
}

/// A parameter of a schedule, or of a sampler, that gives none.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// A field lies outside its range.
    #[error("{field} = {value}: choose {range}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A clock of single schedules holds none.
    #[error("the clock holds no schedule: give one for all positions, or one for each")]
    NoSchedule,
}

impl Schedule {
    /// `α(t)` for `t` in `[0, 1]`.
    pub fn alpha(&self, t: f64) -> f64 {
        match *self {
            Self::Linear => 1.0 - t,
            Self::LogLinear { eps } => 1.0 - (1.0 - eps) * t,
            Self::Geometric { .. } | Self::ConstantRate { .. } => (-self.sigma(t)).exp(),
            Self::Cosine { squeeze } => squeezed(squeeze, 1.0 - (FRAC_PI_2 * t).sin()),
            Self::Polynomial { exponent, squeeze } => squeezed(squeeze, 1.0 - t.powf(exponent)),
            Self::CosinePower { power, eps } => {
                eps + (1.0 - eps) * (FRAC_PI_2 * t).cos().powf(power)
            }
            Self::SquaredCosine { offset } => {
                (quarter_turn(t, offset).cos() / quarter_turn(0.0, offset).cos()).powi(2)
            }
        }
    }

    /// `dα/dt`, at most 0.
    pub fn alpha_slope(&self, t: f64) -> f64 {
        match *self {
            Self::Linear => -1.0,
            Self::LogLinear { eps } => eps - 1.0,
            Self::Geometric { .. } | Self::ConstantRate { .. } => -self.rate(t) * self.alpha(t),
            Self::Cosine { squeeze } => -(1.0 - 2.0 * squeeze) * FRAC_PI_2 * (FRAC_PI_2 * t).cos(),
            Self::Polynomial { exponent, squeeze } => {
                -(1.0 - 2.0 * squeeze) * exponent * t.powf(exponent - 1.0)
            }
            Self::CosinePower { power, eps } => {
                let (sine, cosine) = (FRAC_PI_2 * t).sin_cos();
                -(1.0 - eps) * power * cosine.powf(power - 1.0) * FRAC_PI_2 * sine
            }
            Self::SquaredCosine { offset } => {
                let scale = quarter_turn(0.0, offset).cos().powi(2) * (1.0 + offset);
                -(2.0 * quarter_turn(t, offset)).sin() * FRAC_PI_2 / scale
            }
        }
    }

    /// `σ(t) = −ln α(t)`, at least 0; `∞` where `α` is 0.
    pub fn sigma(&self, t: f64) -> f64 {
        match *self {
            Self::LogLinear { eps } => -(-(1.0 - eps) * t).ln_1p(),
            Self::Geometric { sigma_min, sigma_max } => sigma_min.powf(1.0 - t) * sigma_max.powf(t),
            Self::ConstantRate { sigma_min, sigma_max } => sigma_min + t * (sigma_max - sigma_min),
            _ => -self.alpha(t).ln(),
        }
    }

    /// `dσ/dt = −α′(t)/α(t)`, at least 0; `∞` where `α` is 0.
    pub fn rate(&self, t: f64) -> f64 {
        match *self {
            Self::Geometric { sigma_min, sigma_max } => {
                self.sigma(t) * (sigma_max / sigma_min).ln()
            }
            Self::ConstantRate { sigma_min, sigma_max } => sigma_max - sigma_min,
            _ => -self.alpha_slope(t) / self.alpha(t),
        }
    }

    /// `β_k = 1 − α(k/T)/α((k−1)/T)` for `k = 1, …, T`, at most `cap`: the chances that
    /// each of `T` steps of a discrete-time process touches a token that none before did.
    ///
    /// D3PM caps the squared cosine at 0.999; 1 is no cap.
    pub fn betas(&self, steps: usize, cap: f64) -> Vec<f64> {
        let alpha = |k: usize| self.alpha(k as f64 / steps as f64);
        (1..=steps).map(|k| (1.0 - alpha(k) / alpha(k - 1)).min(cap)).collect()
    }

    /// Whether the parameters give a schedule.
    ///
    /// # Errors
    ///
    /// [`ParameterError::OutOfRange`] names the first field that does not.
    pub fn validate(&self) -> Result<(), ParameterError> {
        match *self {
            Self::Linear => Ok(()),
            Self::LogLinear { eps } => require("eps", eps, 0.0 < eps && eps < 1.0, "in (0, 1)"),
            Self::Geometric { sigma_min, sigma_max } => {
                require("sigma_min", sigma_min, 0.0 < sigma_min, "above 0")?;
                above_the_minimum(sigma_min, sigma_max)
            }
            Self::ConstantRate { sigma_min, sigma_max } => {
                require("sigma_min", sigma_min, 0.0 <= sigma_min, "at least 0")?;
                above_the_minimum(sigma_min, sigma_max)
            }
            Self::Cosine { squeeze } => squeezable(squeeze),
            Self::Polynomial { exponent, squeeze } => {
                require("exponent", exponent, 0.0 < exponent, "above 0")?;
                squeezable(squeeze)
            }
            Self::CosinePower { power, eps } => {
                require("power", power, 1.0 <= power, "at least 1")?;
                require("eps", eps, (0.0..1.0).contains(&eps), "in [0, 1)")
            }
            Self::SquaredCosine { offset } => {
                require("offset", offset, 0.0 <= offset, "at least 0")
            }
        }
    }
}

fn squeezed(e: f64, alpha: f64) -> f64 {
    (1.0 - 2.0 * e) * alpha + e
}

fn quarter_turn(t: f64, offset: f64) -> f64 {
    FRAC_PI_2 * (t + offset) / (1.0 + offset)
}

fn squeezable(squeeze: f64) -> Result<(), ParameterError> {
    require("squeeze", squeeze, (0.0..0.5).contains(&squeeze), "in [0, 0.5)")
}

fn above_the_minimum(sigma_min: f64, sigma_max: f64) -> Result<(), ParameterError> {
    require("sigma_max", sigma_max, sigma_min < sigma_max, "above sigma_min")
}

/// An error unless `holds`, which no comparison with NaN does, and `value` is finite.
pub(crate) fn require(
    field: &'static str,
    value: f64,
    holds: bool,
    range: &'static str,
) -> Result<(), ParameterError> {
    match holds && value.is_finite() {
        true => Ok(()),
        false => Err(ParameterError::OutOfRange { field, value, range }),
    }
}

fn ten_thousandth() -> f64 {
    1e-4
}

fn thousandth() -> f64 {
    1e-3
}

fn eight_thousandths() -> f64 {
    0.008
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

fn ten() -> f64 {
    10.0
}
