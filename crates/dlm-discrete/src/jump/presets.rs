//! Samplers as their authors publish them, and their names.

use super::{Ceiling, JumpSampler, Kappa, Rule};
use crate::forward::{Noise, Reverse};
use crate::{Clock, Grid, Schedule};

/// A named sampler.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// The sampler with its published defaults and [`STEPS`] steps.
    pub sampler: fn() -> JumpSampler,
}

/// Steps of every preset: the sources leave their number to the task.
pub const STEPS: usize = 128;

/// All presets, in the order of the table on the crate's first page.
pub const ALL: &[Preset] = &[
    Preset {
        name: "d3pm-absorbing",
        source: "Austin et al. 2021; Sahoo et al. 2024",
        sampler: || JumpSampler::mdlm(STEPS),
    },
    Preset { name: "md4-cosine", source: "Shi et al. 2024", sampler: || JumpSampler::md4(STEPS) },
    Preset {
        name: "d3pm-uniform",
        source: "Austin et al. 2021; Sahoo et al. 2025",
        sampler: || JumpSampler::duo(STEPS),
    },
    Preset { name: "duo-psi", source: "Deschenaux et al. 2026", sampler: duo_psi },
    Preset { name: "sedd-euler", source: "Lou et al. 2024", sampler: sedd_euler },
    Preset {
        name: "sedd-analytic",
        source: "Lou et al. 2024",
        sampler: || JumpSampler::sedd(Noise::Absorbing, STEPS),
    },
    Preset {
        name: "flow",
        source: "Gat et al. 2024",
        sampler: || JumpSampler::flow(Noise::Absorbing, STEPS),
    },
    Preset {
        name: "flow-uniform",
        source: "Gat et al. 2024",
        sampler: || JumpSampler::flow(Noise::Uniform, STEPS),
    },
];

/// Uniform noise, and ReMDM's rescaled `κ` with `η` 0.05.
fn duo_psi() -> JumpSampler {
    let kappa = Kappa::MaxRescaled { eta: 0.05, ceiling: Ceiling::One };
    JumpSampler::psi(Noise::Uniform, kappa, STEPS)
}

/// Score entropy's Euler sampler on masks. With this schedule `(t − s)·dσ/dt` is
/// `e^(σ_t − σ_s) − 1`, so it does what the analytic one does.
fn sedd_euler() -> JumpSampler {
    JumpSampler { rule: Rule::Euler, ..JumpSampler::sedd(Noise::Absorbing, STEPS) }
}

const JOINT: Rule = Rule::Posterior { reverse: Reverse::Joint };

impl JumpSampler {
    /// Ancestral sampling of masked diffusion with the log-linear schedule down to
    /// `t = 10⁻⁵` (Sahoo et al. 2024, MDLM). The published code ends with an argmax; here
    /// the rare masks that are left are drawn.
    pub fn mdlm(steps: usize) -> Self {
        let clock = Clock::Shared(Schedule::LogLinear { eps: 1e-3 });
        Self { end: 1e-5, ..Self::new(JOINT, Noise::Absorbing, clock, steps) }
    }

    /// Ancestral sampling of masked diffusion with cosine schedule and cosine grid (Shi et
    /// al. 2024, MD4).
    pub fn md4(steps: usize) -> Self {
        let clock = Clock::Shared(Schedule::Cosine { squeeze: 1e-4 });
        Self { grid: Grid::Cosine, ..Self::new(JOINT, Noise::Absorbing, clock, steps) }
    }

    /// Ancestral sampling of uniform diffusion with the log-linear schedule down to
    /// `t = 10⁻⁵` (Sahoo et al. 2025, Duo).
    pub fn duo(steps: usize) -> Self {
        Self { noise: Noise::Uniform, ..Self::mdlm(steps) }
    }

    /// Ψ-sampling of either noise (Deschenaux et al. 2026); otherwise as MDLM and Duo.
    pub fn psi(noise: Noise, kappa: Kappa, steps: usize) -> Self {
        Self { rule: Rule::Psi { kappa, reverse: Reverse::Joint }, noise, ..Self::mdlm(steps) }
    }

    /// Score entropy's analytic sampler with the log-linear schedule down to `t = 10⁻⁵`,
    /// then denoising (Lou et al. 2024, SEDD).
    pub fn sedd(noise: Noise, steps: usize) -> Self {
        Self { rule: Rule::Analytic, noise, ..Self::mdlm(steps) }
    }

    /// Euler steps of discrete flow matching along `κ = 1 − t` (Gat et al. 2024).
    pub fn flow(noise: Noise, steps: usize) -> Self {
        Self::new(Rule::Flow, noise, Clock::Shared(Schedule::Linear), steps)
    }

    /// With all other fields at their defaults.
    pub fn new(rule: Rule, noise: Noise, clock: Clock, steps: usize) -> Self {
        let grid = Grid::Uniform;
        Self { rule, noise, clock, steps, grid, end: 0.0, denoise: true, top_p: None }
    }
}
