//! A latent in host memory.

use std::ops::{Add, Mul};

use rayon::prelude::*;

use super::{Latent, LatentError, Shape, Weights};

/// A latent in host memory, row-major `[batch, length, dim]`.
///
/// In f64 it is the definition that other latents are tested against. In f32 it is fast: a
/// combination reads every term once and writes the sum once, on all threads of rayon's pool
/// where there is enough to do.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseLatent<F = f64> {
    shape: Shape,
    values: Vec<F>,
}

/// The numbers of a [`DenseLatent`]: `f32` or `f64`.
pub trait Real:
    Copy + Default + PartialEq + Send + Sync + Into<f64> + Add<Output = Self> + Mul<Output = Self>
{
    /// The nearest number of this kind.
    fn nearest(x: f64) -> Self;
}

impl Real for f32 {
    fn nearest(x: f64) -> Self {
        x as f32
    }
}

impl Real for f64 {
    fn nearest(x: f64) -> Self {
        x
    }
}

impl<F: Real> DenseLatent<F> {
    /// A latent of these numbers, row-major.
    ///
    /// # Errors
    ///
    /// [`LatentError::Numbers`] where there are not as many as the shape says.
    pub fn new(shape: Shape, values: Vec<F>) -> Result<Self, LatentError> {
        match values.len() == shape.numbers() {
            true => Ok(Self { shape, values }),
            false => Err(LatentError::Numbers { given: values.len(), shape }),
        }
    }

    /// A latent of zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, values: vec![F::default(); shape.numbers()] }
    }

    /// The numbers, row-major.
    pub fn values(&self) -> &[F] {
        &self.values
    }

    /// The numbers, row-major, for writing.
    pub fn values_mut(&mut self) -> &mut [F] {
        &mut self.values
    }

    /// The vectors of the positions, in order.
    pub fn rows(&self) -> impl Iterator<Item = &[F]> {
        // A chunk of length 0 does not exist; a latent without dimensions has no rows.
        self.values.chunks_exact(self.shape.dim.max(1))
    }

    fn matches(&self, other: &Self) -> Result<(), LatentError> {
        match self.shape == other.shape {
            true => Ok(()),
            false => Err(LatentError::Shapes { left: self.shape, right: other.shape }),
        }
    }
}

/// Numbers that are summed at once and written once: a few cache lines, which need no clearing
/// beforehand as a whole vector would.
const BLOCK: usize = 64;

/// Numbers from which on more threads than one pay: for fewer, waking another takes as long
/// as the sum.
const MANY: usize = 1 << 18;

/// Numbers that one task has at least.
const TASK: usize = 1 << 14;

impl<F: Real> Latent for DenseLatent<F> {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn combine<const N: usize>(
        weights: &Weights<N>,
        terms: [&Self; N],
    ) -> Result<Self, LatentError> {
        let first = terms.first().ok_or(LatentError::NoTerms)?;
        terms.iter().try_for_each(|term| first.matches(term))?;
        weights.check(first.shape)?;
        let shape = first.shape;
        let terms = terms.map(|term| term.values.as_slice());
        let sum = Sum { weights, terms, dim: shape.dim.max(1) };
        let blocks = shape.numbers() / BLOCK;
        // Room for one more: the last numbers may not fill theirs.
        let mut values = Vec::with_capacity(blocks + 1);
        match MANY <= shape.numbers() {
            true => {
                let blocks = (0..blocks).into_par_iter().with_min_len(TASK / BLOCK);
                blocks.map(|index| sum.block(index * BLOCK)).collect_into_vec(&mut values);
            }
            false => values.extend((0..blocks).map(|index| sum.block(index * BLOCK))),
        }
        let mut values = values.into_flattened();
        let done = values.len();
        values.resize(shape.numbers(), F::default());
        sum.write(done, &mut values[done..]);
        Ok(Self { shape, values })
    }

