//! The published samplers by name, with their published defaults.
//!
//! Each is a function that returns a plain [`UnmaskingSampler`], whose every field may be
//! changed afterwards. Steps and block length are absent where the source leaves them to
//! the task: a step a token, one block.

use super::{Commit, CreditRule, Order, ReMdm, Remasking, Strength, TokenRule, UnmaskingSampler};
use crate::{Clock, Schedule};

pub use crate::presets::UnknownPreset;

/// A named sampler.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// The sampler with its published defaults.
    pub sampler: fn() -> UnmaskingSampler,
}

/// All presets, in the order of the table on the crate's first page.
pub const ALL: &[Preset] = &[
    Preset { name: "llada", source: "Nie et al. 2025", sampler: llada },
    Preset { name: "llada-random", source: "Nie et al. 2025", sampler: llada_random },
    Preset { name: "dream", source: "Ye et al. 2025", sampler: dream },
    Preset {
        name: "dream-margin",
        source: "Ye et al. 2025; Kim et al. 2025",
        sampler: dream_margin,
    },
    Preset { name: "dream-maskgit", source: "Ye et al. 2025", sampler: dream_maskgit },
    Preset { name: "dream-origin", source: "Ye et al. 2025", sampler: dream_origin },
    Preset { name: "mdlm", source: "Sahoo et al. 2024", sampler: mdlm },
    Preset { name: "md4", source: "Shi et al. 2024", sampler: md4 },
    Preset { name: "first-hitting", source: "Zheng et al. 2025", sampler: first_hitting },
    Preset { name: "left-to-right", source: "the chain rule", sampler: left_to_right },
    Preset { name: "pc-sampler", source: "Huang et al. 2025", sampler: pc_sampler },
    Preset { name: "wedlm", source: "Liu et al. 2025", sampler: wedlm },
    Preset { name: "fast-dllm", source: "Wu et al. 2025", sampler: fast_dllm },
    Preset { name: "fast-dllm-factor", source: "Wu et al. 2025", sampler: fast_dllm_factor },
    Preset { name: "sdar", source: "Cheng et al. 2025", sampler: sdar },
    Preset { name: "sdar-entropy", source: "Cheng et al. 2025", sampler: sdar_entropy },
    Preset { name: "llada2", source: "LLaDA2.0, 2025", sampler: llada2 },
    Preset { name: "entropy-bounded", source: "Ben-Hamu et al. 2025", sampler: entropy_bounded },
    Preset { name: "klass", source: "Kim et al. 2025", sampler: klass },
    Preset { name: "hierarchy", source: "Ma et al. 2025", sampler: hierarchy },
    Preset { name: "credit", source: "Wang et al. 2025", sampler: credit },
    Preset { name: "remdm", source: "Wang et al. 2025", sampler: remdm },
    Preset { name: "remdm-rescale", source: "Wang et al. 2025", sampler: remdm_rescale },
    Preset { name: "remdm-conf", source: "Wang et al. 2025", sampler: remdm_conf },
    Preset { name: "remdm-loop", source: "Wang et al. 2025", sampler: remdm_loop },
    Preset { name: "wino", source: "Hong et al. 2025", sampler: wino },
    Preset { name: "p2", source: "Peng et al. 2025", sampler: p2 },
    Preset { name: "joint-threshold", source: "LLaDA2.1, 2026", sampler: joint_threshold },
];

/// The preset called `name`.
///
/// # Errors
///
/// Where there is none; the message names the most similar.
pub fn find(name: &str) -> Result<&'static Preset, UnknownPreset> {
    let found = ALL.iter().find(|preset| preset.name == name);
    found.ok_or_else(|| UnknownPreset::among(ALL.iter().map(|preset| preset.name), name))
}

/// LLaDA's low-confidence rule (Nie et al. 2025), which masks nothing again.
pub fn llada() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::TopProbability, Commit::EvenSplit)
}

/// LLaDA's random rule (Nie et al. 2025).
pub fn llada_random() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::Random, Commit::EvenSplit)
}

/// Dream's `entropy` rule (Ye et al. 2025): no truncation, `alg_temp` 0, `eps` 10⁻³.
pub fn dream() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::Entropy, dream_schedule())
}

