//! Forward processes on tokens: drawn from the closed form, and transition by transition.

use dlm_core::{TokenId, invert_cdf};
use dlm_discrete::forward::{Chain, ForwardError, Process, Spiked};
use dlm_rng::{Key, Purpose};

use super::{
    drawn::{Drawn, Effort, Watch, refused},
    fit::{Fit, counted},
};
use crate::Error;

/// The clean tokens; the mask is the number behind them.
pub(super) const TOKENS: usize = 8;

/// The token that noise is put on.
const CLEAN: TokenId = 2;

/// A process on tokens.
pub(super) enum TokenProcess {
    /// In closed form, at one position of its clock.
    Closed {
        /// The process.
        process: Process,
        /// The position.
        position: usize,
    },
    /// A matrix for each of so many steps to a time.
    Matrices(ChainTo),
}

/// The chain of so many steps up to a time.
pub(super) type ChainTo = fn(f64, usize) -> Result<Chain, ForwardError>;

/// A process cut into steps up to one time.
enum Path<'a> {
    Closed { process: &'a Process, position: usize, t: f64, steps: usize },
    Matrices(Chain),
}

/// A law of one token.
enum Law {
    Spiked(Spiked),
    List(Vec<f64>),
}

impl TokenProcess {
    /// Draws from `q(x_t | x₀)`.
    pub(super) fn at_once(&self, t: f64, effort: Effort, key: Key) -> Result<Drawn, Error> {
        let Effort { draws, steps } = effort;
        let law = self.path(t, steps)?.marginal(steps)?;
        let mut stream = key.purpose(Purpose::Corrupt).stream();
        let mut counts = vec![0; TOKENS + 1];
        (0..draws).for_each(|_| counts[law.draw(stream.uniform())] += 1);
        Ok(Drawn { fit: counted(&counts, &law.all()), numbers: draws as u64 })
    }

    /// Draws from `q(x_k | x_{k−1})`, step after step. A token whose next state is certain,
    /// as a mask's is, takes no random number.
    pub(super) fn step_by_step(
        &self,
        t: f64,
        effort: Effort,
        key: Key,
        watch: &mut Watch<'_>,
    ) -> Result<Drawn, Error> {
        let Effort { draws, steps } = effort;
        let path = self.path(t, steps)?;
        let mut states = vec![CLEAN as usize; draws];
        let mut numbers = 0;
        for k in 1..=steps {
            let laws: Vec<Option<Law>> = (0..=TOKENS).map(|state| path.step(k, state)).collect();
            let certain: Vec<Option<usize>> =
                laws.iter().map(|law| law.as_ref().and_then(Law::certain)).collect();
            let mut stream = key.step(k as u64).purpose(Purpose::Corrupt).stream();
            for state in &mut states {
                let Some(law) = &laws[*state] else {
                    return Err(Error::Argument(format!("token {state} has nowhere to go")));
                };
                *state = match certain[*state] {
                    Some(next) => next,
                    None => {
                        numbers += 1;
                        law.draw(stream.uniform())
                    }
                };
            }
            watch(k, &|| Ok(fit(&states, &path.marginal(k)?)))?;
        }
        Ok(Drawn { fit: fit(&states, &path.marginal(steps)?), numbers })
    }

    fn path(&self, t: f64, steps: usize) -> Result<Path<'_>, Error> {
        Ok(match self {
            Self::Closed { process, position } => {
                Path::Closed { process, position: *position, t, steps }
            }
            Self::Matrices(chain) => Path::Matrices(chain(t, steps).map_err(refused)?),
        })
    }
}

impl Path<'_> {
    /// `q(x_k | x₀)`.
    fn marginal(&self, k: usize) -> Result<Law, Error> {
        match self {
            Self::Closed { process, position, t, steps } => {
                let t = t * k as f64 / *steps as f64;
                process.marginal(*position, CLEAN, t).map(Law::Spiked)
            }
            Self::Matrices(chain) => {
                chain.marginal(CLEAN as usize, k).map(|row| Law::List(row.to_vec()))
            }
        }
        .map_err(refused)
    }

    /// `q(x_k | x_{k−1} = state)`; absent where the process has no such state.
    ///
    /// The first step begins with data, not with the state at time 0: some schedules have
    /// noise there already.
    fn step(&self, k: usize, state: usize) -> Option<Law> {
        match self {
            Self::Closed { process, position, t, steps } => {
                let at = |k: usize| t * k as f64 / *steps as f64;
                let law = match k {
                    1 => process.marginal(*position, state as TokenId, at(1)),
                    _ => process.transition(*position, state as TokenId, at(k - 1), at(k)),
                };
                law.ok().map(Law::Spiked)
            }
            Self::Matrices(chain) => chain.step(k, state).ok().map(|row| Law::List(row.to_vec())),
        }
    }
}

impl Law {
    fn draw(&self, u: f64) -> usize {
        match self {
            Self::Spiked(law) => law.draw(u) as usize,
            Self::List(law) => invert_cdf(law, u),
        }
    }

    fn all(&self) -> Vec<f64> {
        let of = |token: usize| match self {
            Self::Spiked(law) => law.probability(token as TokenId),
            Self::List(law) => law.get(token).copied().unwrap_or(0.0),
        };
        (0..=TOKENS).map(of).collect()
    }

    /// The only outcome, where there is only one.
    fn certain(&self) -> Option<usize> {
        self.all().iter().position(|p| *p == 1.0)
    }
}

fn fit(states: &[usize], law: &Law) -> Fit {
    let mut counts = vec![0; TOKENS + 1];
    states.iter().for_each(|&state| counts[state] += 1);
    counted(&counts, &law.all())
}
