//! The state of a continuous sampler.

mod dense;
mod numbers;
mod sum;

pub use dense::{DenseLatent, Real};

/// What a continuous sampler needs of its state, of shape `[batch, length, dim]`.
///
/// A sampler is linear combinations of what it has seen, plus noise; its coefficients are
/// numbers in f64 that need no tensor. If another operation seems necessary, it belongs to
/// a [`Denoiser`](crate::Denoiser) or to a [`Rounding`](crate::Rounding).
pub trait Latent: Sized {
    /// The shape.
    fn shape(&self) -> Shape;

    /// `Σ_k c_k·x_k`, where `c` may differ from position to position.
    ///
    /// A position whose weights are `[1, 0, …, 0]` keeps its first term bit by bit, whatever
    /// the others hold ([`Weights::keeps`]): a prompt stays what it is, even where a network
    /// answers NaN there.
    ///
    /// # Errors
    ///
    /// [`LatentError::Shapes`] for terms of different shapes, [`LatentError::Weights`] for
    /// weights that are not as many as the positions, [`LatentError::NoTerms`] for none at all.
    fn combine<const N: usize>(
        weights: &Weights<N>,
        terms: [&Self; N],
    ) -> Result<Self, LatentError>;

    /// `c₀·x + Σ_k c_{k+1}·x_k`, where `x` is this state: [`combine`](Self::combine) for a first
    /// term that nobody needs afterwards, so that the sum may be written in its place.
    ///
    /// # Errors
    ///
    /// Those of [`combine`](Self::combine).
    fn moved<const N: usize, const M: usize>(
        self,
        weights: &Weights<N>,
        others: [&Self; M],
    ) -> Result<Self, LatentError> {
        const { assert!(N == M + 1, "a weight for this state, and one for each other") };
        let term = |k: usize| if k == 0 { &self } else { others[k - 1] };
        Self::combine(weights, std::array::from_fn(term))
    }

    /// Each position's vector after `change` was made to it. `change` is told the position,
    /// counted row-major over `[batch, length]`, and may be called in any order and from any
    /// thread. This is how noise is filled in and simplices are projected on.
    ///
    /// # Errors
    ///
    /// [`LatentError::Backend`] where the state lives on a device that fails.
    fn map_positions(
        &self,
        change: &(dyn Fn(usize, &mut [f64]) + Sync),
    ) -> Result<Self, LatentError>;

    /// `⟨x, y⟩` of every sequence, `[batch]`, summed in f64 in an order that depends on
    /// neither the batch nor the threads.
    ///
    /// # Errors
    ///
    /// [`LatentError::Shapes`] for different shapes.
    fn dot(&self, other: &Self) -> Result<Vec<f64>, LatentError>;
}

/// `[batch, length, dim]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences.
    pub batch: usize,
    /// Positions of a sequence.
    pub length: usize,
    /// Numbers of a position.
    pub dim: usize,
}

impl Shape {
    /// Positions of all sequences, `batch·length`.
    pub fn positions(self) -> usize {
        self.batch * self.length
    }

    /// Numbers in all, `batch·length·dim`.
    pub fn numbers(self) -> usize {
        self.positions() * self.dim
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {}, {}]", self.batch, self.length, self.dim)
    }
}

/// The `N` coefficients of a linear combination: the same everywhere, or by position.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights<const N: usize> {
    /// The same at all positions.
    Shared([f64; N]),
    /// Position `i`, counted row-major over `[batch, length]`, has entry `i mod n` of the `n`.
    PerPosition(Vec<[f64; N]>),
}

impl<const N: usize> Weights<N> {
    /// Whether these weights fit a latent.
    ///
    /// # Errors
    ///
    /// [`LatentError::Weights`] for a list whose entries are neither one, nor `length`, nor
    /// `batch·length`, [`LatentError::NoTerms`] for `N = 0`.
    pub fn check(&self, shape: Shape) -> Result<(), LatentError> {
        if N == 0 {
            return Err(LatentError::NoTerms);
        }
        match self {
            Self::Shared(_) => Ok(()),
            Self::PerPosition(each) => fits(each.len(), shape),
        }
    }

    /// Whether these are the weights `[1, 0, …, 0]` of a position that keeps its state.
    pub fn keeps(weights: &[f64; N]) -> bool {
        weights
            .split_first()
            .is_some_and(|(&first, rest)| first == 1.0 && rest.iter().all(|&weight| weight == 0.0))
    }
}

/// Whether a list has one entry for all positions, one for each of a sequence, or one for each
/// of the batch.
pub(crate) fn fits(entries: usize, shape: Shape) -> Result<(), LatentError> {
    match [1, shape.length, shape.positions()].contains(&entries) {
        true => Ok(()),
        false => Err(LatentError::Weights { given: entries, shape }),
    }
}

/// Why a state could not be made or combined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LatentError {
    /// Two states of one combination have different shapes.
    #[error("latents of shapes {left} and {right} cannot be combined: give all the same shape")]
    Shapes {
        /// Shape of the first.
        left: Shape,
        /// Shape of the other.
        right: Shape,
    },
    /// Levels or weights do not fit the positions.
    #[error(
        "{given} levels for a latent of shape {shape}: give one, or one for each of the \
         {} positions, or one for each of the {} positions of all sequences",
        shape.length, shape.positions()
    )]
    Weights {
        /// How many there are.
        given: usize,
        /// Shape of the state.
        shape: Shape,
    },
    /// The numbers given are not as many as the shape says.
    #[error("{given} numbers for a latent of shape {shape}: it holds {}", shape.numbers())]
    Numbers {
        /// How many there are.
        given: usize,
        /// The shape.
        shape: Shape,
    },
    /// A combination of nothing has no shape.
    #[error("a linear combination of no latents has no shape: give at least one term")]
    NoTerms,
    /// The device that holds the state failed.
    #[error("the device that holds the latent failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}
