//! One sampler a file, its formula first.
//!
//! | name | sampler | order | evaluations | noise |
//! |---|---|---|---|---|
//! | `ddpm` | [`Ddpm`]: ancestral sampling | 1, weak | 1 | every step |
//! | `ddim` | [`Ddim`]: from deterministic to ancestral | 1 | 1 | as much as `η` says |
//! | `vdm` | [`Vdm`]: ancestral sampling as Plaid has it | 1, weak | 1 | every step |
//! | `euler` | [`Euler`] | 1 | 1 | none, or [`Churned`] |
//! | `heun` | [`Heun`] | 2 | 2 | none, or [`Churned`] |
//! | `dpmpp-2m` | [`DpmSolverPp`] | 2 | 1 | none |
//! | `dpmpp-3m` | [`DpmSolverPp`] of order 3 | 3 or 2 | 1 | none |
//! | `dpmpp-2s` | [`DpmSolverPp2S`] | 2 | 2 | none |
//! | `flow` | [`ProbabilityFlow`]: Runge-Kutta | 4 | 4 | none |
//!
//! All work in `α` and `σ` of whatever process the levels come from. `dpmpp-3m` is of order 3
//! if its first step is short; a first step of full length leaves order 2 in the limit. Which
//! one to choose is said on the [first page](crate#which-solver).
//!
//! [`Solver`] finds any of them by its name.

mod churned;
mod ddim;
mod ddpm;
mod dpm_solver_pp;
mod dpm_solver_pp_2s;
mod euler;
mod flow;
mod heun;
mod named;
mod positions;
mod stochastic;
mod vdm;

pub use churned::{Churn, Churned};
pub use ddim::Ddim;
pub use ddpm::{Ddpm, Variance};
pub use dpm_solver_pp::{DpmSolverPp, History, SecondOrder, ThirdOrder};
pub use dpm_solver_pp_2s::DpmSolverPp2S;
pub use euler::Euler;
pub use flow::ProbabilityFlow;
pub use heun::Heun;
pub use named::{OnSchedule, Solver, UnknownSolver};
pub use vdm::Vdm;
