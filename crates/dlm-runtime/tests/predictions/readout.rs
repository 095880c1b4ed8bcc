//! The readout on the device against its definition in host memory.
//!
//! The definition is given the distributions that the model lists in full, so what
//! is compared is every other statistic, computed in another way and in f64.

use dlm_core::{Ask, Candidate, DenseLogits, MaskPredictor};
use dlm_runtime::Model;

use crate::{
    checkpoint::{Checkpoint, named, open},
    definition::{FIXTURES, LOGARITHM, PROBABILITY, agree, near},
    questions::{Question, dense, distributions, predict},
};

/// Positions in any order, some twice, one, none; sequences of unlike length.
fn questions(model: &Model) -> Vec<Question> {
    let (vocab, mask) = (model.vocab(), model.mask().unwrap());
    let question = |known, masks, salt| Question::new(vocab, mask, known, masks, salt);
    // Some right tokens are known, some are not.
    let target = |p: usize| (!p.is_multiple_of(3)).then_some((p * 97 % vocab) as u32);
    vec![
        question(21, 64, 1).knowing(target),
        question(5, 30, 2).at([34, 0, 17, 17, 9, 34, 20]).knowing(target),
        question(12, 8, 3).at([15]),
        question(12, 8, 4).at([]),
        question(2, 11, 5).at([12, 11, 10]).knowing(|_| None),
        question(60, 40, 6),
    ]
}

/// What the definition makes of the distributions that `model` lists in full.
fn definition(model: &mut Model, questions: &[Question]) -> Vec<DenseLogits> {
    let vocab = model.vocab();
    distributions(model, questions).iter().map(|rows| dense(rows, vocab)).collect()
}

