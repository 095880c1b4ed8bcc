//! Likelihoods against enumeration over words, orders and masks.

mod likelihood_models;

use dlm_core::MaskPredictor;
use dlm_discrete::likelihood::{
    Answer, AnyOrder, Clean, Elbo, Estimate, LikelihoodError, Masking, Maskings, MonteCarlo,
    Scoring, along_order, over_all_orders,
};
use dlm_rng::{Key, Purpose};
use dlm_testkit::{HiddenMarkov, RandomChain, Tabular};
use likelihood_models::{Inconsistent, Witness, orders, subsets};

const EXACT: Scoring = Scoring { batch: 7, guidance: 0.0 };

fn key(sequence: u64) -> Key {
    Key::new(21).purpose(Purpose::Test).sequence(sequence)
}

fn table(sequence: u64) -> Tabular {
    Tabular::random(4, 3, 0.5, key(sequence)).unwrap()
}

fn inconsistent() -> Inconsistent {
    Inconsistent { tables: [table(1), table(2)] }
}

fn answer() -> Answer {
    Answer::after(&[], &[2, 0, 1, 1], 3).unwrap()
}

fn oracle() -> HiddenMarkov {
    let spec = RandomChain { states: 4, concentration: 0.6, top_k: 4, epsilon: 0.1 };
    spec.hidden(5, key(3)).unwrap()
}

fn linear(_: usize, t: f64) -> Clean {
    Clean { alpha: 1.0 - t, derivative: -1.0 }
}

fn estimate(
    model: &mut impl MaskPredictor,
    answer: &Answer,
    replicates: u64,
    maskings: &impl Maskings,
) -> Estimate {
    MonteCarlo { replicates, ..MonteCarlo::default() }.estimate(model, answer, maskings).unwrap()
}

/// How many standard errors an estimate lies from what it estimates.
fn z(estimate: &Estimate, truth: f64) -> f64 {
    (estimate.value - truth) / estimate.standard_error.unwrap()
}

#[test]
fn a_perfect_model_has_one_likelihood_along_all_orders() {
    let mut model = table(4);
    for index in [0, 17, 44, 80] {
        let word = model.word(index);
        let truth = model.joint()[index].ln();
        let answer = Answer::after(&[], &word, 3).unwrap();
        for order in orders(4) {
            let chain: f64 = along_order(&mut model, &answer, &order, &EXACT).unwrap().iter().sum();
            assert!((chain - truth).abs() < 1e-6 * truth.abs().max(1.0), "{order:?}");
        }
        let all = over_all_orders(&mut model, &answer, &EXACT).unwrap();
        assert!((all - truth).abs() < 1e-6 * truth.abs().max(1.0));
    }
    // Twelve tokens of a longer word, given the others.
    let mut model = oracle();
    let word = model.draw(20, key(5));
    let positions: Vec<usize> = (3..15).collect();
    let mut given = word.clone();
    positions.iter().for_each(|&i| given[i] = model.mask());
    let truth = model.log_probability(&word).unwrap() - model.log_probability(&given).unwrap();
    let answer = Answer::new(word, positions, model.mask()).unwrap();
    let all = over_all_orders(&mut model, &answer, &Scoring::default()).unwrap();
    assert!((all - truth).abs() < 1e-5, "{all} against {truth}");
}

#[test]
fn enumerated_masks_are_the_mean_over_all_orders() {
    let mut model = inconsistent();
    let along = |order: Vec<usize>| -> f64 {
        along_order(&mut model, &answer(), &order, &EXACT).unwrap().iter().sum()
    };
    let values: Vec<f64> = orders(4).into_iter().map(along).collect();
    let mean = values.iter().sum::<f64>() / 24.0;
    // The orders do disagree, or there would be nothing to average.
    assert!(values.iter().any(|value| 0.5 < (value - mean).abs()), "{values:?}");
    let all = over_all_orders(&mut model, &answer(), &EXACT).unwrap();
    assert!((all - mean).abs() < 1e-9, "{all} against {mean}");
}

