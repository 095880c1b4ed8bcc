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

/// What a causal network says of listed words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Causal {
    /// `ln p` of the words at the first place, given what stands before it.
    pub(super) first: Vec<f64>,
    /// `ln p` of the words at the second place, by the word that stands at the first.
    pub(super) second: Vec<Vec<f64>>,
    /// `ln p` of all from the first place to the end of the sentence, by both words: up to
    /// what all share, the probability of the whole sentence.
    pub(super) sentences: Vec<Vec<f64>>,
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

impl Causal {
    /// `p(a, b | what stands before, between and behind)` over listed pairs: the causal
    /// network's own joint law, in which the words behind speak too.
    pub(super) fn whole(&self, frame: &Frame, temperature: f64) -> f64 {
        let law = listed(&self.sentences.concat(), temperature);
        let fits = frame.fits.iter().flatten();
        law.iter().zip(fits).filter(|(_, fits)| !**fits).map(|(p, _)| p).sum()
    }

    /// `p(a) p(b|a)` over listed words, as a causal network writes: it knows nothing of what
    /// will stand behind.
    pub(super) fn left_to_right(&self, frame: &Frame, temperature: f64) -> f64 {
        let given = self.second.iter().map(|log_p| listed(log_p, temperature));
        invalid(&frame.fits, &listed(&self.first, temperature), &given.collect::<Vec<_>>())
    }

    /// What the listed words have of all mass at the first place, and on average at the
    /// second when the first is drawn from them.
    pub(super) fn masses(&self, temperature: f64) -> [f64; 2] {
        let p = listed(&self.first, temperature);
        let mean = p.iter().zip(&self.second).map(|(p, log_p)| p * mass(log_p)).sum();
        [mass(&self.first), mean]
    }
}

#[cfg(test)]
mod tests {
    use super::{Causal, Said, invalid, listed, mass};
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

    /// What follows turns a causal network's mind: left to right "ad" has 0.45, but only after
    /// "ac" and "bd" is the end of the sentence likely.
    #[test]
    fn the_whole_sentence_weighs_what_follows_too() {
        let (first, second) = ([0.5_f64, 0.5], [[0.1, 0.9], [0.5, 0.5]]);
        let end = [[0.9, 0.02], [0.1, 0.4]];
        let weight = |a: usize, b: usize| first[a] * second[a][b] * end[a][b];
        let row = |a: usize| vec![weight(a, 0).ln(), weight(a, 1).ln()];
        let read = Causal {
            first: logs(first),
            second: second.map(logs).to_vec(),
            sentences: vec![row(0), row(1)],
        };
        // 0.045, 0.009, 0.025 and 0.1; squared and made one at T = 1/2.
        assert!((read.whole(&frame(), 1.0) - 0.034 / 0.179).abs() < 1e-12);
        let squares = [0.045f64, 0.009, 0.025, 0.1].map(|weight| weight * weight);
        let expected = (squares[1] + squares[2]) / squares.iter().sum::<f64>();
        assert!((read.whole(&frame(), 0.5) - expected).abs() < 1e-12);
        assert!((read.left_to_right(&frame(), 1.0) - 0.7).abs() < 1e-12);
        let masses = read.masses(1.0);
        assert!(masses.iter().all(|mass| (mass - 1.0).abs() < 1e-12), "{masses:?}");
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
