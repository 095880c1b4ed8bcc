//! Orders, commit rules and policies as flags name them.

use clap::ValueEnum;
use dlm_discrete::{
    Clock, Schedule,
    unmasking::{Commit, Order, presets},
};

/// An [`Order`] by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderName {
    /// Uniformly random.
    Random,
    /// Leftmost first.
    LeftToRight,
    /// Highest probability of the token that was drawn.
    TopProbability,
    /// Highest probability of any token.
    ModeProbability,
    /// Largest lead of the most probable token over the next.
    Margin,
    /// Lowest entropy.
    Entropy,
    /// Early and not merely frequent (PC-Sampler): λ 0.25, cap 10.
    PositionCalibrated,
    /// Low entropy close to what is known (WeDLM): λ 0.02.
    CertaintyPrior,
}

/// A [`Commit`] rule by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CommitName {
    /// Equally many each step.
    EvenSplit,
    /// As many as the reverse process expects (Dream): linear, down to 10⁻³.
    Scheduled,
    /// Each by chance, as the reverse process does (MDLM): linear, down to 0.
    Ancestral,
    /// One a step, at the instants of the reverse process.
    FirstHitting,
    /// All surer than 0.9 (Fast-dLLM).
    Threshold,
    /// As many as their certainty allows (Fast-dLLM): factor 1.
    Factor,
    /// Up to 0.1 nats of entropy beside the largest (EB-Sampler).
    EntropyBounded,
    /// Up to 0.35 nats of entropy (SDAR).
    EntropyBudget,
    /// Surer than 0.9, and moved less than 0.01 nats for 2 steps (KLASS).
    Stable,
    /// Surer than 0.9, or the best of a run and surer than 0.4 (dInfer).
    Runs,
    /// Surer than 0.9 with credit for having led before (CreditDecoding).
    Credit,
}

/// An [`EndPolicy`](dlm_discrete::unmasking::EndPolicy) by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EosName {
    /// They are tokens like others.
    None,
    /// They are never drawn.
    Logits,
    /// Positions where one was drawn come last.
    Confidence,
    /// Their logits are lowered by --eos-penalty.
    Penalty,
    /// A text is finished at the first one that no mask stands before.
    Truncate,
}

impl OrderName {
    /// The order with its published parameters.
    pub(super) fn order(self) -> Order {
        match self {
            Self::Random => Order::Random,
            Self::LeftToRight => Order::LeftToRight,
            Self::TopProbability => Order::TopProbability,
            Self::ModeProbability => Order::ModeProbability,
            Self::Margin => Order::Margin,
            Self::Entropy => Order::Entropy,
            Self::PositionCalibrated => presets::pc_sampler().order,
            Self::CertaintyPrior => presets::wedlm().order,
        }
    }
}

impl CommitName {
    /// The rule with its published parameters.
    pub(super) fn commit(self) -> Commit {
        match self {
            Self::EvenSplit => Commit::EvenSplit,
            Self::Scheduled => presets::dream().commit,
            Self::Ancestral => {
                Commit::Ancestral { clock: Clock::Shared(Schedule::Linear), until: 0.0 }
            }
            Self::FirstHitting => Commit::FirstHitting,
            Self::Threshold => presets::fast_dllm().commit,
            Self::Factor => presets::fast_dllm_factor().commit,
            Self::EntropyBounded => presets::entropy_bounded().commit,
            Self::EntropyBudget => presets::sdar_entropy().commit,
            Self::Stable => presets::klass().commit,
            Self::Runs => presets::hierarchy().commit,
            Self::Credit => presets::credit().commit,
        }
    }
}
