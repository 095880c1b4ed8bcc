//! Samplers against recorded runs of diffusers' schedulers, step by step and end to end.

mod golden;

use std::collections::BTreeMap;

use dlm_continuous::denoiser::{Clipped, DataPrediction, Predicts};
use dlm_continuous::noise::Recorded;
use dlm_continuous::schedule::{Betas, Last, Picking, Table, Timesteps, variance_exploding};
use dlm_continuous::solver::{
    Ddim, Ddpm, DpmSolverPp, Euler, Heun, SecondOrder, ThirdOrder, Variance,
};
use dlm_continuous::{Sampler, Step, Stepped, sample};
use dlm_core::{Denoiser, DenseLatent, Latent, Levels, ModelError, NoiseLevel};
use dlm_testkit::{Component, GaussianMixture};
use serde::Deserialize;

use golden::{Golden, affine, distance, grown, kept, size};

#[derive(Deserialize)]
struct Index {
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    scheduler: String,
    config: Config,
    denoiser: String,
    num_inference_steps: usize,
    step_kwargs: BTreeMap<String, f64>,
    n_model_calls: usize,
}

#[derive(Deserialize)]
struct Config {
    beta_schedule: String,
    beta_start: f64,
    beta_end: f64,
    timestep_spacing: Picking,
    steps_offset: usize,
    use_karras_sigmas: Option<bool>,
    prediction_type: String,
    variance_type: Option<String>,
    clip_sample: Option<bool>,
    clip_sample_range: Option<f64>,
    set_alpha_to_one: Option<bool>,
    solver_order: Option<u8>,
    solver_type: Option<String>,
}

impl Case {
    /// The levels of the run by our own account of the chain and of the steps it stops at.
    fn levels(&self) -> Vec<Levels> {
        let config = &self.config;
        let (first, last) = (config.beta_start, config.beta_end);
        let betas = match config.beta_schedule.as_str() {
            "linear" => Betas::Linear { first, last },
            "scaled_linear" => Betas::ScaledLinear { first, last },
            "squaredcos_cap_v2" => Betas::SquaredCosine { offset: 0.008 },
            other => panic!("{other}"),
        };
        let table = Table::published(betas, 1000).unwrap();
        let last = match config.set_alpha_to_one {
            Some(false) => Last::First,
            _ => Last::Clean,
        };
        let grows =
            matches!(self.scheduler.as_str(), "EulerDiscreteScheduler" | "HeunDiscreteScheduler");
        let levels = match config.use_karras_sigmas {
            Some(true) => table.karras_levels(self.num_inference_steps, 7.0, last),
            _ => {
                let picked = Timesteps {
                    picking: config.timestep_spacing,
                    offset: config.steps_offset,
                    whole: !grows,
                    spare: self.scheduler == "DPMSolverMultistepScheduler",
                };
                table.levels(&picked.of(1000, self.num_inference_steps).unwrap(), last)
            }
        };
        let scaled = |level| if grows { variance_exploding(level) } else { level };
        levels.unwrap().into_iter().map(|level| scaled(level).into()).collect()
    }
}

/// A recorded run in our terms.
struct Run {
    name: String,
    case: Case,
    levels: Vec<Levels>,
    /// The states at the levels.
    states: Vec<DenseLatent>,
    /// The states that the network was asked about, call by call: within a step, too.
    asked: Vec<DenseLatent>,
    /// What the network answered, call by call.
    outputs: Vec<DenseLatent>,
    /// What it answered as data.
    predictions: Vec<DenseLatent>,
    noise: Vec<DenseLatent>,
    /// By what the tolerance of a step is multiplied.
    scale: f64,
}

fn runs(scheduler: &str) -> Vec<Run> {
    let index = Golden::text("diffusers/index.json");
    let index: Index = serde_json::from_str(&index).unwrap();
    let runs = index.cases.into_iter().filter(|(_, case)| case.scheduler == scheduler);
    let runs: Vec<Run> = runs.map(|(name, case)| Run::read(name, case)).collect();
    assert!(!runs.is_empty(), "no case of {scheduler}");
    runs
}

