//! Rounding to the nearest embedding, searched on a device.

use dlm_core::{Latent as _, ModelError, Rounded, Rounding, TokenId};
use tch::{Kind, Tensor};

use super::{TensorLatent, embed, fits, on_host};
use crate::{DeviceChoice, Error, Model, readout::blocked};

/// Scores that exist at once, as many as the readout's logits.
const SCORE_BYTES: i64 = 26 << 20;

/// The token whose embedding is nearest, `argmin_v ‖x − e_v‖`, of equals the lowest.
///
/// The device searches the vocabulary by a product in f32, `x·e − ‖e‖²/2`, which is greatest
/// where the distance is smallest. Whatever this leaves within its own error of the two best
/// is compared by distances in f64, in host memory. So tokens, distances and margins
/// `d₂ − d₁` are those of a search in f64, on any device, in any batch.
#[derive(Debug)]
pub struct TensorRounding {
    /// `[vocab, dim]` in f32.
    table: Tensor,
    /// `−‖e‖²/2`, `[vocab]` in f32.
    offsets: Tensor,
    /// `max ‖e‖`.
    longest: f64,
}

impl TensorRounding {
    /// Rounding to the rows of `table [vocab, dim]`, a copy of it, where `table` lies.
    ///
    /// # Errors
    ///
    /// [`Error::Latent`] where the table is empty or holds something that is no number.
    pub fn new(table: &Tensor) -> Result<Self, Error> {
        let (vocab, dim) = match table.size().as_slice() {
            &[vocab, dim] if 0 < vocab && 0 < dim => (vocab, dim),
            size => {
                return Err(Error::Latent(format!(
                    "embeddings of shape {size:?}: give [vocab, dim], at least one row of at \
                     least one number"
                )));
            }
        };
        // A copy, because a network's tensors may lie in files that it closes.
        let mut copy = Tensor::f_zeros([vocab, dim], (Kind::Float, table.device()))?;
        copy.f_copy_(table)?;
        let rows: Vec<f32> = on_host(&copy, Kind::Float)?;
        let squares: Vec<f64> = rows.chunks_exact(dim as usize).map(square).collect();
        if let Some(token) = squares.iter().position(|square| !square.is_finite()) {
            return Err(Error::Latent(format!(
                "embeddings: token {token} has a number that is not finite: look at where it was \
                 read"
            )));
        }
        let offsets: Vec<f32> = squares.iter().map(|square| (-0.5 * square) as f32).collect();
        let offsets = Tensor::f_from_slice(&offsets)?.f_to_device(table.device())?;
        let longest = squares.iter().copied().fold(0.0, f64::max).sqrt();
        Ok(Self { table: copy, offsets, longest })
    }

    /// Rounding to the vectors `[vocab, dim]` of a host, searched on `device`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and where the device cannot be used.
    pub fn from_values(values: &[f32], dim: usize, device: DeviceChoice) -> Result<Self, Error> {
        let device = device.resolve()?;
        if dim == 0 || values.is_empty() || !values.len().is_multiple_of(dim) {
            return Err(Error::Latent(format!(
                "embeddings of {} numbers make no rows of dimension {dim}: give vocab·dim of them",
                values.len()
            )));
        }
        let table = Tensor::f_from_slice(values)?.f_view([-1, dim as i64])?;
        Self::new(&table.f_to_device(device)?)
    }

