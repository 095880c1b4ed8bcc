//! Projection onto the nucleus of likely tokens.

use std::sync::Arc;

use dlm_core::{DenseLatent, Latent, Real, Rounded, TokenId, invert_cdf};
use rayon::prelude::*;

use super::{Embeddings, Head, RoundingError, embeddings::square, product::times_transposed};
use crate::nucleus::nucleus;

/// Positions and tokens of one product.
const POSITIONS: usize = 16;
const TOKENS: usize = 512;

/// Replaces a latent by the mean embedding of its most likely tokens.
///
/// ```text
/// p = softmax(scores of x)
/// N = the fewest most probable tokens whose probabilities sum to at least `mass`
/// x ↦ Σ_{v ∈ N} p_v·e_v / Σ_{v ∈ N} p_v
/// ```
///
/// It is the top-p projection of simplex diffusion (Han et al. 2023, SSD-LM; Mahabadi et al.
/// 2024, TESS) for latents that are embeddings: theirs keeps the nucleus of a softmax over a
/// simplex, this maps it on by `E`. A mass near 0 keeps one token, as clamping does; mass 1
/// gives the mean over the whole vocabulary. Of equally probable tokens the lower one is kept
/// first. Scores and sums are in f64, and a sequence's do not depend on its batch.
#[derive(Clone, Debug)]
pub struct TopP {
    weights: Arc<Embeddings>,
    offsets: Vec<f64>,
    /// What a score `x·w + o` is multiplied by.
    sharpness: f64,
    embeddings: Arc<Embeddings>,
    mass: f64,
}

impl TopP {
    /// Scores by distance, `−‖x − e‖²/2σ²`: with `σ` the noise that is left in `x`, the
    /// probabilities are Bayes' for equally frequent tokens.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Parameter`] for a `mass` outside `(0, 1]`, and for a `sigma` whose
    /// square is not finite and above 0.
    pub fn by_distance(
        embeddings: impl Into<Arc<Embeddings>>,
        sigma: f64,
        mass: f64,
    ) -> Result<Self, RoundingError> {
        let sharpness = sigma.powi(-2);
        if !(0.0 < sigma && 0.0 < sharpness && sharpness.is_finite()) {
            let range = "(0, ∞)";
            return Err(RoundingError::Parameter { field: "sigma", value: sigma, range });
        }
        let embeddings = embeddings.into();
        let offsets = embeddings.rows().map(|row| -0.5 * square(row)).collect();
        let weights = embeddings.clone();
        Ok(Self { weights, offsets, sharpness, embeddings, mass: checked(mass)? })
    }

    /// Scores by a language-model head, which knows embeddings.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Parameter`] for a `mass` outside `(0, 1]`,
    /// [`RoundingError::NoEmbeddings`] for a head without.
    pub fn by_head(head: &Head, mass: f64) -> Result<Self, RoundingError> {
        let embeddings = head.embeddings().cloned().ok_or(RoundingError::NoEmbeddings)?;
        let offsets = head.bias().iter().map(|&bias| bias.into()).collect();
        let weights = head.weights().clone();
        Ok(Self { weights, offsets, sharpness: 1.0, embeddings, mass: checked(mass)? })
    }

    /// The mean embeddings of the nuclei, in the shape of `x`.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Dimension`], [`RoundingError::State`], [`RoundingError::Logits`].
    pub fn project<F: Real>(&self, x: &DenseLatent<F>) -> Result<DenseLatent<F>, RoundingError> {
        let means = self.each(x, |_, _, nucleus| {
            let mut mean = vec![0.0; self.embeddings.dim()];
            for &(token, p) in nucleus {
                let row = self.embeddings.row(token).unwrap_or_default();
                mean.iter_mut().zip(row).for_each(|(mean, &e)| *mean += p * f64::from(e));
            }
            mean
        })?;
        let mut projected = x.clone();
        for (number, mean) in projected.values_mut().iter_mut().zip(means.iter().flatten()) {
            *number = F::nearest(*mean);
        }
        Ok(projected)
    }

