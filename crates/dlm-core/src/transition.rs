//! One reverse step at one position, for processes whose every token may jump.

use crate::TokenId;

/// Weights that a position's next token is drawn from: affine in the network's output,
/// with coefficients of their own for the token that stands there.
///
/// With `s` the network's output, `x` the current token and `S = Σ_{v≠x} s(v)`,
///
/// ```text
/// w(v) = max(0, jump.slope·s(v) + jump.total·S + jump.constant)     v ≠ x
/// w(x) = max(0, stay.slope·s(x) + stay.total·S + stay.constant)
/// ```
///
/// and `P(next = v) = w(v)/Σw`. Posteriors of absorbing and uniform diffusion, and the
/// Euler and analytic steps of score entropy, are all of this form, so a sampler hands
/// six numbers to the device and no row of the vocabulary comes back.
///
/// A current token outside the vocabulary, as a mask may be, has `s(x) = 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// What `s` is.
    pub measure: Measure,
    /// Weights of moving to another token.
    pub jump: Affine,
    /// The weight of staying.
    pub stay: Affine,
}

/// How a network's logits `l` are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// `s = p = softmax(l)`, after shaping.
    Probability,
    /// `s = eˡ`: ratios `p_t(v)/p_t(x)` (Lou et al. 2024). Shaping acts on `l`.
    Score,
}

/// `slope·s(v) + total·S + constant`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Affine {
    /// Factor of the token's own output.
    pub slope: f64,
    /// Factor of the sum over all tokens but the current one.
    pub total: f64,
    /// What does not depend on the network.
    pub constant: f64,
}

impl Affine {
    /// Its value for an output `s` of the token and a sum `total`.
    pub fn at(&self, s: f64, total: f64) -> f64 {
        (self.slope * s + self.total * total + self.constant).max(0.0)
    }
}

impl Transition {
    /// The weights `w` of all tokens, given their outputs `s`, and of `current` last
    /// where it lies outside the vocabulary. Not normalised.
    pub fn weights(&self, s: &[f64], current: TokenId) -> Vec<f64> {
        let current = current as usize;
        let others = s.iter().enumerate().filter(|&(v, _)| v != current);
        let total: f64 = others.map(|(_, s)| s).sum();
        let mut w: Vec<f64> = s.iter().map(|&s| self.jump.at(s, total)).collect();
        let stay = self.stay.at(s.get(current).copied().unwrap_or(0.0), total);
        match w.get_mut(current) {
            Some(w) => *w = stay,
            None => w.push(stay),
        }
        w
    }
}
