//! A recorded trajectory, and the recorded random numbers behind it.

use std::path::{Path, PathBuf};

use dlm_core::{Ask, Candidate, Canvas, MaskPredictor, ModelError, Prediction, Query, TokenId};
use dlm_discrete::unmasking::{At, Draws, Filling, Step, UnmaskingSampler};
use dlm_rng::Purpose;
use dlm_runtime::Model;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

/// A trajectory file.
pub(crate) struct Published {
    value: Value,
    folder: PathBuf,
}

impl Published {
    pub(crate) fn read(model: &str, case: &str) -> Self {
        let folder = folder(model);
        let text = std::fs::read_to_string(folder.join(format!("{case}.json"))).unwrap();
        Self { value: serde_json::from_str(&text).unwrap(), folder }
    }

    /// An argument of the published function.
    pub(crate) fn argument(&self, name: &str) -> Option<f64> {
        self.value["args"][name].as_f64()
    }

    /// What the model really used where the function was not told.
    pub(crate) fn effective(&self, name: &str) -> Option<f64> {
        self.value["effective_generation_config"][name].as_f64()
    }

    pub(crate) fn number(&self, name: &str) -> u32 {
        self.maybe_number(name).unwrap()
    }

    pub(crate) fn maybe_number(&self, name: &str) -> Option<u32> {
        self.value[name].as_u64().map(|number| number as u32)
    }

    /// The prompts, what was padded left out, and how much that was.
    pub(crate) fn prompts(&self) -> Vec<(Vec<TokenId>, usize)> {
        let mask = rows(&self.value["attention_mask"]);
        let prompts = rows(&self.value["prompt_ids"]).into_iter().enumerate();
        let unpadded = |(row, ids): (usize, Vec<TokenId>)| {
            let padding = mask.get(row).map_or(0, |m| m.iter().filter(|&&m| m == 0).count());
            (ids[padding..].to_vec(), padding)
        };
        prompts.map(unpadded).collect()
    }

    /// The different states of a row, in order, without its padding.
    pub(crate) fn states(&self, row: usize, padding: usize) -> Vec<Vec<TokenId>> {
        let states = self.value["states"].as_array().unwrap();
        let all = states.iter().chain([&self.value["final"]]);
        let mut states: Vec<Vec<TokenId>> =
            all.map(|state| rows(state)[row][padding..].to_vec()).collect();
        states.dedup();
        states
    }

    /// The recorded random tensors in the order they were drawn.
    pub(crate) fn random(&self) -> Vec<Vec<f64>> {
        let Some(file) = self.value["recorded_random_file"].as_str() else { return Vec::new() };
        let bytes = std::fs::read(self.folder.join(file.trim_start_matches("traj_"))).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut names = tensors.names();
        names.sort();
        let read = |name: &&str| numbers(&tensors.tensor(name).unwrap());
        names.iter().map(read).collect()
    }

    /// Runs `sampler` on the prompts and compares all states of all rows.
    pub(crate) fn check(&self, name: &str, sampler: &UnmaskingSampler) {
        let mask = self.number("mask_id");
        let length = self.argument("gen_length").or(self.argument("max_new_tokens")).unwrap();
        let canvas = |(prompt, _): &(Vec<TokenId>, usize)| {
            let mut tokens = prompt.clone();
            tokens.resize(prompt.len() + length as usize, mask);
            Canvas::infill(tokens, mask).unwrap()
        };
        let prompts = self.prompts();
        let mut canvases: Vec<Canvas> = prompts.iter().map(canvas).collect();
        let mut states: Vec<Vec<Vec<TokenId>>> =
            canvases.iter().map(|canvas| vec![canvas.tokens().to_vec()]).collect();
        let mut observer = |step: &Step<'_>| {
            states[step.row].push(step.canvas.tokens().to_vec());
            std::ops::ControlFlow::Continue(())
        };
        let temperature = sampler.tokens.temperature;
        let random = self.random();
        let mut draws = vec![Recorded { random: random.clone(), taken: 0 }; canvases.len()];
        let gumbel = if temperature == 0.0 { Vec::new() } else { random };
        let model = model(self.value["model"].as_str().unwrap());
        let mut predictor = WithNoise { model, gumbel, forward: 0, temperature };
        let filling = Filling::new(sampler, &mut predictor);
        filling.run(&mut canvases, &mut draws, &mut observer).unwrap();
        for (row, mut ours) in states.into_iter().enumerate() {
            ours.dedup();
            let theirs = self.states(row, prompts[row].1);
            let first = ours.iter().zip(&theirs).position(|(a, b)| a != b);
            let lengths = (ours.len(), theirs.len());
            assert_eq!(
                (first, lengths.0),
                (None, lengths.1),
                "{name}, row {row}: first difference"
            );
        }
    }
}

