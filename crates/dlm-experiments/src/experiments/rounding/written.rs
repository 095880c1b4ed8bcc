//! Whether a token, once written, stays.

use std::ops::ControlFlow;

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_discrete::unmasking::{SampleError, Step, UnmaskingSampler};
use dlm_rng::Key;
use dlm_runtime::{Continuation, Model, Opening};
use serde::{Deserialize, Serialize};

use crate::Family;

/// What became of the tokens that were written for one prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WrittenRow {
    pub(super) prompt: usize,
    pub(super) family: Family,
    /// How many tokens were put somewhere, a second one in the same place counted again.
    pub(super) written: usize,
    /// How many of them a later step changed or took back.
    pub(super) changed: usize,
}

/// Fills a canvas and watches every position from step to step.
///
/// # Errors
///
/// Where a setting cannot be, or the network fails.
pub(super) fn by_masks(
    predictor: &mut dyn MaskPredictor,
    sampler: &UnmaskingSampler,
    prompt: usize,
    canvas: Canvas,
    key: Key,
) -> Result<WrittenRow, SampleError> {
    let mut row = WrittenRow { prompt, family: Family::Masked, written: 0, changed: 0 };
    let mask = canvas.mask();
    let mut before: Vec<TokenId> = canvas.tokens().to_vec();
    let mut watch = |step: &Step<'_>| {
        for &position in step.canvas.response() {
            let (old, new) = (before[position], step.canvas.tokens()[position]);
            if old != new {
                row.changed += usize::from(old != mask);
                row.written += usize::from(new != mask);
            }
        }
        before = step.canvas.tokens().to_vec();
        ControlFlow::Continue(())
    };
    sampler.fill(predictor, &mut [canvas], &[key], &mut watch)?;
    Ok(row)
}

/// Continues a prompt twice, once twice as far, and compares what both have written.
///
/// # Errors
///
/// Where the prompt does not fit or the network fails.
pub(super) fn by_continuing(
    model: &Model,
    prompt: usize,
    tokens: Vec<TokenId>,
    length: usize,
    key: Key,
) -> Result<WrittenRow, dlm_runtime::Error> {
    let opening = Opening { id: prompt, tokens, key };
    let upto = |max_tokens| -> Result<Vec<TokenId>, dlm_runtime::Error> {
        let how = Continuation { max_tokens, ..Continuation::default() };
        let answers = model.continue_batch(std::slice::from_ref(&opening), &how)?;
        Ok(answers.into_iter().flat_map(|answer| answer.tokens).collect())
    };
    let (early, late) = (upto(length.div_ceil(2))?, upto(length)?);
    Ok(compared(prompt, &early, &late))
}

/// Tokens of `early` that are others in `late`, or gone.
fn compared(prompt: usize, early: &[TokenId], late: &[TokenId]) -> WrittenRow {
    let changed = early.iter().enumerate().filter(|(at, token)| late.get(*at) != Some(token));
    let (written, changed) = (early.len(), changed.count());
    WrittenRow { prompt, family: Family::Autoregressive, written, changed }
}

#[cfg(test)]
mod tests {
    use dlm_core::Canvas;
    use dlm_discrete::unmasking::presets;
    use dlm_rng::Key;
    use dlm_testkit::RandomChain;

    use super::{by_masks, compared};

    #[test]
    fn without_remasking_all_that_is_written_stays_and_with_it_some_does_not() {
        let recipe = RandomChain { states: 6, concentration: 0.5, top_k: 3, epsilon: 0.05 };
        let mut chain = recipe.chain(Key::new(2)).unwrap();
        let canvas = Canvas::infill(vec![chain.mask(); 24], chain.mask()).unwrap();
        for (name, stays) in [("llada", true), ("first-hitting", true), ("remdm-rescale", false)] {
            let sampler = (presets::find(name).unwrap().sampler)();
            let sampler = dlm_discrete::unmasking::UnmaskingSampler {
                steps: Some(if stays { 24 } else { 96 }),
                ..sampler
            };
            let row = by_masks(&mut chain, &sampler, 0, canvas.clone(), Key::new(3)).unwrap();
            assert_eq!(row.changed == 0, stays, "{name}: {row:?}");
            // Whatever was taken back was written again.
            assert_eq!(row.written, 24 + row.changed, "{name}: {row:?}");
        }
    }

    #[test]
    fn a_longer_text_is_compared_with_its_beginning() {
        for (early, late, changed) in
            [(&[1, 2, 3][..], &[1, 2, 3, 4][..], 0), (&[1, 2, 3], &[1, 5], 2), (&[], &[1], 0)]
        {
            let row = compared(0, early, late);
            assert_eq!((row.written, row.changed), (early.len(), changed));
        }
    }
}
