//! A latent in host memory.

use std::ops::{Add, Mul};
use std::sync::Arc;

use rayon::prelude::*;

use super::{Latent, LatentError, Shape, Weights, numbers::Numbers, sum::Sum};

/// A latent in host memory, row-major `[batch, length, dim]`.
///
/// In f64 it is the definition that other latents are tested against. In f32 it is fast: a
/// combination reads every term once and writes the sum once, on all threads of rayon's pool
/// where there is enough to do.
///
/// A clone shares its numbers until one of the two is written to. A latent that is made from
/// another is written, where there is any, on memory that the other or a relative gave up: so
/// the steps of a run take none from the system after the first few. Up to eight states' worth
/// waits for use, as long as any of the relatives lives.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseLatent<F = f64> {
    shape: Shape,
    values: Arc<Numbers<F>>,
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
            true => Ok(Self { shape, values: Arc::new(Numbers::new(values)) }),
            false => Err(LatentError::Numbers { given: values.len(), shape }),
        }
    }

    /// A latent of zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, values: Arc::new(Numbers::new(vec![F::default(); shape.numbers()])) }
    }

    /// The numbers, row-major.
    pub fn values(&self) -> &[F] {
        self.values.as_slice()
    }

    /// The numbers, row-major, for writing; where a clone shares them they are copied first.
    pub fn values_mut(&mut self) -> &mut [F] {
        Arc::make_mut(&mut self.values).as_mut_slice()
    }

    /// The vectors of the positions, in order.
    pub fn rows(&self) -> impl Iterator<Item = &[F]> {
        // A chunk of length 0 does not exist; a latent without dimensions has no rows.
        self.values().chunks_exact(self.shape.dim.max(1))
    }

    fn matches(&self, other: &Self) -> Result<(), LatentError> {
        match self.shape == other.shape {
            true => Ok(()),
            false => Err(LatentError::Shapes { left: self.shape, right: other.shape }),
        }
    }
}

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
        if kept_whole(weights) {
            return Ok(Self::clone(first));
        }
        let mut values = first.values.relative();
        let terms = terms.map(|term| Some(term.values()));
        Sum { weights, terms, dim: first.shape.dim.max(1) }.write_all(values.as_mut_slice());
        Ok(Self { shape: first.shape, values: Arc::new(values) })
    }

    fn moved<const N: usize, const M: usize>(
        mut self,
        weights: &Weights<N>,
        others: [&Self; M],
    ) -> Result<Self, LatentError> {
        const { assert!(N == M + 1, "a weight for this state, and one for each other") };
        others.iter().try_for_each(|other| self.matches(other))?;
        weights.check(self.shape)?;
        if kept_whole(weights) {
            return Ok(self);
        }
        let Some(values) = Arc::get_mut(&mut self.values) else {
            // A clone of this state is still read.
            let term = |k: usize| if k == 0 { &self } else { others[k - 1] };
            return Self::combine(weights, std::array::from_fn(term));
        };
        let term = |k: usize| k.checked_sub(1).map(|k| others[k].values());
        let terms = std::array::from_fn(term);
        Sum { weights, terms, dim: self.shape.dim.max(1) }.write_all(values.as_mut_slice());
        Ok(self)
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
        changed.values_mut().par_chunks_mut(dim).enumerate().for_each_init(Vec::new, work);
        Ok(changed)
    }

    fn dot(&self, other: &Self) -> Result<Vec<f64>, LatentError> {
        self.matches(other)?;
        let sequence = self.shape.length * self.shape.dim;
        if sequence == 0 {
            return Ok(vec![0.0; self.shape.batch]);
        }
        Ok(self
            .values()
            .par_chunks(sequence)
            .zip(other.values().par_chunks(sequence))
            .map(|(x, y)| product(x, y))
            .collect())
    }
}

