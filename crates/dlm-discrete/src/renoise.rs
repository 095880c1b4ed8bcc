//! Entropy-bounded denoising of a canvas of random tokens.

use dlm_core::{Ask, Candidate, Canvas, MaskPredictor, Query, Shaping, TokenId};
use dlm_rng::{Key, Purpose};
use serde::{Deserialize, Serialize};

use crate::batch::alphabet_of;
use crate::jump::JumpError;
use crate::schedule::require;
use crate::{Alphabet, ParameterError};

/// Draws every position, keeps what is nearly certain, puts fresh noise everywhere else,
/// and stops when the network has made up its mind: the loop of DiffusionGemma, for
/// networks trained on uniform noise.
///
/// In step `k` every position of the response is drawn at temperature `T_k`. The positions
/// are sorted by entropy `H`; the longest run from the front with `Σ H − max H ≤ γ` keeps
/// its draws (Ben-Hamu et al. 2025), at least the first position does, and all others
/// take a uniform token. The next step asks about all of them again. The outcome is the
/// canvas of most probable tokens of the last evaluation: after `steps`, or once it was
/// the same `patience` times in a row and the mean entropy is below `calm`.
///
/// Entropies are those of the untempered distribution. The published model also feeds its
/// last logits back into itself; that is the network's affair and no part of this loop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Renoiser {
    /// At most so many evaluations, at least 1; 48.
    pub steps: usize,
    /// `T` of the first step, at least 0; 0.8.
    pub t_max: f64,
    /// `T` of the last step, linear in between, at least 0; 0.4.
    pub t_min: f64,
    /// `γ`, nats, at least 0; 0.1.
    pub gamma: f64,
    /// How many evaluations in a row must repeat the most probable tokens; 1.
    pub patience: usize,
    /// The mean entropy, nats, below which it may stop; 0.005.
    pub calm: f64,
}

impl Default for Renoiser {
    fn default() -> Self {
        Self { steps: 48, t_max: 0.8, t_min: 0.4, gamma: 0.1, patience: 1, calm: 0.005 }
    }
}

/// What a step of a [`Renoiser`] did to one canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RenoisingStep<'a> {
    /// Which canvas, counted from 0.
    pub canvas: usize,
    /// Which step, counted from 0.
    pub step: usize,
    /// The positions whose token is another one now, ascending.
    pub changed: &'a [usize],
    /// All tokens after the step.
    pub tokens: &'a [TokenId],
}

/// One canvas on its way.
#[derive(Clone, Default)]
struct Progress {
    best: Vec<TokenId>,
    repeats: usize,
    is_done: bool,
}

impl Renoiser {
    /// Whether the parameters give a sampler.
    ///
    /// # Errors
    ///
    /// Where one lies outside its range.
    pub fn validate(&self) -> Result<(), ParameterError> {
        require("steps", self.steps as f64, 1 <= self.steps, "at least 1")?;
        for (field, value) in [
            ("t_max", self.t_max),
            ("t_min", self.t_min),
            ("gamma", self.gamma),
            ("calm", self.calm),
        ] {
            require(field, value, 0.0 <= value, "at least 0")?;
        }
        Ok(())
    }

