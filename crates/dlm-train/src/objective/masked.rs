//! The objective of masked diffusion, on a network whose logits are shifted by one.

use dlm_core::TokenId;
use dlm_rng::Key;
use dlm_runtime::Trainee;
use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad};

use super::{Loss, Masked, Masking, Measured};
use crate::{
    Error, Example, Part,
    head::{Head, cross_entropy},
    recipe::require,
};

/// Predicting masked tokens of an answer from the rest and the prompt.
///
/// ```text
/// loss = 1/N·Σ_texts 1/t·Σ_{masked i} e_i·(−ln p(x₀ⁱ | x_t))
/// ```
///
/// with `N` all tokens of the batch and `e = 1`, but `ending` for the end tokens after the
/// first, which fill an answer up to the length of its canvas. A model has to see these, or
/// it would not know what to put behind an end; at their full weight they are most of what it
/// sees, and it floods its answers with ends.
///
/// `p` has no mask in it, and the logits for position `i` come out of row `i − 1`, where a
/// causal base has always predicted it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskedObjective {
    /// The mask: a token that the base has and no text holds. Its row of the input embedding
    /// is trained.
    pub mask: TokenId,
    /// How texts are masked.
    pub masking: Masking,
    /// Weight of the end tokens after the first, in `[0, 1]`.
    pub ending: f64,
}

impl Default for MaskedObjective {
    fn default() -> Self {
        Self { mask: 16, masking: Masking::default(), ending: 0.15 }
    }
}

impl MaskedObjective {
    pub(super) fn validate(&self) -> Result<(), Error> {
        let Masking { least, whole } = self.masking;
        let fine = 0.0 < least && least < 1.0;
        require("objective.masking.least", least, fine, "in (0, 1)")?;
        let fine = (0.0..=1.0).contains(&whole);
        require("objective.masking.whole", whole, fine, "in [0, 1]")?;
        let fine = (0.0..=1.0).contains(&self.ending);
        require("objective.ending", self.ending, fine, "in [0, 1]")
    }

    pub(super) fn loss(&self, trainee: &Trainee, part: Part<'_>, key: Key) -> Result<Loss, Error> {
        let times = self.masking.times(part.texts, key).into_iter().skip(part.first);
        let mask = |((row, example), t): ((usize, &Example), f64)| {
            Masking::mask(example.answer.clone(), t, key.sequence(row as u64))
        };
        let masked: Vec<Masked> = (part.first..).zip(part.examples).zip(times).map(mask).collect();
        self.loss_of(trainee, part, &masked)
    }

    /// The loss of the texts of `part`, masked as given.
    ///
    /// # Errors
    ///
    /// Where libtorch refuses.
    pub fn loss_of(
        &self,
        trainee: &Trainee,
        part: Part<'_>,
        masked: &[Masked],
    ) -> Result<Loss, Error> {
        let all = part.tokens as f64;
        let weight = |example: &Example, masked: &Masked, position: usize| {
            let share = if example.end < position { self.ending } else { 1.0 };
            share * masked.weight() / all
        };
        self.read(trainee, part.examples, masked, &weight)
    }

    pub(super) fn measure(
        &self,
        trainee: &Trainee,
        examples: &[Example],
        t: f64,
        key: Key,
    ) -> Result<Measured, Error> {
        let mask = |(row, example): (u64, &Example)| {
            Masking::mask(example.answer.start..example.end, t, key.sequence(row))
        };
        let masked: Vec<Masked> = (0..).zip(examples).map(mask).collect();
        Ok(no_grad(|| self.read(trainee, examples, &masked, &|_, _, _| 1.0))?.read)
    }

    /// Predicts the masked tokens of `examples`, each with its weight.
    fn read(
        &self,
        trainee: &Trainee,
        examples: &[Example],
        masked: &[Masked],
        weight: &dyn Fn(&Example, &Masked, usize) -> f64,
    ) -> Result<Loss, Error> {
        let device = trainee.placement().0;
        let (mut ids, mut lengths) = (Vec::new(), Vec::new());
        let (mut rows, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (example, masked) in examples.iter().zip(masked) {
            let start = ids.len();
            lengths.push(example.tokens.len());
            ids.extend(example.tokens.iter().map(|&id| i64::from(id)));
            for &position in &masked.positions {
                ids[start + position] = i64::from(self.mask);
                rows.push((start + position.saturating_sub(1)) as i64);
                targets.push(i64::from(example.tokens[position]));
                weights.push(weight(example, masked, position) as f32);
            }
        }
        let on_device = |x: Tensor| x.f_to_device(device);
        let embedded = trainee.embed(&on_device(Tensor::f_from_slice(&ids)?)?)?;
        let hidden = trainee.hidden(embedded, &lengths)?;
        let asked = hidden.f_index_select(0, &on_device(Tensor::f_from_slice(&rows)?)?)?;
        let targets = on_device(Tensor::f_from_slice(&targets)?)?;
        let weights = on_device(Tensor::f_from_slice(&weights)?)?;
        let head = Head { weight: trainee.head(), ruled_out: Some(self.mask), evidence: None };
        cross_entropy(&asked, &head, &targets, &weights)
    }
}
