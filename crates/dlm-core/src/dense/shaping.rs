//! Shaping in host memory: logits in, the logits of `p` out.

use crate::{Crossing, ModelError, Shaping, TopP};

use super::softmax;

/// Applies biases, top-k and top-p to one row of logits.
pub(super) fn shape(logits: &mut [f32], shaping: &Shaping<'_>) -> Result<(), ModelError> {
    for &(token, bias) in shaping.biases {
        let vocab = logits.len();
        let logit = logits.get_mut(token as usize).ok_or_else(|| {
            ModelError::new(format!("the biased token {token} is not below {vocab}"))
        })?;
        *logit += bias;
    }
    if let Some(k) = shaping.top_k {
        keep(logits, |ranked| &ranked[..k.clamp(1, ranked.len())]);
    }
    // The whole mass is everything, however the sum of all is rounded.
    if let Some(top_p) = shaping.top_p.filter(|top_p| top_p.mass < 1.0) {
        let p = softmax(logits, 1.0);
        keep(logits, |ranked| &ranked[..nucleus(&p, ranked, top_p)]);
    }
    if logits.iter().all(|&logit| logit == f32::NEG_INFINITY) {
        return Err(ModelError::new("every token of the vocabulary is ruled out"));
    }
    Ok(())
}

/// Rules out all tokens but those that `chosen` picks from the ranking, best first.
fn keep(logits: &mut [f32], chosen: impl Fn(&[usize]) -> &[usize]) {
    let mut ranked: Vec<usize> = (0..logits.len()).collect();
    ranked.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let mut kept = vec![f32::NEG_INFINITY; logits.len()];
    chosen(&ranked).iter().for_each(|&v| kept[v] = logits[v]);
    logits.copy_from_slice(&kept);
}

/// How many of the ranked tokens are in the nucleus.
fn nucleus(p: &[f64], ranked: &[usize], top_p: TopP) -> usize {
    let mut before = 0.0;
    let inside = ranked.iter().take_while(|&&v| {
        let upto = before + p[v];
        let inside = match top_p.crossing {
            Crossing::Kept => before < top_p.mass,
            Crossing::Dropped => upto <= top_p.mass,
        };
        before = upto;
        inside
    });
    inside.count().max(1)
}
