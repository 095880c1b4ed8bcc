//! Recorded values of score entropy's published sampler: weights and whole trajectories.

mod golden;

use dlm_core::{
    Ask, Candidate, Canvas, MaskPredictor, ModelError, Prediction, Query, TokenId, Transition,
};
use dlm_discrete::forward::Noise;
use dlm_discrete::jump::{JumpSampler, Move, Rule};
use dlm_discrete::{Alphabet, Clock, Schedule};
use dlm_rng::Key;
use golden::Golden;

const VOCAB: usize = 7;
const MASK: TokenId = 7;

struct Case {
    name: &'static str,
    noise: Noise,
    schedule: Schedule,
}

/// The published default of the geometric schedule, and its σ(1) of the records.
const GEOMETRIC: Schedule = Schedule::Geometric { sigma_min: 1e-3, sigma_max: 5.0 };
const LOG_LINEAR: Schedule = Schedule::LogLinear { eps: 1e-3 };

const CASES: [Case; 4] = [
    Case { name: "absorb.loglinear", noise: Noise::Absorbing, schedule: LOG_LINEAR },
    Case { name: "absorb.geometric", noise: Noise::Absorbing, schedule: GEOMETRIC },
    Case { name: "uniform.loglinear", noise: Noise::Uniform, schedule: LOG_LINEAR },
    Case { name: "uniform.geometric", noise: Noise::Uniform, schedule: GEOMETRIC },
];

impl Case {
    fn sampler(&self, rule: Rule) -> JumpSampler {
        let clock = Clock::Shared(self.schedule);
        JumpSampler { end: 1e-5, ..JumpSampler::new(rule, self.noise, clock, 5) }
    }

    /// How many entries a recorded row has: the mask is one of absorbing noise.
    fn width(&self) -> usize {
        VOCAB + usize::from(self.noise == Noise::Absorbing)
    }
}

/// The weights before they are cut off at 0, the mask last: what the record holds.
fn uncut(transition: &Transition, s: &[f64], current: usize) -> Vec<f64> {
    let others = (0..VOCAB).filter(|&v| v != current);
    let total: f64 = others.map(|v| s[v]).sum();
    let width = VOCAB + usize::from(current == VOCAB);
    let weight = |v: usize| {
        let affine = if v == current { &transition.stay } else { &transition.jump };
        let own = if v < VOCAB { s[v] } else { 0.0 };
        affine.slope * own + affine.total * total + affine.constant
    };
    (0..width).map(weight).collect()
}

#[test]
fn weights_of_one_step() {
    let golden = Golden::open("sedd.safetensors");
    let alphabet = Alphabet::new(VOCAB, MASK);
    let t = f64::from(0.7f32);
    let s = t - f64::from(0.15f32);
    for case in CASES {
        let floats = |tensor: &str| golden.floats(&format!("{}.{tensor}", case.name));
        let schedule = case.schedule;
        for (found, tensor) in [
            (schedule.sigma(t), "sigma_t"),
            (schedule.sigma(s), "sigma_s"),
            (schedule.rate(t), "dsigma_rate"),
        ] {
            let recorded = floats(tensor)[0];
            assert!((found / recorded - 1.0).abs() < 1e-6, "{}: {tensor}", case.name);
        }
        let (x, scores) = (golden.integers(&format!("{}.x", case.name)), floats("score"));
        for (rule, tensor, s) in [
            (Rule::Euler, "euler_probs", Some(s)),
            (Rule::Analytic, "analytic_probs", Some(s)),
            (Rule::Analytic, "denoiser_probs", None),
        ] {
            let is_last_mask = |current| s.is_none() && current == VOCAB;
            let recorded = floats(tensor);
            let width = if s.is_some() { case.width() } else { VOCAB };
            for (row, &current) in x.iter().enumerate() {
                let recorded = &recorded[row * width..(row + 1) * width];
                let score = &scores[row * case.width()..][..VOCAB];
                let [(chance, first), _] =
                    case.sampler(rule).moves(0, current as TokenId, alphabet, t, s);
                assert_eq!(chance, 1.0);
                let mut found = match first {
                    Move::Draw(transition) => uncut(&transition, score, current),
                    Move::Keep => (0..width).map(|v| f64::from(v == current)).collect(),
                    Move::Remask => panic!("{}: nothing is masked again", case.name),
                };
                if is_last_mask(current) {
                    // Weights have no scale; ours leaves out that of the record.
                    let scale = recorded.iter().sum::<f64>() / score.iter().sum::<f64>();
                    assert_eq!(found.pop(), Some(0.0));
                    found.iter_mut().for_each(|w| *w *= scale);
                }
                found.resize(width, 0.0);
                for (v, (found, recorded)) in found.iter().zip(recorded).enumerate() {
                    // Differences of single-precision numbers near 1 lose 1e-6 at most.
                    let close = 1e-5 * recorded.abs() + 1e-6;
                    let what = format!("{} {tensor} {row} {v}", case.name);
                    assert!((found - recorded).abs() < close, "{what}: {found} {recorded}");
                }
            }
        }
    }
}

