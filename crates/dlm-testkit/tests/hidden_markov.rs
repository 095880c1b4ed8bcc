//! The oracle against enumeration of all words and all paths, and against closed forms.

use dlm_core::{Ask, MaskPredictor, Query, TokenId};
use dlm_rng::{Key, Purpose};
use dlm_testkit::{HiddenMarkov, MarkovError, RandomChain, Tabular, smooth};

const SPEC: RandomChain = RandomChain { states: 3, concentration: 0.7, top_k: 2, epsilon: 0.1 };

fn key(sequence: u64) -> Key {
    Key::new(11).purpose(Purpose::Test).sequence(sequence)
}

/// All lists of `length` numbers below `base`.
fn all(base: u32, length: u32) -> impl Iterator<Item = Vec<TokenId>> {
    let digit = move |n: u32, place: u32| n / base.pow(place) % base;
    (0..base.pow(length)).map(move |n| (0..length).rev().map(|place| digit(n, place)).collect())
}

/// `Σ_h p(h, x)` over all paths of states, from the matrices alone.
fn enumerated(
    start: &[f64],
    transition: &[Vec<f64>],
    emission: &[Vec<f64>],
    length: u32,
) -> Tabular {
    let path = |h: &[u32], x: &[u32]| {
        let at = |m: &[Vec<f64>], a: u32, b: u32| m[a as usize][b as usize];
        let states: f64 = h.windows(2).map(|pair| at(transition, pair[0], pair[1])).product();
        let tokens: f64 = h.iter().zip(x).map(|(&h, &x)| at(emission, h, x)).product();
        start[h[0] as usize] * states * tokens
    };
    let vocab = emission[0].len();
    let word = |x: Vec<u32>| all(start.len() as u32, length).map(|h| path(&h, &x)).sum();
    Tabular::new(length as usize, vocab, all(vocab as u32, length).map(word).collect()).unwrap()
}

/// Two states that only their emissions tell apart, one that is sticky, one that jumps.
fn matrices() -> (Vec<f64>, Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let transition = vec![vec![0.9, 0.1, 0.0], vec![0.2, 0.3, 0.5], vec![0.0, 0.6, 0.4]];
    let emission = vec![vec![0.7, 0.2, 0.1], vec![0.1, 0.1, 0.8], vec![0.3, 0.6, 0.1]];
    (vec![0.5, 0.2, 0.3], transition, emission)
}

#[test]
fn posteriors_agree_with_enumeration_under_every_masking() {
    let (start, transition, emission) = matrices();
    let identity: Vec<Vec<f64>> =
        (0..3).map(|a| (0..3).map(|b| if a == b { 1.0 } else { 0.0 }).collect()).collect();
    let mixed = smooth(&transition, 3, 0.05, &[0.2, 0.3, 0.5]).unwrap();
    for (model, table) in [
        (
            HiddenMarkov::chain(start.clone(), mixed.clone()).unwrap(),
            enumerated(&start, &mixed, &identity, 4),
        ),
        (
            HiddenMarkov::new(start.clone(), transition.clone(), emission.clone()).unwrap(),
            enumerated(&start, &transition, &emission, 4),
        ),
    ] {
        for known in all(4, 4) {
            let posterior = model.posterior(&known, &[0, 1, 2, 3]).unwrap();
            for (position, row) in posterior.iter().enumerate() {
                for (p, exact) in row.iter().zip(table.conditional(&known, position)) {
                    assert!((p - exact).abs() < 1e-12, "{known:?}, position {position}");
                }
            }
        }
        let tabulated = model.tabulate(4).unwrap();
        for (p, exact) in tabulated.joint().iter().zip(table.joint()) {
            assert!((p - exact).abs() < 1e-14);
        }
    }
}

