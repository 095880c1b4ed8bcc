//! Which masked position comes first.

use dlm_core::Candidate;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::fieldless::nothing_else;

/// Ranks masked positions: the higher its priority, the sooner a position is committed.
///
/// The statistics are those of the shaped, untempered distribution `p`. Priorities that
/// are no number come last, equals in order of their positions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Uniformly random, drawn anew in every step.
    #[serde(deserialize_with = "nothing_else")]
    Random,
    /// Leftmost first.
    #[serde(deserialize_with = "nothing_else")]
    LeftToRight,
    /// Highest `p(x₀)` of the token that was drawn (MaskGIT, Chang et al. 2022; LLaDA's
    /// "low-confidence remasking", Nie et al. 2025, which masks nothing again). Above
    /// temperature 0 a lucky draw of a common token is favoured over an unlucky one, so the
    /// committed token no longer follows `p`; [`Order::ModeProbability`] is free of that.
    #[serde(deserialize_with = "nothing_else")]
    TopProbability,
    /// Highest `p₁`, whatever was drawn.
    #[serde(deserialize_with = "nothing_else")]
    ModeProbability,
    /// Highest `p₁ − p₂` (Kim et al. 2025; Dream's `topk_margin`).
    #[serde(deserialize_with = "nothing_else")]
    Margin,
    /// Lowest entropy `H` (Dream's `entropy`, Ye et al. 2025).
    #[serde(deserialize_with = "nothing_else")]
    Entropy,
    /// Highest `e^(−λ·i)·min(−p(x₀)·ln(f(x₀) + 10⁻⁹), cap)`: early and not merely
    /// frequent (PC-Sampler, Huang et al. 2025). `i` counts from the response's start and
    /// `f` is the token's frequency in a reference text.
    PositionCalibrated {
        /// `λ`; 0.25 in the source.
        lambda: f64,
        /// The most that confidence counts; 10 in the source.
        cap: f64,
    },
    /// Lowest `H + λ·d` with `d` the distance to the leftmost mask of the block (WeDLM,
    /// Liu et al. 2025): sure, and close to what is known.
    CertaintyPrior {
        /// `λ`, nats a position.
        lambda: f64,
    },
}

/// What an order may look at besides the candidate itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// First position of the response.
    pub(super) start: usize,
    /// Leftmost mask of the block.
    pub(super) leftmost: usize,
    /// Frequency of every token in a reference text, where there is one.
    pub(super) frequencies: &'a [f32],
}

impl Order {
    /// Whether the ranking can be had without a prediction.
    pub(super) fn is_blind(self) -> bool {
        matches!(self, Self::Random | Self::LeftToRight)
    }

    pub(super) fn validate(self) -> Result<(), ConfigError> {
        let finite = |field, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(ConfigError::Range { field, value, allowed: "finite" }),
        };
        match self {
            Self::PositionCalibrated { lambda, cap } => {
                finite("order.lambda", lambda)?;
                match cap.is_nan() {
                    true => Err(ConfigError::Range {
                        field: "order.cap",
                        value: cap,
                        allowed: "a number",
                    }),
                    false => Ok(()),
                }
            }
            Self::CertaintyPrior { lambda } => finite("order.lambda", lambda),
            _ => Ok(()),
        }
    }

    /// How sure the network is of a candidate, in the order's own units; orders that do not
    /// look at predictions leave `p(x₀)`.
    pub(super) fn confidence(self, candidate: &Candidate, around: &Surroundings<'_>) -> f64 {
        let probability = f64::from(candidate.log_probability).exp();
        match self {
            Self::Random | Self::LeftToRight | Self::TopProbability => probability,
            Self::ModeProbability => candidate
                .top
                .first()
                .map_or(probability, |mode| f64::from(mode.log_probability).exp()),
            Self::Margin => f64::from(candidate.margin),
            Self::Entropy => -f64::from(candidate.entropy),
            Self::PositionCalibrated { lambda, cap } => {
                let frequency = around.frequencies.get(candidate.token as usize).copied();
                let surprise = -(f64::from(frequency.unwrap_or(0.0)) + 1e-9).ln();
                let ordinal = (candidate.position - around.start) as f64;
                (-lambda * ordinal).exp() * (probability * surprise).min(cap)
            }
            Self::CertaintyPrior { lambda } => {
                let distance = (candidate.position - around.leftmost) as f64;
                -(f64::from(candidate.entropy) + lambda * distance)
            }
        }
    }

    /// The priority of a candidate, given its confidence and its number of the shuffle.
    pub(super) fn priority(self, position: usize, confidence: f64, shuffled: f64) -> f64 {
        match self {
            Self::Random => shuffled,
            Self::LeftToRight => -(position as f64),
            _ => confidence,
        }
    }
}
