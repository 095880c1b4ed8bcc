//! The matrix product that rounding spends its time in.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul, traits::ComplexField};

/// Rows of `W` in one call of the library, which first copies them into an order of its own:
/// so few are still in the cache when the copy is read.
const ROWS: usize = 256;

/// `out = X·Wᵀ`: `x` is `[n, dim]`, `w` is `[m, dim]`, `out` is `[n, m]`, all row-major.
///
/// On this thread alone, because whoever multiplies has cut the work into pieces by itself.
pub(crate) fn times_transposed<F: ComplexField>(x: &[F], w: &[F], dim: usize, out: &mut [F]) {
    let (n, m) = (x.len() / dim, w.len() / dim);
    let x = MatRef::from_row_major_slice(x, n, dim);
    let w = MatRef::from_row_major_slice(w, m, dim);
    // Row-major [n, m] is column-major [m, n], which the product writes faster.
    let mut out = MatMut::from_column_major_slice_mut(out, m, n);
    for start in (0..m).step_by(ROWS) {
        let rows = ROWS.min(m - start);
        let (out, w) = (out.as_mut().subrows_mut(start, rows), w.subrows(start, rows));
        matmul(out, Accum::Replace, w, x.transpose(), F::one_impl(), Par::Seq);
    }
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