impl Run {
    fn read(name: String, case: Case) -> Self {
        let file = Golden::open(&format!("diffusers/{name}.safetensors"));
        let (mut states, outputs) = (file.states("samples"), file.states("model_output"));
        let asked = states[..states.len() - 1].to_vec();
        let mut sigmas = file.numbers("sigmas");
        let levels: Vec<NoiseLevel> = match case.scheduler.as_str() {
            "EulerDiscreteScheduler" => sigmas.into_iter().map(grown).collect(),
            "HeunDiscreteScheduler" => {
                // Both halves of a step are recorded; the last step has one half.
                sigmas.dedup();
                let last = states.len() - 1;
                let whole = |(i, x): (usize, DenseLatent)| (i % 2 == 0 || i == last).then_some(x);
                states = states.into_iter().enumerate().filter_map(whole).collect();
                sigmas.into_iter().map(grown).collect()
            }
            "DPMSolverMultistepScheduler" => {
                sigmas.into_iter().map(|sigma| kept(1.0 / (1.0 + sigma * sigma))).collect()
            }
            _ => {
                // Without `set_alpha_to_one` a run ends at the first level of the schedule.
                let last = match case.config.set_alpha_to_one {
                    Some(false) => kept(1.0 - case.config.beta_start),
                    _ => NoiseLevel::CLEAN,
                };
                let fed = file.numbers("alpha_bar_fed_to_denoiser");
                fed.into_iter().map(kept).chain([last]).collect()
            }
        };
        assert_eq!(levels.len(), states.len(), "{name}");
        assert_eq!(outputs.len(), case.n_model_calls, "{name}");
        assert_eq!(asked.len(), case.n_model_calls, "{name}");
        let scale = match levels[0].alpha == 1.0 {
            true => size(&states),
            false => 1.0,
        };
        Self {
            levels: levels.into_iter().map(Levels::Shared).collect(),
            predictions: file.states("x0_hat"),
            noise: file.states("noise"),
            name,
            case,
            states,
            asked,
            outputs,
            scale,
        }
    }

    fn predicts(&self) -> Predicts {
        match self.case.config.prediction_type.as_str() {
            "epsilon" => Predicts::Noise,
            "v_prediction" => Predicts::Velocity,
            "sample" => Predicts::Data,
            other => panic!("{other}"),
        }
    }

    /// Around whatever predicts the data.
    fn clipped<D: Denoiser<DenseLatent>>(&self, denoiser: D) -> Clipped<D> {
        let radius = match self.case.config.clip_sample {
            Some(true) => self.case.config.clip_sample_range.unwrap(),
            _ => f64::INFINITY,
        };
        Clipped::new(denoiser, radius).unwrap()
    }

    /// Draws that are left at the end: that of a last step to data, where one was recorded. The
    /// published code multiplies it by 0, ours does not ask for it.
    fn spare(&self) -> usize {
        let steps = self.levels.len() - 1;
        usize::from(self.noise.len() == steps && self.levels[steps].at(0).sigma == 0.0)
    }

    /// Fails where a state of a step is not the recorded one.
    fn alike(&self, x: &DenseLatent, recorded: &DenseLatent, place: &str) {
        let off = |(x, y): (&f64, &f64)| (x - y).abs() / (1e-5 * self.scale + 1e-5 * y.abs());
        let off = x.values().iter().zip(recorded.values()).map(off).fold(0.0, f64::max);
        assert!(off < 1.0, "{} {place}: {off} times the tolerance", self.name);
    }

    /// Step by step, each from the recorded state with the recorded answers at the recorded
    /// levels, with the states that it asks about on its way; then all at once, with the
    /// denoiser itself and with levels of our own.
    fn check<S: Sampler<DenseLatent>>(&self, sampler: &S) {
        let largest = size(&self.states);
        let mut noise = Recorded::new(self.noise.clone());
        let mut calls = self.asked.iter().zip(&self.outputs).enumerate();
        let network = |x: &DenseLatent, _: &Levels| {
            let (call, (asked, answer)) = calls.next().unwrap();
            self.alike(x, asked, &format!("call {call}"));
            Ok(answer.clone())
        };
        let mut denoiser = self.clipped(DataPrediction { network, predicts: self.predicts() });
        let mut memory = S::Memory::default();
        for (index, (x, pair)) in self.states.iter().zip(self.levels.windows(2)).enumerate() {
            let (from, to, steps) = (&pair[0], &pair[1], self.levels.len() - 1);
            let step = Step { index, steps, from, to };
            let next =
                sampler.step(x.clone(), &step, &mut memory, &mut denoiser, &mut noise).unwrap();
            self.alike(&next.x, &self.states[index + 1], &format!("step {index}"));
        }
        assert_eq!(calls.len(), 0, "{}", self.name);
        assert_eq!(noise.left(), self.spare(), "{}", self.name);

        let mut noise = Recorded::new(self.noise.clone());
        let mut calls = 0;
        let mut network = Recreated::of(&self.case.denoiser);
        let mut denoiser = self.clipped(|x: &DenseLatent, levels: &Levels| {
            let x0 = network.denoise(x, levels)?;
            let off = distance(&x0, &self.predictions[calls]);
            assert!(off < 1e-3 * largest, "{} call {calls}: {off}", self.name);
            calls += 1;
            Ok(x0)
        });
        let mut observer = |step: &Step<'_>, next: &Stepped<DenseLatent>| {
            let off = distance(&next.x, &self.states[step.index + 1]);
            assert!(off < 1e-3 * largest, "{} after step {}: {off}", self.name, step.index);
            std::ops::ControlFlow::Continue(())
        };
        let start = self.states[0].clone();
        let levels = self.case.levels();
        sample(sampler, &levels, start, &mut denoiser, &mut noise, &mut observer).unwrap();
        assert_eq!(calls, self.outputs.len(), "{}", self.name);
        assert_eq!(noise.left(), self.spare(), "{}", self.name);
    }
}

