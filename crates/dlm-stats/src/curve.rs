//! The two families of decays.

use std::f64::consts::LN_2;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A family of decays from `a + c` at distance 0 towards the asymptote `c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `a exp(−x/τ) + c`: the same share is lost over every stretch.
    Exponential,
    /// `a (1 + x)^(−b) + c`: fast at first, with a long tail.
    Power,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Exponential => "exponential",
            Family::Power => "power",
        })
    }
}

/// A decay with its parameters; one that rises towards its asymptote has `a` < 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// `a exp(−x/τ) + c`
    Exponential {
        /// The value at 0 less the asymptote.
        a: f64,
        /// The distance over which all but 1/e of `a` is lost.
        tau: f64,
        /// The asymptote.
        c: f64,
    },
    /// `a (1 + x)^(−b) + c`
    Power {
        /// The value at 0 less the asymptote.
        a: f64,
        /// The exponent.
        b: f64,
        /// The asymptote.
        c: f64,
    },
}

impl Curve {
    /// The value at distance `x` ≥ 0.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        match *self {
            Curve::Exponential { a, tau, c } => a * (-x / tau).exp() + c,
            Curve::Power { a, b, c } => a * (1.0 + x).powf(-b) + c,
        }
    }

    /// The distance at which half of `a` is lost: `τ ln 2` or `2^(1/b) − 1`.
    #[must_use]
    pub fn half_life(&self) -> f64 {
        match *self {
            Curve::Exponential { tau, .. } => tau * LN_2,
            Curve::Power { b, .. } => (LN_2 / b).exp_m1(),
        }
    }
}
