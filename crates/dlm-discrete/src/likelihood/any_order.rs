//! Maskings of LLaDA's bound: so many tokens masked, any of them.

use dlm_rng::{Key, Purpose};

use super::{Answer, LikelihoodError, Masking, Maskings};

/// Maskings of exactly `l` of the answer's `L` tokens, each weighing `L/l`.
///
/// ```text
/// E_l E_{|S| = l} (L/l) Σ_{i∈S} ln p(xⁱ | x without S)      l uniform on {1, …, L}
/// ```
///
/// is the mean of the chain rule's `ln p` over all orders (Uria, Murray and Larochelle
/// 2014), and the likelihood bound of LLaDA (Nie et al. 2025).
///
/// The counts of a replicate are spread evenly over `{1, …, L}` from one uniform number
/// `u`, so that every stratum alone is uniform and, with `L` strata, every count occurs
/// once:
///
/// ```text
/// l_k = 1 + ⌊uL + kL/strata⌋ mod L      k = 0, …, strata − 1
/// ```
///
/// LLaDA's own code rounds `l₀ + kL/strata` for an integer `l₀`, halves to even numbers.
/// Where `kL/strata` ends in ½, some counts of that stratum then come twice as often as
/// they should and others never, so that its mean is slightly off. Its recorded maskings
/// can be evaluated as they are; its counts are not imitated here.
///
/// The time told to the network is `l/L`. `u` is the number of the key with purpose
/// [`Purpose::Time`], and the set of stratum `k` is drawn with [`Purpose::Corrupt`], the
/// replicate being the step and the stratum the position; the sequence is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnyOrder {
    strata: usize,
    key: Key,
}

impl AnyOrder {
    /// Replicates of `strata` maskings each.
    ///
    /// # Errors
    ///
    /// [`LikelihoodError::Setting`] for `strata = 0`.
    pub fn new(strata: usize, key: Key) -> Result<Self, LikelihoodError> {
        match strata {
            0 => {
                let (field, value, range) = ("strata", 0.0, "above 0");
                Err(LikelihoodError::Setting { field, value, range })
            }
            _ => Ok(Self { strata, key }),
        }
    }

    /// The counts `l_k` of a replicate for an answer of `length ≥ 1` tokens.
    pub fn counts(&self, length: usize, replicate: u64) -> Vec<usize> {
        let (whole, strata) = (length as f64, self.strata as f64);
        let u = self.key.purpose(Purpose::Time).step(replicate).position(0).uniform();
        let count = |k: usize| 1 + (u * whole + k as f64 * whole / strata) as usize % length;
        (0..self.strata).map(count).collect()
    }
}

impl Maskings for AnyOrder {
    fn replicate(&self, answer: &Answer, index: u64) -> Option<Vec<Masking>> {
        let length = answer.positions().len();
        let key = self.key.purpose(Purpose::Corrupt).step(index);
        let masking = |(k, count): (usize, usize)| {
            let mut positions = answer.positions().to_vec();
            key.position(k as u64).stream().shuffle(&mut positions);
            positions.truncate(count);
            positions.sort_unstable();
            let weight = length as f64 / count as f64 / self.strata as f64;
            let time = Some(count as f64 / length as f64);
            Masking { positions, weights: vec![weight; count], time }
        };
        Some(self.counts(length, index).into_iter().enumerate().map(masking).collect())
    }
}