/// Dream's `topk_margin` rule (Kim et al. 2025).
pub fn dream_margin() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::Margin, dream_schedule())
}

/// Dream's `maskgit_plus` rule (Chang et al. 2022).
pub fn dream_maskgit() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::TopProbability, dream_schedule())
}

/// Dream's `origin` rule: ancestral sampling down to `eps` 10⁻³, tokens drawn at
/// temperature 1 so that it samples.
pub fn dream_origin() -> UnmaskingSampler {
    let clock = Clock::Shared(Schedule::Linear);
    drawn(UnmaskingSampler::new(Order::Random, Commit::Ancestral { clock, until: 1e-3 }))
}

/// MDLM's ancestral sampler (Sahoo et al. 2024).
pub fn mdlm() -> UnmaskingSampler {
    drawn(ancestral(Schedule::Linear))
}

/// MD4's ancestral sampler on its cosine schedule (Shi et al. 2024).
pub fn md4() -> UnmaskingSampler {
    drawn(ancestral(Schedule::Cosine { squeeze: 1e-4 }))
}

/// The first-hitting sampler (Zheng et al. 2025; BD3-LM, Arriola et al. 2025).
pub fn first_hitting() -> UnmaskingSampler {
    drawn(UnmaskingSampler::new(Order::Random, Commit::FirstHitting))
}

/// One token a step from left to right: a masked model used as an autoregressive one.
pub fn left_to_right() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::LeftToRight, Commit::EvenSplit)
}

/// PC-Sampler (Huang et al. 2025): `λ` 0.25, confidence capped at 10.
pub fn pc_sampler() -> UnmaskingSampler {
    let order = Order::PositionCalibrated { lambda: 0.25, cap: 10.0 };
    UnmaskingSampler::new(order, Commit::EvenSplit)
}

/// WeDLM's streaming rule (Liu et al. 2025): all with `H + 0.02·d < 0.4`.
pub fn wedlm() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::CertaintyPrior { lambda: 0.02 }, threshold(-0.4))
}

/// Fast-dLLM's parallel decoding (Wu et al. 2025) without a cache: threshold 0.9, blocks
/// of 32.
pub fn fast_dllm() -> UnmaskingSampler {
    blocks(32, UnmaskingSampler::new(Order::TopProbability, threshold(0.9)))
}

/// Fast-dLLM's factor rule (Wu et al. 2025): factor 1, blocks of 32.
pub fn fast_dllm_factor() -> UnmaskingSampler {
    blocks(32, UnmaskingSampler::new(Order::TopProbability, Commit::Factor { factor: 1.0 }))
}

/// SDAR's dynamic rule (Cheng et al. 2025): threshold 0.85, and never slower than the
/// even split.
pub fn sdar() -> UnmaskingSampler {
    let commit = Commit::Threshold { above: 0.85, decay_to: None, keep_pace: true };
    UnmaskingSampler::new(Order::TopProbability, commit)
}

/// SDAR's entropy rule (Cheng et al. 2025): a budget of 0.35 nats.
pub fn sdar_entropy() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::Entropy, Commit::EntropyBudget { nats: 0.35 })
}

/// LLaDA2.0's rule: threshold 0.95, blocks of 32.
pub fn llada2() -> UnmaskingSampler {
    blocks(32, UnmaskingSampler::new(Order::TopProbability, threshold(0.95)))
}

/// The entropy-bounded sampler (Ben-Hamu et al. 2025): `γ` 0.1.
pub fn entropy_bounded() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::Entropy, Commit::EntropyBounded { nats: 0.1 })
}

/// KLASS (Kim et al. 2025): probability above 0.9 and less than 0.01 nats for 2 steps.
pub fn klass() -> UnmaskingSampler {
    let commit = Commit::Stable { above: 0.9, nats: 0.01, window: 2 };
    UnmaskingSampler::new(Order::TopProbability, commit)
}

