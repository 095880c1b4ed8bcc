//! Answers about known tokens as if these were masked, in the same forward pass.

use std::error::Error as _;

use dlm_core::{Ask, Candidate, MaskPredictor, Query, Shaping};
use dlm_runtime::Model;
use serde_json::json;

use crate::{
    checkpoint::{Checkpoint, named, open},
    definition::{agree_in_full, by_definition},
    questions::{Question, listed},
};

/// Every family that looks both ways.
const FIXTURES: [&str; 6] = [
    "llada-tiny",
    "dream-tiny",
    "bert-tiny",
    "llama-tiny+llama-tiny-adapter",
    "llada-moe-tiny",
    "mdlm-tiny",
];

/// Sums in another order, in probability.
const ROUNDING: f32 = 1e-5;

/// Known tokens before, between and after masks.
fn question(model: &Model, salt: usize) -> Question {
    let (vocab, mask) = (model.vocab(), model.mask().unwrap());
    let mut question = Question::new(vocab, mask, 10, 6, salt);
    question.tokens.extend([31, 32, 33]);
    question
}

/// The answers to one query, every token listed.
fn answers(model: &mut Model, query: Query<'_>) -> Vec<Candidate> {
    let ask = Ask { top_k: model.vocab(), ..Ask::default() };
    model.predict(&[query], &ask).unwrap().candidates.remove(0)
}

fn distance(a: &Candidate, b: &Candidate) -> f32 {
    let (a, b) = (listed(a, a.top.len()), listed(b, b.top.len()));
    a.iter().zip(&b).map(|(a, b)| (a.exp() - b.exp()).abs()).fold(0.0, f32::max)
}

#[track_caller]
fn same(at: &str, ours: &[Candidate], theirs: &[Candidate]) {
    assert_eq!(ours.len(), theirs.len(), "{at}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.position, theirs.position, "{at}");
        let distance = distance(ours, theirs);
        assert!(distance < ROUNDING, "{at}, position {}: {distance}", ours.position);
    }
}

#[test]
fn shadows_change_no_other_answer_and_no_other_shadow() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let question = question(&model, 1);
        let query = question.query();
        let shadows = [3, 0, 18, 16, 9, 3];
        let together = answers(&mut model, Query { shadows: &shadows, ..query });
        let (plain, cast) = together.split_at(6);
        same(name, plain, &answers(&mut model, query));
        for (place, shadow) in shadows.iter().enumerate() {
            let alone = Query { positions: &[], shadows: &[*shadow], ..query };
            same(name, &cast[place..=place], &answers(&mut model, alone));
            let target = cast[place].target.unwrap();
            let own = listed(&cast[place], model.vocab())[question.tokens[*shadow] as usize];
            assert_eq!(target.log_probability, own, "{name}: the target is the own token");
        }
    }
}

#[test]
fn a_shadow_is_another_answer_than_that_of_who_sees_the_token() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let question = question(&model, 2);
        // A shifted network's row for its position does not see the token itself, but the
        // row's other neighbours do.
        for position in [1, 5, 9, 17] {
            let query = Query { shadows: &[position], ..Query::new(&question.tokens, &[]) };
            let shadow = answers(&mut model, query).remove(0);
            let seen = answers(&mut model, Query::new(&question.tokens, &[position])).remove(0);
            assert!(1e-4 < distance(&shadow, &seen), "{name}, position {position}");
        }
    }
}

#[test]
fn alone_in_its_sequence_a_shadow_is_the_masked_answer() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let mask = model.mask().unwrap();
        for token in [5, 77, 200] {
            let tokens = [token];
            // Who is told no time guesses it from the masks, of which there is one more.
            let at = |query| Query { time: Some(0.7), ..query };
            let shadow = at(Query { shadows: &[0], ..Query::new(&tokens, &[]) });
            let shadow = answers(&mut model, shadow);
            same(name, &shadow, &answers(&mut model, at(Query::new(&[mask], &[0]))));
        }
    }
}

/// The first block of a fixture, or of an adapted fixture, as a model of its own.
fn one_block(name: &str) -> Model {
    let (base, adapter) = name.split_once('+').map_or((name, None), |(b, a)| (b, Some(a)));
    let first = |checkpoint: &mut Checkpoint| {
        checkpoint.tensors.retain(|name, _| {
            let later =
                |prefix: &str| name.contains(prefix) && !name.contains(&format!("{prefix}0."));
            ![".blocks.", ".layers.", ".layer."].into_iter().any(later)
        });
    };
    let mut checkpoint = Checkpoint::model(base);
    let config = checkpoint.json.get_mut("config.json").unwrap();
    let field =
        ["n_layers", "num_hidden_layers", "n_blocks"].into_iter().find(|f| config.get(f).is_some());
    config[field.unwrap()] = json!(1);
    if let Some(blocks) = config.get_mut("moe_layer_freq") {
        // Whether each block is a mixture of experts.
        *blocks = json!([1]);
    }
    if base == "bert-tiny" {
        // Without its tokenizer nothing else names the mask.
        config["mask_token_id"] = json!(named(name, None).mask().unwrap());
    }
    first(&mut checkpoint);
    let folder = checkpoint.write();
    let adapted = adapter.map(|adapter| {
        let mut adapter = Checkpoint::adapter(adapter);
        first(&mut adapter);
        adapter.write()
    });
    open(folder.path(), adapted.as_ref().map(|folder| folder.path()), None)
}

