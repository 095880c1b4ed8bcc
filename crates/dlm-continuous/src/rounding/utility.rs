//! How much two token sequences agree.

use std::collections::HashMap;

use dlm_core::TokenId;

/// Sentence BLEU of `hypothesis` against one `reference`, in `[0, 1]`, up to 4-grams
/// (Papineni et al. 2002), smoothed by one (Lin & Och 2004).
///
/// ```text
/// exp(min(0, 1 − r/h))·(p₁·p₂·p₃·p₄)^{1/4}
/// p₁ = m₁/n₁,   p_k = (m_k + 1)/(n_k + 1) for k > 1
/// ```
///
/// with lengths `h` and `r`, `n_k` the k-grams of the hypothesis and `m_k` those among them
/// that the reference has too, each at most as often as there. Without a common token it is
/// 0; of two empty sequences it is 1.
pub fn bleu(hypothesis: &[TokenId], reference: &[TokenId]) -> f64 {
    if hypothesis.is_empty() || reference.is_empty() {
        return if hypothesis == reference { 1.0 } else { 0.0 };
    }
    let log_precision = |k: usize| {
        let grams = (hypothesis.len() + 1).saturating_sub(k);
        let smoothing = if k == 1 { 0 } else { 1 };
        let matches = common(hypothesis.windows(k), reference.windows(k));
        ((matches + smoothing) as f64 / (grams + smoothing) as f64).ln()
    };
    let brevity = 1.0 - reference.len() as f64 / hypothesis.len() as f64;
    (brevity.min(0.0) + 0.25 * (1..=4).map(log_precision).sum::<f64>()).exp()
}

/// The harmonic mean of precision and recall of tokens, whatever their order, in `[0, 1]`:
/// `2m/(h + r)` with `m` the tokens that both have. Of two empty sequences it is 1.
pub fn token_f1(hypothesis: &[TokenId], reference: &[TokenId]) -> f64 {
    let tokens = hypothesis.len() + reference.len();
    if tokens == 0 {
        return 1.0;
    }
    2.0 * common(hypothesis.iter(), reference.iter()) as f64 / tokens as f64
}

/// Items of `a` that `b` has too, each at most as often as there.
fn common<T: Eq + std::hash::Hash>(
    a: impl Iterator<Item = T>,
    b: impl Iterator<Item = T>,
) -> usize {
    let mut left = HashMap::new();
    b.for_each(|item| *left.entry(item).or_insert(0) += 1);
    let taken = a.filter(|item| match left.get_mut(item) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    taken.count()
}