/// dInfer's hierarchical decoding (Ma et al. 2025): 0.9 alone, 0.4 as the best of a run,
/// blocks of 32.
pub fn hierarchy() -> UnmaskingSampler {
    let commit = Commit::Runs { above: 0.9, run_above: 0.4 };
    blocks(32, UnmaskingSampler::new(Order::TopProbability, commit))
}

/// CreditDecoding (Wang et al. 2025) as in dInfer: threshold 0.9, `α` 0.7, `β` 0.8, `γ`
/// 0.2, blocks of 32.
pub fn credit() -> UnmaskingSampler {
    let rule = CreditRule { above: 0.9, alpha: 0.7, beta: 0.8, gamma: 0.2 };
    blocks(32, UnmaskingSampler::new(Order::TopProbability, Commit::Credit(rule)))
}

/// ReMDM (Wang et al. 2025), capped: `η` 0.04, nucleus 0.9. The source tunes `η` to the
/// number of steps.
pub fn remdm() -> UnmaskingSampler {
    remasking(Strength::Cap, 0.04)
}

/// ReMDM, rescaled: `η` 0.015, nucleus 0.9.
pub fn remdm_rescale() -> UnmaskingSampler {
    remasking(Strength::Rescale, 0.015)
}

/// ReMDM by confidence: `η` 1, nucleus 0.9.
pub fn remdm_conf() -> UnmaskingSampler {
    remasking(Strength::Confidence, 1.0)
}

/// ReMDM's loop: `η` 0.02 between 0.55 and 0.05 at `α` 0.9, nucleus 0.9.
pub fn remdm_loop() -> UnmaskingSampler {
    remasking(Strength::Loop { on: 0.55, off: 0.05, alpha: 0.9 }, 0.02)
}

/// WINO (Hong et al. 2025): in above 0.6, out below 0.9, blocks of 128. What differs from
/// the published code stands at [`Remasking::Verify`].
pub fn wino() -> UnmaskingSampler {
    let sampler = blocks(128, UnmaskingSampler::new(Order::TopProbability, threshold(0.6)));
    UnmaskingSampler { remasking: Remasking::Verify { below: 0.9 }, ..sampler }
}

/// P2 (Peng et al. 2025) planning by itself: `η` 1, an even schedule.
pub fn p2() -> UnmaskingSampler {
    UnmaskingSampler { remasking: Remasking::PathPlanning { eta: 1.0 }, ..llada() }
}

/// LLaDA2.1's joint threshold as in SGLang: mask to token above 0.5, token to token above
/// 0, 16 evaluations more at most, blocks of 32.
pub fn joint_threshold() -> UnmaskingSampler {
    let sampler = blocks(32, UnmaskingSampler::new(Order::TopProbability, threshold(0.5)));
    UnmaskingSampler { remasking: Remasking::Edit { above: 0.0, extra_steps: 16 }, ..sampler }
}

fn ancestral(schedule: Schedule) -> UnmaskingSampler {
    let commit = Commit::Ancestral { clock: Clock::Shared(schedule), until: 0.0 };
    UnmaskingSampler::new(Order::Random, commit)
}

fn remasking(strength: Strength, eta: f64) -> UnmaskingSampler {
    let mut sampler = drawn(ancestral(Schedule::Linear));
    // The source's nucleus leaves the crossing token out.
    sampler.tokens = TokenRule { top_p: Some(0.9), drop_crossing: true, ..sampler.tokens };
    UnmaskingSampler { remasking: Remasking::ReMdm(ReMdm { strength, eta }), ..sampler }
}

fn dream_schedule() -> Commit {
    Commit::Scheduled { clock: Clock::Shared(Schedule::Linear), until: 1e-3 }
}

fn threshold(above: f64) -> Commit {
    Commit::Threshold { above, decay_to: None, keep_pace: false }
}

fn blocks(length: usize, sampler: UnmaskingSampler) -> UnmaskingSampler {
    UnmaskingSampler { block_length: Some(length), ..sampler }
}

/// Tokens drawn at temperature 1.
fn drawn(sampler: UnmaskingSampler) -> UnmaskingSampler {
    UnmaskingSampler { tokens: TokenRule { temperature: 1.0, ..sampler.tokens }, ..sampler }
}
