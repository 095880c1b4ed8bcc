//! Discrete diffusion: forward processes and samplers on tokens, and their likelihoods.
//!
//! A masked sampler is an order × a commit rule × a block length × a temperature ×
//! remasking. What was published under a name is one such combination:
//!
//! | preset | published as | order | commit | block | T | remasking |
//! |---|---|---|---|---|---|---|
//! | `llada` | LLaDA, low-confidence (Nie et al. 2025) | p(token) | even split | any | 0 | none |
//! | `llada-random` | LLaDA, random (Nie et al. 2025) | random | even split | any | 0 | none |
//! | `dream` | Dream, `entropy` (Ye et al. 2025) | entropy | scheduled | one | 0 | none |
//! | `dream-margin` | Dream, `topk_margin` (Kim et al. 2025) | margin | scheduled | one | 0 | none |
//! | `dream-maskgit` | Dream, `maskgit_plus` (Chang et al. 2022) | p(token) | scheduled | one | 0 | none |
//! | `dream-origin` | Dream, `origin` (Ye et al. 2025) | random | ancestral | one | 1 | none |
//! | `mdlm` | MDLM (Sahoo et al. 2024) | random | ancestral | one | 1 | none |
//! | `md4` | MD4 (Shi et al. 2024) | random | ancestral, cosine | one | 1 | none |
//! | `first-hitting` | first-hitting (Zheng et al. 2025) | random | first hitting | one | 1 | none |
//! | `left-to-right` | the chain rule | left to right | even split | one | 0 | none |
//! | `pc-sampler` | PC-Sampler (Huang et al. 2025) | position-calibrated | even split | one | 0 | none |
//! | `wedlm` | WeDLM (Liu et al. 2025) | certainty prior | threshold | one | 0 | none |
//! | `fast-dllm` | Fast-dLLM, threshold (Wu et al. 2025) | p(token) | threshold | 32 | 0 | none |
//! | `fast-dllm-factor` | Fast-dLLM, factor (Wu et al. 2025) | p(token) | factor | 32 | 0 | none |
//! | `sdar` | SDAR, dynamic (Cheng et al. 2025) | p(token) | threshold, keeping pace | one | 0 | none |
//! | `sdar-entropy` | SDAR, entropy (Cheng et al. 2025) | entropy | entropy budget | one | 0 | none |
//! | `llada2` | LLaDA2.0 (2025) | p(token) | threshold | 32 | 0 | none |
//! | `entropy-bounded` | EB-Sampler (Ben-Hamu et al. 2025) | entropy | entropy bounded | one | 0 | none |
//! | `klass` | KLASS (Kim et al. 2025) | p(token) | stable | one | 0 | none |
//! | `hierarchy` | dInfer, hierarchical (Ma et al. 2025) | p(token) | runs | 32 | 0 | none |
//! | `credit` | CreditDecoding (Wang et al. 2025) | p(token) | credit | 32 | 0 | none |
//! | `remdm` | ReMDM, cap (Wang et al. 2025) | random | ancestral | one | 1 | ReMDM, capped |
//! | `remdm-rescale` | ReMDM, rescale (Wang et al. 2025) | random | ancestral | one | 1 | ReMDM, rescaled |
//! | `remdm-conf` | ReMDM, conf (Wang et al. 2025) | random | ancestral | one | 1 | ReMDM, by confidence |
//! | `remdm-loop` | ReMDM, loop (Wang et al. 2025) | random | ancestral | one | 1 | ReMDM, in a loop |
//! | `wino` | WINO (Hong et al. 2025) | p(token) | threshold | 128 | 0 | verify |
//! | `p2` | P2 (Peng et al. 2025) | p(token) | even split | one | 0 | path planning |
//! | `joint-threshold` | LLaDA2.1 (2026) | p(token) | threshold | 32 | 0 | edit |
//!
//! Dependence-aware commits ([`Commit::EntropyBounded`](unmasking::Commit::EntropyBounded),
//! [`Commit::EntropyBudget`](unmasking::Commit::EntropyBudget),
//! [`Commit::Independent`](unmasking::Commit::Independent)) combine with any order.
//!
//! Samplers whose every token may jump, and jump again, are of another kind:
//!
//! | preset | published as | noise | rule |
//! |---|---|---|---|
//! | `d3pm-absorbing` | D3PM absorbing (Austin et al. 2021), MDLM's transitions | masks | posterior |
//! | `md4-cosine` | MD4 (Shi et al. 2024) | masks, cosine grid | posterior |
//! | `d3pm-uniform` | D3PM uniform (Austin et al. 2021), Duo (Sahoo et al. 2025) | uniform | posterior |
//! | `duo-psi` | Ψ samplers (Deschenaux et al. 2026) | uniform | posterior and renoising |
//! | `sedd-euler` | score entropy (Lou et al. 2024) | masks | Euler |
//! | `sedd-analytic` | score entropy (Lou et al. 2024) | masks | analytic |
//! | `flow` | discrete flow matching (Gat et al. 2024) | masks | Euler |
//! | `flow-uniform` | discrete flow matching (Gat et al. 2024) | uniform | Euler |
//!
//! On masks with the log-linear schedule score entropy's two rules are one. All rules
//! combine with either noise ([`JumpSampler`](jump::JumpSampler)). [`presets`]
//! finds a name of either table. [`Renoiser`] is DiffusionGemma's loop on uniform noise:
//! accept and renoise.
//!
//! Nothing here knows a network: a sampler asks a [`dlm_core::MaskPredictor`].
//!
//! ```
//! use dlm_core::Canvas;
//! use dlm_discrete::unmasking::{UnmaskingSampler, presets};
//! use dlm_rng::Key;
//! use dlm_testkit::Tabular;
//!
//! // "I like" or "He likes", and nothing else.
//! let mut words = Tabular::new(2, 2, vec![0.5, 0.0, 0.0, 0.5])?;
//! let sampler = UnmaskingSampler { steps: Some(2), ..presets::mdlm() };
//! let mut canvases = vec![Canvas::continuation(&[], 2, words.mask())?; 4];
//! let keys: Vec<Key> = (0..4).map(|i| Key::new(7).sequence(i)).collect();
//! let outcomes = sampler.fill(&mut words, &mut canvases, &keys, &mut ())?;
//! assert!(canvases.iter().all(|canvas| canvas.masked().is_empty()));
//! assert!(outcomes.iter().all(|outcome| outcome.nfe <= 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]

mod alphabet;
mod batch;
mod fieldless;
pub mod forward;
pub mod jump;
pub mod likelihood;
mod observer;
mod outcome;
pub mod presets;
mod renoise;
mod schedule;
pub mod unmasking;

pub use alphabet::Alphabet;
pub use batch::BatchError;
pub use observer::{Commitment, Observer, Step};
pub use outcome::Outcome;
pub use renoise::{Renoiser, RenoisingStep};
pub use schedule::{Clock, Grid, ParameterError, Schedule};
