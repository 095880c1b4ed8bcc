//! The objective of Gaussian diffusion on a base's own token embeddings.

use dlm_continuous::schedule::{Learned, NoiseSchedule, Schedule};
use dlm_core::NoiseLevel;
use dlm_rng::{Key, Purpose};
use dlm_runtime::Trainee;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad};

use super::{Loss, Measured, masking::strata};
use crate::{
    Error, Example, Part,
    head::{Head, cross_entropy},
    recipe::require,
};

/// Recognising the tokens of an answer behind Gaussian noise, the prompt being known.
///
/// ```text
/// x_t = α(t)·x(v) + σ(t)·ε        loss = 1/N·Σ_texts Σ_i e_i·(−ln p(v_i | x_t))
/// ```
///
/// with `x(v)` the normalised embeddings ([`dlm_runtime::TokenVectors`]), `N` all tokens of
/// the batch and `e` as in [`MaskedObjective`](super::MaskedObjective). Cross-entropy instead
/// of a squared error is score interpolation (Dieleman et al. 2022): the data prediction is
/// `x̂₀ = Σ_v p(v)·x(v)`. `p` multiplies what the network reads off the other positions with
/// what a position's own vector says (Gulrajani and Hashimoto 2023, output prior); logits for
/// position `i` come out of row `i − 1`, as everywhere in this family of bases.
///
/// Times are uniform, so `schedule` decides how much is learned at which noise. With vectors
/// of length `√d` and `d` in the hundreds, a token is plain at `ln SNR = −2` and lost at
/// `−8.5`; a schedule should spend most of its time between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianObjective {
    /// `t ↦ (α, σ)`; straight in `ln SNR` from 1 to −11 unless said otherwise.
    pub schedule: Schedule,
    /// Weight of the end tokens after the first, in `[0, 1]`.
    pub ending: f64,
    /// The share of steps in which the network sees its own prediction from a first pass
    /// without gradients, in `[0, 1]` (Chen et al. 2023).
    pub self_conditioning: f64,
}

impl Default for GaussianObjective {
    fn default() -> Self {
        let (gamma_min, gamma_max) = (-1.0, 11.0);
        let schedule = Learned { gamma_min, gamma_max, ..Learned::default() };
        let schedule = Schedule::Learned(schedule);
        Self { schedule, ending: 0.15, self_conditioning: 0.5 }
    }
}

/// Answers with noise on them, as the network meets them.
struct Noisy {
    /// Tokens of all texts, end to end.
    ids: Tensor,
    lengths: Vec<usize>,
    /// Rows of noisy positions.
    rows: Tensor,
    /// Their tokens.
    targets: Tensor,
    levels: Vec<NoiseLevel>,
    /// `x_t`, in f32.
    x: Tensor,
}

impl GaussianObjective {
    pub(super) fn validate(&self) -> Result<(), Error> {
        self.schedule.validate()?;
        let share = |x: f64| (0.0..=1.0).contains(&x);
        require("objective.ending", self.ending, share(self.ending), "in [0, 1]")?;
        let given = self.self_conditioning;
        require("objective.self_conditioning", given, share(given), "in [0, 1]")
    }

    pub(super) fn loss(&self, trainee: &Trainee, part: Part<'_>, key: Key) -> Result<Loss, Error> {
        let times = strata(part.texts, key);
        let times = times.into_iter().skip(part.first).take(part.examples.len());
        let levels = times.map(|t| self.schedule.level(t)).collect::<Result<Vec<_>, _>>()?;
        let weight = |example: &Example, position: usize| {
            let share = if example.end < position { self.ending } else { 1.0 };
            share / part.tokens as f64
        };
        let noisy = Noisy::new(trainee, part.examples, &levels, part.first, key)?;
        // The same for all parts of a step, which are one batch.
        let chance = key.purpose(Purpose::Time).sequence(0).position(3).uniform();
        let conditioned = chance < self.self_conditioning;
        self.read(trainee, part.examples, &noisy, conditioned, &weight)
    }

    pub(super) fn measure(
        &self,
        trainee: &Trainee,
        examples: &[Example],
        t: f64,
        key: Key,
    ) -> Result<Measured, Error> {
        let levels = vec![self.schedule.level(t)?; examples.len()];
        let noisy = Noisy::new(trainee, examples, &levels, 0, key)?;
        let weight = |example: &Example, position: usize| f64::from(position < example.end);
        Ok(no_grad(|| self.read(trainee, examples, &noisy, false, &weight))?.read)
    }