#[test]
fn conditionals_in_any_order_multiply_to_the_likelihood_of_a_long_word() {
    for (sequence, model) in
        [SPEC.chain(key(1)).unwrap(), SPEC.hidden(4, key(2)).unwrap()].iter().enumerate()
    {
        let word = model.draw(80, key(sequence as u64 + 3));
        let mut order: Vec<usize> = (0..80).collect();
        key(5).stream().shuffle(&mut order);
        let mut known = vec![model.mask(); 80];
        let mut sum = 0.0;
        for position in order {
            let row = &model.posterior(&known, &[position]).unwrap()[0];
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            sum += row[word[position] as usize].ln();
            known[position] = word[position];
            // The marginal likelihood of what is known grows by the same factor.
            assert!((model.log_probability(&known).unwrap() - sum).abs() < 1e-9);
        }
        assert!((model.log_probability(&word).unwrap() - sum).abs() < 1e-9);
    }
}

/// Until the last token, state 0 is 10⁷⁰⁰ times less likely than state 1: far below the
/// smallest float, and yet it is what must have been.
#[test]
fn evidence_may_overturn_any_odds() {
    let emission = vec![vec![0.001, 0.499, 0.5], vec![0.4, 0.0, 0.6]];
    let identity = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
    let model = HiddenMarkov::new(vec![0.5, 0.5], identity, emission.clone()).unwrap();
    let mut known = vec![0; 400];
    known[300] = model.mask();
    let without = &model.posterior(&known, &[300]).unwrap()[0];
    assert!((without[2] - 0.6).abs() < 1e-12);
    known[399] = 1;
    let row = &model.posterior(&known, &[300]).unwrap()[0];
    for (p, exact) in row.iter().zip(&emission[0]) {
        assert!((p - exact).abs() < 1e-12, "{row:?}");
    }
}

#[test]
fn mutual_information_is_that_of_the_table_and_decays() {
    let (start, transition, emission) = matrices();
    for model in [
        HiddenMarkov::chain(start.clone(), transition.clone()).unwrap(),
        HiddenMarkov::new(start, transition, emission).unwrap(),
        SPEC.chain(key(6)).unwrap(),
    ] {
        let table = model.tabulate(4).unwrap();
        for (i, j) in [(0, 1), (0, 3), (2, 1), (3, 3)] {
            let mut joint = [[0.0; 3]; 3];
            for (index, p) in table.joint().iter().enumerate() {
                let word = table.word(index);
                joint[word[i] as usize][word[j] as usize] += p;
            }
            let mut information = 0.0;
            for (a, b) in all(3, 2).map(|pair| (pair[0] as usize, pair[1] as usize)) {
                let before: f64 = joint[a].iter().sum();
                let after: f64 = joint.iter().map(|row| row[b]).sum();
                assert!((joint[a][b] - model.pair(i, j)[a][b]).abs() < 1e-12);
                if 0.0 < joint[a][b] {
                    information += joint[a][b] * (joint[a][b] / (before * after)).ln();
                }
            }
            assert!((model.mutual_information(i, j) - information).abs() < 1e-12, "{i}, {j}");
        }
    }
    // Data processing: what is farther away in a chain cannot tell more.
    let chain = SPEC.chain(key(7)).unwrap();
    let at = |distance: usize| chain.mutual_information(3, 3 + distance);
    assert!((1..40).all(|distance| at(distance + 1) <= at(distance) + 1e-15));
    assert!(at(60) < 1e-4 * at(1), "{} against {}", at(60), at(1));
}

#[test]
fn a_symmetric_pair_has_the_closed_forms() {
    let entropy = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
    let chain = HiddenMarkov::chain(vec![0.5, 0.5], vec![vec![0.9, 0.1], vec![0.1, 0.9]]).unwrap();
    assert!((chain.entropy_rate().unwrap() - entropy(0.9)).abs() < 1e-12);
    for distance in [1, 2, 5, 9] {
        let agree = 0.5 * (1.0 + 0.8f64.powi(distance));
        let information = chain.mutual_information(0, distance as usize);
        assert!((information - (2f64.ln() - entropy(agree))).abs() < 1e-12);
    }
}

