//! A sampler chosen by its name.

use std::str::FromStr;

use dlm_core::{Denoiser, Latent};
use serde::{Deserialize, Serialize};

use super::{
    Churn, Churned, Ddim, Ddpm, DpmSolverPp, DpmSolverPp2S, Euler, Heun, History, ProbabilityFlow,
    SecondOrder, ThirdOrder, Vdm,
};
use crate::{Noise, SampleError, Sampler, Step, Stepped, schedule::NoiseSchedule};

/// Any of the samplers, as a file or a command line names it.
///
/// In a file a solver is a table with its `kind`; a name alone has every default. To be run
/// it needs to know the forward process, see [`Solver::on`].
///
/// ```
/// use dlm_continuous::solver::{Ddim, Solver};
///
/// let solver: Solver = serde_json::from_str(r#"{"kind": "ddim", "eta": 0.5}"#)?;
/// assert_eq!(solver, Solver::Ddim(Ddim { eta: 0.5 }));
/// assert_eq!("ddim".parse(), Ok(Solver::Ddim(Ddim::default())));
/// assert!("ddmp".parse::<Solver>().unwrap_err().to_string().contains("ddpm"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Solver {
    /// [`Ddpm`].
    Ddpm(Ddpm),
    /// [`Ddim`].
    Ddim(Ddim),
    /// [`Euler`], [`Churned`] where there is churn.
    Euler {
        /// Noise added before each step; none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        churn: Option<Churn>,
    },
    /// [`Heun`], [`Churned`] where there is churn.
    Heun {
        /// Noise added before each step; none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        churn: Option<Churn>,
    },
    /// [`DpmSolverPp`] of order 2.
    #[serde(rename = "dpmpp-2m")]
    DpmSolverPp2M {
        /// See [`DpmSolverPp::second`].
        #[serde(default)]
        second: SecondOrder,
        /// See [`DpmSolverPp::lower_order_final`].
        #[serde(default)]
        lower_order_final: bool,
    },
    /// [`DpmSolverPp`] of order 3.
    #[serde(rename = "dpmpp-3m")]
    DpmSolverPp3M {
        /// See [`DpmSolverPp::second`].
        #[serde(default)]
        second: SecondOrder,
        /// See [`DpmSolverPp::third`].
        #[serde(default)]
        third: ThirdOrder,
        /// See [`DpmSolverPp::lower_order_final`].
        #[serde(default)]
        lower_order_final: bool,
    },
    /// [`DpmSolverPp2S`].
    #[serde(rename = "dpmpp-2s")]
    DpmSolverPp2S {},
    /// [`ProbabilityFlow`].
    Flow {},
    /// [`Vdm`].
    Vdm(Vdm),
}

/// No solver has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no solver is called {name:?}: there are {}", Solver::ALL.map(Solver::name).join(", "))]
pub struct UnknownSolver {
    /// What was asked for.
    pub name: String,
}

impl Solver {
    /// One of each kind, with every default.
    pub const ALL: [Self; 9] = [
        Self::Ddpm(Ddpm { variance: super::Variance::FixedSmall }),
        Self::Ddim(Ddim { eta: 0.0 }),
        Self::Euler { churn: None },
        Self::Heun { churn: None },
        Self::DpmSolverPp2M { second: SecondOrder::Midpoint, lower_order_final: false },
        Self::DpmSolverPp3M {
            second: SecondOrder::Midpoint,
            third: ThirdOrder::Exact,
            lower_order_final: false,
        },
        Self::DpmSolverPp2S {},
        Self::Flow {},
        Self::Vdm(Vdm {}),
    ];

    /// Its kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ddpm(_) => "ddpm",
            Self::Ddim(_) => "ddim",
            Self::Euler { .. } => "euler",
            Self::Heun { .. } => "heun",
            Self::DpmSolverPp2M { .. } => "dpmpp-2m",
            Self::DpmSolverPp3M { .. } => "dpmpp-3m",
            Self::DpmSolverPp2S {} => "dpmpp-2s",
            Self::Flow {} => "flow",
            Self::Vdm(_) => "vdm",
        }
    }

    /// Network evaluations of a step; of one that ends at `σ = 0` it is always 1.
    pub const fn nfe(self) -> usize {
        match self {
            Self::Heun { .. } | Self::DpmSolverPp2S {} => 2,
            Self::Flow {} => 4,
            _ => 1,
        }
    }

    /// The sampler, for a run whose levels are read from `schedule`. Those that look between
    /// two levels, or add noise before a step, ask it for levels of their own.
    pub const fn on<S: NoiseSchedule>(self, schedule: S) -> OnSchedule<S> {
        OnSchedule { solver: self, schedule }
    }
}

