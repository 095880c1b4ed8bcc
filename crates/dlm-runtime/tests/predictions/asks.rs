//! What is refused, and in what words.

use std::error::Error as _;

use dlm_core::{Affine, Ask, Crossing, MaskPredictor, Measure, Query, Shaping, TopP, Transition};
use dlm_runtime::{Error, Model};

use crate::{
    checkpoint::{Checkpoint, fixture, named, open},
    questions::{Question, predict},
};

/// The runtime's own error beneath a refused prediction.
fn refusal(model: &mut Model, questions: &[Question], ask: &Ask<'_>) -> (&'static str, String) {
    let queries: Vec<_> = questions.iter().map(Question::query).collect();
    let error = model.predict(&queries, ask).unwrap_err();
    let source = error.source().unwrap().downcast_ref::<Error>().unwrap();
    let kind = match source {
        Error::Ask(_) => "ask",
        Error::Prompt(_) => "prompt",
        Error::NotANumber { .. } => "not a number",
        _ => "another",
    };
    (kind, source.to_string())
}

#[test]
fn an_ask_that_makes_no_sense_is_refused_by_name() {
    let mut model = named("llada-tiny", None);
    let mask = model.mask().unwrap();
    let good = Question::new(512, mask, 4, 3, 1);
    let warm = Ask { temperature: 1.0, ..Ask::default() };
    let plain = Ask::default();
    let with = |edit: fn(&mut Question)| {
        let mut bad = good.clone();
        edit(&mut bad);
        vec![good.clone(), bad]
    };
    let drawn = |edit: fn(&mut Question)| {
        let mut questions = with(edit);
        questions[0].uniforms = vec![0.5; 3];
        questions
    };
    let one = || vec![good.clone()];
    let short_weights = [vec![1.0; 512], vec![1.0; 511]];
    let mut infinite_weights = [vec![0.0; 512]];
    infinite_weights[0][9] = f32::INFINITY;

    let cases: Vec<(Vec<Question>, Ask<'_>, &str, &str)> = vec![
        (one(), Ask { top_k: 513, ..plain }, "ask", "top-k 513 exceeds the vocabulary of 512"),
        (
            one(),
            Ask { temperature: -0.5, ..plain },
            "ask",
            "a temperature of -0.5 is not 0 or above",
        ),
        (
            one(),
            Ask { temperature: f64::NAN, ..plain },
            "ask",
            "a temperature of NaN is not 0 or above",
        ),
        (
            one(),
            Ask { temperature: f64::INFINITY, ..plain },
            "ask",
            "a temperature of inf is not 0 or above",
        ),
        (
            one(),
            Ask { expectations: &short_weights, ..plain },
            "ask",
            "511 weights for a vocabulary of 512",
        ),
        (
            one(),
            Ask { expectations: &infinite_weights, ..plain },
            "ask",
            "a weight of inf has no expectation: use finite ones",
        ),
        (
            with(|q| q.positions = vec![1]),
            Ask { mixture: true, ..plain },
            "ask",
            "a mixture needs queries that ask for equally many positions",
        ),
        (with(|q| q.tokens.clear()), plain, "ask", "sequence 1: it is empty"),
        (
            with(|q| q.tokens[2] = 512),
            plain,
            "ask",
            "sequence 1: token 512 is not below the vocabulary of 512",
        ),
        (
            with(|q| q.targets = vec![Some(3), None, Some(9_999)]),
            plain,
            "ask",
            "sequence 1: token 9999 is not below the vocabulary of 512",
        ),
        (
            with(|q| q.positions = vec![6, 7]),
            plain,
            "ask",
            "sequence 1: position 7 lies outside its 7 tokens",
        ),
        (
            with(|q| q.targets = vec![None; 2]),
            plain,
            "ask",
            "sequence 1: 2 targets for 3 positions",
        ),
        (
            drawn(|q| q.uniforms = vec![0.1; 4]),
            warm,
            "ask",
            "sequence 1: 4 uniform numbers for 3 positions",
        ),
        (drawn(|_| ()), warm, "ask", "sequence 1: 0 uniform numbers for 3 positions"),
        (
            drawn(|q| q.uniforms = vec![0.1, 1.0, 0.1]),
            warm,
            "ask",
            "sequence 1: a uniform number of 1 is not in [0, 1)",
        ),
        (
            drawn(|q| q.uniforms = vec![0.1, 0.1, f64::NAN]),
            warm,
            "ask",
            "sequence 1: a uniform number of NaN is not in [0, 1)",
        ),
        (
            drawn(|q| q.uniforms = vec![-0.1, 0.1, 0.1]),
            warm,
            "ask",
            "sequence 1: a uniform number of -0.1 is not in [0, 1)",
        ),
        (
            with(|q| q.tokens.resize(4097, 0)),
            plain,
            "prompt",
            "prompt and masks take 4097 tokens and the model's context has 4096: shorten the \
             prompt or ask for fewer masks",
        ),
    ];
    for (questions, ask, kind, message) in cases {
        assert_eq!(refusal(&mut model, &questions, &ask), (kind, message.to_string()));
    }
    // The same model still answers what makes sense.
    assert_eq!(predict(&mut model, &one(), &plain).candidates[0].len(), 3);
}

