//! What may happen at one position in one step.

use dlm_core::{TokenId, Transition};

use super::{JumpSampler, Rule, coefficients as weights};
use crate::Alphabet;
use crate::forward::{Noise, Reverse};

/// What happens at a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Move {
    /// Its token stays, whatever the network would say.
    Keep,
    /// It turns into a mask, whatever the network would say.
    Remask,
    /// Its next token is drawn from these weights.
    Draw(Transition),
}

/// One step as a position sees it.
struct Span {
    alpha_s: f64,
    alpha_t: f64,
    /// `α_t/α_s`.
    survival: f64,
    /// `(α_s − α_t)/(1 − α_t)`.
    reveal: f64,
    /// `σ_t − σ_s`.
    d_sigma: f64,
    /// How many tokens there are.
    k: f64,
    masked: bool,
}

impl JumpSampler {
    /// The two things that may happen at a position that holds `token`, in a step from
    /// time `t` to `s`, and their probabilities; without `s` in the last denoising.
    ///
    /// Which of the two happens is settled by a coin before the network is asked. Only
    /// [`Rule::Psi`] tosses one; everywhere else the first has probability 1. Together with
    /// [`Transition::weights`] this is the sampler's whole law.
    pub fn moves(
        &self,
        position: usize,
        token: TokenId,
        alphabet: Alphabet,
        t: f64,
        s: Option<f64>,
    ) -> [(f64, Move); 2] {
        let masked = token == alphabet.mask();
        let schedule = self.clock.schedule(position);
        let alpha_t = schedule.alpha(t);
        let span = Span {
            alpha_s: s.map_or(1.0, |s| schedule.alpha(s)),
            alpha_t,
            survival: s.map_or(alpha_t, |s| self.clock.survival(position, s, t)),
            reveal: s.map_or(1.0, |s| self.clock.reveal_probability(position, s, t)),
            d_sigma: schedule.sigma(t) - s.map_or(0.0, |s| schedule.sigma(s)),
            k: alphabet.len() as f64,
            masked,
        };
        let Some(s) = s else { return certain(self.last(&span)) };
        match self.rule {
            Rule::Posterior { reverse } => certain(self.reversed(&span, reverse)),
            Rule::Psi { kappa, reverse } => {
                let kappa = kappa.at(span.alpha_s, span.alpha_t);
                self.either(&span, kappa, reverse)
            }
            _ if self.noise == Noise::Absorbing && !masked => certain(Move::Keep),
            Rule::Flow => {
                let rate = -schedule.alpha_slope(t) / (1.0 - alpha_t);
                let lands = 1.0 <= span.alpha_s;
                let chance = if lands { 1.0 } else { -(-(t - s) * rate).exp_m1() };
                certain(Move::Draw(weights::redraw(chance)))
            }
            Rule::Euler => {
                let noise = (t - s) * schedule.rate(t);
                certain(Move::Draw(match self.noise {
                    Noise::Absorbing => weights::euler_absorbing(noise),
                    Noise::Uniform => weights::euler_uniform(noise, span.k),
                }))
            }
            Rule::Analytic => certain(Move::Draw(match self.noise {
                Noise::Absorbing => weights::analytic_absorbing(span.d_sigma),
                Noise::Uniform => weights::analytic_uniform(span.d_sigma, span.k),
            })),
        }
    }

    fn reversed(&self, span: &Span, reverse: Reverse) -> Move {
        let Span { alpha_s, alpha_t, survival, k, .. } = *span;
        match (self.noise, reverse) {
            (Noise::Absorbing, _) if !span.masked => Move::Keep,
            (Noise::Absorbing, _) => Move::Draw(weights::reveal(span.reveal)),
            // Where nothing can be noise, nothing moves.
            (Noise::Uniform, _) if 1.0 <= alpha_t => Move::Keep,
            (Noise::Uniform, Reverse::Joint) => {
                Move::Draw(weights::uniform_joint(alpha_s, alpha_t, survival, k))
            }
            (Noise::Uniform, Reverse::Mixture) => {
                Move::Draw(weights::uniform_mixture(alpha_s, alpha_t, survival, k))
            }
        }
    }

    fn either(&self, span: &Span, kappa: f64, reverse: Reverse) -> [(f64, Move); 2] {
        let anew = match self.noise {
            Noise::Uniform => Move::Draw(weights::renoise(span.alpha_s, span.k)),
            Noise::Absorbing if span.masked => Move::Draw(weights::reveal(span.alpha_s)),
            Noise::Absorbing => {
                let remasked = (1.0 - kappa) * (1.0 - span.alpha_s);
                return [(1.0 - remasked, Move::Keep), (remasked, Move::Remask)];
            }
        };
        [(kappa, self.reversed(span, reverse)), (1.0 - kappa, anew)]
    }

    /// Away with all noise that is left at `t`.
    fn last(&self, span: &Span) -> Move {
        match (self.rule, self.noise) {
            (_, Noise::Absorbing) if !span.masked => Move::Keep,
            (Rule::Euler | Rule::Analytic, Noise::Absorbing) => {
                Move::Draw(weights::denoise_absorbing())
            }
            (_, Noise::Uniform) if !self.denoise || 1.0 <= span.alpha_t => Move::Keep,
            (Rule::Euler | Rule::Analytic, Noise::Uniform) => {
                Move::Draw(weights::analytic_uniform(span.d_sigma, span.k))
            }
            (Rule::Flow, _) => Move::Draw(weights::redraw(1.0)),
            (Rule::Posterior { reverse } | Rule::Psi { reverse, .. }, _) => {
                self.reversed(span, reverse)
            }
        }
    }
}

fn certain(happens: Move) -> [(f64, Move); 2] {
    [(1.0, happens), (0.0, Move::Keep)]
}
