//! The numbers of one key, one after another.

use std::f64::consts::TAU;

use crate::philox4x64;

/// The numbers of one [`Key`](crate::Key), one after another.
///
/// A stream holds 2⁶⁴ blocks of four 64-bit words, and those of different keys
/// do not overlap. Its methods take words in the order of the calls:
/// [`u64`](Stream::u64) and [`uniform`](Stream::uniform) one each,
/// [`normal`](Stream::normal) two for every second number, and
/// [`below`](Stream::below) at least one.
///
/// The results are the same on every platform: the only functions that are not
/// exact, the logarithm, sine and cosine of `normal`, come from `libm`.
#[derive(Clone, Debug)]
pub struct Stream {
    counter: [u64; 4],
    key: [u64; 2],
    block: [u64; 4],
    used: usize,
    spare_normal: Option<f64>,
}

impl Stream {
    #[inline]
    pub(crate) fn new(counter: [u64; 4], key: [u64; 2]) -> Self {
        Self { counter, key, block: philox4x64(counter, key), used: 0, spare_normal: None }
    }

    /// The next 64 uniform bits.
    #[inline]
    #[must_use = "a word is used up"]
    pub fn u64(&mut self) -> u64 {
        if self.used == self.block.len() {
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.block = philox4x64(self.counter, self.key);
            self.used = 0;
        }
        let word = self.block[self.used];
        self.used += 1;
        word
    }

    /// A uniform number on [0, 1), in steps of 2⁻⁵³; never 1.
    #[inline]
    #[must_use = "a word is used up"]
    pub fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.u64() >> 11) as f64 * STEP
    }

    /// A standard normal number: mean 0, variance 1, |z| < 8.58.
    ///
    /// From two uniform numbers u, v the transform of Box and Muller (1958)
    /// makes two normal ones, the second of which is kept for the next call:
    ///
    /// ```text
    /// r = √(−2 ln(1 − u))      z₁ = r cos 2πv      z₂ = r sin 2πv
    /// ```
    #[inline]
    #[must_use = "words are used up"]
    pub fn normal(&mut self) -> f64 {
        if let Some(z) = self.spare_normal.take() {
            return z;
        }
        // 1 − u lies on (0, 1], where the logarithm is finite.
        let u = self.uniform();
        let v = self.uniform();
        let r = (-2.0 * libm::log(1.0 - u)).sqrt();
        let (sine, cosine) = libm::sincos(TAU * v);
        self.spare_normal = Some(r * sine);
        r * cosine
    }

    /// A uniform integer on 0, 1, …, n − 1, without bias.
    ///
    /// There is no integer below 0: `below(0)` gives 0.
    ///
    /// Source: Lemire, *Fast random integer generation in an interval* (2019).
    /// The high half of `n · word` is the answer, unless the low half falls into
    /// the first 2⁶⁴ mod n values, which would make some answers likelier.
    #[inline]
    #[must_use = "words are used up"]
    pub fn below(&mut self, n: u64) -> u64 {
        let mut product = u128::from(self.u64()) * u128::from(n);
        if (product as u64) < n {
            let surplus = n.wrapping_neg() % n;
            while (product as u64) < surplus {
                product = u128::from(self.u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// Puts the items into a uniformly random order (Fisher and Yates, 1938).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            items.swap(last, chosen);
        }
    }
}