#[test]
fn a_shaping_that_makes_no_sense_is_refused_by_name() {
    let (bare, banned) = (Checkpoint::model("llama-tiny"), f32::NEG_INFINITY);
    let folder = bare.write();
    let mut model = open(folder.path(), Some(&fixture("models/llama-tiny-adapter")), None);
    let question = [Question::new(320, 16, 4, 3, 1)];
    // Token 16 is the mask, which the adapter rules out.
    let all: Vec<(u32, f32)> = (0..320).filter(|&v| v != 16).map(|v| (v, banned)).collect();
    let top_p = |mass| Some(TopP { mass, crossing: Crossing::Kept });
    let plain = Shaping::default();
    let cases: [(Shaping<'_>, &str); 10] = [
        (Shaping { guidance: f64::NAN, ..plain }, "a guidance of NaN is not finite"),
        (Shaping { biases: &[(320, 1.0)], ..plain }, "the biased token 320 is not below 320"),
        (
            Shaping { biases: &[(5, f32::NAN)], ..plain },
            "the bias NaN of token 5 is not a number below infinity",
        ),
        (
            Shaping { biases: &[(5, f32::INFINITY)], ..plain },
            "the bias inf of token 5 is not a number below infinity",
        ),
        (
            Shaping { biases: &all, ..plain },
            "every token of the vocabulary is ruled out: ban fewer",
        ),
        (
            Shaping { top_k: Some(0), ..plain },
            "a truncation to the 0 most probable tokens leaves none",
        ),
        (Shaping { top_p: top_p(0.0), ..plain }, "a top-p mass of 0 is not in (0, 1]"),
        (Shaping { top_p: top_p(1.5), ..plain }, "a top-p mass of 1.5 is not in (0, 1]"),
        (Shaping { top_p: top_p(-0.5), ..plain }, "a top-p mass of -0.5 is not in (0, 1]"),
        (Shaping { top_p: top_p(f64::NAN), ..plain }, "a top-p mass of NaN is not in (0, 1]"),
    ];
    for (shaping, message) in cases {
        let ask = Ask { shaping, ..Ask::default() };
        assert_eq!(refusal(&mut model, &question, &ask), ("ask", message.to_string()));
    }
    let some = Shaping { biases: &all[1..], ..plain };
    let ask = Ask { shaping: some, ..Ask::default() };
    let left = predict(&mut model, &question, &ask).candidates.remove(0);
    assert!(left.iter().all(|c| (c.token, c.log_probability, c.entropy) == (0, 0.0, 0.0)));
}

#[test]
fn a_query_whose_parts_do_not_fit_is_refused_by_name() {
    let mut model = named("llada-tiny", None);
    let good = Question::new(512, 501, 4, 3, 1);
    let stay = |constant| Affine { constant, ..Affine::default() };
    let transition = |constant| {
        let measure = Measure::Probability;
        Transition { measure, jump: Affine::default(), stay: stay(constant) }
    };
    let plain = good.query();
    let cases: [(Query<'_>, &str); 9] = [
        (Query { shadows: &[2, 7], ..plain }, "position 7 lies outside its 7 tokens"),
        (Query { watched: &[vec![1]], ..plain }, "1 watched lists for 3 positions"),
        (Query { uniforms: &[0.5; 2], ..plain }, "2 uniform numbers for 3 positions"),
        (
            Query { uniforms: &[0.5; 3], transitions: &[transition(1.0); 2], ..plain },
            "2 transitions for 3 positions",
        ),
        (
            Query { transitions: &[transition(1.0); 3], ..plain },
            "0 uniform numbers for 3 positions",
        ),
        (
            Query {
                uniforms: &[0.5; 3],
                transitions: &[transition(1.0), transition(f64::NAN), transition(1.0)],
                ..plain
            },
            "transition 1 has a coefficient that is not finite",
        ),
        (Query { time: Some(1.5), ..plain }, "a time of 1.5 is not in [0, 1]"),
        (Query { unconditional: Some(&[1, 2]), ..plain }, "2 unconditional tokens for 7"),
        (
            Query { unconditional: Some(&[512; 7]), ..plain },
            "token 512 is not below the vocabulary of 512",
        ),
    ];
    for (bad, message) in cases {
        let error = model.predict(&[plain, bad], &Ask::default()).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), format!("sequence 1: {message}"));
    }
}

