//! Rules whose number does not depend on predictions.

use super::Progress;
use crate::Clock;

/// `⌈n / steps left⌉`: over a block this is the quotient in every step and one more in the
/// first `n mod steps`, without a table made in advance.
pub(in crate::unmasking) fn even_split(n: usize, progress: Progress) -> usize {
    n.div_ceil(progress.steps.saturating_sub(progress.step).max(1))
}

/// `⌊Σᵢ (αᵢ(s) − αᵢ(t))/(1 − αᵢ(t))⌋` over the masked positions.
pub(in crate::unmasking) fn scheduled(
    clock: &Clock,
    until: f64,
    progress: Progress,
    masked: &[usize],
) -> usize {
    let (t, s) = progress.times(until);
    let expected: f64 = masked.iter().map(|&i| clock.reveal_probability(i, s, t)).sum();
    // A sum of 3 that came out as 2.999… means 3.
    (expected + 1e-9).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::{Progress, even_split};

    #[test]
    fn even_split_is_the_quotient_and_the_remainder_first() {
        for n in 1..40usize {
            for steps in 1..=50 {
                let mut left = n;
                for step in 0..steps {
                    let k = even_split(left, Progress { step, steps });
                    assert_eq!(k, n / steps + usize::from(step < n % steps), "{n} in {steps}");
                    left -= k;
                }
                assert_eq!(left, 0);
            }
        }
    }
}