    /// Fills the responses of `canvases`, starting over from noise whatever they hold; all
    /// other tokens stay. Keys are used as by
    /// [`JumpSampler::fill`](crate::jump::JumpSampler::fill); the network is told the time
    /// `1 − k/steps`. A canvas that has stopped is not asked about again.
    ///
    /// # Errors
    ///
    /// Where a parameter lies outside its range, the arguments do not belong together, or
    /// the model fails.
    pub fn fill(
        &self,
        predictor: &mut dyn MaskPredictor,
        canvases: &mut [Canvas],
        keys: &[Key],
        observer: &mut dyn FnMut(&RenoisingStep<'_>),
    ) -> Result<(), JumpError> {
        self.validate()?;
        let alphabet = alphabet_of(predictor.vocab(), canvases, keys)?;
        let Some(alphabet) = alphabet else { return Ok(()) };
        for (canvas, &key) in canvases.iter_mut().zip(keys) {
            let response = canvas.response().to_vec();
            response.iter().for_each(|&i| canvas.commit(i, noise(alphabet, key, 0, i)));
        }
        let mut progress = vec![Progress::default(); canvases.len()];
        for step in 0..self.steps {
            let open: Vec<usize> = (0..canvases.len()).filter(|&c| !progress[c].is_done).collect();
            if open.is_empty() {
                break;
            }
            let answers = self.ask(predictor, canvases, keys, &open, alphabet, step)?;
            for (&index, answers) in open.iter().zip(&answers) {
                let (canvas, progress) = (&mut canvases[index], &mut progress[index]);
                self.judge(progress, answers, step);
                let before = canvas.tokens().to_vec();
                let new = match progress.is_done {
                    true => progress.best.clone(),
                    false => self.mixed(answers, alphabet, keys[index], step + 1),
                };
                let places = answers.iter().map(|answer| answer.position);
                places.zip(new).for_each(|(position, token)| canvas.commit(position, token));
                let tokens = canvas.tokens();
                let is_new = |&i: &usize| tokens[i] != before[i];
                let changed: Vec<usize> =
                    canvas.response().iter().copied().filter(is_new).collect();
                observer(&RenoisingStep { canvas: index, step, changed: &changed, tokens });
            }
        }
        Ok(())
    }

    fn ask(
        &self,
        predictor: &mut dyn MaskPredictor,
        canvases: &[Canvas],
        keys: &[Key],
        open: &[usize],
        alphabet: Alphabet,
        step: usize,
    ) -> Result<Vec<Vec<Candidate>>, JumpError> {
        let ban = alphabet.ban();
        let shaping = Shaping { biases: ban.as_slice(), ..Shaping::default() };
        let way = step as f64 / (self.steps - 1).max(1) as f64;
        let temperature = self.t_max + way * (self.t_min - self.t_max);
        let ask = Ask { temperature, top_k: 1, shaping, ..Ask::default() };

        let uniform = |c: usize, i: usize| {
            keys[c].step(step as u64).position(i as u64).purpose(Purpose::Token).uniform()
        };
        let numbers = |&c: &usize| canvases[c].response().iter().map(|&i| uniform(c, i)).collect();
        let uniforms: Vec<Vec<f64>> = open.iter().map(numbers).collect();
        let queries: Vec<Query<'_>> = open
            .iter()
            .zip(&uniforms)
            .map(|(&c, uniforms)| Query {
                uniforms,
                time: Some(1.0 - step as f64 / self.steps as f64),
                ..Query::new(canvases[c].tokens(), canvases[c].response())
            })
            .collect();
        let answers = predictor.predict(&queries, &ask)?.candidates;
        let asked: usize = queries.iter().map(|query| query.positions.len()).sum();
        let found = answers.iter().flatten().filter(|answer| !answer.top.is_empty()).count();
        match answers.len() == queries.len() && found == asked {
            true => Ok(answers),
            false => Err(JumpError::Answers { found, asked }),
        }
    }

    /// Whether the network has made up its mind.
    fn judge(&self, progress: &mut Progress, answers: &[Candidate], step: usize) {
        let best: Vec<TokenId> = answers.iter().map(|answer| answer.top[0].token).collect();
        progress.repeats = if best == progress.best { progress.repeats + 1 } else { 0 };
        progress.best = best;
        let entropy: f64 = answers.iter().map(|answer| f64::from(answer.entropy)).sum();
        let is_calm = entropy < self.calm * answers.len() as f64;
        let is_stable = self.patience <= progress.repeats;
        progress.is_done = is_calm && is_stable || step + 1 == self.steps;
    }

    /// The draws that are kept, and noise in all other places.
    fn mixed(
        &self,
        answers: &[Candidate],
        alphabet: Alphabet,
        key: Key,
        step: usize,
    ) -> Vec<TokenId> {
        let mut order: Vec<usize> = (0..answers.len()).collect();
        order.sort_by(|&a, &b| answers[a].entropy.total_cmp(&answers[b].entropy));
        let fresh = |answer: &Candidate| noise(alphabet, key, step, answer.position);
        let mut tokens: Vec<TokenId> = answers.iter().map(fresh).collect();
        // In ascending order the maximum is the last: what counts is the sum before it.
        let mut before = 0.0;
        for (rank, &i) in order.iter().enumerate() {
            if self.gamma < before && 0 < rank {
                break;
            }
            tokens[i] = answers[i].token;
            before += f64::from(answers[i].entropy);
        }
        tokens
    }
}

/// The uniform token of a position at the start (`step` 0) and after every step.
fn noise(alphabet: Alphabet, key: Key, step: usize, position: usize) -> TokenId {
    let key = key.step(step as u64).position(position as u64).purpose(Purpose::Noise);
    alphabet.pick(key.uniform())
}
