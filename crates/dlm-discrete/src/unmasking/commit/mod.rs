//! How many of the ranked positions a step commits, and which.

mod adaptive;
mod count;
mod credit;
mod set;

use dlm_core::Candidate;
use serde::{Deserialize, Serialize};

pub use credit::CreditRule;
pub(super) use credit::Credits;

use super::ConfigError;
use crate::{Clock, fieldless::nothing_else};

/// Decides which of the ranked positions a step commits.
///
/// Rules that look at predictions always commit at least the best position. Rules whose
/// number is fixed beforehand or drawn may commit none. Whatever the rule, a block's
/// last step commits all that is left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Commit {
    /// Equally many each step, the remainder in the first ones (LLaDA, Nie et al. 2025):
    /// `⌈masks left / steps left⌉`.
    #[serde(deserialize_with = "nothing_else")]
    EvenSplit,
    /// The expected number under the reverse process, rounded down (Dream, Ye et al.
    /// 2025): `⌊Σᵢ (αᵢ(s) − αᵢ(t))/(1 − αᵢ(t))⌋`.
    Scheduled {
        /// The forward process that is reversed.
        clock: Clock,
        /// Where time ends; Dream's `eps` is 10⁻³.
        until: f64,
    },
    /// Each position on its own with probability `(αᵢ(s) − αᵢ(t))/(1 − αᵢ(t))`: exact
    /// ancestral sampling if, and only if, the order is random (MDLM, Sahoo et al. 2024;
    /// MD4, Shi et al. 2024; Dream's `origin`). Other orders take the drawn number of
    /// positions from their ranking.
    Ancestral {
        /// The forward process that is reversed.
        clock: Clock,
        /// Where time ends: 0, or Dream's 10⁻³.
        until: f64,
    },
    /// One position a step, and time falls to the instant at which the reverse process
    /// reveals its next token: `t ← t·u^(1/n)` with `n` masks left (Zheng et al. 2025;
    /// BD3-LM, Arriola et al. 2025). Exact for the linear schedule and random order.
    #[serde(deserialize_with = "nothing_else")]
    FirstHitting,
    /// Every position whose confidence exceeds a limit (Fast-dLLM, Wu et al. 2025).
    Threshold {
        /// In the units of the order: a probability, a margin, `−entropy`.
        above: f64,
        /// The limit of a block's last step, towards which it falls evenly (LLaDA2.0's
        /// decay); absent, it stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decay_to: Option<f64>,
        /// Commit no fewer than [`Commit::EvenSplit`] would (SDAR's dynamic rule, Cheng et
        /// al. 2025).
        #[serde(default)]
        keep_pace: bool,
    },
    /// The longest prefix with `(n + 1)(1 − confidence₍ₙ₎) < factor` (Fast-dLLM).
    Factor {
        /// Larger commits more.
        factor: f64,
    },
    /// The longest prefix with `Σ H − max H ≤ nats`, which bounds what drawing it at once
    /// loses (EB-Sampler, Ben-Hamu et al. 2025).
    EntropyBounded {
        /// `γ`; 0.1 in the source.
        nats: f64,
    },
    /// The longest prefix with `Σ H ≤ nats`: entropy as a budget (SDAR uses 0.35).
    EntropyBudget {
        /// The budget.
        nats: f64,
    },
    /// Positions that are both sure and settled: confidence above a limit, and for
    /// `window` steps in a row less than `nats` from the step before (KLASS, Kim et al.
    /// 2025). Where there is none, as many as [`Commit::EvenSplit`]. The network keeps the
    /// distributions of the step before: 4 bytes a token of the vocabulary, position and row.
    Stable {
        /// The confidence; 0.9 for LLaDA in the source.
        above: f64,
        /// The Kullback–Leibler divergence; 0.01 in the source.
        nats: f64,
        /// The steps; 2 in the source.
        window: usize,
    },
    /// The best of every run of neighbouring masks if its confidence exceeds `run_above`,
    /// and all above `above` (dInfer's hierarchical decoding, Ma et al. 2025).
    Runs {
        /// For a position by itself.
        above: f64,
        /// For the best of its run; 0.4 in the source.
        run_above: f64,
    },
    /// [`Commit::Threshold`] on probabilities that remember which token led before
    /// (CreditDecoding, Wang et al. 2025). Needs temperature 0.
    Credit(CreditRule),
    /// Positions in order, each that depends on none already chosen by more than a limit:
    /// an independent set of the dependence graph (DAPD, 2026). The matrix comes from
    /// [`Filling::dependence`](super::Filling::dependence).
    Independent {
        /// The strongest dependence that is let pass.
        above: f64,
    },
}

