//! Likelihoods without chance: along one order, and over all of them.

use dlm_core::MaskPredictor;

use super::scoring::Masked;
use super::{Answer, LikelihoodError, Scoring};

/// The longest answer whose masks are enumerated: 4095 evaluations.
const LONGEST: usize = 12;

/// Whether an answer is short enough for [`over_all_orders`], to be known before anything
/// is evaluated.
///
/// # Errors
///
/// [`LikelihoodError::TooLong`] above 12 tokens.
pub fn check_enumerable(answer: &Answer) -> Result<(), LikelihoodError> {
    let length = answer.positions().len();
    if LONGEST < length {
        return Err(LikelihoodError::TooLong { length, limit: LONGEST });
    }
    Ok(())
}

/// The chain rule along one order: the `k`-th number is `ln p` of the token at `order[k]`
/// given the condition and the answer's tokens at `order[..k]`. Their sum is the
/// log-likelihood of the answer for a sampler that reveals one token at a time in this
/// order and draws from what the network says: where a network gives its mask a probability,
/// samplers that ban it are a little surer. Takes `L` evaluations.
///
/// # Errors
///
/// An `order` that does not hold each of the answer's positions once, settings outside
/// their range, tokens that the model does not know, and failures of the model.
pub fn along_order(
    model: &mut (impl MaskPredictor + ?Sized),
    answer: &Answer,
    order: &[usize],
    scoring: &Scoring,
) -> Result<Vec<f64>, LikelihoodError> {
    scoring.check(model, answer)?;
    let sorted = |positions: &[usize]| {
        let mut positions = positions.to_vec();
        positions.sort_unstable();
        positions
    };
    if sorted(order) != sorted(answer.positions()) {
        return Err(LikelihoodError::Order { length: answer.positions().len() });
    }
    let length = order.len();
    let step = |k: usize| Masked {
        hidden: &order[k..],
        asked: &order[k..=k],
        time: Some((length - k) as f64 / length as f64),
    };
    let steps: Vec<Masked<'_>> = (0..length).map(step).collect();
    Ok(scoring.score(model, answer, &steps)?.into_iter().flatten().collect())
}

/// The mean of the chain rule's log-likelihood over all `L!` orders, nats.
///
/// A set `S` of `l` masked tokens is met by some step of some orders, and weighs
///
/// ```text
/// Σ_S 1/(l·C(L, l)) Σ_{i∈S} ln p(xⁱ | x without S)
/// ```
///
/// so `2ᴸ − 1` evaluations do.
///
/// # Errors
///
/// An answer of more than 12 tokens, settings outside their range, tokens that the model
/// does not know, and failures of the model.
pub fn over_all_orders(
    model: &mut (impl MaskPredictor + ?Sized),
    answer: &Answer,
    scoring: &Scoring,
) -> Result<f64, LikelihoodError> {
    scoring.check(model, answer)?;
    check_enumerable(answer)?;
    let length = answer.positions().len();
    let positions = answer.positions();
    let members = |set: usize| -> Vec<usize> {
        (0..length).filter(|i| set >> i & 1 == 1).map(|i| positions[i]).collect()
    };
    let sets: Vec<Vec<usize>> = (1..1 << length).map(members).collect();
    let time = |hidden: &[usize]| Some(hidden.len() as f64 / length as f64);
    let sequences: Vec<Masked<'_>> =
        sets.iter().map(|hidden| Masked::whole(hidden, time(hidden))).collect();
    let scores = scoring.score(model, answer, &sequences)?;
    let weighted = scores.iter().map(|scores| {
        let l = scores.len();
        scores.iter().sum::<f64>() / (l as f64 * choose(length, l))
    });
    Ok(weighted.sum())
}

/// `C(n, k)`.
fn choose(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product()
}