#[test]
fn stationary_shares_stay_and_give_the_entropy_rate() {
    let chain = SPEC.chain(key(8)).unwrap();
    // Started where it stays, the chain's marginals do not move, and every further
    // token adds the entropy rate to the entropy of the word.
    for (here, later) in chain.marginal(0).iter().zip(chain.marginal(17)) {
        assert!((here - later).abs() < 1e-12);
    }
    let entropy = |length| -> f64 {
        let table = chain.tabulate(length).unwrap();
        -table.joint().iter().map(|p| p * p.ln()).sum::<f64>()
    };
    let rate = chain.entropy_rate().unwrap();
    assert!((entropy(5) - entropy(4) - rate).abs() < 1e-12);
    assert!((entropy(4) - entropy(1) - 3.0 * rate).abs() < 1e-12);
    // A cycle has no limit but spends equal time everywhere; two islands keep their start.
    let cycle = vec![vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0]];
    let cycle = HiddenMarkov::chain(vec![1.0, 0.0, 0.0], cycle).unwrap();
    assert!(cycle.stationary().iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-12));
    assert_eq!(cycle.entropy_rate().unwrap(), 0.0);
    let islands = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
    let islands = HiddenMarkov::chain(vec![0.3, 0.7], islands).unwrap();
    assert!((islands.stationary()[0] - 0.3).abs() < 1e-12);
}

#[test]
fn words_come_at_their_probabilities() {
    const WORDS: u64 = 4000;
    for model in [SPEC.chain(key(9)).unwrap(), SPEC.hidden(3, key(9)).unwrap()] {
        let table = model.tabulate(3).unwrap();
        let mut counts = [0.0; 27];
        for sequence in 0..WORDS {
            let word = model.draw(3, key(100 + sequence));
            assert_eq!(word, model.draw(5, key(100 + sequence))[..3]);
            counts[word.iter().fold(0, |index, token| 3 * index + *token as usize)] += 1.0;
        }
        // Pearson's χ² with 26 degrees of freedom: mean 26, deviation √52.
        let expected = table.joint().iter().map(|p| WORDS as f64 * p);
        let terms = counts.iter().zip(expected).map(|(n, e)| (n - e) * (n - e) / e);
        let statistic: f64 = terms.sum();
        assert!(statistic < 26.0 + 4.0 * 52f64.sqrt(), "{statistic}");
    }
}