/// Whether the weights leave the first term as it is at every position.
fn kept_whole<const N: usize>(weights: &Weights<N>) -> bool {
    matches!(weights, Weights::Shared(weights) if Weights::keeps(weights))
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
    use super::super::sum::MANY;
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
                assert_eq!(by_one.values()[i], 2.0 * x.values()[i] + 0.5 * y.values()[i]);
                let sum = position as f64 * x.values()[i] + 0.5 * y.values()[i];
                assert_eq!(by_each.values()[i], sum);
            }
        }
    }

    #[test]
    fn what_stood_in_the_memory_makes_no_difference() {
        let shape = Shape { batch: 2, length: 3, dim: 50 };
        let (x, y) = (latent(shape, 0.25), latent(shape, -1.5));
        let each = Weights::PerPosition(vec![[1.0, 0.0], [2.0, 0.5], [0.0, 3.0]]);
        for weights in [Weights::Shared([2.0, 0.5]), each] {
            let on_new = DenseLatent::combine(&weights, [&latent(shape, 0.25), &y]).unwrap();
            let mut given_up = DenseLatent::combine(&weights, [&x, &y]).unwrap();
            given_up.values_mut().fill(f64::NAN);
            let memory = given_up.values().as_ptr();
            drop(given_up);
            let on_old = DenseLatent::combine(&weights, [&x, &y]).unwrap();
            assert_eq!(on_old.values().as_ptr(), memory);
            assert_eq!(on_old, on_new);
        }
    }

    #[test]
    fn a_shared_state_is_copied_before_it_is_written() {
        let x = latent(Shape { batch: 1, length: 2, dim: 3 }, 0.25);
        let mut same = DenseLatent::combine(&Weights::Shared([1.0]), [&x]).unwrap();
        assert_eq!(same.values().as_ptr(), x.values().as_ptr());
        same.values_mut()[0] = 7.0;
        assert_eq!((x.values()[0], same.values()[0]), (-3.0, 7.0));
        assert_eq!(x.values()[1..], same.values()[1..]);
    }

    #[test]
    fn a_position_that_keeps_its_state_keeps_every_bit() {
        let shape = Shape { batch: 1, length: 3, dim: 2 };
        let x = DenseLatent::new(shape, vec![-0.0, 1e-320, 1.0, 2.0, -0.0, f64::MIN]).unwrap();
        let y = DenseLatent::new(shape, vec![f64::NAN, 1.0, 3.0, 4.0, f64::INFINITY, 1.0]).unwrap();
        let keep = [1.0, 0.0];
        let weights = Weights::PerPosition(vec![keep, [0.5, 0.25], keep]);
        let sum = DenseLatent::combine(&weights, [&x, &y]).unwrap();
        let expected = [-0.0, 1e-320, 1.25, 2.0, -0.0, f64::MIN];
        assert_eq!(bits(&sum), expected.map(f64::to_bits));
        let sum = DenseLatent::combine(&Weights::Shared(keep), [&x, &y]).unwrap();
        assert_eq!(bits(&sum), bits(&x));
    }

    /// `combine`, after `moved` gave the same bits, on the state's own numbers and on those that
    /// a clone still reads.
    fn combined(weights: &Weights<3>, x: &DenseLatent, y: &DenseLatent) -> DenseLatent {
        let z = latent(x.shape(), 0.75);
        let sum = DenseLatent::combine(weights, [x, y, &z]).unwrap();
        let (own, clone) = (DenseLatent::new(x.shape(), x.values().to_vec()).unwrap(), x.clone());
        let place = own.values().as_ptr();
        let in_place = own.moved(weights, [y, &z]).unwrap();
        assert_eq!(in_place.values().as_ptr(), place);
        assert_eq!(bits(&in_place), bits(&sum));
        let before = bits(x);
        assert_eq!(bits(&clone.moved(weights, [y, &z]).unwrap()), bits(&sum));
        assert_eq!(bits(x), before);
        sum
    }

    fn bits(x: &DenseLatent) -> Vec<u64> {
        x.values().iter().map(|x| x.to_bits()).collect()
    }

    /// Shapes of few numbers, and of so many that several threads share the sum, cut within
    /// positions and between them.
    fn shapes() -> [Shape; 4] {
        let shapes = [[1, 1, 1], [2, 3, 50], [2, 3, 50_000], [3, 13_000, 7]];
        let shapes = shapes.map(|[batch, length, dim]| Shape { batch, length, dim });
        assert_eq!(shapes.map(|shape| MANY < shape.numbers()), [false, false, true, true]);
        shapes
    }

    #[test]
    fn a_state_is_moved_to_what_a_combination_is() {
        for shape in shapes() {
            let (x, y) = (latent(shape, 0.25), latent(shape, -1.5));
            combined(&Weights::Shared([2.0, 0.5, -0.25]), &x, &y);
            let keep = [1.0, 0.0, 0.0];
            let kept = |position: usize| position % shape.length % 3 != 1;
            let none = y.map_positions(&|_, row| row.fill(f64::NAN)).unwrap();
            assert_eq!(bits(&combined(&Weights::Shared(keep), &x, &none)), bits(&x));
            let some = y.map_positions(&|position, row| {
                if kept(position) {
                    row.fill(f64::NAN);
                }
            });
            let each =
                (0..shape.length).map(|i| if kept(i) { keep } else { [0.5, i as f64, -0.25] });
            let sum = combined(&Weights::PerPosition(each.collect()), &x, &some.unwrap());
            for (position, (sum, x)) in sum.rows().zip(x.rows()).enumerate() {
                assert_eq!(sum == x, kept(position), "{shape}, {position}");
            }
        }
    }

    #[test]
    fn a_sum_has_the_same_bits_on_any_number_of_threads() {
        for shape in shapes() {
            let (x, y) = (latent(shape, 0.1), latent(shape, -1.5));
            let each = (0..shape.length).map(|i| [0.3, 1.0 / (i + 1) as f64, -0.7]);
            for weights in [Weights::Shared([0.3, 1.1, -0.7]), Weights::PerPosition(each.collect())]
            {
                let on = |threads: usize| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                    pool.unwrap().install(|| bits(&combined(&weights, &x, &y)))
                };
                assert_eq!(on(1), on(2), "{shape}");
            }
        }
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
                let values = x.values()[row * size..(row + 1) * size].to_vec();
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