    fn map_positions(
        &self,
        change: &(dyn Fn(usize, &mut [f64]) + Sync),
    ) -> Result<Self, LatentError> {
        let mut changed = self.clone();
        let dim = self.shape.dim.max(1);
        let work = |row: &mut Vec<f64>, (position, values): (usize, &mut [F])| {
            row.clear();
            row.extend(values.iter().map(|&value| value.into()));
            change(position, row);
            for (value, &new) in values.iter_mut().zip(&*row) {
                *value = F::nearest(new);
            }
        };
        changed.values.par_chunks_mut(dim).enumerate().for_each_init(Vec::new, work);
        Ok(changed)
    }

    fn dot(&self, other: &Self) -> Result<Vec<f64>, LatentError> {
        self.matches(other)?;
        let sequence = self.shape.length * self.shape.dim;
        if sequence == 0 {
            return Ok(vec![0.0; self.shape.batch]);
        }
        Ok(self
            .values
            .par_chunks(sequence)
            .zip(other.values.par_chunks(sequence))
            .map(|(x, y)| product(x, y))
            .collect())
    }
}

/// `Σ_k c_k·x_k`, for any part of the numbers.
struct Sum<'a, F, const N: usize> {
    weights: &'a Weights<N>,
    terms: [&'a [F]; N],
    dim: usize,
}

impl<F: Real, const N: usize> Sum<'_, F, N> {
    /// A block, from number `start` on.
    #[inline]
    fn block(&self, start: usize) -> [F; BLOCK] {
        let (weights, end) = self.weights_at(start);
        if end < start + BLOCK || Weights::keeps(weights) {
            let mut sum = [F::default(); BLOCK];
            self.write(start, &mut sum);
            return sum;
        }
        let weights = weights.map(F::nearest);
        // Slices of a length that the compiler knows: no bounds to check within the loop.
        let terms = self.terms.map(|term| &term[start..start + BLOCK]);
        std::array::from_fn(|i| weighted(&weights, terms, i))
    }

    /// As many numbers as there is room for, from number `start` on.
    fn write(&self, start: usize, mut sum: &mut [F]) {
        let mut here = start;
        while !sum.is_empty() {
            let (weights, end) = self.weights_at(here);
            let (now, later) = sum.split_at_mut(sum.len().min(end - here));
            let terms = self.terms.map(|term| &term[here..here + now.len()]);
            here += now.len();
            sum = later;
            if Weights::keeps(weights) {
                now.copy_from_slice(terms[0]);
                continue;
            }
            let weights = weights.map(F::nearest);
            for (i, now) in now.iter_mut().enumerate() {
                *now = weighted(&weights, terms, i);
            }
        }
    }

    /// The weights of a number, and the first number after it that may have others.
    #[inline]
    fn weights_at(&self, number: usize) -> (&[f64; N], usize) {
        match self.weights {
            Weights::Shared(weights) => (weights, usize::MAX),
            Weights::PerPosition(each) => {
                let position = number / self.dim;
                (&each[position % each.len()], (position + 1) * self.dim)
            }
        }
    }
}

/// `Σ_k c_k·x_k` of number `i`, first term first.
#[inline(always)]
fn weighted<F: Real, const N: usize>(weights: &[F; N], terms: [&[F]; N], i: usize) -> F {
    let mut sum = weights[0] * terms[0][i];
    for k in 1..N {
        sum = sum + weights[k] * terms[k][i];
    }
    sum
}

