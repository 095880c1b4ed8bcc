//! The matrix product that rounding spends its time in.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul, traits::ComplexField};

/// `out = X·Wᵀ`: `x` is `[n, dim]`, `w` is `[m, dim]`, `out` is `[n, m]`, all row-major.
///
/// On this thread alone, because whoever multiplies has cut the work into pieces by itself.
pub(crate) fn times_transposed<F: ComplexField>(x: &[F], w: &[F], dim: usize, out: &mut [F]) {
    let (n, m) = (x.len() / dim, w.len() / dim);
    let x = MatRef::from_row_major_slice(x, n, dim);
    let w = MatRef::from_row_major_slice(w, m, dim);
    // Row-major [n, m] is column-major [m, n], which the product writes faster.
    let out = MatMut::from_column_major_slice_mut(out, m, n);
    matmul(out, Accum::Replace, w, x.transpose(), F::one_impl(), Par::Seq);
}

/// `out += P·E`: `p` is `[n, m]`, `e` is `[m, dim]`, `out` is `[n, dim]`, all row-major.
///
/// `p` may be columns of a wider matrix: it begins `stride` numbers a row.
pub(crate) fn add_product(p: &[f64], stride: usize, e: &[f64], dim: usize, out: &mut [f64]) {
    let (n, m) = (out.len() / dim, e.len() / dim);
    let p = MatRef::from_row_major_slice_with_stride(p, n, m, stride);
    let e = MatRef::from_row_major_slice(e, m, dim);
    let out = MatMut::from_column_major_slice_mut(out, dim, n);
    matmul(out, Accum::Add, e.transpose(), p.transpose(), 1.0, Par::Seq);
}