#[test]
fn with_one_block_a_shadow_is_the_masked_answer_in_every_statistic() {
    for name in FIXTURES {
        let mut model = one_block(name);
        assert_eq!(model.description().layers, 1, "{name}");
        let question = question(&model, 3);
        let mut without = question.tokens.clone();
        without[..4].fill(model.mask().unwrap());
        let shadows = [0, 1, 8, 9, 16, 18];
        let query = Query {
            shadows: &shadows,
            unconditional: Some(&without),
            time: Some(0.4),
            ..question.query()
        };
        // Substitution rules out another token where the condition hides one; the two have
        // no difference to be led along.
        let guidances = if name == "mdlm-tiny" { [0.0; 2] } else { [0.0, 0.5] };
        for guidance in guidances {
            let shaping = Shaping { guidance, ..Shaping::default() };
            let top_k = model.vocab();
            let ask = Ask { shaping, top_k, neighbours: true, ..Ask::default() };
            let ours = model.predict(&[query], &ask).unwrap().candidates.remove(0);
            let theirs = by_definition(&mut model, &[query], &ask).candidates.remove(0);
            assert_eq!(ours.len(), 12);
            for (ours, theirs) in ours.iter().zip(&theirs) {
                let at = format!("{name}, w = {guidance}, position {}", ours.position);
                agree_in_full(&at, ours, theirs, &ask);
            }
        }
    }
}

#[test]
fn a_batch_with_shadows_answers_as_its_members_alone_would() {
    for name in FIXTURES {
        let mut model = named(name, None);
        let questions = [question(&model, 1), question(&model, 4), question(&model, 5)];
        let mut queries = questions.each_ref().map(Question::query);
        queries[0].shadows = &[17, 2];
        queries[2].shadows = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let alone: Vec<_> = queries.iter().map(|&query| answers(&mut model, query)).collect();
        let ask = Ask { top_k: model.vocab(), ..Ask::default() };
        for batch_tokens in [Some(1), Some(50), None] {
            let mut model = named(name, batch_tokens);
            let together = model.predict(&queries, &ask).unwrap().candidates;
            for (together, alone) in together.iter().zip(&alone) {
                same(name, together, alone);
            }
        }
    }
}

#[test]
fn a_shadow_draws_nothing_and_joins_neither_draws_nor_mixtures() {
    let mut model = named("dream-tiny", None);
    let question = question(&model, 1);
    let uniforms = [0.1, 0.3, 0.5, 0.7, 0.9, 0.95];
    let query = Query { uniforms: &uniforms, ..question.query() };
    let shadowed = Query { shadows: &[4, 8], ..query };
    let ask = Ask { temperature: 1.0, mixture: true, top_k: 1, ..Ask::default() };
    let plain = model.predict(&[query], &ask).unwrap();
    let both = model.predict(&[shadowed], &ask).unwrap();
    let tokens = |answers: &[Candidate]| answers.iter().map(|a| a.token).collect::<Vec<_>>();
    assert_eq!(tokens(&both.candidates[0][..6]), tokens(&plain.candidates[0]));
    for shadow in &both.candidates[0][6..] {
        assert_eq!(shadow.token, shadow.top[0].token);
    }
    let (plain, both) = (plain.mixture.unwrap(), both.mixture.unwrap());
    assert_eq!(plain.sum.len(), both.sum.len());
    assert!(plain.sum.iter().zip(&both.sum).all(|(a, b)| (a - b).abs() < ROUNDING));
}

#[test]
fn a_causal_network_or_one_without_a_mask_has_no_shadows() {
    let query = Query { shadows: &[1], ..Query::new(&[5, 6, 7], &[]) };
    let refusal = |mut model: Model| {
        let error = model.predict(&[query], &Ask::default()).unwrap_err();
        error.source().unwrap().to_string()
    };
    assert_eq!(
        refusal(named("llama-tiny", None)),
        "sequence 0: a causal network has no shadows: it needs --adapter"
    );
    let mut checkpoint = Checkpoint::model("llada-tiny");
    checkpoint
        .json
        .get_mut("config.json")
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove("mask_token_id");
    let folder = checkpoint.write();
    assert!(refusal(open(folder.path(), None, None)).contains("no mask token"));
}