/// `⟨x, y⟩`, whose sixteen partial sums leave nothing to wait for.
fn product<F: Real>(x: &[F], y: &[F]) -> f64 {
    let mut sums = [0.0; 16];
    let (x, y) = (x.as_chunks::<16>(), y.as_chunks::<16>());
    for (x, y) in x.0.iter().zip(y.0) {
        for (sum, (&x, &y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x.into() * y.into();
        }
    }
    let rest: f64 = x.1.iter().zip(y.1).map(|(&x, &y)| x.into() * y.into()).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent(shape: Shape, scale: f64) -> DenseLatent {
        let values = (0..shape.numbers()).map(|i| scale * (i % 97) as f64 - 3.0).collect();
        DenseLatent::new(shape, values).unwrap()
    }

    #[test]
    fn a_combination_is_the_sum_of_its_terms_whatever_the_size() {
        for shape in [[1, 1, 1], [2, 3, 5], [3, 70, 321], [1, 2, 200_000], [0, 3, 2], [2, 3, 0]] {
            let shape = Shape { batch: shape[0], length: shape[1], dim: shape[2] };
            let (x, y) = (latent(shape, 0.25), latent(shape, -1.5));
            let shared = Weights::Shared([2.0, 0.5]);
            let each = (0..shape.length).map(|i| [i as f64, 0.5]).collect();
            let per_position = Weights::PerPosition(each);
            let by_one = DenseLatent::combine(&shared, [&x, &y]).unwrap();
            let by_each = DenseLatent::combine(&per_position, [&x, &y]).unwrap();
            for i in 0..shape.numbers() {
                let position = i / shape.dim % shape.length;
                assert_eq!(by_one.values[i], 2.0 * x.values[i] + 0.5 * y.values[i]);
                let sum = position as f64 * x.values[i] + 0.5 * y.values[i];
                assert_eq!(by_each.values[i], sum);
            }
        }
    }

    #[test]
    fn a_position_that_keeps_its_state_keeps_every_bit() {
        let shape = Shape { batch: 1, length: 3, dim: 2 };
        let x = DenseLatent::new(shape, vec![-0.0, 1e-320, 1.0, 2.0, -0.0, f64::MIN]).unwrap();
        let y = DenseLatent::new(shape, vec![f64::NAN, 1.0, 3.0, 4.0, f64::INFINITY, 1.0]).unwrap();
        let keep = [1.0, 0.0];
        let weights = Weights::PerPosition(vec![keep, [0.5, 0.25], keep]);
        let sum = DenseLatent::combine(&weights, [&x, &y]).unwrap();
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&sum.values), bits(&[-0.0, 1e-320, 1.25, 2.0, -0.0, f64::MIN]));
        let sum = DenseLatent::combine(&Weights::Shared(keep), [&x, &y]).unwrap();
        assert_eq!(bits(&sum.values), bits(&x.values));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = latent(Shape { batch: 2, length: 3, dim: 4 }, 1.0);
        let y = latent(Shape { batch: 3, length: 2, dim: 4 }, 1.0);
        let shapes = DenseLatent::combine(&Weights::Shared([1.0, 1.0]), [&x, &y]).unwrap_err();
        assert_eq!(
            shapes.to_string(),
            "latents of shapes [2, 3, 4] and [3, 2, 4] cannot be combined: give all the same shape"
        );
        let five = Weights::PerPosition(vec![[1.0]; 5]);
        let weights = DenseLatent::combine(&five, [&x]).unwrap_err().to_string();
        assert!(weights.starts_with("5 levels for a latent of shape [2, 3, 4]"), "{weights}");
        assert!(DenseLatent::<f64>::combine(&Weights::Shared([]), []).is_err());
        assert!(DenseLatent::new(x.shape(), vec![0.0; 23]).is_err());
    }

    #[test]
    fn a_sequence_has_its_own_product_in_any_batch() {
        let shape = Shape { batch: 3, length: 5, dim: 7 };
        let (x, y) = (latent(shape, 0.1), latent(shape, 0.7));
        let alone = Shape { batch: 1, ..shape };
        let size = alone.numbers();
        for (row, product) in x.dot(&y).unwrap().into_iter().enumerate() {
            let part = |x: &DenseLatent| {
                let values = x.values[row * size..(row + 1) * size].to_vec();
                DenseLatent::new(alone, values).unwrap()
            };
            assert_eq!(part(&x).dot(&part(&y)).unwrap(), [product]);
        }
    }

    #[test]
    fn sequences_without_numbers_have_the_product_0() {
        for (length, dim) in [(0, 3), (3, 0)] {
            let x = latent(Shape { batch: 2, length, dim }, 1.0);
            assert_eq!(x.dot(&x).unwrap(), [0.0, 0.0]);
        }
    }

    #[test]
    fn positions_are_changed_where_they_are() {
        let x = latent(Shape { batch: 2, length: 3, dim: 4 }, 1.0);
        let y = x.map_positions(&|position, row| row.fill(position as f64)).unwrap();
        let positions: Vec<f64> = y.rows().map(|row| row[3]).collect();
        assert_eq!(positions, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}
