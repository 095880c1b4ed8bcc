//! All trained numbers in one row, and the tensors that lie in it.

use tch::{Device, Kind, Tensor};

use crate::Error;

/// A named tensor within the row of trained numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// As files call it.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
}

impl Slot {
    /// How many numbers it takes.
    pub fn numbers(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// Cuts a row of numbers into the tensors of its slots: views that pass gradients on.
pub(crate) fn cut(row: &Tensor, slots: &[Slot]) -> Result<Vec<Tensor>, Error> {
    let sizes: Vec<i64> = slots.iter().map(Slot::numbers).collect();
    let parts = row.f_split_with_sizes(&sizes, 0)?;
    let shaped = parts.iter().zip(slots).map(|(part, slot)| Ok(part.f_view(&slot.shape[..])?));
    shaped.collect()
}

/// The tensors of all slots as one row, in f32.
pub(crate) fn join(tensors: &[Tensor], device: Device) -> Result<Tensor, Error> {
    let flat = |tensor: &Tensor| -> Result<Tensor, Error> {
        Ok(tensor.f_to_kind(Kind::Float)?.f_to_device(device)?.f_flatten(0, -1)?)
    };
    let flat = tensors.iter().map(flat).collect::<Result<Vec<_>, Error>>()?;
    Ok(Tensor::f_cat(&flat, 0)?)
}
