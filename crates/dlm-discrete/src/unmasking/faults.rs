//! Faults of published sampling code, reproduced on request.

use serde::{Deserialize, Serialize};

/// Faults of published sampling code that a run reproduces, to meet trajectories which
/// that code recorded. None is on unless named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The mask is a token like others: it takes part in the softmax and may be drawn, and
    /// then its position stays masked, at the end too (LLaDA's and Dream's loops). Without
    /// it, the mask is banned.
    pub mask_is_a_token: bool,
    /// [`Commit::Factor`](super::Commit::Factor) accepts the last candidate although it
    /// fails (Fast-dLLM).
    pub factor_accepts_last: bool,
    /// Under [`EndPolicy::Confidence`](super::EndPolicy::Confidence) end tokens vanish from
    /// the softmax after the draw, which raises all other confidences; above temperature 0
    /// only the second of the two does (LLaDA's loop, whose tensors alias at temperature 0).
    pub aliased_end_confidence: bool,
    /// A prompt of this many tokens may hold masks. They belong to every block and use up
    /// the block's quota, and a block's last step commits no more than its quota, so masks
    /// may stay (LLaDA's loop).
    pub masks_in_prompt: Option<usize>,
    /// [`Commit::Scheduled`](super::Commit::Scheduled) counts from the mean number of masks
    /// of the batch, in the last step too, so masks may stay where there were more (Dream's
    /// loop).
    pub mean_of_batch: bool,
}