/// The network of the records, and their way to draw: one number per token of the row.
struct Recorded<'a> {
    golden: &'a Golden,
    case: &'a Case,
    trajectory: String,
    row: usize,
    step: usize,
}

impl Recorded<'_> {
    fn draw(&self, query: &Query<'_>, position: usize, transition: &Transition) -> TokenId {
        let (current, width) = (query.tokens[position], self.case.width());
        let w = self.golden.floats(&format!("{}.W", self.case.name));
        let sigma = self.case.schedule.sigma(query.time.unwrap());
        let score = |v: usize| (w[current as usize * width + v] / (1.0 + sigma)).exp();
        let scores: Vec<f64> = (0..VOCAB).map(score).collect();
        let uniforms = self.golden.floats(&format!("{}_{:02}", self.trajectory, self.step));
        let per_row = uniforms.len() / 18;
        let u = &uniforms[(self.row * 6 + position) * per_row..][..per_row];
        let race = |(w, u): (&f64, &f64)| w / (1e-10 - (u + 1e-10).ln());
        let weights = transition.weights(&scores, current);
        let times: Vec<f64> = weights.iter().zip(u).map(race).collect();
        let best = (0..times.len()).max_by(|&a, &b| times[a].total_cmp(&times[b]));
        best.unwrap() as TokenId
    }
}

impl MaskPredictor for Recorded<'_> {
    fn vocab(&self) -> usize {
        VOCAB
    }

    fn predict(&mut self, queries: &[Query<'_>], _: &Ask<'_>) -> Result<Prediction, ModelError> {
        let [query] = queries else { return Err(ModelError::new("one row at a time")) };
        let asked = query.positions.iter().zip(query.transitions);
        let answer = |(&position, transition)| Candidate {
            position,
            token: self.draw(query, position, transition),
            log_probability: 0.0,
            margin: 0.0,
            entropy: 0.0,
            top: vec![],
            expectations: vec![],
            next_divergence: None,
            target: None,
            watched: vec![],
            divergence: None,
        };
        Ok(Prediction { candidates: vec![asked.map(answer).collect()], ..Prediction::default() })
    }
}

#[test]
fn trajectories_state_for_state() {
    let golden = Golden::open("sedd.safetensors");
    for case in &CASES {
        for (rule, name) in [(Rule::Euler, "euler"), (Rule::Analytic, "analytic")] {
            let prefix = format!("{}.traj_{name}", case.name);
            let mut states = golden.integers(&format!("{prefix}.states"));
            states.extend(golden.integers(&format!("{prefix}.final")));
            let sampler = case.sampler(rule);
            for row in 0..3 {
                let state = |step: usize| -> Vec<TokenId> {
                    states[(step * 3 + row) * 6..][..6].iter().map(|&v| v as TokenId).collect()
                };
                let mut canvas = Canvas::infill(vec![MASK; 6], MASK).unwrap();
                state(0).into_iter().enumerate().for_each(|(i, v)| canvas.commit(i, v));
                let trajectory = format!("{prefix}.uniform");
                let mut network = Recorded { golden: &golden, case, trajectory, row, step: 0 };
                let mut canvases = [canvas];
                for step in 0..=5 {
                    network.step = step;
                    let changed = sampler.step(&mut network, &mut canvases, &[Key::new(0)], step);
                    let changed = changed.unwrap().remove(0);
                    let (before, after) = (state(step), state(step + 1));
                    assert_eq!(canvases[0].tokens(), after, "{prefix}, row {row}, step {step}");
                    let new: Vec<usize> = (0..6).filter(|&i| before[i] != after[i]).collect();
                    let mut moved: Vec<usize> =
                        changed.committed.iter().map(|new| new.position).collect();
                    moved.extend(&changed.remasked);
                    moved.sort_unstable();
                    assert_eq!(moved, new);
                }
            }
        }
    }
}