impl Published {
    /// Runs `sampler` for one step from every recorded state of the first row and compares
    /// what it commits, up to the choice among `ties`: tokens whose positions all have
    /// confidence 0, of which the published code takes those that its top-k happens to.
    pub(crate) fn check_steps(&self, name: &str, sampler: &UnmaskingSampler, ties: &[TokenId]) {
        let mask = self.number("mask_id");
        let length = sampler.block_length.unwrap();
        let mut model = model(self.value["model"].as_str().unwrap());
        let states = self.states(0, 0);
        let prompt = self.prompts()[0].0.len();
        for (step, pair) in states.windows(2).enumerate() {
            let changed = (0..pair[0].len()).filter(|&i| pair[0][i] != pair[1][i]);
            let theirs: Vec<(usize, TokenId)> = changed.map(|i| (i, pair[1][i])).collect();
            let block = prompt + (theirs[0].0 - prompt) / length * length;
            let canvas = Canvas::infill(pair[0].clone(), mask).unwrap();
            let open = canvas.masked().iter().filter(|&&i| i < block + length).count();
            // As many blocks and steps as make this the next step of the published run.
            let blocks = canvas.masked().len().div_ceil(open);
            let sampler = UnmaskingSampler {
                block_length: Some(open),
                steps: Some(open.div_ceil(theirs.len()) * blocks),
                ..sampler.clone()
            };
            let mut ours: Vec<(usize, TokenId)> = Vec::new();
            let mut observer = |step: &Step<'_>| {
                ours = step.committed.iter().map(|c| (c.position, c.token)).collect();
                std::ops::ControlFlow::Break(())
            };
            let mut draws = [dlm_rng::Key::new(0)];
            let filling = Filling::new(&sampler, &mut model);
            let stopped = filling.run(&mut [canvas], &mut draws, &mut observer).is_err();
            assert!(stopped, "{name}, step {step}: the observer ended the run");
            ours.sort();
            let split = |commits: &[(usize, TokenId)]| {
                let tied = commits.iter().filter(|(_, token)| ties.contains(token)).count();
                let clear = commits.iter().filter(|(_, token)| !ties.contains(token));
                (tied, clear.copied().collect::<Vec<_>>())
            };
            assert_eq!(split(&ours), split(&theirs), "{name}, step {step}");
        }
    }
}

/// Where the trajectories of a model lie.
pub(crate) fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trajectories").join(model)
}

/// The numbers of a tensor of any type that trajectories are recorded in.
pub(crate) fn numbers(tensor: &TensorView<'_>) -> Vec<f64> {
    let (size, number): (usize, fn(&[u8]) -> f64) = match tensor.dtype() {
        Dtype::F64 => (8, |bytes| f64::from_le_bytes(bytes.try_into().unwrap())),
        Dtype::I64 => (8, |bytes| i64::from_le_bytes(bytes.try_into().unwrap()) as f64),
        Dtype::F32 => (4, |bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()))),
        other => panic!("no trajectory is recorded in {other:?}"),
    };
    tensor.data().chunks(size).map(number).collect()
}

/// The checkpoint whose fixtures lie beside the runtime's tests.
pub(crate) fn model(name: &str) -> Model {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dlm-runtime/tests/fixtures/models");
    Model::try_from(&*crates.join(name)).unwrap()
}

fn rows(value: &Value) -> Vec<Vec<TokenId>> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

/// A model whose tokens are drawn with recorded Gumbel noise, as the published code draws
/// them: `argmax exp(l)/(−ln u)^T`.
struct WithNoise {
    model: Model,
    /// For each forward pass, one number per position and token.
    gumbel: Vec<Vec<f64>>,
    forward: usize,
    temperature: f64,
}

impl MaskPredictor for WithNoise {
    fn vocab(&self) -> usize {
        self.model.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        if self.gumbel.is_empty() {
            return self.model.predict(queries, ask);
        }
        let vocab = self.vocab();
        let all = Ask { temperature: 0.0, top_k: vocab, ..*ask };
        let mut prediction = self.model.predict(queries, &all)?;
        let noise = &self.gumbel[self.forward];
        self.forward += 1;
        for candidate in prediction.candidates.iter_mut().flatten() {
            let u = &noise[candidate.position * vocab..][..vocab];
            draw(candidate, u, self.temperature);
        }
        Ok(prediction)
    }
}

fn draw(candidate: &mut Candidate, u: &[f64], temperature: f64) {
    let value = |token: TokenId, log_probability: f32| {
        f64::from(log_probability) - temperature * (-u[token as usize].ln()).ln()
    };
    let best = candidate.top.iter().max_by(|a, b| {
        value(a.token, a.log_probability).total_cmp(&value(b.token, b.log_probability))
    });
    let best = *best.unwrap();
    (candidate.token, candidate.log_probability) = (best.token, best.log_probability);
}

/// Decisions from recorded numbers.
#[derive(Clone)]
struct Recorded {
    /// Tensors in the order they were drawn, one for each step.
    random: Vec<Vec<f64>>,
    /// Numbers of the current tensor already taken.
    taken: usize,
}

impl Draws for Recorded {
    fn token(&mut self, _: At) -> f64 {
        0.0
    }

    fn chance(&mut self, _: Purpose, at: At, p: f64) -> bool {
        let recorded = self.random[at.step][self.taken];
        self.taken = (self.taken + 1) % self.random[at.step].len();
        recorded < p
    }

    fn shuffle(&mut self, step: usize, positions: &[usize]) -> Vec<f64> {
        positions.iter().map(|&position| self.random[step][position]).collect()
    }

    fn pick(&mut self, _: usize, _: usize, _: &[f64]) -> usize {
        unreachable!("no recorded trajectory picks")
    }

    fn instant(&mut self, _: usize) -> f64 {
        unreachable!("no recorded trajectory draws times")
    }
}
