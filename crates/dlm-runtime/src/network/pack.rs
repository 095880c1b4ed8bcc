//! Sequences of unlike length laid end to end, so that none is padded.

use std::ops::Range;

use tch::{Device, Tensor};

use crate::Error;

/// A batch without padding.
///
/// Everything a transformer does to single tokens runs on all of them at once as
/// one matrix; only attention looks at `sequences`, one at a time. So no position
/// ever sees a pad token, and a batch computes nothing that is thrown away.
pub(crate) struct Pack {
    /// Token ids, `[tokens]`.
    pub(crate) ids: Tensor,
    /// Index of each token within its own sequence, `[tokens]`.
    pub(crate) positions: Tensor,
    /// Which of two texts each token belongs to, `[tokens]`; BERT's token types.
    pub(crate) segments: Option<Tensor>,
    /// Where each sequence stands in the matrix of all tokens.
    pub(crate) sequences: Vec<Range<i64>>,
}

impl Pack {
    /// Lays `sequences` end to end on `device`.
    pub(crate) fn new(sequences: &[&[u32]], device: Device) -> Result<Self, Error> {
        let ids: Vec<i64> = sequences.iter().copied().flatten().map(|&id| i64::from(id)).collect();
        let positions: Vec<i64> =
            sequences.iter().flat_map(|sequence| 0..sequence.len() as i64).collect();
        let ends = sequences.iter().scan(0, |end, sequence| {
            let start = *end;
            *end += sequence.len() as i64;
            Some(start..*end)
        });
        Ok(Self {
            ids: Tensor::f_from_slice(&ids)?.f_to_device(device)?,
            positions: Tensor::f_from_slice(&positions)?.f_to_device(device)?,
            segments: None,
            sequences: ends.collect(),
        })
    }
}
