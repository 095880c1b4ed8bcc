//! Tokens drawn from weights that are affine in the network's output.

use dlm_core::{Affine, Ask, Candidate, MaskPredictor, Measure, Query, Transition};

use crate::{
    checkpoint::{arrays, fixture, named, sequences},
    definition::{FIXTURES, LOGARITHM, by_definition, near},
    questions::{Question, dense},
};

fn affine(slope: f64, total: f64, constant: f64) -> Affine {
    Affine { slope, total, constant }
}

/// Masking, uniform noise, and weights some of which are cut off at 0.
fn transitions(measure: Measure, vocab: usize) -> [Transition; 4] {
    let one = 1.0 / vocab as f64;
    [
        Transition { measure, jump: affine(0.4, 0.0, 0.0), stay: affine(0.0, 0.0, 0.6) },
        Transition { measure, jump: affine(0.7, 0.1 * one, one), stay: affine(3.0, 0.2, 0.1) },
        Transition { measure, jump: affine(1.0, -one, 0.0), stay: affine(0.0, 0.0, 0.0) },
        Transition { measure, jump: affine(0.0, 0.0, 1.0), stay: affine(0.0, -1.0, 0.0) },
    ]
}

fn uniform(i: usize) -> f64 {
    ((i + 1) as f64 * 0.618_034).fract()
}

#[test]
fn a_token_is_drawn_as_the_definition_draws_it() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let (vocab, mask) = (model.vocab(), model.mask().unwrap());
        let question = |known, masks, salt| {
            let whole = Question::new(vocab, mask, known, masks, salt).at(0..known + masks);
            let uniforms = (0..known + masks).map(|i| uniform(i + 7 * salt)).collect();
            Question { uniforms, ..whole }
        };
        let questions = [question(20, 20, 1), question(9, 14, 2), question(1, 30, 3)];
        let kinds = transitions(Measure::Probability, vocab);
        let every: Vec<Transition> = (0..40).map(|i| kinds[i % 4]).collect();
        // One query without transitions between two with, and shadows, which draw nothing.
        let queries = [
            Query { transitions: &every, shadows: &[2, 5], ..questions[0].query() },
            questions[1].query(),
            Query { transitions: &every[..31], ..questions[2].query() },
        ];
        for temperature in [0.0, 1.0] {
            let ask = Ask { temperature, ..Ask::default() };
            let ours = model.predict(&queries, &ask).unwrap().candidates;
            let theirs = by_definition(&mut model, &queries, &ask).candidates;
            let (mut same, mut all) = (0, 0);
            for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                for (ours, theirs) in ours.iter().zip(theirs).take(questions[index].tokens.len()) {
                    all += 1;
                    same += usize::from(ours.token == theirs.token);
                    if ours.token == theirs.token {
                        let at = format!("{name}, query {index}, {}", ours.position);
                        near(&at, ours.log_probability, theirs.log_probability, LOGARITHM);
                    }
                }
                let best: &Candidate = ours.last().unwrap();
                if index == 0 {
                    assert_eq!(best.position, 5, "{name}: a shadow");
                    assert_eq!(
                        best.target.unwrap().rank == 0,
                        best.token == questions[0].tokens[5]
                    );
                }
            }
            // A number within rounding of a boundary may fall on its other side.
            assert!(all - same <= 1, "{name}, T = {temperature}: {same} of {all} agree");
        }
    }
}

#[test]
fn scores_are_the_exponentials_of_the_references_logits() {
    for (name, key) in [("llada-tiny", "logits"), ("bert-tiny", "logits")] {
        let path = fixture(&format!("golden/{name}/logits_masked.safetensors"));
        let (tokens, logits) = (sequences(&path).remove(0), &arrays(&path)[key]);
        let mut model = named(name, None);
        let vocab = model.vocab();
        let positions: Vec<usize> = (0..tokens.len()).collect();
        let uniforms: Vec<f64> = positions.iter().map(|&i| uniform(i)).collect();
        let rows: Vec<Vec<f32>> = positions.iter().map(|&i| logits.row(i).to_vec()).collect();
        let kinds = transitions(Measure::Score, vocab);
        let every: Vec<Transition> = positions.iter().map(|i| kinds[i % 4]).collect();
        let query =
            Query { uniforms: &uniforms, transitions: &every, ..Query::new(&tokens, &positions) };
        let ours = model.predict(&[query], &Ask::default()).unwrap().candidates.remove(0);
        for (i, answer) in ours.iter().enumerate() {
            let s: Vec<f64> = rows[i].iter().map(|&l| f64::from(l).exp()).collect();
            let w = every[i].weights(&s, tokens[i]);
            let total: f64 = w.iter().sum();
            let below: f64 = w[..answer.token as usize].iter().sum::<f64>() / total;
            let above = below + w[answer.token as usize] / total;
            // The reference's logits are f32 sums in another order.
            let at = format!("{name}, position {i}, u = {}: {below}..{above}", uniforms[i]);
            assert!(below - 1e-4 <= uniforms[i] && uniforms[i] < above + 1e-4, "{at}");
        }
        let read = dense(&rows, vocab).read(&query, &Ask::default()).unwrap();
        let same = ours.iter().zip(&read).filter(|(a, b)| a.token == b.token).count();
        assert!(ours.len() - same <= 1, "{name}: {same} of {} agree", ours.len());
    }
}

#[test]
fn watched_tokens_have_the_probabilities_of_the_definition() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let (vocab, mask) = (model.vocab(), model.mask().unwrap());
        let question = Question::new(vocab, mask, 9, 4, 1);
        // Lists of any length, a token twice, the mask, and one that does not exist.
        let watched =
            vec![vec![5, 6, 5], vec![], vec![mask, vocab as u32, u32::MAX], vec![vocab as u32 - 1]];
        let queries = [Query { watched: &watched, ..question.query() }, question.query()];
        let ask = Ask { temperature: 1.0, ..Ask::default() };
        let uniforms = [0.1, 0.4, 0.6, 0.9];
        let queries = queries.map(|query| Query { uniforms: &uniforms, ..query });
        let ours = model.predict(&queries, &ask).unwrap().candidates;
        let theirs = by_definition(&mut model, &queries, &ask).candidates;
        for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
            assert_eq!(ours.watched.len(), theirs.watched.len(), "{name}");
            for (ours, theirs) in ours.watched.iter().zip(&theirs.watched) {
                near(name, *ours, *theirs, LOGARITHM);
            }
        }
        assert_eq!(ours[0][2].watched[1..], [f32::NEG_INFINITY; 2]);
    }
}

#[test]
fn a_transition_without_weight_is_refused_by_its_place() {
    let mut model = named("llada-tiny", None);
    let question = Question { uniforms: vec![0.5; 3], ..Question::new(512, 501, 4, 3, 1) };
    let measure = Measure::Probability;
    let nothing = Transition { measure, jump: affine(-1.0, 0.0, 0.0), stay: affine(0.0, 0.0, 0.0) };
    let query = Query { transitions: &[nothing; 3], ..question.query() };
    let error = model.predict(&[question.query(), query], &Ask::default()).unwrap_err();
    let error = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.starts_with("sequence 1, position 4: the weights of the transition"), "{error}");
}