/// Runs every one of `asks` over `questions` and compares all statistics but draws.
fn check(name: &str, model: &mut Model, questions: &[Question], asks: &[Ask<'_>]) {
    let definitions = definition(model, questions);
    for ask in asks {
        let answers = predict(model, questions, ask).candidates;
        assert_eq!(answers.len(), questions.len(), "{name}");
        for (index, (question, dense)) in questions.iter().zip(&definitions).enumerate() {
            let expected = dense.read(&question.query(), ask).unwrap();
            assert_eq!(answers[index].len(), expected.len(), "{name}, question {index}");
            for (place, (ours, theirs)) in answers[index].iter().zip(&expected).enumerate() {
                let at = format!("{name}, question {index}, place {place}");
                agree(&at, ours, theirs, &dense.probabilities(place), ask);
            }
        }
    }
}

/// A constant, a set of tokens, and `−ln u` of a skewed `u`.
fn weights(vocab: usize) -> Vec<Vec<f32>> {
    let total: f64 = (1..=vocab).map(|v| 1.0 / v as f64).sum();
    vec![
        vec![1.0; vocab],
        (0..vocab).map(|v| f32::from(u8::from(v % 7 < 2))).collect(),
        (1..=vocab).map(|v| (v as f64 * total).ln() as f32).collect(),
        (0..vocab).map(|v| if v % 2 == 0 { -3.5 } else { 2.0 }).collect(),
    ]
}

#[test]
fn every_statistic_is_that_of_the_definition() {
    for name in FIXTURES {
        for batch_tokens in [None, Some(1)] {
            let mut model = named(name, batch_tokens);
            let questions = questions(&model);
            let weights = weights(model.vocab());
            let ask = Ask { top_k: 5, expectations: &weights, neighbours: true, ..Ask::default() };
            let one = Ask { top_k: 1, expectations: &weights[..1], ..Ask::default() };
            check(name, &mut model, &questions, &[ask, Ask::default(), one]);
        }
    }
}

#[test]
fn a_constant_expects_itself_and_a_twin_position_diverges_by_nothing() {
    let mut model = named("llada-tiny", None);
    let weights = weights(model.vocab());
    let question = Question::new(model.vocab(), model.mask().unwrap(), 9, 20, 1);
    let question = question.at([12, 12, 20, 20]);
    let ask = Ask { expectations: &weights, neighbours: true, ..Ask::default() };
    let answers = predict(&mut model, &[question], &ask).candidates.remove(0);
    for answer in &answers {
        near("the sum of a distribution", answer.expectations[0], 1.0, 2e-6);
    }
    near("divergence of equals", answers[0].next_divergence.unwrap(), 0.0, 1e-5);
    near("divergence of equals", answers[2].next_divergence.unwrap(), 0.0, 1e-5);
    assert!(1e-4 < answers[1].next_divergence.unwrap());
    assert_eq!(answers[3].next_divergence, None);
}

#[test]
fn a_large_vocabulary_read_in_pieces_gives_the_same_statistics() {
    // Large enough that no plausible piece holds all these rows at once.
    let folder = Checkpoint::wide(50_000).write();
    let mut model = open(folder.path(), None, None);
    let (vocab, mask) = (model.vocab(), model.mask().unwrap());
    let question = |known, masks, salt| Question::new(vocab, mask, known, masks, salt);
    let target = |p: usize| Some((p * 4_001 % vocab) as u32);
    let few = vec![
        question(4, 26, 1).knowing(target),
        question(30, 1, 2).knowing(target),
        question(7, 20, 3).at([26, 0, 26]),
    ];
    let weights = weights(vocab);
    let ask = Ask { top_k: 4, expectations: &weights, neighbours: true, ..Ask::default() };
    check("wide", &mut model, &few, &[ask]);

    // Many more rows than the definition has the time for: one sequence, asked over and
    // over, must say each time what it said at first.
    let turn: Vec<usize> = (4..30).collect();
    let many = turn.iter().copied().cycle().take(400);
    let again = few[0].clone().at(many).knowing(target);
    let once = predict(&mut model, &few[..1], &ask).candidates.remove(0);
    let often = predict(&mut model, &[again], &ask).candidates.remove(0);
    assert_eq!(often.len(), 400);
    let around = often[turn.len() - 1].next_divergence.unwrap();
    for (index, ours) in often.iter().enumerate() {
        let theirs = &once[index % turn.len()];
        let at = format!("place {index}");
        assert_eq!((ours.position, ours.token), (theirs.position, theirs.token), "{at}");
        near(&at, ours.entropy, theirs.entropy, LOGARITHM);
        near(&at, ours.log_probability, theirs.log_probability, LOGARITHM);
        near(&at, ours.expectations[2], theirs.expectations[2], 1e-4);
        assert_eq!(ours.target.unwrap().rank, theirs.target.unwrap().rank, "{at}");
        let last = index + 1 == often.len();
        assert_eq!(ours.next_divergence.is_none(), last, "{at}");
        if let Some(divergence) = ours.next_divergence {
            near(&at, divergence, theirs.next_divergence.unwrap_or(around), LOGARITHM);
        }
    }
}

#[test]
fn a_mixture_sums_the_distributions_place_by_place() {
    for name in FIXTURES {
        for batch_tokens in [None, Some(1), Some(100)] {
            let mut model = named(name, batch_tokens);
            let questions = alike(&model, 30);
            let ask = Ask { mixture: true, neighbours: true, ..Ask::default() };
            let mixture = predict(&mut model, &questions, &ask).mixture.unwrap();
            assert_eq!((mixture.queries, mixture.vocab), (3, model.vocab()));
            assert_eq!(mixture.sum.len(), 30 * model.vocab());
            let all = distributions(&mut model, &questions);
            for (place, row) in mixture.sum.chunks(model.vocab()).enumerate() {
                let difference = |(token, &ours): (usize, &f32)| {
                    let theirs: f32 = all.iter().map(|rows| rows[place][token].exp()).sum();
                    (ours - theirs).abs()
                };
                let largest = row.iter().enumerate().map(difference).fold(0.0, f32::max);
                assert!(largest < 3.0 * PROBABILITY, "{name}, place {place}: {largest}");
            }
            assert_eq!(predict(&mut model, &questions, &Ask::default()).mixture, None);
        }
    }
}

#[test]
fn a_mixture_over_a_large_vocabulary_has_the_expectations_of_its_parts() {
    let folder = Checkpoint::wide(50_000).write();
    for batch_tokens in [None, Some(1)] {
        let mut model = open(folder.path(), None, batch_tokens);
        let questions = alike(&model, 30);
        let weights = weights(model.vocab());
        let ask = Ask { mixture: true, expectations: &weights, ..Ask::default() };
        let answers = predict(&mut model, &questions, &ask);
        let mixture = answers.mixture.unwrap();
        assert_eq!(mixture.sum.len(), 30 * model.vocab());
        for (place, row) in mixture.sum.chunks(model.vocab()).enumerate() {
            for (index, weights) in weights.iter().enumerate() {
                let ours = row.iter().zip(weights).map(|(&p, &w)| f64::from(p) * f64::from(w));
                let ours = ours.sum::<f64>() as f32;
                let parts = answers.candidates.iter().map(|c| c[place].expectations[index]);
                let what = format!("place {place}, weights {index}");
                let most = weights.iter().map(|w| w.abs()).fold(0.0, f32::max);
                near(&what, ours, parts.sum(), 3.0 * most * PROBABILITY);
            }
        }
    }
}

/// Three questions about equally many places, one of which asks backwards: places
/// belong together in a mixture, not positions.
fn alike(model: &Model, masks: usize) -> Vec<Question> {
    let (vocab, mask) = (model.vocab(), model.mask().unwrap());
    let question = |known, salt| Question::new(vocab, mask, known, masks, salt);
    vec![question(3, 0), question(19, 1).at((19..19 + masks).rev()), question(40, 2)]
}

#[test]
fn a_token_is_drawn_where_its_uniform_number_falls() {
    let largest = 1.0_f64.next_down();
    let grid = [0.0, 1e-300, 1e-9, 0.013, 0.25, 0.5, 0.749, 0.9, 0.999, 0.999_999_9, largest];
    for name in FIXTURES {
        let mut model = named(name, None);
        let (vocab, mask) = (model.vocab(), model.mask().unwrap());
        let places: Vec<usize> = (15..30).collect();
        let whole = Question::new(vocab, mask, 15, 20, 8);
        let definition = distributions(&mut model, &[whole.clone().at(places.clone())]).remove(0);
        for temperature in [0.05, 0.4, 1.0, 3.0] {
            let ask = Ask { temperature, ..Ask::default() };
            // Each place with each number, in one call.
            let pairs = places.iter().flat_map(|&place| grid.iter().map(move |&u| (place, u)));
            let (positions, uniforms): (Vec<usize>, Vec<f64>) = pairs.unzip();
            let question = Question { uniforms, ..whole.clone().at(positions) };
            let answers =
                predict(&mut model, std::slice::from_ref(&question), &ask).candidates.remove(0);
            let mut drawn = std::collections::BTreeSet::new();
            for (answer, &u) in answers.iter().zip(&question.uniforms) {
                let row = &definition[answer.position - places[0]];
                let p = dense(std::slice::from_ref(row), vocab).probabilities(0);
                let tempered: Vec<f32> = row.iter().map(|l| l / temperature as f32).collect();
                let tempered = dense(&[tempered], vocab).probabilities(0);
                let token = answer.token as usize;
                let below: f64 = tempered[..token].iter().sum();
                let above = below + tempered[token];
                // The listed logarithms are f32; a low temperature magnifies their rounding.
                let slack = 4e-6 / temperature.min(1.0);
                let at = format!("{name} at {}, T = {temperature}, u = {u}", answer.position);
                assert!(below - slack <= u && u < above + slack, "{at}: {below}..{above}");
                assert!(0.0 < tempered[token], "{at}: {token} cannot be drawn");
                // What is said of the token is said of it untempered.
                near(&at, answer.log_probability, p[token].ln() as f32, LOGARITHM);
                drawn.insert(token);
            }
            assert!(3 < drawn.len(), "{name}, T = {temperature}: {drawn:?}");
        }
    }
}

#[test]
fn a_draw_agrees_with_the_definition_and_leaves_the_statistics_alone() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let mut questions = questions(&model);
        for (salt, question) in questions.iter_mut().enumerate() {
            let uniform = |i: usize| ((i + 1) as f64 * 0.618_034 + salt as f64 * 0.071).fract();
            question.uniforms = (0..question.positions.len()).map(uniform).collect();
        }
        let weights = weights(model.vocab());
        let greedy = Ask { top_k: 3, expectations: &weights, neighbours: true, ..Ask::default() };
        let at_zero = predict(&mut model, &questions, &greedy).candidates;
        let definitions = definition(&mut model, &questions);
        for temperature in [0.3, 1.0, 1.7] {
            let ask = Ask { temperature, ..greedy };
            let answers = predict(&mut model, &questions, &ask).candidates;
            let (mut same, mut all) = (0, 0);
            for (index, (question, dense)) in questions.iter().zip(&definitions).enumerate() {
                let expected = dense.read(&question.query(), &ask).unwrap();
                for (place, (ours, theirs)) in answers[index].iter().zip(&expected).enumerate() {
                    same += usize::from(ours.token == theirs.token);
                    all += 1;
                    let greedy = &at_zero[index][place];
                    let (token, log_probability) = (greedy.token, greedy.log_probability);
                    let undrawn = Candidate { token, log_probability, ..ours.clone() };
                    assert_eq!(undrawn, *greedy, "{name}, T = {temperature}");
                }
            }
            // A number within f32 rounding of a boundary may fall on its other side.
            assert!(all - same <= 1, "{name}, T = {temperature}: {same} of {all} draws agree");
        }
    }
}

