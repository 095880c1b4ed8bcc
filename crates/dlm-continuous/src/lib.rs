//! Gaussian diffusion on latents, for language: schedules, solvers, rounding, likelihood.
//!
//! A text is `[batch, length, dim]` numbers, the embeddings of its tokens; noise is added to
//! them, `x_t = α·x₀ + σ·ε`, and a sampler walks back. Nothing here knows a network: a sampler
//! asks a [`dlm_core::Denoiser`] for `E[x₀ | x_t]`, and its state is any [`dlm_core::Latent`],
//! in host memory or on a device. Every position has its own noise level, so a prompt is a
//! position that stays clean, and positions may keep clocks of their own.
//!
//! ```
//! use dlm_continuous::noise::{Noise, Stepwise};
//! use dlm_continuous::schedule::{Clock, Cosine, Grid};
//! use dlm_continuous::solver::Solver;
//! use dlm_continuous::{forward, sample};
//! use dlm_core::{DenseLatent, Shape};
//! use dlm_rng::Key;
//! use dlm_testkit::GaussianMixture;
//!
//! // One text of six positions, of which the first two are a prompt.
//! let schedule = Cosine::default();
//! let grid = Grid::uniform(50).levels(&schedule)?;
//! let levels = Clock::shared(6).freeze(0..2).levels(&grid, &schedule)?;
//! let text = DenseLatent::<f64>::zeros(Shape { batch: 1, length: 6, dim: 1 });
//! let mut noise = Stepwise::new([Key::new(7)]);
//! let start = forward::corrupt(&text, &levels[0], &noise.fresh(&text)?)?;
//!
//! let mut data = GaussianMixture::gaussian(1.0, 0.2)?;
//! let solver = Solver::default().on(schedule);
//! let run = sample(&solver, &levels, start, &mut data, &mut noise, &mut ())?;
//! assert_eq!(run.nfe, 50);
//! assert_eq!(run.x.values()[..2], [0.0, 0.0]);
//! assert!(run.x.values()[2..].iter().all(|x| (x - 1.0).abs() < 1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which solver
//!
//! The mean distance from the end of the exact probability flow, at equal numbers of network
//! evaluations, on two Gaussians with an exact denoiser, levels even in `λ` from -9.2 to 3.7
//! (`cargo run -p dlm-continuous --example budget`):
//!
//! | evaluations | 8 | 16 | 32 | 64 | 128 |
//! |---|---|---|---|---|---|
//! | `ddim`, `euler` | 0.39 | 0.20 | 0.098 | 0.049 | 0.024 |
//! | `heun` | 7.1 | 0.63 | 0.091 | 0.018 | 0.0042 |
//! | `dpmpp-2m` | 0.24 | 0.075 | 0.017 | 0.0040 | 0.0010 |
//! | `dpmpp-3m` | 0.54 | 0.052 | 0.0097 | 0.0014 | 0.00017 |
//! | `dpmpp-2s` | 0.35 | 0.12 | 0.036 | 0.011 | 0.0026 |
//! | `flow` | 1.4e6 | 1.3e4 | 1.3 | 0.034 | 0.0014 |
//!
//! - `dpmpp-2m` is the choice to begin with: nothing is better at 8 and little at 16.
//! - `dpmpp-3m` wins from 16 evaluations on, where the denoiser is as good as here. In the
//!   limit it is of order 3 only if its first step is short; a first step of full length,
//!   of order 1 by itself, leaves an error of order 2.
//! - `heun` and `dpmpp-2s` need no past, which suits positions whose clocks stop and go; they
//!   pay for it with every second evaluation. `heun`'s steps must stay short: it is unstable
//!   beyond about one nat of `λ`. So is `flow`, Runge-Kutta of order 4, which is there to
//!   compute reference values and densities.
//! - `ddim` with `η = 0` and `euler` are the same formula and of order 1.
//! - `ddpm`, `vdm`, `ddim` with `η > 0` and churn draw noise at every step. They need more
//!   steps, and forgive a network more: noise drawn late hides what went wrong early (Karras
//!   et al. 2022). With [`noise::Brownian`] their step counts can be compared on one path.
//!
//! [`solver`] has the formulas, orders and names; [`simplex`] holds the samplers of SSD-LM and
//! TESS, whose state is a vector of the vocabulary at each position. What is proved of all of
//! them, and how, is on one page of the repository, `docs/continuous.md`.
//!
//! # What else is here
//!
//! | module | |
//! |---|---|
//! | [`schedule`] | `t ↦ (α, σ)`, grids of levels, clocks of positions, published tables |
//! | [`forward`] | what noise does: marginal, transition, posterior |
//! | [`denoiser`] | networks that predict noise, velocity, score or logits; clamping, guidance, self-conditioning |
//! | [`noise`] | where random numbers come from: by key, along one Brownian path, recorded |
//! | [`rounding`] | from latents to tokens, with distance and margin; selection among samples |
//! | [`likelihood`] | variational bound and flow density, with standard errors |

#![deny(missing_docs)]

pub mod denoiser;
mod error;
pub mod forward;
mod levels;
pub mod likelihood;
pub mod noise;
mod nucleus;
mod observer;
pub mod rounding;
mod run;
pub mod schedule;
pub mod simplex;
pub mod solver;

pub use error::SampleError;
pub use levels::LevelsError;
pub use noise::{Noise, NoiseError};
pub use observer::Observer;
pub use run::{Outcome, Sampler, Step, Stepped, sample};
