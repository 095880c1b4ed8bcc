//! How far distributions moved since an earlier prediction.

use dlm_core::{Ask, MaskPredictor, Memory, Query, Shaping};

use crate::{
    checkpoint::{Checkpoint, named, open},
    definition::{FIXTURES, LOGARITHM, agree_in_full, by_definition},
    questions::Question,
};

#[test]
fn divergences_are_those_of_the_definition() {
    for name in FIXTURES {
        for batch_tokens in [None, Some(1)] {
            let mut model = named(name, batch_tokens);
            let (vocab, mask) = (model.vocab(), model.mask().unwrap());
            let ask = Ask { remember: true, top_k: vocab, neighbours: true, ..Ask::default() };
            let first = [
                Question::new(vocab, mask, 9, 12, 1),
                Question::new(vocab, mask, 4, 6, 2).at([9, 4, 4, 7]),
                Question::new(vocab, mask, 4, 6, 3).at([]),
            ];
            let queries = first.each_ref().map(Question::query);
            let ours = model.predict(&queries, &ask).unwrap();
            let theirs = by_definition(&mut model, &queries, &ask);
            assert_eq!(ours.memories.len(), 3);
            assert!(ours.candidates.iter().flatten().all(|answer| answer.divergence.is_none()));

            // A token further on, at positions that partly were asked about before; one
            // query has no memory.
            let mut second = first.clone();
            second[0].tokens[12] = 5;
            second[1].tokens[5] = 8;
            second[0].positions = vec![20, 0, 13, 12];
            second[1].positions = vec![5, 4, 9];
            second[2].positions = vec![4, 5];
            let with = |memories: &[Memory]| -> [Vec<Memory>; 2] {
                [vec![memories[0].clone()], vec![memories[1].clone()]]
            };
            let answers = |memories: [Vec<Memory>; 2], by: &mut dyn FnMut(&[Query<'_>]) -> _| {
                let [a, b] = &memories;
                by(&[
                    Query { earlier: a.first(), ..second[0].query() },
                    second[2].query(),
                    Query { earlier: b.first(), ..second[1].query() },
                ])
            };
            let ours = answers(with(&ours.memories), &mut |queries| {
                model.predict(queries, &ask).unwrap().candidates
            });
            let theirs = answers(with(&theirs.memories), &mut |queries| {
                by_definition(&mut model, queries, &ask).candidates
            });
            let found = |answers: &[Vec<dlm_core::Candidate>]| {
                answers.iter().flatten().filter(|answer| answer.divergence.is_some()).count()
            };
            assert_eq!((found(&ours), found(&theirs)), (5, 5), "{name}");
            for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
                let at = format!("{name}, position {}", ours.position);
                agree_in_full(&at, ours, theirs, &ask);
            }
        }
    }
}

#[test]
fn what_does_not_move_diverges_by_nothing_and_what_was_banned_by_infinity() {
    let mut model = named("llada-tiny", None);
    let question = Question::new(512, 501, 9, 12, 1);
    let banned = [(3, f32::NEG_INFINITY)];
    let shaping = Shaping { biases: &banned, ..Shaping::default() };
    let plain = Ask { remember: true, ..Ask::default() };
    let without = Ask { shaping, ..plain };
    let free = model.predict(&[question.query()], &plain).unwrap().memories.remove(0);
    let bound = model.predict(&[question.query()], &without).unwrap().memories.remove(0);
    assert_eq!(format!("{free:?}"), "Distributions [12, 512]");
    let mut divergences = |earlier: &Memory, ask: &Ask<'_>| -> Vec<f32> {
        let query = Query { earlier: Some(earlier), ..question.query() };
        let answers = model.predict(&[query], ask).unwrap().candidates.remove(0);
        answers.iter().map(|answer| answer.divergence.unwrap()).collect()
    };
    assert_eq!(divergences(&free, &plain), [0.0; 12]);
    assert_eq!(divergences(&bound, &without), [0.0; 12]);
    assert_eq!(divergences(&bound, &plain), [f32::INFINITY; 12]);
    // From p without token 3 to p: −ln(1 − p(3)).
    let watched = vec![vec![3]; 12];
    let query = Query { watched: &watched, ..question.query() };
    let of_three: Vec<f32> = divergences(&free, &without);
    let answers = model.predict(&[query], &plain).unwrap().candidates.remove(0);
    for (divergence, answer) in of_three.iter().zip(&answers) {
        let expected = -(1.0 - answer.watched[0].exp()).ln();
        assert!((divergence - expected).abs() < LOGARITHM, "{divergence}, {expected}");
    }
}

#[test]
fn a_memory_goes_where_its_owner_goes_and_fits_its_own_vocabulary() {
    fn travels<T: Send + Sync>(_: &T) {}
    let mut model = named("llada-tiny", None);
    let question = Question::new(512, 501, 9, 2, 1);
    let ask = Ask { remember: true, ..Ask::default() };
    let memory = model.predict(&[question.query()], &ask).unwrap().memories.remove(0);
    travels(&memory);
    let folder = Checkpoint::wide(600).write();
    let query = Query { earlier: Some(&memory), ..question.query() };
    let error = open(folder.path(), None, None).predict(&[query], &ask).unwrap_err();
    let error = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error, "sequence 0: its memory is of a vocabulary of 512, not 600");
}
