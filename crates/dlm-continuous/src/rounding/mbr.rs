//! The sample that agrees most with all others.

use dlm_core::TokenId;
use rayon::prelude::*;

/// What minimum Bayes risk selected.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The selected sample; of equally good ones the first.
    pub index: usize,
    /// Expected utility of every sample, in units of the utility.
    pub expected: Vec<f64>,
}

/// Why nothing was selected.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MbrError {
    /// There is nothing to select from.
    #[error("samples: there are none: give at least one")]
    NoSamples,
    /// A utility that is not finite.
    #[error(
        "the utility of sample {sample} against sample {reference} is not finite: let it return a finite number"
    )]
    Utility {
        /// The sample that was judged.
        sample: usize,
        /// The sample it was judged by.
        reference: usize,
    },
}

/// Minimum Bayes risk selection (Kumar & Byrne 2004; for samples of a diffusion Li et al.
/// 2022, Diffusion-LM).
///
/// ```text
/// i* = argmax_i 1/n·Σ_j u(s_i, s_j)
/// ```
///
/// The expectation is over the samples themselves, each standing for a reference, `s_i` too.
/// Where `u(s, s)` is the same for all, as of [`bleu`](super::bleu) and
/// [`token_f1`](super::token_f1), leaving it out would select the same sample. `utility` is
/// given what is judged and then the reference, `n²` times and from all threads.
///
/// ```
/// use dlm_continuous::rounding::{bleu, mbr};
///
/// let samples = [vec![1, 2, 3, 4], vec![7, 8], vec![1, 2, 3, 5]];
/// assert_eq!(mbr(&samples, bleu)?.index, 0);
/// # Ok::<(), dlm_continuous::rounding::MbrError>(())
/// ```
///
/// # Errors
///
/// [`MbrError::NoSamples`], [`MbrError::Utility`].
pub fn mbr<S: AsRef<[TokenId]> + Sync>(
    samples: &[S],
    utility: impl Fn(&[TokenId], &[TokenId]) -> f64 + Sync,
) -> Result<Selection, MbrError> {
    let n = samples.len();
    let pair = |at: usize| utility(samples[at / n].as_ref(), samples[at % n].as_ref());
    let utilities: Vec<f64> = (0..n * n).into_par_iter().map(pair).collect();
    if let Some(at) = utilities.iter().position(|utility| !utility.is_finite()) {
        return Err(MbrError::Utility { sample: at / n, reference: at % n });
    }
    let mean = |row: &[f64]| row.iter().sum::<f64>() / n as f64;
    let expected: Vec<f64> = utilities.chunks(n.max(1)).map(mean).collect();
    let better = |best: usize, index: usize| match expected[best] < expected[index] {
        true => index,
        false => best,
    };
    let index = (0..n).reduce(better).ok_or(MbrError::NoSamples)?;
    Ok(Selection { index, expected })
}
