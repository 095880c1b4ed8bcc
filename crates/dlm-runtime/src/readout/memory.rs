//! Distributions that stay on the device until the next prediction asks how far they
//! moved.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use tch::{Device, Kind, Tensor};

use crate::Error;

/// The distributions of one query, as logarithms.
pub(crate) struct Distributions {
    /// `ln p`, `[positions, vocab]` in f32. A device tensor may be sent to another thread
    /// and not be shared by two.
    logs: Mutex<Tensor>,
    /// What each row is about.
    positions: Vec<usize>,
    vocab: i64,
}

impl Distributions {
    /// Room for the distributions at `positions`.
    pub(super) fn new(positions: Vec<usize>, vocab: i64, device: Device) -> Result<Self, Error> {
        let shape = [positions.len() as i64, vocab];
        let logs = Mutex::new(Tensor::f_empty(shape, (Kind::Float, device))?);
        Ok(Self { logs, positions, vocab })
    }

    /// Keeps `logs` as the rows from `first` on.
    pub(super) fn keep(&self, first: i64, logs: &Tensor) -> Result<(), Error> {
        let all = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        all.f_narrow(0, first, logs.size()[0])?.f_copy_(logs)?;
        Ok(())
    }

    /// The row that is about `position`, the first if there are several.
    pub(crate) fn row(&self, position: usize) -> Option<i64> {
        self.positions.iter().position(|&at| at == position).map(|row| row as i64)
    }

    /// How many tokens the distributions range over.
    pub(crate) fn vocab(&self) -> i64 {
        self.vocab
    }

    /// The given rows.
    pub(super) fn rows(&self, rows: &[i64], device: Device) -> Result<Tensor, Error> {
        let all = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = Tensor::f_from_slice(rows)?.f_to_device(all.device())?;
        Ok(all.f_index_select(0, &rows)?.f_to_device(device)?)
    }
}

impl fmt::Debug for Distributions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distributions [{}, {}]", self.positions.len(), self.vocab)
    }
}
