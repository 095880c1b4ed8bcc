//! What is said of a distribution: sums over the vocabulary, as columns of a few rows.
//!
//! With `p = softmax(l)`: `H = logΣe^l − Σ p·l`, `KL(p‖p') = Σ p·(ln p − ln p')`, and
//! between neighbours `JS(p, q) = H((p + q)/2) − (H(p) + H(q))/2`. A token that is ruled
//! out has `l = −∞` and `p = 0`; its terms, `0·∞`, are not numbers and count as 0.

use tch::{Device, Kind, Tensor};

use crate::Error;

/// `Σⱼ aᵢⱼ·bᵢⱼ` as `[rows, 1]`; `b` may be one row for all.
pub(super) fn row_dot(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    // A matrix product adds a vocabulary up one by one, which costs an f32 its last
    // three digits; a sum adds pairwise.
    Ok(a.f_mul(b)?.f_nansum([1i64].as_slice(), true, Kind::Float)?)
}

/// `KL(p‖p')` as `[rows, 1]`, of `log p` and `log p'`; `∞` where `p'` rules out what `p`
/// does not.
pub(super) fn divergence(p: &Tensor, log: &Tensor, earlier_log: &Tensor) -> Result<Tensor, Error> {
    Ok(row_dot(p, &log.f_sub(earlier_log)?)?.f_clamp_min_(0.0)?)
}

/// How many tokens have a greater logit than `logit [rows, 1]`, as `[rows, 1]`.
pub(super) fn rank(logits: &Tensor, logit: &Tensor) -> Result<Tensor, Error> {
    let better = logits.f_gt_tensor(logit)?;
    let rank = better.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int)?;
    Ok(rank.f_to_kind(Kind::Int64)?)
}

/// `H((p + q)/2)` of every pair of neighbouring rows, the row `before` the first of
/// them included.
pub(super) fn middle_entropies(p: &Tensor, before: Option<Tensor>) -> Result<Vec<f32>, Error> {
    let rows = p.size()[0];
    let mut middles = Vec::new();
    if let Some(before) = before {
        middles.push(entropy_of_half(&before.f_add(&p.f_narrow(0, 0, 1)?)?)?);
    }
    if 1 < rows {
        let sums = p.f_narrow(0, 0, rows - 1)?.f_add(&p.f_narrow(0, 1, rows - 1)?)?;
        middles.push(entropy_of_half(&sums)?);
    }
    match middles.as_slice() {
        [] => Ok(Vec::new()),
        parts => Ok(Vec::try_from(&Tensor::f_cat(parts, 0)?.f_to_device(Device::Cpu)?)?),
    }
}

/// `H(s/2) = ln 2 − ½·Σ s·ln s` of rows `s` that sum to 2, as `[rows]`.
fn entropy_of_half(s: &Tensor) -> Result<Tensor, Error> {
    // Where `s` is 0 any finite logarithm will do.
    let log = s.f_clamp_min(f64::from(f32::MIN_POSITIVE))?.f_log_()?;
    let sum = row_dot(s, &log)?.f_squeeze_dim(1)?;
    Ok(sum.f_mul_scalar(-0.5)?.f_add_scalar(std::f64::consts::LN_2)?)
}