#[test]
fn equals_are_ranked_by_their_ids() {
    // Forty tokens share the head row of the reference's favourite.
    let mut checkpoint = Checkpoint::model("llada-tiny");
    let mut model = named("llada-tiny", None);
    let question = Question::new(model.vocab(), model.mask().unwrap(), 9, 20, 1).at([15]);
    let favourite = predict(&mut model, std::slice::from_ref(&question), &Ask::default())
        .candidates[0][0]
        .token;
    let head = checkpoint.tensor("model.transformer.ff_out.weight");
    let row = head.row(favourite as usize).to_vec();
    let equals: Vec<u32> = (3..510).step_by(13).collect();
    for &token in &equals {
        head.row_mut(token as usize).copy_from_slice(&row);
    }
    let mut equals = equals;
    equals.push(favourite);
    equals.sort_unstable();
    equals.dedup();
    let folder = checkpoint.write();
    let mut model = open(folder.path(), None, None);
    for top_k in [0, 1, 2, 3, 7, equals.len(), equals.len() + 1] {
        let ask = Ask { top_k, ..Ask::default() };
        let answer =
            predict(&mut model, std::slice::from_ref(&question), &ask).candidates[0].remove(0);
        assert_eq!(answer.token, equals[0], "top-{top_k}: the most probable token");
        assert_eq!(answer.margin, 0.0, "top-{top_k}");
        let listed: Vec<u32> = answer.top.iter().map(|t| t.token).take(equals.len()).collect();
        assert_eq!(listed, equals[..top_k.min(equals.len())], "top-{top_k}");
    }
    let target = question.knowing(|_| Some(favourite));
    let answer = predict(&mut model, &[target], &Ask::default()).candidates[0].remove(0);
    assert_eq!(answer.target.unwrap().rank, 0, "no equal is better");
}
