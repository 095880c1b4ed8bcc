//! What the definition of a readout makes of a model's distributions, and agreement with
//! it.

use dlm_core::{Ask, Candidate, MaskPredictor, Prediction, Query, predict_dense};
use dlm_runtime::Model;

use crate::questions::{dense, listed};

/// One family of each kind: in place, shifted, with a bias, with a token ruled out.
pub(crate) const FIXTURES: [&str; 4] =
    ["llada-tiny", "dream-tiny", "bert-tiny", "llama-tiny+llama-tiny-adapter"];

/// Rounding of f32 in a logarithm of up to −30, or in a sum over the vocabulary. How many
/// rows a product has decides on some processors how it is summed: 3.5e-5 was seen.
pub(crate) const LOGARITHM: f32 = 1e-4;

/// Rounding of f32 in a probability.
pub(crate) const PROBABILITY: f32 = 5e-6;

/// The answers to `queries` by the definition, from the distributions that `model` lists
/// in full. A shadow is the answer to the sequence with its position masked.
pub(crate) fn by_definition(model: &mut Model, queries: &[Query<'_>], ask: &Ask<'_>) -> Prediction {
    let (vocab, mask) = (model.vocab(), model.mask().unwrap());
    let whole = Ask { top_k: vocab, ..Ask::default() };
    let rows = |tokens: &[u32], positions: &[usize], time| {
        let query = Query { time, ..Query::new(tokens, positions) };
        let answers = model.predict(&[query], &whole)?.candidates.remove(0);
        let rows: Vec<Vec<f32>> = answers.iter().map(|answer| listed(answer, vocab)).collect();
        Ok(dense(&rows, vocab))
    };
    predict_dense(queries, ask, mask, rows).unwrap()
}

/// `ours` is `theirs` in everything but the draw, where both list every token.
pub(crate) fn agree_in_full(at: &str, ours: &Candidate, theirs: &Candidate, ask: &Ask<'_>) {
    let vocab = theirs.top.len();
    let p: Vec<f64> = listed(theirs, vocab).into_iter().map(|log| f64::from(log).exp()).collect();
    agree(at, ours, theirs, &p, ask);
    let (logarithm, _) = tolerances(ask);
    let pairs = listed(ours, vocab).into_iter().zip(listed(theirs, vocab));
    for (token, (ours, theirs)) in pairs.enumerate() {
        let close = ours == theirs || (ours - theirs).abs() <= logarithm;
        assert!(close, "{at}: ln p of {token} is {ours}, by definition {theirs}");
    }
}

pub(crate) fn near(what: &str, ours: f32, theirs: f32, tolerance: f32) {
    // Two infinities are equal and have no difference.
    let difference = if ours == theirs { 0.0 } else { (ours - theirs).abs() };
    assert!(difference <= tolerance, "{what} is {ours}, by definition {theirs}: {difference}");
}

/// What rounding leaves of a logarithm and of a probability; guidance magnifies it.
fn tolerances(ask: &Ask<'_>) -> (f32, f32) {
    let magnified = 1.0 + 2.0 * ask.shaping.guidance.abs() as f32;
    (magnified * LOGARITHM, magnified * PROBABILITY)
}

/// `ours` is `theirs` in everything but the draw; `p` is the distribution itself.
pub(crate) fn agree(at: &str, ours: &Candidate, theirs: &Candidate, p: &[f64], ask: &Ask<'_>) {
    let (logarithm, probability) = tolerances(ask);
    assert_eq!(ours.position, theirs.position, "{at}");
    near(&format!("{at}: entropy"), ours.entropy, theirs.entropy, logarithm);
    near(&format!("{at}: margin"), ours.margin, theirs.margin, probability);
    let of_token = p[ours.token as usize].ln() as f32;
    near(&format!("{at}: ln p(token)"), ours.log_probability, of_token, logarithm);

    assert_eq!((ours.top.len(), theirs.top.len()), (ask.top_k, ask.top_k), "{at}");
    for (rank, (a, b)) in ours.top.iter().zip(&theirs.top).enumerate() {
        let (ours, theirs) = (a.log_probability, b.log_probability);
        let close = ours == theirs || (ours - theirs).abs() <= logarithm;
        assert!(close, "{at}: ln p of rank {rank} is {ours}, by definition {theirs}");
        // Where two tokens are as good as equal, either may come first.
        let equal = (p[a.token as usize].ln() - p[b.token as usize].ln()).abs() < 1e-5;
        assert!(a.token == b.token || equal, "{at}: rank {rank} is {} not {}", a.token, b.token);
    }

    assert_eq!(ours.expectations.len(), ask.expectations.len(), "{at}");
    for ((a, b), weights) in
        ours.expectations.iter().zip(&theirs.expectations).zip(ask.expectations)
    {
        let most = weights.iter().map(|w| w.abs()).fold(0.0, f32::max);
        near(&format!("{at}: expectation"), *a, *b, most * probability);
    }

    assert_eq!(ours.next_divergence.is_some(), theirs.next_divergence.is_some(), "{at}");
    if let (Some(a), Some(b)) = (ours.next_divergence, theirs.next_divergence) {
        assert!((0.0..=std::f32::consts::LN_2 + 1e-6).contains(&a), "{at}: divergence {a}");
        near(&format!("{at}: divergence"), a, b, logarithm);
    }

    assert_eq!(ours.target.is_some(), theirs.target.is_some(), "{at}");
    if let (Some(a), Some(b)) = (ours.target, theirs.target) {
        if b.log_probability.is_finite() {
            near(&format!("{at}: ln p(target)"), a.log_probability, b.log_probability, logarithm);
        }
        // Equals may fall on either side of the target.
        let mine = f64::from(b.log_probability).exp();
        let better = |slack: f64| p.iter().filter(|&&p| mine * slack < p).count() as u32;
        let ranks = better(1.0 + 1e-5)..=better(1.0 - 1e-5);
        assert!(ranks.contains(&a.rank), "{at}: rank {} of the target is not {ranks:?}", a.rank);
    }

    assert_eq!(ours.watched.len(), theirs.watched.len(), "{at}");
    for (a, b) in ours.watched.iter().zip(&theirs.watched) {
        near(&format!("{at}: ln p of a watched token"), *a, *b, logarithm);
    }
    assert_eq!(ours.divergence.is_some(), theirs.divergence.is_some(), "{at}");
    if let (Some(a), Some(b)) = (ours.divergence, theirs.divergence) {
        near(&format!("{at}: KL to the earlier one"), a, b, logarithm);
    }
}
