//! Two words: what share of the pairs does not fit, drawn together and one by one.

use super::agreement::Frame;

/// What a network says of listed words, `ln p` of each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    /// Of the words at either place while both are open.
    pub(super) open: [Vec<f64>; 2],
    /// Of the words at the other place, by the word that stands at this one.
    pub(super) given: [Vec<Vec<f64>>; 2],
}

/// The law of listed words: `p(v)^{1/T}`, made a distribution among them.
pub(super) fn listed(log_p: &[f64], temperature: f64) -> Vec<f64> {
    let best = log_p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weight = |log_p: &f64| match best == f64::NEG_INFINITY {
        // A network that gives none of them any chance prefers none.
        true => 1.0,
        false => ((log_p - best) / temperature).exp(),
    };
    let weights: Vec<f64> = log_p.iter().map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// The mass that listed words have among all: `Σ_v p(v)`.
pub(super) fn mass(log_p: &[f64]) -> f64 {
    log_p.iter().map(|log_p| log_p.exp()).sum()
}

/// `Σ p(a) p(b|a)` over the pairs that do not fit; `second[a]` is the law of `b` given `a`.
pub(super) fn invalid(fits: &[Vec<bool>], first: &[f64], second: &[Vec<f64>]) -> f64 {
    let mut share = 0.0;
    for ((fits, p), second) in fits.iter().zip(first).zip(second) {
        let wrong = fits.iter().zip(second).filter(|(fits, _)| !**fits);
        share += p * wrong.map(|(_, q)| q).sum::<f64>();
    }
    share
}

impl Said {
    /// Both words from their marginals: `p₁(a) p₂(b)`.
    pub(super) fn together(&self, frame: &Frame, temperature: f64) -> f64 {
        let [first, second] = [0, 1].map(|place| listed(&self.open[place], temperature));
        invalid(&frame.fits, &first, &vec![second; first.len()])
    }

    /// The first word, then the second given it, and the other way round: the mean of both.
    pub(super) fn one_by_one(&self, frame: &Frame, temperature: f64) -> f64 {
        let turned: Vec<Vec<bool>> = (0..frame.words[1].len())
            .map(|b| frame.fits.iter().map(|row| row[b]).collect())
            .collect();
        let from = |place: usize, fits: &[Vec<bool>]| {
            let first = listed(&self.open[place], temperature);
            let given = self.given[place].iter().map(|log_p| listed(log_p, temperature));
            invalid(fits, &first, &given.collect::<Vec<_>>())
        };
        (from(0, &frame.fits) + from(1, &turned)) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Said, invalid, listed, mass};
    use crate::experiments::marginal_trap::agreement::Frame;

    fn frame() -> Frame {
        let fits = vec![vec![true, false], vec![false, true]];
        let words = [vec![0, 1], vec![2, 3]];
        let (before, between, after) = (vec![], vec![], vec![]);
        Frame { before, between, after, words, fits }
    }

    fn logs(p: [f64; 2]) -> Vec<f64> {
        p.iter().map(|p| p.ln()).collect()
    }

    /// A language of "ac" (0.48), "bd" (0.12) and other words: marginals 0.8 and 0.2 among
    /// the listed, both places alike.
    #[test]
    fn pairs_by_hand() {
        let open = [logs([0.48, 0.12]), logs([0.48, 0.12])];
        let sure = || vec![logs([0.9, 0.1]), logs([0.25, 0.75])];
        let said = Said { open, given: [sure(), sure()] };
        let frame = frame();
        assert!((said.together(&frame, 1.0) - 2.0 * 0.8 * 0.2).abs() < 1e-12);
        // 0.8·0.1 + 0.2·0.25, from either side.
        assert!((said.one_by_one(&frame, 1.0) - 0.13).abs() < 1e-12);
        // At T = 1/2 marginals are 16/17 and 1/17.
        assert!((said.together(&frame, 0.5) - 2.0 * 16.0 / 289.0).abs() < 1e-12);
        assert!((mass(&said.open[0]) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn exact_conditionals_make_no_invalid_pair() {
        let never = f64::NEG_INFINITY;
        let open = [logs([0.5, 0.5]), logs([0.5, 0.5])];
        let given = || vec![vec![0.0, never], vec![never, 0.0]];
        let said = Said { open, given: [given(), given()] };
        assert_eq!((said.together(&frame(), 1.0), said.one_by_one(&frame(), 1.0)), (0.5, 0.0));
        assert_eq!(listed(&[never, never], 1.0), [0.5, 0.5]);
        assert_eq!(invalid(&frame().fits, &[1.0, 0.0], &[vec![0.3, 0.7], vec![1.0, 0.0]]), 0.7);
    }
}
