//! How much noise each step of a published chain adds.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::{ParameterError, parameter::require};

/// `β_k`, the variance that step `k` of a chain of `T` adds, `k = 0, …, T − 1`.
///
/// `lin(a, b)` runs evenly from `a` at the first step to `b` at the last. Where the noise so
/// far is given as `ᾱ(t)`, steps are `β_k = min(1 − ᾱ((k + 1)/T)/ᾱ(k/T), 0.999)`: the cap
/// keeps some signal at the last.
///
/// In a file a chain is a table with its `kind`; other fields may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Betas {
    /// `β = lin(first, last)`, whatever `T` (diffusers: `linear`).
    Linear {
        /// `β_0`, in `(0, 1)`; 0.0001.
        #[serde(default = "first")]
        first: f64,
        /// `β_{T−1}`, in `(0, 1)`; 0.02.
        #[serde(default = "last")]
        last: f64,
    },
    /// `√β = lin(√first, √last)` (Rombach et al. 2022; diffusers: `scaled_linear`).
    ScaledLinear {
        /// `β_0`, in `(0, 1)`; 0.00085.
        #[serde(default = "scaled_first")]
        first: f64,
        /// `β_{T−1}`, in `(0, 1)`; 0.012.
        #[serde(default = "scaled_last")]
        last: f64,
    },
    /// `ᾱ(t) = cos²(π/2·(t + s)/(1 + s))` (Nichol & Dhariwal 2021; diffusers:
    /// `squaredcos_cap_v2`; Diffusion-LM: `cosine`).
    SquaredCosine {
        /// `s`, at least 0; 0.008.
        #[serde(default = "cosine_offset")]
        offset: f64,
    },
    /// `β = lin(first·1000/T, last·1000/T)`: as much noise in all, whatever `T` (Nichol &
    /// Dhariwal 2021; Diffusion-LM: `linear`).
    RescaledLinear {
        /// `β_0` of a chain of 1000 steps, above 0; 0.0001.
        #[serde(default = "first")]
        first: f64,
        /// `β_{T−1}` of a chain of 1000 steps; 0.02.
        #[serde(default = "last")]
        last: f64,
    },
    /// `ᾱ(t) = 1 − √(t + s)` (Li et al. 2022, Diffusion-LM: `sqrt`).
    Sqrt {
        /// `s`, in `[0, 1)`; 0.0001.
        #[serde(default = "sqrt_offset")]
        offset: f64,
    },
    /// `ᾱ(t) = cos²(π/2·(t + o)/(1 + o))`, begun at `ᾱ_0 = ᾱ(0)`: `β_0 = 1 − ᾱ(0)` and
    /// `β_k = 1 − ᾱ(k/T)/ᾱ((k − 1)/T)` (Li et al. 2022, Diffusion-LM: `trunc_cos`).
    TruncatedCosine {
        /// `o`, at least 0; 0.1.
        #[serde(default = "tenth")]
        offset: f64,
    },
    /// `β = lin(0.1/T + o, 20/T + o)` (Li et al. 2022, Diffusion-LM: `trunc_lin`).
    TruncatedLinear {
        /// `o`, at least 0; 0.01.
        #[serde(default = "hundredth")]
        offset: f64,
    },
    /// `β = lin(0.1/T + o, 0.1/T)` for ten steps, then `lin(0.1/T, 20/T)` (Li et al. 2022,
    /// Diffusion-LM: `pw_lin`). More than ten steps.
    PiecewiseLinear {
        /// `o`, at least 0; 0.01.
        #[serde(default = "hundredth")]
        offset: f64,
    },
}

/// The most that a step adds where the noise so far is given.
const CAP: f64 = 0.999;

impl Betas {
    /// The `steps` numbers.
    ///
    /// # Errors
    ///
    /// [`ParameterError::OutOfRange`] for a field outside its range, for no steps, and for
    /// fewer steps than make every `β` less than 1.
    pub fn of(&self, steps: usize) -> Result<Vec<f64>, ParameterError> {
        require("steps", steps as f64, 0 < steps, "at least 1")?;
        let thousand = 1000.0 / steps as f64;
        let (few, many) = (thousand * first(), thousand * last());
        let betas = match *self {
            Self::Linear { first, last } => even(first, last, steps),
            Self::ScaledLinear { first, last } => {
                require("first", first, 0.0 < first, "in (0, 1)")?;
                let roots = even(first.sqrt(), last.sqrt(), steps);
                roots.into_iter().map(|root| root * root).collect()
            }
            Self::RescaledLinear { first, last } => even(thousand * first, thousand * last, steps),
            Self::TruncatedLinear { offset } => {
                at_least_0(offset)?;
                even(few + offset, many + offset, steps)
            }
            Self::PiecewiseLinear { offset } => {
                at_least_0(offset)?;
                require("steps", steps as f64, 10 < steps, "more than 10")?;
                let rest = even(few, many, steps - 10);
                even(few + offset, few, 10).into_iter().chain(rest).collect()
            }
            Self::SquaredCosine { offset } => {
                at_least_0(offset)?;
                capped(steps, |t| quarter(t, offset))
            }
            Self::Sqrt { offset } => {
                require("offset", offset, (0.0..1.0).contains(&offset), "in [0, 1)")?;
                capped(steps, |t| 1.0 - (t + offset).sqrt())
            }
            Self::TruncatedCosine { offset } => {
                at_least_0(offset)?;
                let mut betas = capped(steps, |t| quarter(t, offset));
                betas.insert(0, 1.0 - quarter(0.0, offset));
                betas.truncate(steps);
                betas
            }
        };
        match betas.iter().position(|&beta| !(0.0 < beta && beta < 1.0)) {
            None => Ok(betas),
            Some(step) => Err(ParameterError::OutOfRange {
                field: "β of a step",
                value: betas[step],
                range: "first, last and steps such that it lies in (0, 1)",
            }),
        }
    }
}

/// `n` numbers at equal distances, both ends among them.
fn even(from: f64, to: f64, n: usize) -> Vec<f64> {
    let step = (to - from) / (n.max(2) - 1) as f64;
    (0..n).map(|k| if k + 1 == n && 1 < n { to } else { from + k as f64 * step }).collect()
}

/// `min(1 − ᾱ((k + 1)/T)/ᾱ(k/T), 0.999)`.
fn capped(steps: usize, alpha_bar: impl Fn(f64) -> f64) -> Vec<f64> {
    // In f64 before the division: in integers every quotient but the last would be 0.
    let time = |k: usize| k as f64 / steps as f64;
    (0..steps).map(|k| (1.0 - alpha_bar(time(k + 1)) / alpha_bar(time(k))).min(CAP)).collect()
}

fn quarter(t: f64, offset: f64) -> f64 {
    ((t + offset) / (1.0 + offset) * FRAC_PI_2).cos().powi(2)
}

fn at_least_0(offset: f64) -> Result<(), ParameterError> {
    require("offset", offset, 0.0 <= offset, "at least 0")
}

fn first() -> f64 {
    1e-4
}

fn last() -> f64 {
    0.02
}

fn scaled_first() -> f64 {
    0.00085
}

fn scaled_last() -> f64 {
    0.012
}

fn cosine_offset() -> f64 {
    0.008
}

fn sqrt_offset() -> f64 {
    1e-4
}

fn tenth() -> f64 {
    0.1
}

fn hundredth() -> f64 {
    0.01
}