impl Default for Solver {
    /// DPM-Solver++ of order 2, one evaluation a step.
    fn default() -> Self {
        Self::DpmSolverPp2M { second: SecondOrder::default(), lower_order_final: false }
    }
}

impl FromStr for Solver {
    type Err = UnknownSolver;

    fn from_str(name: &str) -> Result<Self, UnknownSolver> {
        let found = Self::ALL.into_iter().find(|solver| solver.name() == name);
        found.ok_or_else(|| UnknownSolver { name: name.to_string() })
    }
}

/// A [`Solver`] that knows the forward process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OnSchedule<S> {
    /// Which sampler.
    pub solver: Solver,
    /// The forward process.
    pub schedule: S,
}

impl<X: Latent, S: NoiseSchedule> Sampler<X> for OnSchedule<S> {
    type Memory = History<X>;

    fn step(
        &self,
        x: X,
        step: &Step<'_>,
        memory: &mut History<X>,
        denoiser: &mut dyn Denoiser<X>,
        noise: &mut dyn Noise<X>,
    ) -> Result<Stepped<X>, SampleError> {
        let schedule = &self.schedule;
        match self.solver {
            Solver::Ddpm(ddpm) => ddpm.step(x, step, &mut (), denoiser, noise),
            Solver::Ddim(ddim) => ddim.step(x, step, &mut (), denoiser, noise),
            Solver::Vdm(vdm) => vdm.step(x, step, &mut (), denoiser, noise),
            Solver::Euler { churn } => {
                let churned =
                    Churned { sampler: Euler {}, churn: churn.unwrap_or_default(), schedule };
                churned.step(x, step, &mut (), denoiser, noise)
            }
            Solver::Heun { churn } => {
                let churned =
                    Churned { sampler: Heun {}, churn: churn.unwrap_or_default(), schedule };
                churned.step(x, step, &mut (), denoiser, noise)
            }
            Solver::DpmSolverPp2M { second, lower_order_final } => {
                let third = ThirdOrder::default();
                let two = DpmSolverPp { order: 2, second, third, lower_order_final };
                two.step(x, step, memory, denoiser, noise)
            }
            Solver::DpmSolverPp3M { second, third, lower_order_final } => {
                let three = DpmSolverPp { order: 3, second, third, lower_order_final };
                three.step(x, step, memory, denoiser, noise)
            }
            Solver::DpmSolverPp2S {} => {
                DpmSolverPp2S { schedule }.step(x, step, &mut (), denoiser, noise)
            }
            Solver::Flow {} => ProbabilityFlow { schedule }.step(x, step, &mut (), denoiser, noise),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_kind_in_a_file() {
        for solver in Solver::ALL {
            let kind = format!(r#"{{"kind":"{}"}}"#, solver.name());
            assert_eq!(serde_json::from_str::<Solver>(&kind).unwrap(), solver);
            assert_eq!(solver.name().parse(), Ok(solver));
            let written = serde_json::to_string(&solver).unwrap();
            assert_eq!(serde_json::from_str::<Solver>(&written).unwrap(), solver, "{written}");
            let odd = format!(r#"{{"kind":"{}","colour":"red"}}"#, solver.name());
            assert!(serde_json::from_str::<Solver>(&odd).is_err(), "{odd}");
        }
        assert!(Solver::ALL.contains(&Solver::default()));
    }

    #[test]
    fn fields_are_read() {
        let solver: Solver =
            toml::from_str("kind = 'heun'\nchurn = { gamma = 0.1, most = 50.0 }").unwrap();
        let churn = Churn { gamma: 0.1, most: 50.0, ..Churn::default() };
        assert_eq!(solver, Solver::Heun { churn: Some(churn) });
        let solver: Solver = toml::from_str("kind = 'ddpm'\nvariance = 'fixed-large'").unwrap();
        let variance = super::super::Variance::FixedLarge;
        assert_eq!(solver, Solver::Ddpm(Ddpm { variance }));
    }

    #[test]
    fn an_unknown_name_gets_the_known_ones() {
        let error = "lms".parse::<Solver>().unwrap_err().to_string();
        assert_eq!(
            error,
            "no solver is called \"lms\": there are ddpm, ddim, euler, heun, dpmpp-2m, dpmpp-3m, \
             dpmpp-2s, flow, vdm"
        );
    }
}