    /// Predicts the tokens behind the noise, each with its weight; what weighs nothing is
    /// not asked.
    fn read(
        &self,
        trainee: &Trainee,
        examples: &[Example],
        noisy: &Noisy,
        conditioned: bool,
        weight: &dyn Fn(&Example, usize) -> f64,
    ) -> Result<Loss, Error> {
        let vectors = trainee.vectors()?;
        let evidence = vectors.evidence(&noisy.x, &noisy.levels)?;
        let before = noisy.rows.f_sub_scalar(1)?;
        let hidden = |previous: Option<&Tensor>| -> Result<Tensor, Error> {
            let Noisy { ids, rows, x, levels, lengths, .. } = noisy;
            let embedded = trainee.embed_noisy(ids, rows, x, levels, previous)?;
            Ok(trainee.hidden(embedded, lengths)?.f_index_select(0, &before)?)
        };
        let head = |evidence| Head {
            weight: trainee.head(),
            ruled_out: None,
            evidence: Some((vectors.table(), evidence)),
        };
        let previous = match conditioned {
            true => {
                let first = no_grad(|| hidden(None))?;
                Some(head(&evidence).mean(&first, vectors.table())?)
            }
            false => None,
        };
        let positions = examples.iter().flat_map(|example| {
            example.answer.clone().map(move |position| weight(example, position) as f32)
        });
        let weights: Vec<f32> = positions.collect();
        let asked: Vec<i64> =
            (0..).zip(&weights).filter(|(_, w)| **w != 0.0).map(|(row, _)| row).collect();
        let device = noisy.x.device();
        let asked = Tensor::f_from_slice(&asked)?.f_to_device(device)?;
        let weights = Tensor::f_from_slice(&weights)?.f_to_device(device)?;
        let pick = |x: &Tensor| x.f_index_select(0, &asked);
        let hidden = pick(&hidden(previous.as_ref())?)?;
        let evidence = pick(&evidence)?;
        cross_entropy(&hidden, &head(&evidence), &pick(&noisy.targets)?, &pick(&weights)?)
    }
}

impl Noisy {
    /// Puts noise on the answers of `examples`, each at its level; `first` is the first
    /// one's place in its batch.
    fn new(
        trainee: &Trainee,
        examples: &[Example],
        levels: &[NoiseLevel],
        first: usize,
        key: Key,
    ) -> Result<Self, Error> {
        let (device, _) = trainee.placement();
        let (mut ids, mut rows, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        let (mut each, mut keys) = (Vec::new(), Vec::new());
        for (row, (example, &level)) in (first as u64..).zip(examples.iter().zip(levels)) {
            for position in example.answer.clone() {
                rows.push((ids.len() + position) as i64);
                targets.push(i64::from(example.tokens[position]));
                each.push(level);
                keys.push(key.purpose(Purpose::Noise).sequence(row).position(position as u64));
            }
            ids.extend(example.tokens.iter().map(|&id| i64::from(id)));
        }
        let tensor = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let targets = tensor(&targets)?;
        let clean = trainee.vectors()?.exact().f_index_select(0, &targets)?;
        let width = clean.size()[1] as usize;
        let mut noise = vec![0.0f32; keys.len() * width];
        noise.par_chunks_mut(width).zip(&keys).for_each(|(noise, key)| {
            let mut stream = key.stream();
            noise.iter_mut().for_each(|value| *value = stream.normal() as f32);
        });
        let noise = Tensor::f_from_slice(&noise)?.f_to_device(device)?.f_view_as(&clean)?;
        let column = |of: fn(&NoiseLevel) -> f64| {
            let values: Vec<f32> = each.iter().map(|level| of(level) as f32).collect();
            Tensor::f_from_slice(&values)?.f_to_device(device)?.f_unsqueeze(1)
        };
        let signal = clean.f_mul(&column(|level| level.alpha)?)?;
        let x = signal.f_add(&noise.f_mul(&column(|level| level.sigma)?)?)?;
        let lengths = examples.iter().map(|example| example.tokens.len()).collect();
        Ok(Self { ids: tensor(&ids)?, lengths, rows: tensor(&rows)?, targets, levels: each, x })
    }
}
