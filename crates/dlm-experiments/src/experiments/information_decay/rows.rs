//! What is written down, and what it says of a text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Family,
    experiments::recovery::{Level, mean, spread},
};

/// A position of a text at one noise level; under masking only hidden ones have a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TextRow {
    /// The prompt, from 0.
    pub(super) text: usize,
    /// Whose noise.
    pub(super) family: Family,
    /// How much of it.
    pub(super) t: f64,
    /// Counted from the answer's first token.
    pub(super) position: usize,
    /// To the nearest visible token; absent under Gaussian noise.
    pub(super) distance: Option<usize>,
    /// `−ln p` of the true token.
    pub(super) nats: f32,
}

/// A word of the chain at one noise level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct WordRow {
    pub(super) word: usize,
    pub(super) t: f64,
    /// Mean nats missing.
    pub(super) missing: f32,
    /// Spread of what is recovered; absent where nothing is.
    pub(super) spread: Option<f32>,
    /// Spread of what is missing; absent where nothing is.
    pub(super) missing_spread: Option<f32>,
}

/// The hidden tokens of a word that lie equally far from what is visible.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DistanceRow {
    pub(super) word: usize,
    pub(super) t: f64,
    /// The largest stands for all from there on.
    pub(super) distance: usize,
    /// How many they are.
    pub(super) count: usize,
    /// What all of them miss.
    pub(super) nats: f32,
}

/// Hidden tokens, and the nats that they miss together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) count: f64,
    pub(super) nats: f64,
}

/// What one text or word loses.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {
    /// At `t = 0` and at each level.
    pub(super) levels: Vec<Level>,
    /// By level, `t = 0` left out, and distance, from 1.
    pub(super) by_distance: Vec<Vec<Sum>>,
    /// By level, `t = 0` left out: the spread of what hidden tokens alone miss.
    pub(super) hidden_spread: Vec<f64>,
    /// The mean share of all that happens to a position that its largest step takes.
    pub(super) largest_step: f64,
}

/// Index of a distance among those told apart.
pub(super) fn bucket(distance: Option<usize>, far: usize) -> usize {
    distance.unwrap_or(far).clamp(1, far) - 1
}

/// The losses of all texts of a family, by prompt.
pub(super) fn losses_of_texts(
    rows: &[TextRow],
    family: Family,
    times: &[f64],
    far: usize,
) -> BTreeMap<usize, Loss> {
    let mut texts: BTreeMap<usize, Vec<&TextRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.family == family) {
        texts.entry(row.text).or_default().push(row);
    }
    texts.into_iter().map(|(text, rows)| (text, loss_of_text(&rows, times, far))).collect()
}

/// `times` hold every level, and 1 last.
fn loss_of_text(rows: &[&TextRow], times: &[f64], far: usize) -> Loss {
    let positions = rows.iter().map(|row| row.position + 1).max().unwrap_or(0);
    let mut missing = vec![vec![0.0; positions]; times.len() + 1];
    let mut loss =
        Loss { by_distance: vec![vec![Sum::default(); far]; times.len()], ..Loss::default() };
    let mut hidden = vec![Vec::new(); times.len()];
    for row in rows {
        let Some(level) = times.iter().position(|&t| t == row.t) else { continue };
        let nats = f64::from(row.nats);
        missing[level + 1][row.position] = nats;
        hidden[level].push(nats);
        if row.family == Family::Masked {
            let sum = &mut loss.by_distance[level][bucket(row.distance, far)];
            sum.count += 1.0;
            sum.nats += nats;
        }
    }
    let at_noise = &missing[times.len()];
    loss.levels = missing.iter().map(|missing| Level::of(missing, at_noise)).collect();
    loss.hidden_spread = hidden.iter().map(|nats| spread(nats)).collect();
    loss.largest_step = largest_step(&missing);
    loss
}

/// `mean over positions of max_k |mᵢ(t_{k+1}) − mᵢ(t_k)| / Σ_k |mᵢ(t_{k+1}) − mᵢ(t_k)|`.
fn largest_step(missing: &[Vec<f64>]) -> f64 {
    let positions = missing.first().map_or(0, Vec::len);
    let share = |position: usize| {
        let steps = missing.windows(2).map(|pair| (pair[1][position] - pair[0][position]).abs());
        steps.clone().fold(0.0, f64::max) / steps.sum::<f64>()
    };
    mean((0..positions).map(share))
}

/// The losses of all words.
pub(super) fn losses_of_words(
    words: &[WordRow],
    distances: &[DistanceRow],
    times: &[f64],
    far: usize,
) -> Vec<Loss> {
    let mut losses: BTreeMap<usize, Loss> = BTreeMap::new();
    let or_nan = |value: Option<f32>| value.map_or(f64::NAN, f64::from);
    for row in words {
        let loss = losses.entry(row.word).or_default();
        loss.by_distance = vec![vec![Sum::default(); far]; times.len()];
        loss.levels.push(Level {
            missing: f64::from(row.missing),
            recovered: f64::NAN,
            spread: or_nan(row.spread),
            missing_spread: or_nan(row.missing_spread),
        });
    }
    for row in distances {
        let level = times.iter().position(|&t| t == row.t);
        if let Some((loss, level)) = losses.get_mut(&row.word).zip(level) {
            let sum = &mut loss.by_distance[level][bucket(Some(row.distance), far)];
            sum.count += row.count as f64;
            sum.nats += f64::from(row.nats);
        }
    }
    losses.into_values().collect()
}