    /// Rounding to a network's input embeddings, on its device.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn of(model: &Model) -> Result<Self, Error> {
        Self::new(model.network().embeddings())
    }

    /// The nearest token of every position, row-major over `[batch, length]`.
    ///
    /// # Errors
    ///
    /// [`Error::Latent`] where the latent has another dimension, or is not finite.
    pub fn nearest(&self, x: &TensorLatent) -> Result<Vec<Rounded>, Error> {
        let (vocab, dim) = self.table.size2()?;
        fits(dim, x)?;
        let positions = x.shape().positions() as i64;
        let rows = x.tensor().f_reshape([positions, dim])?;
        let most = (SCORE_BYTES / (4 * vocab)).max(1);
        let mut rounded = Vec::with_capacity(positions as usize);
        while (rounded.len() as i64) < positions {
            let done = rounded.len() as i64;
            let piece = rows.f_narrow(0, done, most.min(positions - done))?;
            self.piece(&piece, &mut rounded)?;
        }
        Ok(rounded)
    }

    /// The nearest tokens of `x [rows, dim]`.
    fn piece(&self, x: &Tensor, rounded: &mut Vec<Rounded>) -> Result<(), Error> {
        let dim = self.table.size()[1] as usize;
        let exact: Vec<f64> = on_host(x, Kind::Double)?;
        let exact: Vec<&[f64]> = exact.chunks_exact(dim).collect();
        let length = |x: &&[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let lengths: Vec<f64> = exact.iter().map(length).collect();
        if let Some(row) = lengths.iter().position(|length| !length.is_finite()) {
            return Err(Error::Latent(format!(
                "the latent is not finite at position {}, counted over all sequences: look at \
                 what the denoiser predicts there",
                rounded.len() + row
            )));
        }
        let slack: Vec<f32> = lengths.iter().map(|&length| self.slack(length)).collect();
        let found = self.candidates(x, &slack)?;
        let tokens: Vec<i64> = found.iter().map(|&(_, token)| token).collect();
        let tokens = Tensor::f_from_slice(&tokens)?.f_to_device(self.table.device())?;
        let embeddings: Vec<f32> = on_host(&self.table.f_index_select(0, &tokens)?, Kind::Float)?;
        let mut candidates = found.iter().zip(embeddings.chunks_exact(dim)).peekable();
        for (row, x) in (0..).zip(exact) {
            let mut best = [(f64::INFINITY, 0); 2];
            while let Some(((_, token), e)) = candidates.next_if(|((at, _), _)| *at == row) {
                let distance = x.iter().zip(e).map(|(x, &e)| (x - f64::from(e)).powi(2)).sum();
                insert(&mut best, (distance, *token));
            }
            let [(square, token), (second, _)] = best;
            let margin = (second.sqrt() - square.sqrt()) as f32;
            let distance = Some(square.sqrt() as f32);
            rounded.push(Rounded { token: token as TokenId, distance, margin });
        }
        Ok(())
    }

    /// Rows of `x` and tokens that may be the nearest or the second, in order.
    fn candidates(&self, x: &Tensor, slack: &[f32]) -> Result<Vec<(i64, i64)>, Error> {
        let device = self.table.device();
        let vocab = self.table.size()[0];
        let x = x.f_to_device(device)?.f_to_kind(Kind::Float)?;
        let scores = x.f_linear(&self.table, Some(&self.offsets))?;
        let maxima = blocked::each(&scores, |block| block.f_amax([-1i64].as_slice(), false))?;
        let two = 2.min(vocab);
        let second = blocked::largest(&scores, two)?.values.f_narrow(1, two - 1, 1)?;
        let slack = Tensor::f_from_slice(slack)?.f_to_device(device)?.f_unsqueeze(1)?;
        let least = second.f_sub(&slack)?;
        // Not less, so that a sum that overflowed to no number is kept as well.
        let hopeful = |scores: &Tensor| scores.f_lt_tensor(&least)?.f_logical_not();
        let blocks = hopeful(&maxima)?.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Int64)?;
        let blocks = blocks.f_max()?.f_int64_value(&[])?;
        let (_, chosen) = maxima.f_topk(blocks, -1, true, false)?;
        let (values, tokens) = blocked::inside(&scores, &chosen, f64::NEG_INFINITY)?;
        let kept = hopeful(&values)?.f_logical_and(&tokens.f_lt(vocab)?)?;
        let rows: Vec<i64> = on_host(&kept.f_nonzero()?.f_select(1, 0)?, Kind::Int64)?;
        let tokens: Vec<i64> = on_host(&tokens.f_masked_select(&kept)?, Kind::Int64)?;
        let mut found: Vec<(i64, i64)> = rows.into_iter().zip(tokens).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// How far below the second best score in f32 a token's may lie and the token still be
    /// one of the two nearest to an `x` of this length.
    ///
    /// `n` roundings of relative size `u` in any order leave a scalar product within
    /// `n·u/(1 − n·u)·‖x‖·‖e‖` (Higham 2002, section 3.1); `n` is the dimension, and a few
    /// for what is rounded before and after. Distances in f64 err likewise, in proportion to
    /// `(‖x‖ + ‖e‖)²`. Both of two compared scores may be off.
    fn slack(&self, length: f64) -> f32 {
        let dim = self.table.size()[1] as f64;
        let unit = |epsilon: f64| {
            let roundings = 0.5 * epsilon * (dim + 8.0);
            roundings / (1.0 - roundings)
        };
        let size = length * self.longest + 0.5 * self.longest * self.longest;
        // Beyond these sizes a score may overflow, and every token is compared.
        let bounded = length.max(self.longest).max(size) < 1e37
            && (dim + 8.0) * f64::from(f32::EPSILON) < 1.0;
        if !bounded {
            return f32::INFINITY;
        }
        let single = unit(f64::from(f32::EPSILON)) * size;
        let double = unit(f64::EPSILON) * (length + self.longest).powi(2);
        // What is lost where a product is too small for a normal number.
        let tiny = f64::from(f32::MIN_POSITIVE) * dim * (2.0 + length + self.longest);
        (2.0 * (single + double + tiny)) as f32 * 1.001
    }
}

impl Rounding<TensorLatent> for TensorRounding {
    fn round(&self, x0: &TensorLatent) -> Result<Vec<Rounded>, ModelError> {
        Ok(self.nearest(x0)?)
    }

    fn embed(&self, tokens: &[TokenId], like: &TensorLatent) -> Result<TensorLatent, ModelError> {
        Ok(embed(&self.table, tokens, like)?)
    }
}

/// Keeps the two smallest; of equals the one that came first.
fn insert(best: &mut [(f64, i64); 2], new: (f64, i64)) {
    if new.0 < best[0].0 {
        *best = [new, best[0]];
    } else if new.0 < best[1].0 {
        best[1] = new;
    }
}

/// `‖e‖²`.
fn square(row: &[f32]) -> f64 {
    row.iter().map(|&value| f64::from(value).powi(2)).sum()
}