#[test]
fn the_limits_themselves_are_allowed() {
    let mut model = named("bert-tiny", None);
    let mask = model.mask().unwrap();
    let longest = Question::new(400, mask, 500, 12, 1);
    assert_eq!(longest.tokens.len(), model.description().context);
    let ask = Ask { top_k: 400, temperature: 1e-3, ..Ask::default() };
    let longest = Question { uniforms: vec![0.5; 12], ..longest };
    let answers = predict(&mut model, &[longest], &ask).candidates;
    assert!(answers[0].iter().all(|candidate| candidate.top.len() == 400));
    let nothing = predict(&mut model, &[], &Ask::default());
    assert!(nothing.candidates.is_empty());
}

#[test]
fn a_network_that_computes_nan_says_where() {
    let asks = [
        Ask { top_k: 3, ..Ask::default() },
        Ask { temperature: 1.0, neighbours: true, ..Ask::default() },
        Ask { mixture: true, ..Ask::default() },
    ];
    let question = |known, salt| {
        let mut question = Question::new(512, 501, known, 3, salt);
        question.uniforms = vec![0.5; 3];
        question
    };
    let message = |sequence, position| {
        let place = format!("the logits of sequence {sequence}, position {position} are NaN");
        format!("{place}: the weights or the precision are at fault; try --dtype f32")
    };

    // A norm touches every token.
    let mut norm = Checkpoint::model("llada-tiny");
    norm.tensor("model.transformer.blocks.1.ff_norm.weight").values[7] = f32::NAN;
    let folder = norm.write();
    let mut model = open(folder.path(), None, None);
    for ask in &asks {
        let (kind, said) = refusal(&mut model, &[question(4, 1), question(9, 2)], ask);
        assert_eq!((kind, said), ("not a number", message(0, 4)));
    }

    // An embedding touches the sequences that hold its token, and no other in the batch.
    let mut embedding = Checkpoint::model("llada-tiny");
    embedding.tensor("model.transformer.wte.weight").row_mut(77)[0] = f32::NAN;
    let folder = embedding.write();
    let mut model = open(folder.path(), None, None);
    let mut bad = question(9, 2);
    bad.tokens[5] = 77;
    for ask in &asks {
        let (kind, said) = refusal(&mut model, &[question(4, 1), bad.clone()], ask);
        assert_eq!((kind, said), ("not a number", message(1, 9)));
        assert_eq!(predict(&mut model, &[question(4, 1)], ask).candidates[0].len(), 3);
    }
}
