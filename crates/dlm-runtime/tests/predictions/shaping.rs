//! The shaped distribution against its definition.

use dlm_core::{Ask, Crossing, MaskPredictor, Query, Shaping, TopP};

use crate::{
    checkpoint::{Checkpoint, named, open},
    definition::{FIXTURES, agree_in_full, by_definition},
    questions::Question,
};

const BANNED: f32 = f32::NEG_INFINITY;

fn nucleus(mass: f64, crossing: Crossing) -> Option<TopP> {
    Some(TopP { mass, crossing })
}

#[test]
fn every_shaping_gives_the_distribution_of_the_definition() {
    let biases: Vec<(u32, f32)> = vec![(3, 1.5), (7, BANNED), (40, -2.0), (3, 0.25), (199, BANNED)];
    let most: Vec<(u32, f32)> = (5..310).map(|token| (token, BANNED)).collect();
    let plain = Shaping::default();
    let shapings = [
        Shaping { guidance: 1.7, ..plain },
        Shaping { biases: &most, ..plain },
        Shaping { top_k: Some(9), ..plain },
        Shaping { top_p: nucleus(0.6, Crossing::Kept), ..plain },
        Shaping { top_p: nucleus(0.6, Crossing::Dropped), ..plain },
        Shaping { top_p: nucleus(1e-6, Crossing::Dropped), ..plain },
        Shaping {
            guidance: 0.8,
            biases: &biases,
            top_k: Some(30),
            top_p: nucleus(0.7, Crossing::Kept),
        },
    ];
    for name in FIXTURES {
        // Sequences in one forward pass, or in one each.
        let batch_tokens = if name == "dream-tiny" { Some(1) } else { None };
        let mut model = named(name, batch_tokens);
        let (vocab, mask) = (model.vocab(), model.mask().unwrap());
        let question = |known, masks, salt| {
            let target = |p: usize| Some((p * 97 % vocab) as u32);
            Question::new(vocab, mask, known, masks, salt).knowing(target)
        };
        let questions = [question(12, 4, 1), question(4, 3, 2), question(8, 2, 3)];
        let without: Vec<Vec<u32>> = questions
            .iter()
            .map(|q| q.tokens.iter().enumerate().map(|(i, &t)| if i < 3 { mask } else { t }))
            .map(Iterator::collect)
            .collect();
        // The one in the middle has nothing to be led away from.
        let unconditional = |i: usize| (i != 1).then_some(without[i].as_slice());
        let queries: Vec<Query<'_>> = questions
            .iter()
            .enumerate()
            .map(|(i, q)| Query { unconditional: unconditional(i), ..q.query() })
            .collect();
        for shaping in shapings {
            let ask = Ask { shaping, top_k: vocab, neighbours: true, ..Ask::default() };
            let theirs = by_definition(&mut model, &queries, &ask).candidates;
            let ours = model.predict(&queries, &ask).unwrap().candidates;
            for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
                let at = format!("{name}, {shaping:?}, position {}", ours.position);
                agree_in_full(&at, ours, theirs, &ask);
                assert_eq!(ours.token, ours.top[0].token, "{at}");
            }
        }
    }
}

#[test]
fn a_wide_nucleus_over_a_large_vocabulary_is_found() {
    // Flat enough that the nucleus is far larger than what is looked at first.
    let folder = Checkpoint::wide(9_001).write();
    let mut model = open(folder.path(), None, None);
    let question = Question::new(9_001, 9_000, 6, 3, 4);
    let queries = [question.query()];
    for (mass, crossing) in [(0.999, Crossing::Kept), (0.97, Crossing::Dropped)] {
        let shaping = Shaping { top_p: nucleus(mass, crossing), ..Shaping::default() };
        let ask = Ask { shaping, top_k: 9_001, ..Ask::default() };
        let ours = model.predict(&queries, &ask).unwrap().candidates.remove(0);
        let theirs = by_definition(&mut model, &queries, &ask).candidates.remove(0);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let kept = |c: &dlm_core::Candidate| {
                c.top.iter().filter(|ranked| ranked.log_probability.is_finite()).count()
            };
            let (ours_kept, theirs_kept) = (kept(ours), kept(theirs));
            assert!(1_024 < ours_kept && ours_kept < 9_000, "{ours_kept}");
            // The sum passes the mass within rounding of one of these steps.
            assert!(ours_kept.abs_diff(theirs_kept) <= 3, "{ours_kept}, {theirs_kept}");
            assert!((ours.entropy - theirs.entropy).abs() < 1e-3);
        }
    }
}

