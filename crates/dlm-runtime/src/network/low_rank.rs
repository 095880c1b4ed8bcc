//! A trained update of a linear map that is kept beside it.

use tch::Tensor;

use crate::Error;

/// `y ← y + s·(x·Aᵀ)·Bᵀ` (Hu et al. 2021), where `A [rank, in]` and `B [out, rank]` are
/// small and the map's own weight stays as it is.
///
/// A merged adapter computes the same with nothing beside the weight; this is the form in
/// which `A` and `B` can be trained.
pub(crate) struct LowRank {
    a: Tensor,
    /// `(s·B)ᵀ`, `[rank, out]`.
    b: Tensor,
}

impl LowRank {
    /// The update of `A`, `B` and `s`.
    pub(crate) fn new(a: Tensor, b: &Tensor, scale: f64) -> Result<Self, Error> {
        Ok(Self { a, b: b.f_mul_scalar(scale)?.f_transpose(0, 1)? })
    }

    /// Adds the update to `y [rows, out]`, the map's own answer to `x [rows, in]`.
    pub(crate) fn add_to(&self, mut y: Tensor, x: &Tensor) -> Result<Tensor, Error> {
        let narrow = x.f_linear::<Tensor>(&self.a, None)?;
        Ok(y.f_addmm_(&narrow, &self.b)?)
    }
}