#[test]
fn the_any_order_estimate_hits_the_enumerated_value() {
    let mut model = inconsistent();
    let truth = over_all_orders(&mut model, &answer(), &EXACT).unwrap();
    for strata in [1, 3, 4, 8] {
        let orders = AnyOrder::new(strata, key(6)).unwrap();
        let estimate = estimate(&mut model, &answer(), 400, &orders);
        assert!(z(&estimate, truth).abs() < 4.0, "{strata} strata: {estimate:?}, not {truth}");
        assert_eq!(estimate.evaluations, 400 * strata);
    }
}

/// With `R` replicates, `z` is nearly Student's t with `R − 1` degrees of freedom, whose
/// variance is `(R − 1)/(R − 3) = 1.15`.
#[test]
fn standard_errors_are_as_large_as_they_say() {
    const RUNS: u64 = 150;
    let mut model = inconsistent();
    let truth = over_all_orders(&mut model, &answer(), &EXACT).unwrap();
    let mut squares = [0.0; 2];
    for run in 0..RUNS {
        let orders = AnyOrder::new(4, key(100 + run)).unwrap();
        let times = Elbo::new(4, 1e-3, key(100 + run), linear).unwrap();
        squares[0] += z(&estimate(&mut model, &answer(), 16, &orders), truth).powi(2);
        squares[1] += z(&estimate(&mut model, &answer(), 16, &times), truth).powi(2);
    }
    // The integral's rare early times have heavy weights, so its tails are longer.
    for (variance, most) in squares.iter().map(|sum| sum / RUNS as f64).zip([1.7, 2.5]) {
        assert!((0.75..most).contains(&variance), "{variance}");
    }
}

#[test]
fn the_bound_over_time_hits_its_integral() {
    let mut model = inconsistent();
    for (floor, epsilon) in [(0.0, 1e-3), (0.0, 0.2), (0.1, 0.05), (0.3, 0.3)] {
        // α from 1 to `floor`, a curved way down.
        let clean = |_: usize, t: f64| Clean {
            alpha: 1.0 - (1.0 - floor) * t * t,
            derivative: -2.0 * (1.0 - floor) * t,
        };
        let exact = vec![integrated(4, clean(0, epsilon).alpha, floor)];
        let truth = estimate(&mut model, &answer(), 1, &exact).value;
        let times = Elbo::new(8, epsilon, key(7), clean).unwrap();
        let estimate = estimate(&mut model, &answer(), 400, &times);
        assert!(z(&estimate, truth).abs() < 4.0, "{floor}, {epsilon}: {estimate:?}, not {truth}");
    }
}

/// Every set of masks with its whole weight in the closed bound: with `l` of `L` masked,
/// `∫ (1 − α)^(l−1) α^(L−l) dα` over the schedule's range, and the two jumps at its ends.
fn integrated(length: usize, first: f64, last: f64) -> Vec<Masking> {
    let weight = |l: usize| {
        let (l, rest) = (l as i32, (length - l) as i32);
        let density = |alpha: f64| (1.0 - alpha).powi(l - 1) * alpha.powi(rest);
        let steps = 2000;
        let at = |k: usize| last + (first - last) * (k as f64 + 0.5) / steps as f64;
        let inside =
            (0..steps).map(|k| density(at(k))).sum::<f64>() * (first - last) / steps as f64;
        let noise_end = if rest == 0 { last } else { 0.0 };
        inside + noise_end + (1.0 - first).powi(l) * first.powi(rest)
    };
    let masking = |positions: Vec<usize>| {
        let weights = vec![weight(positions.len()); positions.len()];
        Masking { positions, weights, time: None }
    };
    subsets(length).into_iter().map(masking).collect()
}