#[test]
fn the_whole_mass_and_every_token_are_no_truncation() {
    let mut model = named("bert-tiny", None);
    let question = Question::new(400, model.mask().unwrap(), 6, 3, 4);
    let mut answers = |shaping| {
        let ask = Ask { shaping, top_k: 400, ..Ask::default() };
        model.predict(&[question.query()], &ask).unwrap().candidates
    };
    let plain = answers(Shaping::default());
    for crossing in [Crossing::Kept, Crossing::Dropped] {
        let top_p = nucleus(1.0, crossing);
        assert_eq!(answers(Shaping { top_p, top_k: Some(400), ..Shaping::default() }), plain);
    }
}

#[test]
fn equals_stay_in_the_order_of_their_ids() {
    // A head whose rows are all the same: every token has p = 1/512.
    let mut checkpoint = Checkpoint::model("llada-tiny");
    let head = checkpoint.tensor("model.transformer.ff_out.weight");
    let row = head.row(0).to_vec();
    (0..512).for_each(|token| head.row_mut(token).copy_from_slice(&row));
    let folder = checkpoint.write();
    let mut model = open(folder.path(), None, None);
    let question = Question::new(512, 501, 6, 3, 4);
    for (shaping, kept) in [
        (Shaping { top_k: Some(5), ..Shaping::default() }, 5),
        (Shaping { top_k: Some(300), ..Shaping::default() }, 300),
        (Shaping { top_p: nucleus(0.5, Crossing::Kept), ..Shaping::default() }, 256),
        (Shaping { top_p: nucleus(0.501, Crossing::Kept), ..Shaping::default() }, 257),
        (Shaping { top_p: nucleus(0.501, Crossing::Dropped), ..Shaping::default() }, 256),
    ] {
        let ask = Ask { shaping, top_k: 512, ..Ask::default() };
        let answers = model.predict(&[question.query()], &ask).unwrap().candidates.remove(0);
        for answer in answers {
            let possible = answer.top.iter().filter(|ranked| ranked.log_probability.is_finite());
            let possible: Vec<u32> = possible.map(|ranked| ranked.token).collect();
            assert_eq!(possible, (0..kept).collect::<Vec<u32>>(), "{shaping:?}");
            assert!((answer.entropy - (kept as f32).ln()).abs() < 1e-5, "{shaping:?}");
        }
    }
}

#[test]
fn a_draw_is_from_the_shaped_distribution_and_never_of_what_is_banned() {
    let mut model = named("llada-tiny", None);
    let biases: Vec<(u32, f32)> = (0..512).step_by(2).map(|token| (token, BANNED)).collect();
    let whole = Question::new(512, 501, 9, 1, 2);
    let positions = vec![9; 400];
    let uniforms: Vec<f64> = (0..400).map(|i| f64::from(i) / 400.0).collect();
    let whole = Question { uniforms, ..whole.at(positions) };
    let shaping = Shaping { biases: &biases, top_k: Some(20), ..Shaping::default() };
    for temperature in [1.0, 0.7, 1e-300, 1e300] {
        let ask = Ask { shaping, temperature, top_k: 20, ..Ask::default() };
        let answers = model.predict(&[whole.query()], &ask).unwrap().candidates.remove(0);
        let mut before = 0;
        for (answer, u) in answers.iter().zip(&whole.uniforms) {
            let at = format!("T = {temperature}, u = {u}");
            let listed = answer.top.iter().find(|ranked| ranked.token == answer.token);
            let listed = listed.unwrap_or_else(|| panic!("{at}: {} is ruled out", answer.token));
            assert_eq!(listed.log_probability, answer.log_probability, "{at}");
            assert!(before <= answer.token, "{at}: a larger number draws a smaller token");
            before = answer.token;
        }
        let mut drawn: Vec<u32> = answers.iter().map(|answer| answer.token).collect();
        drawn.dedup();
        match temperature {
            1e-300 => assert_eq!(drawn, [answers[0].top[0].token], "the most probable"),
            1e300 => assert_eq!(drawn.len(), 20, "all that stayed, equally"),
            _ => assert!(2 < drawn.len()),
        }
    }
}