#[test]
fn random_chains_are_smoothed_as_they_say() {
    let spec = RandomChain { states: 6, concentration: 1.0, top_k: 2, epsilon: 0.3 };
    let chain = spec.chain(key(10)).unwrap();
    for row in chain.rows().unwrap() {
        let jumps = row.iter().filter(|p| (**p - 0.05).abs() < 1e-12).count();
        assert_eq!(jumps, 4);
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert_eq!(chain, spec.chain(key(10)).unwrap());
    assert_ne!(chain, spec.chain(key(11)).unwrap());
    let rows = smooth(&[vec![0.5, 0.2, 0.3]], 2, 0.2, &[0.0, 1.0, 0.0]).unwrap();
    for (p, exact) in rows[0].iter().zip([0.5, 0.2, 0.3]) {
        assert!((p - exact).abs() < 1e-15);
    }
}

/// Rows of concentration `a` over `n` tokens have `E Σ p² = (a + 1)/(na + 1)`.
#[test]
fn random_rows_are_as_concentrated_as_asked() {
    for concentration in [0.1, 0.5, 5.0] {
        let spec = RandomChain { states: 60, concentration, top_k: 60, epsilon: 0.0 };
        let chain = spec.chain(key(15)).unwrap();
        let squares: f64 = chain.rows().unwrap().iter().flatten().map(|p| p * p).sum();
        let expected = (concentration + 1.0) / (60.0 * concentration + 1.0);
        assert!((squares / 60.0 / expected - 1.0).abs() < 0.15, "{concentration}");
    }
}

#[test]
fn as_a_predictor_it_tells_its_posterior_and_hides_shadows() {
    let mut model = SPEC.chain(key(12)).unwrap();
    let tokens = [0, model.mask(), 2, 1];
    let open = model.posterior(&tokens, &[1]).unwrap().remove(0);
    let hidden = [0, model.mask(), model.mask(), 1];
    let shadow = model.posterior(&hidden, &[2]).unwrap().remove(0);
    let targets = [Some(1)];
    let query = Query { shadows: &[2], targets: &targets, ..Query::new(&tokens, &[1]) };
    let prediction = model.predict(&[query], &Ask { top_k: 3, ..Ask::default() }).unwrap();
    let [at_mask, at_shadow] = &prediction.candidates[0][..] else { panic!("two answers") };
    let exact = open[1].ln() as f32;
    assert!((at_mask.target.unwrap().log_probability - exact).abs() < 1e-5);
    let exact = shadow[2].ln() as f32;
    assert!((at_shadow.target.unwrap().log_probability - exact).abs() < 1e-5);
}

#[test]
fn what_cannot_be_answered_says_why() {
    let stuck = HiddenMarkov::chain(vec![0.5, 0.5], vec![vec![1.0, 0.0], vec![0.0, 1.0]]).unwrap();
    assert_eq!(stuck.posterior(&[0, 2, 1], &[1]), Err(MarkovError::Impossible));
    assert_eq!(stuck.log_probability(&[0, 1]), Ok(f64::NEG_INFINITY));
    assert_eq!(stuck.log_probability(&[]), Ok(0.0));
    let position = MarkovError::Position { position: 2, length: 2 };
    assert_eq!(stuck.posterior(&[0, 2], &[2]), Err(position));
    let token = MarkovError::Token { position: 1, token: 3, mask: 2 };
    assert_eq!(stuck.posterior(&[0, 3], &[0]), Err(token));
    let hidden = SPEC.hidden(4, key(13)).unwrap();
    assert_eq!(hidden.entropy_rate(), Err(MarkovError::Hidden));
    let words = MarkovError::TooManyWords { vocab: 4, length: 11, limit: 1 << 20 };
    assert_eq!(hidden.tabulate(11).unwrap_err(), words);
}

#[test]
fn matrices_that_are_no_model_are_refused() {
    let rows = vec![vec![0.9, 0.1], vec![0.1, 0.9]];
    let half = vec![0.5, 0.5];
    for (start, transition, what) in [
        (vec![0.5, 0.6], rows.clone(), "start"),
        (vec![], vec![], "start"),
        (vec![f64::NAN, 1.0], rows.clone(), "start"),
        (half.clone(), vec![vec![0.9, 0.1]], "transition"),
        (half.clone(), vec![vec![0.9, 0.1], vec![1.0]], "transition"),
        (half.clone(), vec![vec![0.9, 0.1], vec![1.5, -0.5]], "transition"),
    ] {
        let refused = HiddenMarkov::chain(start, transition).unwrap_err();
        let (MarkovError::Size { what: named, .. }
        | MarkovError::NotADistribution { what: named, .. }) = refused
        else {
            panic!("{refused}")
        };
        assert_eq!(named, what);
    }
    let emission = HiddenMarkov::new(half, rows, vec![vec![1.0]]).unwrap_err();
    assert_eq!(emission, MarkovError::Size { what: "emission", expected: 2, found: 1 });
    for (field, spec) in [
        ("states", RandomChain { states: 0, ..SPEC }),
        ("concentration", RandomChain { concentration: 0.0, ..SPEC }),
        ("concentration", RandomChain { concentration: f64::NAN, ..SPEC }),
        ("top_k", RandomChain { top_k: 0, ..SPEC }),
        ("epsilon", RandomChain { epsilon: 1.1, ..SPEC }),
    ] {
        let refused = spec.chain(key(14)).unwrap_err();
        assert!(matches!(refused, MarkovError::Setting { field: named, .. } if named == field));
    }
    let refused = SPEC.hidden(0, key(14)).unwrap_err();
    assert!(matches!(refused, MarkovError::Setting { field: "vocab", .. }));
}