/// Where tokens are independent, every path of revealing is worth the same, whatever the
/// clock of each position.
#[test]
fn every_position_may_keep_its_own_time() {
    let one = [0.5, 0.3, 0.2f64];
    let joint = (0..27).map(|w| one[w / 9] * one[w / 3 % 3] * one[w % 3]).collect();
    let mut model = Tabular::new(3, 3, joint).unwrap();
    let answer = Answer::after(&[], &[0, 1, 2], 3).unwrap();
    let truth: f64 = one.iter().map(|p| p.ln()).sum();
    let clean = |position: usize, t: f64| {
        let (power, fall) = (position as f64 + 1.0, 1.0 - 0.1 * position as f64);
        Clean { alpha: 1.0 - fall * t.powf(power), derivative: -fall * power * t.powf(power - 1.0) }
    };
    let times = Elbo::new(8, 0.05, key(17), clean).unwrap();
    let estimate = estimate(&mut model, &answer, 1200, &times);
    assert!(z(&estimate, truth).abs() < 4.0, "{estimate:?}, not {truth}");
    assert!(estimate.standard_error.unwrap() < 0.1, "{estimate:?}");
}

/// A jump draws tokens independently, so that a single word may come out likelier than it
/// should; the mean over all words cannot.
#[test]
fn the_closed_bound_is_a_bound_and_tight_in_the_limit() {
    let model = Tabular::random(3, 3, 0.5, key(8)).unwrap();
    let negative_entropy: f64 = model.joint().iter().map(|p| p * p.ln()).sum();
    let mut last = f64::NEG_INFINITY;
    // Ever smaller jumps at both ends.
    for jump in [0.5, 0.2, 0.05, 1e-4] {
        let exact = vec![integrated(3, 1.0 - jump, jump)];
        let value = |index: usize| {
            let answer = Answer::after(&[], &model.word(index), 3).unwrap();
            model.joint()[index] * estimate(&mut model.clone(), &answer, 1, &exact).value
        };
        let mean: f64 = (0..27).map(value).sum();
        assert!(last < mean && mean < negative_entropy + 1e-6, "{jump}: {mean}, {last}");
        last = mean;
    }
    assert!(negative_entropy - last < 1e-3, "{last} against {negative_entropy}");
}

#[test]
fn estimates_do_not_depend_on_the_batch_size() {
    let mut model = inconsistent();
    let orders = AnyOrder::new(3, key(9)).unwrap();
    let times = Elbo::new(3, 0.01, key(9), linear).unwrap();
    for target_error in [None, Some(0.4)] {
        let mut run = |batch, maskings: &dyn Maskings| {
            let scoring = Scoring { batch, guidance: 0.0 };
            let settings = MonteCarlo { replicates: 40, target_error, scoring };
            settings.estimate(&mut model, &answer(), maskings).unwrap()
        };
        for maskings in [&orders as &dyn Maskings, &times] {
            let single = run(1, maskings);
            assert_eq!(single.stopped_early, target_error.is_some(), "{single:?}");
            for batch in [2, 3, 5, 64, 1000] {
                assert_eq!(run(batch, maskings), single, "batch {batch}");
            }
        }
    }
}

#[test]
fn a_target_error_stops_as_soon_as_it_is_met() {
    let mut model = inconsistent();
    let orders = AnyOrder::new(4, key(10)).unwrap();
    let mut run = |target_error, replicates| {
        let settings = MonteCarlo { replicates, target_error, scoring: EXACT };
        settings.estimate(&mut model, &answer(), &orders).unwrap()
    };
    // The eighth replicate is the first at which a spread is trusted.
    let easy = run(Some(1e6), 60);
    assert_eq!((easy.replicates, easy.evaluations, easy.stopped_early), (8, 32, true));
    let error = run(None, 30).standard_error.unwrap();
    let stopped = run(Some(error), 60);
    assert!(stopped.stopped_early && stopped.replicates <= 30);
    assert!(stopped.standard_error.unwrap() <= error);
    let before = run(None, stopped.replicates - 1);
    assert!(stopped.replicates == 8 || error < before.standard_error.unwrap());
    let never = run(Some(0.0), 12);
    assert_eq!((never.replicates, never.stopped_early), (12, false));
    assert_eq!(run(Some(1e6), 1).standard_error, None);
}

