//! An answer does not depend on what else is asked.

use dlm_core::{Ask, MaskPredictor};

use crate::{
    checkpoint::named,
    questions::{Question, distributions, predict},
};

const FIXTURES: [&str; 10] = [
    "llada-tiny",
    "llada-gqa",
    "llada-tied",
    "llada-moe-tiny",
    "dream-tiny",
    "bert-tiny",
    "bert-tiny-legacy",
    "llama-tiny",
    "llama-tiny-biased",
    "llama-tiny+llama-tiny-adapter",
];

/// Rounding of f32 sums in another order, in probability.
const ROUNDING: f32 = 1e-5;

/// Five questions of unlike length, about masks and about what is known.
fn questions(name: &str) -> Vec<Question> {
    let model = named(name, None);
    // The causal ones have no mask; any token is as good.
    let (vocab, mask) = (model.vocab(), model.mask().unwrap_or(16));
    let question = |known, masks, salt| Question::new(vocab, mask, known, masks, salt);
    vec![
        question(9, 40, 1).at((9..49).step_by(6)),
        question(1, 1, 2).at(0..2),
        question(70, 17, 3).at((0..87).rev().step_by(8)),
        question(0, 6, 4),
        question(33, 128, 5).at((33..161).step_by(11)),
    ]
}

/// Both say the same of every token.
fn agree(a: &[Vec<Vec<f32>>], b: &[Vec<Vec<f32>>], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.len(), b.len(), "{what}, question {index}");
        for (place, (a, b)) in a.iter().zip(b).enumerate() {
            let difference =
                a.iter().zip(b).map(|(a, b)| (a.exp() - b.exp()).abs()).fold(0.0, f32::max);
            let at = format!("{what}, question {index}, place {place}");
            assert!(difference < ROUNDING, "{at}: probabilities differ by {difference}");
        }
    }
}

#[test]
fn a_batch_answers_as_its_members_alone_would() {
    for name in FIXTURES {
        let questions = questions(name);
        let mut model = named(name, None);
        let alone: Vec<Vec<Vec<f32>>> = questions
            .iter()
            .flat_map(|question| distributions(&mut model, std::slice::from_ref(question)))
            .collect();
        for batch_tokens in [1, 64, 10_000] {
            let mut model = named(name, Some(batch_tokens));
            let what = format!("{name}, {batch_tokens} tokens at a time");
            agree(&distributions(&mut model, &questions), &alone, &what);

            let ask = Ask { top_k: 2, ..Ask::default() };
            let answers = predict(&mut model, &questions, &ask).candidates;
            for ((question, answers), alone) in questions.iter().zip(answers).zip(&alone) {
                for ((candidate, position), alone) in
                    answers.iter().zip(&question.positions).zip(alone)
                {
                    assert_eq!(candidate.position, *position, "{what}");
                    let best = (0..alone.len()).max_by(|&a, &b| alone[a].total_cmp(&alone[b]));
                    if 2.0 * ROUNDING < candidate.margin {
                        assert_eq!(candidate.token as usize, best.unwrap(), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_order_of_questions_orders_the_answers_and_no_more() {
    for name in FIXTURES {
        let questions = questions(name);
        let order = [3, 0, 4, 2, 1];
        let shuffled: Vec<Question> = order.iter().map(|&i| questions[i].clone()).collect();
        for batch_tokens in [64, 10_000] {
            let mut model = named(name, Some(batch_tokens));
            let straight = distributions(&mut model, &questions);
            let expected: Vec<_> = order.iter().map(|&i| straight[i].clone()).collect();
            agree(&distributions(&mut model, &shuffled), &expected, name);
        }
    }
}

#[test]
fn the_same_call_gives_the_same_bytes() {
    for name in FIXTURES {
        let mut questions = questions(name);
        for question in &mut questions {
            question.uniforms = vec![0.37; question.positions.len()];
        }
        let mut model = named(name, None);
        let weights = [vec![0.5; model.vocab()]];
        let ask = Ask {
            temperature: 0.8,
            top_k: 9,
            neighbours: true,
            expectations: &weights,
            ..Ask::default()
        };
        let first = predict(&mut model, &questions, &ask);
        // Debug prints every float so that it reads back as the same bits.
        assert_eq!(format!("{first:?}"), format!("{:?}", predict(&mut model, &questions, &ask)));
        let afresh = predict(&mut named(name, None), &questions, &ask);
        assert_eq!(format!("{first:?}"), format!("{afresh:?}"), "{name}");
    }
}

#[test]
fn asking_about_fewer_positions_changes_none_of_them() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let whole = questions(name).remove(2).at((0..87).rev());
        let all = distributions(&mut model, std::slice::from_ref(&whole)).remove(0);
        let place = |position: usize| whole.positions.iter().position(|&p| p == position).unwrap();
        for some in [vec![40], vec![86, 0, 1], vec![5, 5, 70, 5], (0..87).step_by(3).collect()] {
            let expected = vec![some.iter().map(|&p| all[place(p)].clone()).collect()];
            let question = whole.clone().at(some.iter().copied());
            agree(&distributions(&mut model, &[question]), &expected, &format!("{name} {some:?}"));
        }
    }
}