/// A candidate with what its order says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The position, its token and its statistics.
    pub candidate: Candidate,
    /// Its place in the order; higher is sooner.
    pub priority: f64,
    /// How sure the network is of it, in the order's units.
    pub confidence: f64,
}

/// How far a block has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Steps the block has made.
    pub(super) step: usize,
    /// Steps it may make.
    pub(super) steps: usize,
}

impl Progress {
    pub(super) fn is_last(self) -> bool {
        self.steps <= self.step + 1
    }

    /// `(t, s)`: the time now and after this step, falling evenly from 1 to `until`, where
    /// it stays while a block is edited beyond its steps.
    pub(super) fn times(self, until: f64) -> (f64, f64) {
        let share = |step: usize| step.min(self.steps) as f64 / self.steps as f64;
        let at = |step: usize| 1.0 - (1.0 - until) * share(step);
        (at(self.step), at(self.step + 1))
    }
}

/// What a rule knows besides the ranking.
pub(super) struct Situation<'a> {
    /// How far the block has come.
    pub(super) progress: Progress,
    /// The number that the rule fixed before the prediction, where it does.
    pub(super) count: Option<usize>,
    /// How many steps in a row each ranked position has been stable.
    pub(super) stable_for: &'a dyn Fn(usize) -> usize,
    /// Row-major dependences of the ranked positions.
    pub(super) dependence: &'a [f64],
    /// Reproduces the published code of [`Commit::Factor`].
    pub(super) factor_accepts_last: bool,
}

impl Commit {
    /// Where time ends.
    pub(super) fn until(&self) -> f64 {
        match self {
            Self::Scheduled { until, .. } | Self::Ancestral { until, .. } => *until,
            _ => 0.0,
        }
    }

    /// Whether how many are committed is known before the prediction.
    pub(super) fn is_blind(&self) -> bool {
        matches!(
            self,
            Self::EvenSplit | Self::Scheduled { .. } | Self::Ancestral { .. } | Self::FirstHitting
        )
    }

    /// Indices into `ranked`, best first, that this step commits.
    pub(super) fn choose(&self, ranked: &[Ranked], now: &Situation<'_>) -> Vec<usize> {
        let prefix = |n: usize| (0..n.min(ranked.len())).collect();
        let pace = || count::even_split(ranked.len(), now.progress);
        match *self {
            Self::EvenSplit | Self::Scheduled { .. } | Self::Ancestral { .. } => {
                prefix(now.count.unwrap_or(0))
            }
            Self::FirstHitting => prefix(1),
            Self::Threshold { above, decay_to, keep_pace } => {
                let limit = adaptive::limit(above, decay_to, now.progress);
                let sure = adaptive::above(ranked, limit);
                if keep_pace && sure.len() < pace() { prefix(pace()) } else { sure }
            }
            Self::Factor { factor } => {
                prefix(adaptive::factor(ranked, factor, now.factor_accepts_last))
            }
            Self::EntropyBounded { nats } => prefix(adaptive::entropy_bounded(ranked, nats)),
            Self::EntropyBudget { nats } => prefix(adaptive::entropy_budget(ranked, nats)),
            Self::Stable { above, window, .. } => {
                let settled = |r: &Ranked| window <= (now.stable_for)(r.candidate.position);
                let both = set::all(ranked, |r| above < r.confidence && settled(r));
                if both.is_empty() { prefix(pace()) } else { both }
            }
            Self::Runs { above, run_above } => set::runs(ranked, above, run_above),
            Self::Credit(rule) => adaptive::probable(ranked, rule.above),
            Self::Independent { above } => set::independent(ranked, now.dependence, above),
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let number = |field, value: f64| match value.is_nan() {
            true => Err(ConfigError::Range { field, value, allowed: "a number" }),
            false => Ok(()),
        };
        match *self {
            Self::EvenSplit | Self::FirstHitting => Ok(()),
            Self::Scheduled { until, ref clock } | Self::Ancestral { until, ref clock } => {
                clock.validate()?;
                let allowed = "at least 0 and below 1";
                match (0.0..1.0).contains(&until) {
                    true => Ok(()),
                    false => Err(ConfigError::Range { field: "until", value: until, allowed }),
                }
            }
            Self::Threshold { above, decay_to, .. } => {
                number("above", above)?;
                number("decay_to", decay_to.unwrap_or(above))
            }
            Self::Factor { factor } => number("factor", factor),
            Self::EntropyBounded { nats } | Self::EntropyBudget { nats } => number("nats", nats),
            Self::Stable { above, nats, .. } => number("above", above).and(number("nats", nats)),
            Self::Runs { above, run_above } => {
                number("above", above).and(number("run_above", run_above))
            }
            Self::Credit(rule) => rule.validate(),
            Self::Independent { above } => number("above", above),
        }
    }
}

pub(super) use count::{even_split, scheduled};
