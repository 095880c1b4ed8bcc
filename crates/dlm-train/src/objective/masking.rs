//! Which tokens of a training text turn into masks, and what each of them weighs.

use std::ops::Range;

use dlm_rng::{Key, Purpose};
use serde::{Deserialize, Serialize};

/// How texts are masked for training.
///
/// With `t` uniform on `[least, 1]` and every token of the answer masked with probability
/// `t`, independently, the sum of `−ln p(x₀ⁱ | x_t)/t` over the masked tokens is an unbiased
/// estimate of a bound on `−ln p(x₀)`, up to the times below `least` (Sahoo et al. 2024;
/// Nie et al. 2025). The rows of a batch share one draw of time and divide the range into
/// equal parts, so that every batch sees all noise levels (Kingma et al. 2021).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Masking {
    /// The smallest time, in `(0, 1)`: the weight `1/t` is bounded by its inverse.
    pub least: f64,
    /// The share of texts that are masked wholly instead, in `[0, 1]`: what a sampler meets
    /// first is otherwise rare.
    pub whole: f64,
}

impl Default for Masking {
    fn default() -> Self {
        Self { least: 0.03, whole: 0.1 }
    }
}

/// A text on its way to a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Masked {
    /// Its diffusion time.
    pub t: f64,
    /// The masked positions, in order.
    pub positions: Vec<usize>,
}

impl Masked {
    /// What `−ln p` of a masked token counts: `1/t`.
    pub fn weight(&self) -> f64 {
        1.0 / self.t
    }
}

impl Masking {
    /// The times of a batch of `rows` texts in the step that `key` names, each in
    /// `[least, 1]`.
    pub fn times(&self, rows: usize, key: Key) -> Vec<f64> {
        // Other numbers decide, so that the rest stays evenly spread.
        let key = key.purpose(Purpose::Time).position(2);
        let whole = |row: usize| key.sequence(row as u64).uniform() < self.whole;
        let spread = strata(rows, key).into_iter().enumerate();
        let time = |(row, place): (usize, f64)| match whole(row) {
            true => 1.0,
            false => self.least + (1.0 - self.least) * place,
        };
        spread.map(time).collect()
    }

    /// Masks each of the positions `answer` with probability `t`.
    pub fn mask(answer: Range<usize>, t: f64, key: Key) -> Masked {
        let key = key.purpose(Purpose::Corrupt);
        let hit = |&position: &usize| key.position(position as u64).uniform() < t;
        Masked { t, positions: answer.filter(hit).collect() }
    }
}

/// Numbers in `[0, 1)`, one from each of `rows` equal parts of it at the same place within its
/// part, in an order of their own: neighbours in a batch are alike in length and must not be
/// alike in noise.
pub(super) fn strata(rows: usize, key: Key) -> Vec<f64> {
    let key = key.purpose(Purpose::Time).sequence(0);
    let shift = key.position(0).uniform();
    let mut places: Vec<f64> = (0..rows).map(|row| (row as f64 + shift) / rows as f64).collect();
    key.position(1).stream().shuffle(&mut places);
    places
}
