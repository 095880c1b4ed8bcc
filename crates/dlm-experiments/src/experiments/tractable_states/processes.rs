//! Every forward process there is, by name.

use dlm_continuous::schedule::{
    Betas, Cosine, Karras, Learned, Linear, PiecewiseLinear, Published, ScaledLinear,
    Schedule as Gaussian, Shifted, Sigmoid, Sqrt, TimeWarp, TruncatedCosine, TruncatedLinear,
};
use dlm_core::TokenId;
use dlm_discrete::{
    Clock, Schedule,
    forward::{Chain, ForwardError, Noise, Process},
};
use dlm_rng::Key;

use super::{
    drawn::{Drawn, Effort, Watch, refused},
    tokens::{ChainTo, TOKENS, TokenProcess},
    vectors,
};
use crate::Error;

/// Steps of the published chains in discrete time.
const PUBLISHED_STEPS: usize = 1000;

/// A forward process with its name.
pub(super) struct Named {
    pub(super) name: String,
    /// `absorbing`, `uniform`, `matrices` or `gaussian`.
    pub(super) group: &'static str,
    process: Forward,
}

enum Forward {
    Tokens(TokenProcess),
    Vectors(Gaussian),
}

impl Named {
    pub(super) fn at_once(&self, t: f64, effort: Effort, key: Key) -> Result<Drawn, Error> {
        match &self.process {
            Forward::Tokens(process) => process.at_once(t, effort, key),
            Forward::Vectors(schedule) => vectors::at_once(schedule, t, effort, key),
        }
    }

    pub(super) fn step_by_step(
        &self,
        t: f64,
        effort: Effort,
        key: Key,
        watch: &mut Watch<'_>,
    ) -> Result<Drawn, Error> {
        match &self.process {
            Forward::Tokens(process) => process.step_by_step(t, effort, key, watch),
            Forward::Vectors(schedule) => vectors::step_by_step(schedule, t, effort, key, watch),
        }
    }
}

/// All of them: absorbing and uniform noise on every schedule and on a clock by position,
/// chains of matrices, and Gaussian noise on every schedule and every published chain.
///
/// # Errors
///
/// None, as long as the published parameters give schedules.
pub(super) fn all() -> Result<Vec<Named>, Error> {
    let mut all = Vec::new();
    for (noise, group) in [(Noise::Absorbing, "absorbing"), (Noise::Uniform, "uniform")] {
        let mut add = |name: &str, clock: Clock, position: usize| -> Result<(), Error> {
            let process = Process::new(noise, clock, TOKENS, TOKENS as TokenId).map_err(refused)?;
            let process = Forward::Tokens(TokenProcess::Closed { process, position });
            all.push(Named { name: format!("{group}, {name}"), group, process });
            Ok(())
        };
        for (name, schedule) in masking_schedules() {
            add(name, Clock::Shared(schedule), 0)?;
        }
        let cosine = Schedule::Cosine { squeeze: 1e-4 };
        add("clock by position", Clock::PerPosition(vec![Schedule::Linear, cosine]), 1)?;
    }
    let chains: [(&str, ChainTo); 3] =
        [("absorbing", absorbing), ("uniform", uniform), ("neighbours on a ring", ring)];
    for (name, chain) in chains {
        let process = Forward::Tokens(TokenProcess::Matrices(chain));
        all.push(Named { name: format!("matrices, {name}"), group: "matrices", process });
    }
    for (name, schedule) in noise_schedules()? {
        let process = Forward::Vectors(schedule);
        all.push(Named { name: format!("gaussian, {name}"), group: "gaussian", process });
    }
    Ok(all)
}