#[test]
fn counts_are_uniform_and_even_within_a_replicate() {
    for (strata, length) in [(4, 10), (10, 10), (7, 3), (1, 6)] {
        let orders = AnyOrder::new(strata, key(11)).unwrap();
        let mut seen = vec![vec![0.0; length]; strata];
        const REPLICATES: u64 = 3000;
        for replicate in 0..REPLICATES {
            let counts = orders.counts(length, replicate);
            for (stratum, count) in counts.iter().enumerate() {
                seen[stratum][count - 1] += 1.0;
            }
            for l in 1..=length {
                let times = counts.iter().filter(|count| **count == l).count();
                let (least, most) = (strata / length, strata.div_ceil(length));
                assert!((least..=most).contains(&times), "{counts:?}");
            }
        }
        let expected = REPLICATES as f64 / length as f64;
        for n in seen.iter().flatten() {
            assert!((n - expected).abs() < 4.5 * expected.sqrt(), "{strata}, {length}: {n}");
        }
    }
}

#[test]
fn networks_are_told_the_time_and_asked_about_masks_only() {
    let mut witness = Witness::new(table(12));
    let orders = AnyOrder::new(4, key(13)).unwrap();
    estimate(&mut witness, &answer(), 3, &orders);
    for (tokens, positions, time) in &witness.seen {
        let masked: Vec<usize> = (0..4).filter(|&i| tokens[i] == 3).collect();
        assert_eq!((&masked, *time), (positions, Some(masked.len() as f64 / 4.0)));
    }
    let mut witness = Witness::new(table(12));
    let times = Elbo::new(8, 0.01, key(13), linear).unwrap();
    let few = estimate(&mut witness, &answer(), 20, &times);
    assert_eq!(few.evaluations, witness.seen.len());
    // The linear schedule ends in noise: there is no jump from it, and empty maskings, of
    // which early times have many, are not evaluated.
    assert!(witness.seen.iter().all(|(_, masked, _)| !masked.is_empty()));
    assert!(few.evaluations < 160, "{few:?}");
    assert!(witness.seen.iter().all(|(.., t)| (0.01..1.0).contains(&t.unwrap())));
}

#[test]
fn guidance_scores_the_guided_distribution() {
    let mut model = table(14);
    let (word, mask) = ([2, 0, 1, 1], 3);
    let answer = Answer::new(word.to_vec(), vec![1, 3], mask).unwrap();
    let scoring = Scoring { guidance: 0.5, ..Scoring::default() };
    let steps = along_order(&mut model, &answer, &[3, 1], &scoring).unwrap();
    for (step, conditional, unconditional, position) in
        [(0, [2, 3, 1, 3], [3, 3, 3, 3], 3), (1, [2, 3, 1, 1], [3, 3, 3, 1], 1)]
    {
        let c = model.conditional(&conditional, position);
        let u = model.conditional(&unconditional, position);
        let w: Vec<f64> = c.iter().zip(u).map(|(c, u)| c.powf(1.5) * u.powf(-0.5)).collect();
        let exact = (w[word[position] as usize] / w.iter().sum::<f64>()).ln();
        assert!((steps[step] - exact).abs() < 1e-5, "{} against {exact}", steps[step]);
    }
}

#[test]
fn a_word_that_is_ruled_out_has_no_likelihood() {
    let mut model = Tabular::new(2, 2, vec![0.6, 0.0, 0.0, 0.4]).unwrap();
    let answer = Answer::new(vec![0, 1], vec![1], 2).unwrap();
    let orders = AnyOrder::new(2, key(15)).unwrap();
    let ruled_out = estimate(&mut model, &answer, 10, &orders);
    assert_eq!((ruled_out.value, ruled_out.standard_error), (f64::NEG_INFINITY, None));
    assert_eq!(over_all_orders(&mut model, &answer, &EXACT).unwrap(), f64::NEG_INFINITY);
}

