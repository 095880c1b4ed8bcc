//! The five coordinates that name a random number.

use crate::{Purpose, Stream};

/// What a random number is for: seed, sequence, step, position and purpose.
///
/// A key is a plain value. Every coordinate but the seed starts at 0 (the
/// purpose at [`Purpose::Token`]) and is set by the method of its name, which
/// replaces what was there:
///
/// ```
/// use dlm_rng::{Key, Purpose};
///
/// let run = Key::new(42).purpose(Purpose::Order);
/// let here = run.sequence(3).step(7).position(11);
/// assert_eq!(here, Key::new(42).purpose(Purpose::Order).position(11).step(7).sequence(3));
/// ```
///
/// The coordinates are the whole input of [`philox4x64`](crate::philox4x64),
/// 64 bits each and none folded into another:
///
/// ```text
/// key     = (seed, purpose)
/// counter = (block, position, step, sequence)     block = 0, 1, … along a stream
/// ```
///
/// so two keys that differ in anything never share a counter under the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key {
    seed: u64,
    sequence: u64,
    step: u64,
    position: u64,
    purpose: Purpose,
}

impl Key {
    /// The key of a run's seed, all other coordinates 0.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, sequence: 0, step: 0, position: 0, purpose: Purpose::Token }
    }

    /// The same key for the sequence (the prompt, the canvas) `sequence`.
    #[must_use]
    pub const fn sequence(self, sequence: u64) -> Self {
        Self { sequence, ..self }
    }

    /// The same key for the step `step` of a sampler or of training.
    #[must_use]
    pub const fn step(self, step: u64) -> Self {
        Self { step, ..self }
    }

    /// The same key for the position `position` in its sequence.
    #[must_use]
    pub const fn position(self, position: u64) -> Self {
        Self { position, ..self }
    }

    /// The same key for another purpose.
    #[must_use]
    pub const fn purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// The one uniform number of this key, on [0, 1) in steps of 2⁻⁵³.
    ///
    /// It is the first number of [`Key::stream`].
    #[inline]
    #[must_use]
    pub fn uniform(self) -> f64 {
        self.stream().uniform()
    }

    /// All numbers of this key, from the first.
    #[inline]
    #[must_use]
    pub fn stream(self) -> Stream {
        let key = [self.seed, self.purpose as u64];
        Stream::new([0, self.position, self.step, self.sequence], key)
    }
}
