//! The embeddings of a vocabulary: where its tokens lie among latents.

use dlm_core::{DenseLatent, Latent, Real, TokenId};

use super::RoundingError;

/// One vector a token, row-major `[vocab, dim]`, in f32.
///
/// A vocabulary is large, so whoever needs its embeddings shares them in an
/// [`Arc`](std::sync::Arc).
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    values: Vec<f32>,
    dim: usize,
    longest: f64,
}

impl Embeddings {
    /// The embeddings of `vocab` tokens.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Empty`] for no tokens or no dimensions, [`RoundingError::Numbers`]
    /// where there are not `vocab·dim` values, [`RoundingError::NotFinite`] for a value that
    /// is not finite.
    pub fn new(vocab: usize, dim: usize, values: Vec<f32>) -> Result<Self, RoundingError> {
        let field = "embeddings";
        if vocab == 0 || dim == 0 {
            return Err(RoundingError::Empty { field, rows: vocab, dim });
        }
        // A shape that overflows is one that no list of numbers has.
        let expected = vocab.saturating_mul(dim);
        if values.len() != expected {
            return Err(RoundingError::Numbers { field, given: values.len(), expected });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(RoundingError::NotFinite { field, token: at / dim });
        }
        let longest = values.chunks_exact(dim).map(square).fold(0.0, f64::max).sqrt();
        Ok(Self { values, dim, longest })
    }

    /// Tokens.
    pub fn vocab(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Numbers of a token.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All numbers, row-major `[vocab, dim]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The vectors of the tokens, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    /// The vector of one token, `[dim]`; none beyond the vocabulary.
    pub fn row(&self, token: TokenId) -> Option<&[f32]> {
        let start = (token as usize).checked_mul(self.dim)?;
        self.values.get(start..start.checked_add(self.dim)?)
    }

    /// The vectors of `tokens`, one for each position of `like`, in its shape and kind.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Dimension`], [`RoundingError::Tokens`], [`RoundingError::Token`].
    pub fn embed<F: Real>(
        &self,
        tokens: &[TokenId],
        like: &DenseLatent<F>,
    ) -> Result<DenseLatent<F>, RoundingError> {
        let shape = like.shape();
        self.fits(shape.dim)?;
        if tokens.len() != shape.positions() {
            let (given, positions) = (tokens.len(), shape.positions());
            return Err(RoundingError::Tokens { given, positions });
        }
        let mut embedded = DenseLatent::zeros(shape);
        let rows = embedded.values_mut().chunks_exact_mut(self.dim);
        for (position, (&token, row)) in tokens.iter().zip(rows).enumerate() {
            let vocab = self.vocab();
            let vector = self.row(token).ok_or(RoundingError::Token { position, token, vocab })?;
            for (number, &value) in row.iter_mut().zip(vector) {
                *number = F::nearest(value.into());
            }
        }
        Ok(embedded)
    }

    /// `‖x − e‖²` for a token of the vocabulary.
    pub(super) fn square_of_distance(&self, x: &[f64], token: TokenId) -> f64 {
        let row = self.row(token).unwrap_or_default();
        x.iter().zip(row).map(|(&x, &e)| (x - f64::from(e)).powi(2)).sum()
    }

    /// Length of the longest vector.
    pub(super) fn longest(&self) -> f64 {
        self.longest
    }

    /// The numbers of a latent in these embeddings' space, row-major, in f64.
    ///
    /// # Errors
    ///
    /// [`RoundingError::Dimension`], [`RoundingError::State`].
    pub(crate) fn read<F: Real>(&self, x: &DenseLatent<F>) -> Result<Vec<f64>, RoundingError> {
        self.fits(x.shape().dim)?;
        let numbers: Vec<f64> = x.values().iter().map(|&value| value.into()).collect();
        // Where the square is finite, so are all distances.
        let finite = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().is_finite();
        match numbers.chunks_exact(self.dim).position(|row| !finite(row)) {
            Some(position) => Err(RoundingError::State { position }),
            None => Ok(numbers),
        }
    }

    fn fits(&self, dim: usize) -> Result<(), RoundingError> {
        match dim == self.dim {
            true => Ok(()),
            false => Err(RoundingError::Dimension { given: dim, expected: self.dim }),
        }
    }
}

/// `‖e‖²`.
pub(super) fn square(row: &[f32]) -> f64 {
    row.iter().map(|&value| f64::from(value).powi(2)).sum()
}
