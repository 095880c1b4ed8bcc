//! The six coefficients of every rule's step.
//!
//! In all formulas `x` is the current token, `v` another one, `K` how many tokens there
//! are, `s(·)` the network's output and `S` its sum over all tokens but `x`.

use dlm_core::{Affine, Measure, Transition};

/// Of a mask: `w(v) = r·p(v)`, `w(x) = 1 − r`.
pub(super) fn reveal(r: f64) -> Transition {
    let jump = Affine { slope: r, ..Affine::default() };
    let stay = Affine { constant: 1.0 - r, ..Affine::default() };
    Transition { measure: Measure::Probability, jump, stay }
}

/// With chance `j` a token from `p`: `w(v) = j·p(v)`, `w(x) = j·p(x) + 1 − j`.
pub(super) fn redraw(j: f64) -> Transition {
    let jump = Affine { slope: j, ..Affine::default() };
    let stay = Affine { slope: j, constant: 1.0 - j, ..Affine::default() };
    Transition { measure: Measure::Probability, jump, stay }
}

/// `x₀ ~ p`, then uniform noise: `w(v) = α_s p(v) + (1 − α_s)/K`, for `v = x` as well.
pub(super) fn renoise(alpha_s: f64, k: f64) -> Transition {
    let weight = Affine { slope: alpha_s, constant: (1.0 - alpha_s) / k, ..Affine::default() };
    Transition { measure: Measure::Probability, jump: weight, stay: weight }
}

/// Uniform noise, [`Reverse::Joint`](crate::forward::Reverse::Joint). With
/// `a = α_{t|s} = α_t/α_s`,
///
/// ```text
/// w(v) = K α_t p(v)[v = x] + (α_s − α_t) p(v) + (a − α_t)[v = x] + (1 − a)(1 − α_s)/K
/// ```
pub(super) fn uniform_joint(alpha_s: f64, alpha_t: f64, survival: f64, k: f64) -> Transition {
    let constant = (1.0 - survival) * (1.0 - alpha_s) / k;
    let jump = Affine { slope: alpha_s - alpha_t, constant, ..Affine::default() };
    let stay = Affine {
        slope: k * alpha_t + jump.slope,
        constant: constant + survival - alpha_t,
        ..Affine::default()
    };
    Transition { measure: Measure::Probability, jump, stay }
}

/// Uniform noise, [`Reverse::Mixture`](crate::forward::Reverse::Mixture). With `a` as above,
/// `b = (1 − a)/K`, `c = (1 − α_s)/K`, and `q = (1 − α_t)/K`, `q̂ = q + α_t` for
/// `q(x | x₀)` at `x₀ ≠ x` and `x₀ = x`,
///
/// ```text
/// w(v) = p(v) α_s b/q + S·bc/q + p(x)·bc/q̂
/// w(x) = S (a + b)c/q + p(x)(a + b)(α_s + c)/q̂            p(x) = 1 − S
/// ```
pub(super) fn uniform_mixture(alpha_s: f64, alpha_t: f64, survival: f64, k: f64) -> Transition {
    let (b, c) = ((1.0 - survival) / k, (1.0 - alpha_s) / k);
    let other = (1.0 - alpha_t) / k;
    let own = other + alpha_t;
    if other <= 0.0 {
        // Without noise at `t` the token is the data.
        return redraw(0.0);
    }
    let jump = Affine {
        slope: alpha_s * b / other,
        total: b * c / other - b * c / own,
        constant: b * c / own,
    };
    let stay = Affine {
        slope: 0.0,
        total: (survival + b) * (c / other - (alpha_s + c) / own),
        constant: (survival + b) * (alpha_s + c) / own,
    };
    Transition { measure: Measure::Probability, jump, stay }
}

/// Euler, absorbing noise, of a mask; `n = (t − s)·dσ/dt`:
/// `w(v) = n s(v)`, `w(x) = 1 − n S`.
pub(super) fn euler_absorbing(n: f64) -> Transition {
    euler_uniform(n, 1.0)
}

/// Euler, uniform noise: `w(v) = n s(v)/K`, `w(x) = 1 − n S/K`.
pub(super) fn euler_uniform(n: f64, k: f64) -> Transition {
    let jump = Affine { slope: n / k, ..Affine::default() };
    let stay = Affine { total: -n / k, constant: 1.0, ..Affine::default() };
    Transition { measure: Measure::Score, jump, stay }
}

/// Analytic, absorbing noise, of a mask; `e = exp(σ_t − σ_s)`:
/// `w(v) = (e − 1) s(v)`, `w(x) = 1 − (e − 1) S`.
pub(super) fn analytic_absorbing(d_sigma: f64) -> Transition {
    euler_absorbing(d_sigma.exp_m1())
}

/// The last step of a mask: `w(v) = s(v)`, `w(x) = 0`.
pub(super) fn denoise_absorbing() -> Transition {
    let jump = Affine { slope: 1.0, ..Affine::default() };
    Transition { measure: Measure::Score, jump, stay: Affine::default() }
}

/// Analytic, uniform noise; `e = exp(σ_t − σ_s)`, `b = (1 − 1/e)/K`:
///
/// ```text
/// ŝ(v) = e s(v) − (e − 1)(S + 1)/K        the ratios carried back, with s(x) = 1
/// w(v) = b ŝ(v)      w(x) = (1/e + b) ŝ(x)
/// ```
pub(super) fn analytic_uniform(d_sigma: f64, k: f64) -> Transition {
    let (e, grown) = (d_sigma.exp(), d_sigma.exp_m1() / k);
    let b = -(-d_sigma).exp_m1() / k;
    let stays = (-d_sigma).exp() + b;
    Transition {
        measure: Measure::Score,
        jump: Affine { slope: b * e, total: -b * grown, constant: -b * grown },
        stay: Affine { slope: 0.0, total: -stays * grown, constant: stays * (e - grown) },
    }
}
