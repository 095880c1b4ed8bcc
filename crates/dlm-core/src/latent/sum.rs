//! Weighted sums of numbers in host memory: in blocks, and on several threads where it pays.

use rayon::prelude::*;

use super::{Real, Weights};

/// `Σ_k c_k·x_k`, to be written piece by piece. A term that is missing stands where the sum is
/// to be written.
pub(super) struct Sum<'a, F, const N: usize> {
    pub(super) weights: &'a Weights<N>,
    pub(super) terms: [Option<&'a [F]>; N],
    /// Numbers of a position, at least 1.
    pub(super) dim: usize,
}

/// Numbers from which on more threads than one pay: for fewer, waking another takes as long
/// as the sum.
pub(super) const MANY: usize = 1 << 18;

/// Numbers that one task has at least.
const TASK: usize = 1 << 14;

/// Numbers that are summed at once: a few cache lines.
const BLOCK: usize = 64;

impl<F: Real, const N: usize> Sum<'_, F, N> {
    /// All numbers.
    pub(super) fn write_all(&self, sum: &mut [F]) {
        match MANY <= sum.len() {
            true => {
                let tasks = sum.par_chunks_mut(TASK).enumerate();
                tasks.for_each(|(index, task)| self.write(index * TASK, task));
            }
            false => self.write(0, sum),
        }
    }

    /// As many numbers as there is room for, from number `start` on.
    fn write(&self, start: usize, mut sum: &mut [F]) {
        let mut here = start;
        while !sum.is_empty() {
            let (weights, end) = self.weights_at(here);
            let (now, later) = sum.split_at_mut(sum.len().min(end - here));
            let terms = self.terms.map(|term| term.map(|term| &term[here..here + now.len()]));
            here += now.len();
            sum = later;
            match (Weights::keeps(weights), terms.first()) {
                (true, Some(Some(first))) => now.copy_from_slice(first),
                (true, _) => {}
                (false, _) => write_weighted(&weights.map(F::nearest), terms, now),
            }
        }
    }

    /// The weights of a number, and the first number after it that may have others.
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

/// `Σ_k c_k·x_k` of all numbers; a first term that is missing is what stands in `sum`.
fn write_weighted<F: Real, const N: usize>(
    weights: &[F; N],
    terms: [Option<&[F]>; N],
    sum: &mut [F],
) {
    // Blocks are of a length that the compiler knows: no bounds to check within the loop.
    let in_place = matches!(terms.first(), Some(None));
    let terms = terms.map(|term| term.unwrap_or_default().as_chunks::<BLOCK>());
    let (blocks, rest) = sum.as_chunks_mut::<BLOCK>();
    for (index, block) in blocks.iter_mut().enumerate() {
        *block = if in_place {
            let own = *block;
            let term = |k: usize| if k == 0 { &own } else { &terms[k].0[index] };
            weighted_block(weights, std::array::from_fn(term))
        } else {
            weighted_block(weights, terms.map(|(blocks, _)| &blocks[index]))
        };
    }
    for (i, sum) in rest.iter_mut().enumerate() {
        let own = *sum;
        let term = |k: usize| if in_place && k == 0 { own } else { terms[k].1[i] };
        *sum = weighted(weights, std::array::from_fn(term));
    }
}

/// `Σ_k c_k·x_k` of a block.
#[inline(always)]
fn weighted_block<F: Real, const N: usize>(
    weights: &[F; N],
    terms: [&[F; BLOCK]; N],
) -> [F; BLOCK] {
    std::array::from_fn(|i| weighted(weights, terms.map(|term| term[i])))
}

/// `Σ_k c_k·x_k` of one number, first term first.
#[inline(always)]
fn weighted<F: Real, const N: usize>(weights: &[F; N], terms: [F; N]) -> F {
    let mut sum = weights[0] * terms[0];
    for k in 1..N {
        sum = sum + weights[k] * terms[k];
    }
    sum
}