    /// A token of every position's nucleus, drawn with one uniform number in `[0, 1)` each,
    /// by inverting the cumulative probabilities of the nucleus, most probable first.
    ///
    /// The distance is that of the token drawn. The margin says how much there was to draw: it
    /// is `p₁ − p₂` of the nucleus, whichever token was drawn, and 1 where the nucleus is one
    /// token.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Numbers`] where there are not as many uniforms as positions,
    /// [`RoundingError::Parameter`] for one outside `[0, 1)`, and those of [`project`](Self::project).
    pub fn draw<F: Real>(
        &self,
        x: &DenseLatent<F>,
        uniforms: &[f64],
    ) -> Result<Vec<Rounded>, RoundingError> {
        let (given, expected) = (uniforms.len(), x.shape().positions());
        if given != expected {
            return Err(RoundingError::Numbers { field: "uniforms", given, expected });
        }
        if let Some(&value) = uniforms.iter().find(|u| !(0.0..1.0).contains(*u)) {
            return Err(RoundingError::Parameter { field: "uniforms", value, range: "[0, 1)" });
        }
        self.each(x, |position, x, nucleus| {
            let p: Vec<f64> = nucleus.iter().map(|&(_, p)| p).collect();
            let (token, _) = nucleus[invert_cdf(&p, uniforms[position])];
            let margin = match self.embeddings.vocab() {
                1 => f32::INFINITY,
                _ => (p[0] - p.get(1).unwrap_or(&0.0)) as f32,
            };
            let distance = self.embeddings.square_of_distance(x, token).sqrt() as f32;
            Rounded { token, distance: Some(distance), margin }
        })
    }

    /// What `of` makes of every position, its numbers and its nucleus, whose probabilities sum
    /// to 1.
    fn each<F: Real, T: Send>(
        &self,
        x: &DenseLatent<F>,
        of: impl Fn(usize, &[f64], &[(TokenId, f64)]) -> T + Sync,
    ) -> Result<Vec<T>, RoundingError> {
        let length = x.shape().length;
        let (x, dim, vocab) = (self.weights.read(x)?, self.weights.dim(), self.weights.vocab());
        let sequences = x.chunks((length * dim).max(1)).enumerate();
        let pieces: Vec<_> = sequences
            .flat_map(|(sequence, rows)| {
                let cut = rows.chunks(POSITIONS * dim).enumerate();
                cut.map(move |(piece, rows)| (sequence * length + piece * POSITIONS, rows))
            })
            .collect();
        let work = |(first, x): (usize, &[f64])| {
            let mut scores = self.scores(x);
            let rows = (first..).zip(x.chunks_exact(dim)).zip(scores.chunks_exact_mut(vocab));
            rows.map(|((position, x), scores)| {
                let nucleus =
                    nucleus(scores, self.mass).ok_or(RoundingError::Logits { position })?;
                Ok(of(position, x, &nucleus))
            })
            .collect::<Vec<_>>()
        };
        pieces.into_par_iter().flat_map_iter(work).collect()
    }

    /// The scores of a few positions, `[positions, vocab]`.
    fn scores(&self, x: &[f64]) -> Vec<f64> {
        let (dim, vocab) = (self.weights.dim(), self.weights.vocab());
        let mut scores = vec![0.0; x.len() / dim * vocab];
        let mut block = Vec::new();
        for (index, w) in self.weights.values().chunks(TOKENS * dim).enumerate() {
            let w: Vec<f64> = w.iter().map(|&w| w.into()).collect();
            let here = index * TOKENS..index * TOKENS + w.len() / dim;
            block.resize(x.len() / dim * here.len(), 0.0);
            times_transposed(x, &w, dim, &mut block);
            let rows = scores.chunks_exact_mut(vocab).zip(block.chunks_exact(here.len()));
            for (scores, block) in rows {
                let offsets = &self.offsets[here.clone()];
                for ((score, product), offset) in
                    scores[here.clone()].iter_mut().zip(block).zip(offsets)
                {
                    *score = self.sharpness * (product + offset);
                }
            }
        }
        scores
    }
}

fn checked(mass: f64) -> Result<f64, RoundingError> {
    match 0.0 < mass && mass <= 1.0 {
        true => Ok(mass),
        false => Err(RoundingError::Parameter { field: "mass", value: mass, range: "(0, 1]" }),
    }
}
