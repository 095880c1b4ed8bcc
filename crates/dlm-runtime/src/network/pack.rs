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
    /// The diffusion time of each sequence, for networks that are told it.
    pub(crate) times: Vec<Option<f64>>,
    /// Where each sequence stands in the matrix of all tokens.
    pub(crate) sequences: Vec<Sequence>,
}

/// Where a sequence stands in the matrix of all tokens, shadows included.
pub(crate) struct Sequence {
    /// Its first row.
    pub(crate) start: i64,
    /// The row after its last.
    pub(crate) end: i64,
    /// What its shadows see, where it has any.
    pub(crate) sight: Option<Sight>,
}

impl Sequence {
    /// The row after the last of its own tokens; from there on there are shadows.
    pub(crate) fn own_end(&self) -> i64 {
        self.end - self.sight.as_ref().map_or(0, |sight| sight.rows)
    }
}

/// What the last rows of a sequence, its shadows, see of it.
pub(crate) struct Sight {
    /// How many rows these are.
    pub(crate) rows: i64,
    /// Whether a shadow sees a row, `[rows, end − start]`.
    pub(crate) seen: Tensor,
}

/// A sequence to be laid into a pack, and the shadows that go with it.
///
/// A shadow says what the network would say of a position if it did not know the token
/// there, in the same forward pass (WINO, Hong et al. 2025). It is a mask with the
/// position of the token it hides. It sees every token but that one, and no token sees
/// it, so it changes nobody else's answer; nor does another shadow see it. Where the
/// answer is read from another row than the position's own, as in networks whose
/// logits are shifted, a copy of that row's token joins the mask: these two see each
/// other in the place of the originals, and the answer is read from the copy.
///
/// With one block this is the answer to the sequence with the position masked. With
/// more, it is so up to what the other tokens' hidden states have already taken from
/// the hidden token in the blocks before.
#[derive(Clone, Debug)]
pub(crate) struct Laid {
    tokens: Vec<u32>,
    positions: Vec<i64>,
    time: Option<f64>,
    own: usize,
    shadows: Vec<Shadow>,
}

/// Rows that stand in the place of others.
#[derive(Clone, Debug)]
struct Shadow {
    rows: Range<usize>,
    hidden: Range<usize>,
}

impl Laid {
    /// A sequence at diffusion time `time`, without shadows.
    pub(crate) fn new(tokens: &[u32], time: Option<f64>) -> Self {
        let positions = (0..tokens.len() as i64).collect();
        Self { tokens: tokens.to_vec(), positions, time, own: tokens.len(), shadows: Vec::new() }
    }

    /// Adds a shadow of `position`, whose answer is read from the row `read`, the same or
    /// the one before; gives back the row to read the shadow from.
    pub(crate) fn shadow(&mut self, position: usize, read: usize, mask: u32) -> usize {
        let row = self.tokens.len();
        if read != position {
            self.tokens.push(self.tokens[read]);
            self.positions.push(read as i64);
        }
        self.tokens.push(mask);
        self.positions.push(position as i64);
        self.shadows.push(Shadow { rows: row..self.tokens.len(), hidden: read..position + 1 });
        row
    }

    /// How many rows it takes.
    pub(crate) fn rows(&self) -> i64 {
        self.tokens.len() as i64
    }

    fn sight(&self, device: Device) -> Result<Option<Sight>, Error> {
        if self.shadows.is_empty() {
            return Ok(None);
        }
        let all = self.tokens.len();
        let mut seen = Vec::with_capacity((all - self.own) * all);
        for shadow in &self.shadows {
            let sees = |row| {
                if row < self.own {
                    !shadow.hidden.contains(&row)
                } else {
                    shadow.rows.contains(&row)
                }
            };
            shadow.rows.clone().for_each(|_| seen.extend((0..all).map(sees)));
        }
        let rows = (all - self.own) as i64;
        let seen = Tensor::f_from_slice(&seen)?.f_view([rows, all as i64])?;
        Ok(Some(Sight { rows, seen: seen.f_to_device(device)? }))
    }
}

impl Pack {
    /// Lays `sequences` end to end on `device`, without times or shadows.
    #[cfg(test)]
    pub(crate) fn new(sequences: &[&[u32]], device: Device) -> Result<Self, Error> {
        let laid: Vec<Laid> = sequences.iter().map(|tokens| Laid::new(tokens, None)).collect();
        Self::of(&laid, device)
    }

    /// Lays `sequences` end to end on `device`.
    pub(crate) fn of(sequences: &[Laid], device: Device) -> Result<Self, Error> {
        let ids: Vec<i64> =
            sequences.iter().flat_map(|laid| &laid.tokens).map(|&id| i64::from(id)).collect();
        let positions: Vec<i64> =
            sequences.iter().flat_map(|laid| &laid.positions).copied().collect();
        let mut end = 0;
        let mut place = |laid: &Laid| {
            let start = end;
            end += laid.tokens.len() as i64;
            Ok(Sequence { start, end, sight: laid.sight(device)? })
        };
        Ok(Self {
            ids: Tensor::f_from_slice(&ids)?.f_to_device(device)?,
            positions: Tensor::f_from_slice(&positions)?.f_to_device(device)?,
            segments: None,
            times: sequences.iter().map(|laid| laid.time).collect(),
            sequences: sequences.iter().map(&mut place).collect::<Result<_, Error>>()?,
        })
    }
}
