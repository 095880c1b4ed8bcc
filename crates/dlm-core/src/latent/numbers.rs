//! The memory of latents, handed on to those made from them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A latent's numbers. Latents made from each other are relatives, all of one size, and what
/// one of them was written on goes to the next once nobody reads it any more.
///
/// So a run has its memory: it makes state after state and gives each up soon, and an
/// allocator would return as much to the system again and again, which clears every page of it
/// before it is written. That takes longer than a linear combination.
#[derive(Debug)]
pub(super) struct Numbers<F> {
    values: Vec<F>,
    spare: Spare<F>,
}

/// What relatives were written on. It goes with the last of them.
type Spare<F> = Arc<Mutex<Vec<Vec<F>>>>;

/// So many are kept for later: enough for the seven states that a step by the classical method
/// of Runge and Kutta makes, four predictions and three to be asked about. Other solvers make
/// fewer.
const MOST: usize = 8;

impl<F: Copy + Default> Numbers<F> {
    /// Numbers without relatives.
    pub(super) fn new(values: Vec<F>) -> Self {
        Self { values, spare: Spare::default() }
    }

    /// A relative to be written: it may hold any numbers.
    pub(super) fn relative(&self) -> Self {
        let spare = lock(&self.spare).pop();
        let values = spare.unwrap_or_else(|| vec![F::default(); self.values.len()]);
        Self { values, spare: Arc::clone(&self.spare) }
    }

    pub(super) fn as_slice(&self) -> &[F] {
        &self.values
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [F] {
        &mut self.values
    }
}

impl<F: Copy + Default> Clone for Numbers<F> {
    fn clone(&self) -> Self {
        let mut copy = self.relative();
        copy.values.copy_from_slice(&self.values);
        copy
    }
}

impl<F: PartialEq> PartialEq for Numbers<F> {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl<F> Drop for Numbers<F> {
    fn drop(&mut self) {
        let mut spare = lock(&self.spare);
        if spare.len() < MOST {
            spare.push(std::mem::take(&mut self.values));
        }
    }
}

/// Whoever panicked with the lock left a list that is whole.
fn lock<F>(spare: &Spare<F>) -> MutexGuard<'_, Vec<Vec<F>>> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}