#[test]
fn answers_that_are_none_are_refused() {
    use LikelihoodError as E;
    let new = |positions: &[usize]| Answer::new(vec![0, 1, 9], positions.to_vec(), 9).unwrap_err();
    assert!(matches!(new(&[]), E::EmptyAnswer));
    assert!(matches!(new(&[1, 3]), E::Position { position: 3, length: 3 }));
    assert!(matches!(new(&[1, 1]), E::Repeated { position: 1 }));
    assert!(matches!(new(&[0, 2]), E::MaskInAnswer { position: 2, mask: 9 }));
    assert!(matches!(Answer::after(&[0], &[], 9).unwrap_err(), E::EmptyAnswer));
}

#[test]
fn settings_and_maskings_that_make_no_sense_are_refused() {
    let mut model = table(16);
    let orders = AnyOrder::new(2, key(16)).unwrap();
    let good = MonteCarlo::default();
    let scoring = |batch, guidance| MonteCarlo { scoring: Scoring { batch, guidance }, ..good };
    for (field, settings) in [
        ("replicates", MonteCarlo { replicates: 0, ..good }),
        ("target_error", MonteCarlo { target_error: Some(-0.1), ..good }),
        ("target_error", MonteCarlo { target_error: Some(f64::NAN), ..good }),
        ("batch", scoring(0, 0.0)),
        ("guidance", scoring(4, f64::INFINITY)),
    ] {
        let refused = settings.estimate(&mut model, &answer(), &orders).unwrap_err();
        assert!(
            matches!(refused, LikelihoodError::Setting { field: named, .. } if named == field),
            "{refused}"
        );
    }
    assert!(AnyOrder::new(0, key(16)).is_err());
    for (strata, epsilon) in [(0, 0.1), (1, 0.0), (1, 1.0), (1, f64::NAN)] {
        assert!(Elbo::new(strata, epsilon, key(16), linear).is_err());
    }
    for (positions, weights) in [
        (vec![4], vec![1.0]),
        (vec![0, 0], vec![1.0, 1.0]),
        (vec![0, 1], vec![1.0]),
        (vec![0], vec![-1.0]),
        (vec![0], vec![f64::NAN]),
    ] {
        let recorded = vec![vec![], vec![Masking { positions, weights, time: None }]];
        let refused = good.estimate(&mut model, &answer(), &recorded).unwrap_err();
        assert!(matches!(refused, LikelihoodError::Masking { replicate: 1, masking: 0, .. }));
    }
    let refused = good.estimate(&mut model, &answer(), &vec![]).unwrap_err();
    assert!(matches!(refused, LikelihoodError::NoMaskings));
    let unknown = Answer::after(&[0, 0, 0], &[7], 3).unwrap();
    let refused = over_all_orders(&mut model, &unknown, &EXACT).unwrap_err();
    assert!(matches!(refused, LikelihoodError::Token { position: 3, token: 7, vocab: 3 }));
    for order in [&[0, 1, 2][..], &[0, 1, 2, 2], &[0, 1, 2, 4]] {
        let refused = along_order(&mut model, &answer(), order, &EXACT).unwrap_err();
        assert!(matches!(refused, LikelihoodError::Order { length: 4 }));
    }
    let long = Answer::after(&[], &[0; 13], 3).unwrap();
    let refused = over_all_orders(&mut model, &long, &EXACT).unwrap_err();
    assert!(matches!(refused, LikelihoodError::TooLong { length: 13, limit: 12 }));
    let short = Answer::after(&[], &[0; 3], 3).unwrap();
    let refused = over_all_orders(&mut model, &short, &EXACT).unwrap_err();
    assert!(matches!(refused, LikelihoodError::Model(_)));
}
