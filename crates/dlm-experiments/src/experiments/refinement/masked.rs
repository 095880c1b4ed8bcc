//! Wrong tokens on a half-filled canvas.

use std::ops::ControlFlow;

use dlm_core::{Canvas, MaskPredictor, TokenId};
use dlm_discrete::{
    Step,
    unmasking::{Filling, SampleError, UnmaskingSampler},
};
use dlm_rng::Key;

use super::errors::{Errors, Standing, standing};
use crate::{Error, experiments::answers::response};

/// Fills `canvas` halfway, replaces some of the tokens that stand there, and fills the rest;
/// what a sampler wrote may be masked again, wrong tokens among it.
///
/// Nothing stands where the first half wrote nothing, or everything.
///
/// # Errors
///
/// Where the sampler cannot run or the network fails.
pub(super) fn repair(
    sampler: &UnmaskingSampler,
    network: &mut dyn MaskPredictor,
    errors: &Errors<'_>,
    canvas: &Canvas,
    key: &Key,
) -> Result<Vec<Standing>, Error> {
    let half = sampler.steps.unwrap_or(canvas.response().len()) / 2;
    let mut canvases = [canvas.clone()];
    let mut made = 0;
    let mut observer = |step: &Step<'_>| {
        made = step.step + 1;
        if made < half { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    match sampler.fill(network, &mut canvases, &[*key], &mut observer) {
        Ok(_) | Err(SampleError::Stopped) => {}
        Err(error) => return Err(error.into()),
    }
    let [mut canvas] = canvases;
    if canvas.masked().is_empty() {
        return Ok(Vec::new());
    }
    let open = canvas.response().to_vec();
    let written: Vec<(usize, TokenId)> = (0..open.len())
        .filter(|&ordinal| !canvas.is_masked(open[ordinal]))
        .map(|ordinal| (ordinal, canvas.tokens()[open[ordinal]]))
        .collect();
    let wrong = errors.put(&written, open.len(), *key);
    wrong.iter().for_each(|&(ordinal, token)| canvas.commit(open[ordinal], token));
    let mut canvases = [canvas];
    let filling = Filling { from_step: made, ..Filling::new(sampler, network) };
    filling.run(&mut canvases, &mut [*key], &mut ())?;
    Ok(standing(&errors.words_of(&written), &wrong, &response(&canvases[0])))
}

#[cfg(test)]
mod tests {
    use dlm_core::Canvas;
    use dlm_discrete::unmasking::{UnmaskingSampler, presets};
    use dlm_rng::Key;
    use dlm_testkit::RandomChain;

    use super::{super::errors::Standing, Errors, repair};

    /// All that stood in the middle of forty runs on a chain.
    fn runs(sampler: UnmaskingSampler) -> Vec<Standing> {
        let recipe = RandomChain { states: 6, concentration: 0.5, top_k: 3, epsilon: 0.01 };
        let mut chain = recipe.chain(Key::new(2)).unwrap();
        let canvas = Canvas::continuation(&[0, 1], 12, chain.mask()).unwrap();
        let sampler = UnmaskingSampler { steps: Some(6), ..sampler };
        let words: Vec<u32> = (0..6).collect();
        let errors = Errors { words: &words, ends: &[], share: 0.25 };
        let run = |seed: u64| {
            let key = Key::new(7).sequence(seed);
            repair(&sampler, &mut chain, &errors, &canvas, &key).unwrap()
        };
        (0..40).flat_map(run).collect()
    }

    /// LLaDA masks nothing again: of its errors none goes away.
    #[test]
    fn a_sampler_that_masks_nothing_again_repairs_nothing() {
        let standing = runs(presets::llada());
        assert_eq!(standing.len(), 40 * 6, "half of the positions are written");
        let wrong = standing.iter().filter(|s| s.placed != s.own).count();
        assert_eq!(wrong, 40 * 3);
        assert!(standing.iter().all(|s| s.last == s.placed));
    }

    /// ReMDM masks right and wrong tokens alike, by chance, and draws the right ones again more
    /// often than wrong ones.
    #[test]
    fn a_sampler_that_masks_again_takes_errors_back() {
        let mut remdm = presets::remdm();
        let dlm_discrete::unmasking::Remasking::ReMdm(rule) = &mut remdm.remasking else {
            panic!("{remdm:?}");
        };
        rule.eta = 0.5;
        let standing = runs(remdm);
        let share_gone = |are_wrong: bool| {
            let of_kind = |s: &&Standing| (s.placed != s.own) == are_wrong;
            let kind: Vec<&Standing> = standing.iter().filter(of_kind).collect();
            kind.iter().filter(|s| s.last != s.placed).count() as f64 / kind.len() as f64
        };
        let (gone, churn) = (share_gone(true), share_gone(false));
        assert!(0.2 < gone && churn < gone, "{gone} {churn}");
    }
}