/// Every schedule of tokens, with its published parameters.
fn masking_schedules() -> [(&'static str, Schedule); 8] {
    [
        ("linear", Schedule::Linear),
        ("log-linear", Schedule::LogLinear { eps: 1e-3 }),
        ("geometric", Schedule::Geometric { sigma_min: 1e-3, sigma_max: 20.0 }),
        ("constant rate", Schedule::ConstantRate { sigma_min: 0.0, sigma_max: 10.0 }),
        ("cosine", Schedule::Cosine { squeeze: 1e-4 }),
        ("polynomial", Schedule::Polynomial { exponent: 2.0, squeeze: 1e-4 }),
        ("power of a cosine", Schedule::CosinePower { power: 1.0, eps: 1e-3 }),
        ("squared cosine", Schedule::SquaredCosine { offset: 0.008 }),
    ]
}

/// Every schedule of vectors, with its published parameters.
fn noise_schedules() -> Result<Vec<(&'static str, Gaussian)>, Error> {
    let cosine = || Gaussian::Cosine(Cosine::default());
    let mut all = vec![
        ("linear", Gaussian::Linear(Linear::default())),
        ("scaled linear", Gaussian::ScaledLinear(ScaledLinear::default())),
        ("cosine", cosine()),
        ("square root", Gaussian::Sqrt(Sqrt::default())),
        ("truncated cosine", Gaussian::TruncatedCosine(TruncatedCosine::default())),
        ("truncated linear", Gaussian::TruncatedLinear(TruncatedLinear::default())),
        ("piecewise linear", Gaussian::PiecewiseLinear(PiecewiseLinear::default())),
        ("sigmoid", Gaussian::Sigmoid(Sigmoid::default())),
        ("Karras", Gaussian::Karras(Karras::default())),
        ("learned", Gaussian::Learned(Learned::default())),
        ("time warp", Gaussian::TimeWarp(TimeWarp::default())),
        ("shifted cosine", Gaussian::Shifted(Shifted { scale: 0.5, schedule: cosine().into() })),
    ];
    for (name, betas) in [
        ("published linear", Betas::Linear { first: 1e-4, last: 0.02 }),
        ("published scaled linear", Betas::ScaledLinear { first: 8.5e-4, last: 0.012 }),
        ("published squared cosine", Betas::SquaredCosine { offset: 0.008 }),
        ("published rescaled linear", Betas::RescaledLinear { first: 1e-4, last: 0.02 }),
        ("published square root", Betas::Sqrt { offset: 1e-4 }),
        ("published truncated cosine", Betas::TruncatedCosine { offset: 0.1 }),
        ("published truncated linear", Betas::TruncatedLinear { offset: 0.01 }),
        ("published piecewise linear", Betas::PiecewiseLinear { offset: 0.01 }),
    ] {
        let chain = Published::new(betas, PUBLISHED_STEPS).map_err(refused)?;
        all.push((name, Gaussian::Published(chain)));
    }
    Ok(all)
}

/// `β_k` of the linear schedule, whose `α` falls from 1 to `1 − t` in equal steps.
fn betas(t: f64, steps: usize) -> Vec<f64> {
    let alpha = |k: usize| 1.0 - t * k as f64 / steps as f64;
    (1..=steps).map(|k| 1.0 - alpha(k) / alpha(k - 1)).collect()
}

fn absorbing(t: f64, steps: usize) -> Result<Chain, ForwardError> {
    Chain::absorbing(TOKENS + 1, TOKENS, &betas(t, steps))
}

fn uniform(t: f64, steps: usize) -> Result<Chain, ForwardError> {
    Chain::uniform(TOKENS, &betas(t, steps))
}

/// A token turns into either neighbour on a ring with chance `β/2` each.
fn ring(t: f64, steps: usize) -> Result<Chain, ForwardError> {
    let matrix = |beta: f64| {
        let row = |i: usize| {
            let mut row = vec![0.0; TOKENS];
            row[i] = 1.0 - beta;
            row[(i + 1) % TOKENS] += beta / 2.0;
            row[(i + TOKENS - 1) % TOKENS] += beta / 2.0;
            row
        };
        (0..TOKENS).map(row).collect()
    };
    Chain::new(betas(t, steps).into_iter().map(matrix).collect())
}
