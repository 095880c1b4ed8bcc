//! Statistics of samples: their expectations, identities and limits.

use dlm_core::TokenId;
use dlm_rng::{Key, Purpose};
use dlm_testkit::{ChainStatistics, HiddenMarkov, MarkovError, RandomChain};

const VOCAB: usize = 5;
const LENGTH: usize = 51;

fn key(sequence: u64) -> Key {
    Key::new(12).purpose(Purpose::Test).sequence(sequence)
}

fn chain() -> HiddenMarkov {
    let spec = RandomChain { states: VOCAB, concentration: 1.0, top_k: 5, epsilon: 0.2 };
    spec.chain(key(0)).unwrap()
}

/// Statistics of `words` exact samples, one for each of `runs` sets.
fn of_exact_samples(words: u64, runs: u64) -> Vec<ChainStatistics> {
    let chain = chain();
    let run = |run: u64| {
        let first = 1 + run * words;
        let words: Vec<_> = (first..first + words).map(|i| chain.draw(LENGTH, key(i))).collect();
        ChainStatistics::of(&chain, &words).unwrap()
    };
    (0..runs).map(run).collect()
}

fn mean(statistics: &[ChainStatistics], of: impl Fn(&ChainStatistics) -> f64) -> f64 {
    statistics.iter().map(of).sum::<f64>() / statistics.len() as f64
}

/// `2n·kl_rate ~ χ²` with `V(V − 1) = 20` degrees of freedom: mean 20, variance 40.
#[test]
fn exact_samples_have_the_expected_divergence() {
    const RUNS: u64 = 40;
    for words in [10, 40, 160] {
        let runs = of_exact_samples(words, RUNS);
        let statistic = mean(&runs, |s| 2.0 * s.transitions as f64 * s.kl_rate);
        let error = (40.0 / RUNS as f64).sqrt();
        assert!((statistic - 20.0).abs() < 4.0 * error, "{words} words: {statistic}");
    }
}

#[test]
fn distances_of_exact_samples_shrink_with_the_root_of_their_number() {
    let (few, many) = (of_exact_samples(10, 40), of_exact_samples(160, 40));
    for of in [|s: &ChainStatistics| s.tv_rate, |s: &ChainStatistics| s.unigram_l1] {
        let ratio = mean(&few, of) / mean(&many, of);
        assert!((3.2..5.0).contains(&ratio), "{ratio}");
    }
}

#[test]
fn likelihood_is_divergence_plus_diversity() {
    for s in of_exact_samples(7, 5) {
        assert!((s.nll_rate - s.kl_rate - s.entropy_rate).abs() < 1e-12);
        assert_eq!(s.transitions, 7 * (LENGTH - 1));
    }
}

/// Tokens drawn alone, each from the right marginal `u`, have `p̂(b|a) → u(b)`.
#[test]
fn independent_tokens_miss_the_chain_by_its_closed_form() {
    let chain = chain();
    let u = chain.stationary();
    let independent = HiddenMarkov::chain(u.clone(), vec![u.clone(); VOCAB]).unwrap();
    let words: Vec<_> = (0..400).map(|i| independent.draw(LENGTH, key(i))).collect();
    let s = ChainStatistics::of(&chain, &words).unwrap();
    let (mut kl, mut tv) = (0.0, 0.0);
    for (from, row) in u.iter().zip(chain.rows().unwrap()) {
        kl += from * u.iter().zip(row).map(|(u, p)| u * (u / p).ln()).sum::<f64>();
        tv += from * u.iter().zip(row).map(|(u, p)| (u - p).abs() / 2.0).sum::<f64>();
    }
    assert!((s.kl_rate / kl - 1.0).abs() < 0.05, "{} against {kl}", s.kl_rate);
    assert!((s.tv_rate / tv - 1.0).abs() < 0.05, "{} against {tv}", s.tv_rate);
    // Its tokens are as frequent as they should be: the marginals hide the fault.
    assert!(s.unigram_l1 < 0.03, "{}", s.unigram_l1);
}

#[test]
fn a_few_words_counted_by_hand() {
    let chain = HiddenMarkov::chain(vec![0.5, 0.5], vec![vec![0.5, 0.5], vec![1.0, 0.0]]).unwrap();
    let s = ChainStatistics::of(&chain, &[vec![0, 0, 1], vec![0, 0, 1], vec![1]]).unwrap();
    // 0→0 and 0→1 twice each: as it should be.
    assert_eq!((s.transitions, s.kl_rate, s.tv_rate), (4, 0.0, 0.0));
    assert!((s.nll_rate - 2f64.ln()).abs() < 1e-15);
    assert!((s.duplicate_rate - 1.0 / 3.0).abs() < 1e-15);
    // Shares 4/7 and 3/7; marginals of 0 are 1/2, 3/4, 5/8 at 3, 2 and 2 of 7 places.
    let expected: f64 = (3.0 * 0.5 + 2.0 * 0.75 + 2.0 * 0.625) / 7.0;
    assert!((s.unigram_l1 - 2.0 * (4.0 / 7.0 - expected).abs()).abs() < 1e-15);
    // 1→1 cannot be.
    let s = ChainStatistics::of(&chain, &[vec![1, 1]]).unwrap();
    assert_eq!((s.kl_rate, s.nll_rate, s.tv_rate), (f64::INFINITY, f64::INFINITY, 1.0));
}

#[test]
fn words_that_tell_nothing_are_refused() {
    let chain = chain();
    let single: [Vec<TokenId>; 2] = [vec![1], vec![]];
    assert_eq!(ChainStatistics::of(&chain, &single), Err(MarkovError::NoTransition));
    let masked = [vec![0, chain.mask()]];
    let token = MarkovError::Token { position: 1, token: chain.mask(), mask: chain.mask() };
    assert_eq!(ChainStatistics::of(&chain, &masked), Err(token));
    let spec = RandomChain { states: 2, concentration: 1.0, top_k: 2, epsilon: 0.2 };
    let hidden = spec.hidden(3, key(1)).unwrap();
    assert_eq!(ChainStatistics::of(&hidden, &[vec![0, 1]]), Err(MarkovError::Hidden));
}