/// The denoisers of the recorded runs.
enum Recreated {
    /// `A·x + b`, where `x` is scaled to a process that keeps the variance.
    Linear { matrix: Vec<f64>, bias: Vec<f64> },
    /// The exact posterior mean.
    Mixture(GaussianMixture),
}

impl Recreated {
    fn of(name: &str) -> Self {
        let file = Golden::open("diffusers/denoisers.safetensors");
        let numbers = |name| file.numbers(name);
        match name {
            "linear" => Self::Linear { matrix: numbers("A"), bias: numbers("b") },
            "gmm" => {
                let means = numbers("mu");
                let parts = numbers("w").into_iter().zip(means.chunks_exact(8)).zip(numbers("s2"));
                let component = |((weight, mean), variance): ((f64, &[f64]), f64)| Component {
                    weight,
                    mean: mean.to_vec(),
                    std: variance.sqrt(),
                };
                Self::Mixture(GaussianMixture::new(parts.map(component).collect()).unwrap())
            }
            other => panic!("{other}"),
        }
    }
}

impl Denoiser<DenseLatent> for Recreated {
    fn denoise(&mut self, x: &DenseLatent, levels: &Levels) -> Result<DenseLatent, ModelError> {
        match self {
            Self::Mixture(mixture) => mixture.denoise(x, levels),
            Self::Linear { matrix, bias } => Ok(x.map_positions(&|position, row| {
                let NoiseLevel { alpha, sigma, .. } = levels.at(position);
                row.iter_mut().for_each(|x| *x /= alpha.hypot(sigma));
                affine(matrix, bias, row);
            })?),
        }
    }
}

#[test]
fn ddpm() {
    for run in runs("DDPMScheduler") {
        let variance = match run.case.config.variance_type.as_deref() {
            Some("fixed_small") => Variance::FixedSmall,
            Some("fixed_large") => Variance::FixedLarge,
            other => panic!("{other:?}"),
        };
        run.check(&Ddpm { variance });
    }
}

#[test]
fn ddim() {
    for run in runs("DDIMScheduler") {
        run.check(&Ddim { eta: run.case.step_kwargs["eta"] });
    }
}

#[test]
fn euler() {
    runs("EulerDiscreteScheduler").iter().for_each(|run| run.check(&Euler {}));
}

#[test]
fn heun() {
    runs("HeunDiscreteScheduler").iter().for_each(|run| run.check(&Heun {}));
}

#[test]
fn dpm_solver() {
    for run in runs("DPMSolverMultistepScheduler") {
        let second = match run.case.config.solver_type.as_deref() {
            Some("midpoint") => SecondOrder::Midpoint,
            Some("heun") => SecondOrder::Heun,
            other => panic!("{other:?}"),
        };
        run.check(&DpmSolverPp {
            order: run.case.config.solver_order.unwrap(),
            second,
            third: ThirdOrder::Published,
            lower_order_final: true,
        });
    }
}

#[test]
fn every_case_is_run() {
    let schedulers = ["DDPM", "DDIM", "EulerDiscrete", "HeunDiscrete", "DPMSolverMultistep"];
    let run: usize = schedulers.iter().map(|name| runs(&format!("{name}Scheduler")).len()).sum();
    let index: Index = serde_json::from_str(&Golden::text("diffusers/index.json")).unwrap();
    assert_eq!(run, index.cases.len());
}
