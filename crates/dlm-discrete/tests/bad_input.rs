//! What cannot be is refused with a message that names it and says what to do.

#[path = "fakes/hashed.rs"]
mod hashed;

use dlm_core::{
    Ask, Candidate, Canvas, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId,
};
use dlm_discrete::jump::Rule;
use dlm_discrete::{
    Clock, Schedule,
    unmasking::{
        Commit, CreditRule, Dependence, EndPolicy, Ending, Faults, Filling, Order, ReMdm,
        Remasking, SampleError, Strength, TokenRule, UnmaskingSampler, presets,
    },
};
use dlm_rng::Key;
use hashed::Hashed;

const VOCAB: usize = 6;

/// Fills eight positions with `sampler`; the mask is the last token of the vocabulary.
fn fill(sampler: &UnmaskingSampler) -> Result<(), SampleError> {
    let mask = VOCAB as TokenId - 1;
    let mut canvases = [Canvas::continuation(&[0, 1], 8, mask).unwrap()];
    let mut model = Hashed::new(VOCAB, mask, 1);
    sampler.fill(&mut model, &mut canvases, &[Key::new(1)], &mut ()).map(drop)
}

fn plain() -> UnmaskingSampler {
    UnmaskingSampler::new(Order::TopProbability, Commit::EvenSplit)
}

fn with_tokens(tokens: TokenRule) -> UnmaskingSampler {
    UnmaskingSampler { tokens, ..plain() }
}

fn with_commit(commit: Commit) -> UnmaskingSampler {
    UnmaskingSampler::new(Order::TopProbability, commit)
}

fn with_remasking(remasking: Remasking) -> UnmaskingSampler {
    UnmaskingSampler { remasking, ..plain() }
}

fn with_order(order: Order) -> UnmaskingSampler {
    UnmaskingSampler { order, ..plain() }
}

fn with_ending(policy: EndPolicy, tokens: Vec<TokenId>) -> UnmaskingSampler {
    UnmaskingSampler { ending: Ending { policy, tokens }, ..plain() }
}

#[test]
fn settings_that_cannot_be_are_named() {
    let rule = TokenRule::default();
    let nan = f64::NAN;
    let credit = CreditRule { above: 0.9, alpha: 0.7, beta: 0.8, gamma: 0.2 };
    let scheduled = |until| Commit::Scheduled { clock: Clock::Shared(Schedule::Linear), until };
    let remdm = |strength, eta| with_remasking(Remasking::ReMdm(ReMdm { strength, eta }));
    let selection = |selection_temperature| UnmaskingSampler { selection_temperature, ..plain() };
    let warm = TokenRule { temperature: 1.0, ..rule.clone() };
    let all = (0..VOCAB as TokenId).collect::<Vec<_>>();
    let faults = Faults { masks_in_prompt: Some(10), ..Faults::default() };
    for (sampler, said) in [
        (UnmaskingSampler { steps: Some(0), ..plain() }, ["steps is 0", "at least 1"]),
        (
            UnmaskingSampler { block_length: Some(0), ..plain() },
            ["block_length is 0", "at least 1"],
        ),
        (
            UnmaskingSampler { steps: Some(3), block_length: Some(2), ..plain() },
            ["3 steps for 4 blocks", "more steps or longer blocks"],
        ),
        (selection(-0.1), ["selection_temperature is -0.1", "0 or above"]),
        (selection(nan), ["selection_temperature is NaN", "0 or above"]),
        (
            with_tokens(TokenRule { temperature: -1.0, ..rule.clone() }),
            ["temperature is -1", "0 or"],
        ),
        (
            with_tokens(TokenRule { temperature: nan, ..rule.clone() }),
            ["temperature is NaN", "0 or"],
        ),
        (
            with_tokens(TokenRule { temperature: f64::INFINITY, ..rule.clone() }),
            ["temperature is inf", "finite"],
        ),
        (with_tokens(TokenRule { guidance: nan, ..rule.clone() }), ["guidance is NaN", "finite"]),
        (with_tokens(TokenRule { top_p: Some(0.0), ..rule.clone() }), ["top_p is 0", "above 0"]),
        (
            with_tokens(TokenRule { top_p: Some(1.1), ..rule.clone() }),
            ["top_p is 1.1", "at most 1"],
        ),
        (
            with_tokens(TokenRule { top_p: Some(nan), ..rule.clone() }),
            ["top_p is NaN", "at most 1"],
        ),
        (with_tokens(TokenRule { top_k: Some(0), ..rule.clone() }), ["top_k is 0", "at least 1"]),
        (
            with_tokens(TokenRule { biases: vec![(0, f32::NAN)], ..rule.clone() }),
            ["biases is NaN", "finite"],
        ),
        (
            with_tokens(TokenRule { biases: vec![(0, f32::INFINITY)], ..rule.clone() }),
            ["biases is inf", "bans"],
        ),
        (
            with_tokens(TokenRule { biases: vec![(6, 1.0)], ..rule.clone() }),
            ["biases names token 6", "below 6"],
        ),
        (
            with_tokens(TokenRule { bans: vec![9], ..rule.clone() }),
            ["bans names token 9", "below 6"],
        ),
        (with_ending(EndPolicy::Logits, vec![7]), ["ending.tokens names token 7", "below 6"]),
        (with_ending(EndPolicy::Truncate, vec![]), ["end-of-sequence policy", "name them"]),
        (
            with_ending(EndPolicy::Penalty { nats: f32::NAN }, vec![0]),
            ["policy.nats is NaN", "finite"],
        ),
        (
            with_tokens(TokenRule { bans: all.clone(), ..rule.clone() }),
            ["every token", "lift a ban"],
        ),
        // The mask is banned anyway.
        (
            with_tokens(TokenRule { bans: all[..VOCAB - 1].to_vec(), ..rule.clone() }),
            ["every token", "lift a ban"],
        ),
        (with_ending(EndPolicy::Logits, all.clone()), ["every token", "lift a ban"]),
        (with_commit(scheduled(1.0)), ["until is 1", "below 1"]),
        (with_commit(scheduled(nan)), ["until is NaN", "below 1"]),
        (
            with_commit(Commit::Threshold { above: nan, decay_to: None, keep_pace: false }),
            ["above is NaN", "a number"],
        ),
        (
            with_commit(Commit::Threshold { above: 0.9, decay_to: Some(nan), keep_pace: false }),
            ["decay_to is NaN", "a number"],
        ),
        (with_commit(Commit::Factor { factor: nan }), ["factor is NaN", "a number"]),
        (with_commit(Commit::EntropyBounded { nats: nan }), ["nats is NaN", "a number"]),
        (with_commit(Commit::EntropyBudget { nats: nan }), ["nats is NaN", "a number"]),
        (
            with_commit(Commit::Stable { above: 0.9, nats: nan, window: 2 }),
            ["nats is NaN", "a number"],
        ),
        (
            with_commit(Commit::Runs { above: 0.9, run_above: nan }),
            ["run_above is NaN", "a number"],
        ),
        (
            with_commit(Commit::Credit(CreditRule { beta: 1.5, ..credit })),
            ["beta is 1.5", "between 0 and 1"],
        ),
        (
            with_commit(Commit::Credit(CreditRule { alpha: -1.0, ..credit })),
            ["alpha is -1", "0 or above"],
        ),
        (
            UnmaskingSampler { tokens: warm, ..with_commit(Commit::Credit(credit)) },
            ["credit", "set the temperature to 0"],
        ),
        (with_commit(Commit::Independent { above: 0.5 }), ["independent sets", "a source"]),
        (
            with_order(Order::PositionCalibrated { lambda: 0.25, cap: 10.0 }),
            ["position-calibrated", "frequency of every token"],
        ),
        (
            with_order(Order::PositionCalibrated { lambda: nan, cap: 10.0 }),
            ["order.lambda is NaN", "finite"],
        ),
        (
            with_order(Order::PositionCalibrated { lambda: 0.25, cap: nan }),
            ["order.cap is NaN", "a number"],
        ),
        (with_order(Order::CertaintyPrior { lambda: nan }), ["order.lambda is NaN", "finite"]),
        (remdm(Strength::Cap, 1.5), ["eta is 1.5", "between 0 and 1"]),
        (remdm(Strength::Cap, nan), ["eta is NaN", "between 0 and 1"]),
        (remdm(Strength::Loop { on: 0.2, off: 0.4, alpha: 0.9 }, 0.02), ["off is 0.4", "below on"]),
        (with_remasking(Remasking::PathPlanning { eta: -1.0 }), ["eta is -1", "0 or above"]),
        (with_remasking(Remasking::Verify { below: nan }), ["below is NaN", "a number"]),
        (
            with_remasking(Remasking::Edit { above: nan, extra_steps: 1 }),
            ["above is NaN", "a number"],
        ),
        (
            UnmaskingSampler { faults, ..plain() },
            ["masks_in_prompt is 10", "fewer tokens than the canvas"],
        ),
    ] {
        let error = fill(&sampler).expect_err(&format!("{sampler:?}"));
        assert!(matches!(error, SampleError::Config(_)), "{error:?}");
        let message = error.to_string();
        assert!(said.iter().all(|said| message.contains(said)), "{message:?} lacks {said:?}");
    }
    fill(&plain()).unwrap();
}

/// The extremes that can be: they run, and end.
#[test]
fn settings_at_their_limits_are_taken() {
    let rule = TokenRule::default();
    for sampler in [
        with_tokens(TokenRule { temperature: 1e-300, ..rule.clone() }),
        with_tokens(TokenRule { temperature: 1e300, ..rule.clone() }),
        with_tokens(TokenRule { top_k: Some(99), top_p: Some(1.0), ..rule.clone() }),
        with_tokens(TokenRule { top_p: Some(1e-300), drop_crossing: true, ..rule.clone() }),
        with_tokens(TokenRule { bans: vec![0, 1, 2, 3], ..rule }),
        UnmaskingSampler { selection_temperature: 1e-300, ..plain() },
        UnmaskingSampler { steps: Some(usize::MAX), block_length: Some(usize::MAX), ..plain() },
        with_commit(Commit::Threshold {
            above: f64::INFINITY,
            decay_to: Some(f64::NEG_INFINITY),
            keep_pace: true,
        }),
        with_commit(Commit::Factor { factor: f64::INFINITY }),
        with_commit(Commit::Stable { above: 0.0, nats: 0.0, window: usize::MAX }),
        with_remasking(Remasking::PathPlanning { eta: f64::MAX }),
        with_remasking(Remasking::Verify { below: f64::INFINITY }),
    ] {
        fill(&sampler).unwrap_or_else(|error| panic!("{sampler:?}: {error}"));
    }
}

#[test]
fn settings_that_nobody_knows_are_refused() {
    let json = serde_json::to_value(presets::remdm()).unwrap();
    for (path, field) in [
        ("", "stepz"),
        ("/order", "lambda"),
        ("/commit", "nats"),
        ("/commit/clock", "eps"),
        ("/remasking", "below"),
        ("/remasking/strength", "on"),
        ("/tokens", "topk"),
        ("/ending", "token"),
        ("/ending/policy", "nats"),
        ("/faults", "mask_is_token"),
    ] {
        let mut changed = json.clone();
        let map = changed.pointer_mut(path).and_then(|value| value.as_object_mut()).unwrap();
        map.insert(field.to_string(), 1.into());
        let error = serde_json::from_value::<UnmaskingSampler>(changed).expect_err(path);
        assert!(error.to_string().contains(field), "{path}: {error}");
    }
    for rule in ["even-split", "first-hitting"] {
        let text = format!("rule = '{rule}'\nabove = 0.9");
        let error = toml::from_str::<Commit>(&text).expect_err(rule);
        assert!(error.to_string().contains("above"), "{error}");
    }
    for kind in ["euler", "analytic", "flow"] {
        let text = format!("kind = '{kind}'\nreverse = 'joint'");
        let error = toml::from_str::<Rule>(&text).expect_err(kind);
        assert!(error.to_string().contains("reverse"), "{error}");
    }
    let error = serde_json::from_str::<Order>(r#"{"by": "certainty"}"#).unwrap_err().to_string();
    assert!(error.contains("certainty") && error.contains("certainty-prior"), "{error}");
    let minimal = r#"{"order": {"by": "entropy"}, "commit": {"rule": "even-split"}}"#;
    let sampler: UnmaskingSampler = serde_json::from_str(minimal).unwrap();
    assert_eq!(sampler, UnmaskingSampler::new(Order::Entropy, Commit::EvenSplit));
}

/// A predictor whose candidates are spoilt by a function.
struct Spoilt(Hashed, fn(&mut Vec<Vec<Candidate>>));

impl MaskPredictor for Spoilt {
    fn vocab(&self) -> usize {
        self.0.vocab()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let mut prediction = self.0.predict(queries, ask)?;
        (self.1)(&mut prediction.candidates);
        Ok(prediction)
    }
}

fn fill_spoilt(spoil: fn(&mut Vec<Vec<Candidate>>)) -> Result<Vec<TokenId>, SampleError> {
    let mut canvases = [Canvas::continuation(&[1], 4, 6).unwrap()];
    let mut model = Spoilt(Hashed::new(VOCAB, 6, 2), spoil);
    plain().fill(&mut model, &mut canvases, &[Key::new(1)], &mut ())?;
    Ok(canvases[0].tokens().to_vec())
}

#[test]
fn answers_to_other_questions_are_refused() {
    for (spoil, said) in [
        ((|all| drop(all[0].pop())) as fn(&mut Vec<Vec<Candidate>>), "3 answers where 4"),
        (|all| all.clear(), "0 answers where 4"),
        (
            |all| {
                let again = all[0][0].clone();
                all[0].push(again);
            },
            "5 answers where 4",
        ),
        (|all| all[0].reverse(), "position 4 where 1 was asked about"),
        (|all| all[0][2].position = 99, "position 99 where 3 was asked about"),
        (|all| all[0][1].token = 7, "token 7 at position 2"),
        (|all| all[0][0].token = 6, "token 6 at position 1"),
    ] {
        let message = fill_spoilt(spoil).unwrap_err().to_string();
        assert!(message.contains(said), "{message}");
    }
}

/// A probability that is no number ranks last and exceeds no limit, so the text is filled
/// all the same.
#[test]
fn what_is_no_number_comes_last() {
    let filled = fill_spoilt(|all| all[0][0].log_probability = f32::NAN).unwrap();
    assert!(filled.iter().all(|&token| token < 6));

    let mut last = Vec::new();
    let mut observer = |step: &dlm_discrete::unmasking::Step<'_>| {
        last.extend(step.committed.iter().map(|c| c.position));
        std::ops::ControlFlow::Continue(())
    };
    let mut canvases = [Canvas::continuation(&[1], 4, 6).unwrap()];
    let spoil = |all: &mut Vec<Vec<Candidate>>| {
        let spoilt = all[0].iter_mut().filter(|c| c.position == 2);
        spoilt.for_each(|c| c.log_probability = f32::NAN);
    };
    let mut model = Spoilt(Hashed::new(VOCAB, 6, 2), spoil);
    plain().fill(&mut model, &mut canvases, &[Key::new(1)], &mut observer).unwrap();
    assert_eq!((last.len(), last[3]), (4, 2), "{last:?}");
}

/// The reference readout refuses logits that are no number, and the run stops with that.
#[test]
fn a_models_error_is_passed_on_with_its_cause() {
    struct Broken;
    impl MaskPredictor for Broken {
        fn vocab(&self) -> usize {
            2
        }
        fn predict(&mut self, _: &[Query<'_>], _: &Ask<'_>) -> Result<Prediction, ModelError> {
            DenseLogits::new(vec![0.0, f32::NAN], 2).map(|_| Prediction::default())
        }
    }
    let mut canvases = [Canvas::continuation(&[], 2, 2).unwrap()];
    let error = plain().fill(&mut Broken, &mut canvases, &[Key::new(1)], &mut ()).unwrap_err();
    let SampleError::Model(error) = error else { panic!("{error}") };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("row 0, token 1 is NaN"), "{cause}");
}

#[test]
fn what_a_run_lacks_is_named() {
    let mut model = Hashed::new(VOCAB, 6, 2);
    let sampler = plain();
    let canvas = |mask| Canvas::continuation(&[1], 2, mask).unwrap();
    let keys = [Key::new(1); 3];
    let said = |error: SampleError| error.to_string();

    let few = sampler.fill(&mut model, &mut [canvas(6), canvas(6)], &keys, &mut ());
    assert!(said(few.unwrap_err()).contains("3 sources of randomness for 2 canvases"));
    let mixed = sampler.fill(&mut model, &mut [canvas(6), canvas(5)], &keys[..2], &mut ());
    assert!(said(mixed.unwrap_err()).contains("different masks"));
    let none = Filling { batch: 0, ..Filling::new(&sampler, &mut model) };
    let none = none.run(&mut [canvas(6)], &mut [Key::new(1)], &mut ());
    assert!(said(none.unwrap_err()).contains("batch is 0"));
    assert_eq!(sampler.fill(&mut model, &mut [], &[], &mut ()).unwrap(), []);
    let stops = &mut |_: &dlm_discrete::unmasking::Step<'_>| std::ops::ControlFlow::Break(());
    let stopped = sampler.fill(&mut model, &mut [canvas(6)], &keys[..1], stops);
    assert!(matches!(stopped, Err(SampleError::Stopped)));

    struct Short;
    impl Dependence for Short {
        fn dependence(&mut self, _: &[TokenId], _: &[usize]) -> Result<Vec<f64>, ModelError> {
            Ok(vec![0.0])
        }
    }
    let sampler = with_commit(Commit::Independent { above: 0.5 });
    let filling = Filling { dependence: Some(&mut Short), ..Filling::new(&sampler, &mut model) };
    let short = filling.run(&mut [canvas(6)], &mut [Key::new(1)], &mut ());
    assert!(said(short.unwrap_err()).contains("1 answers where 4"));
}

#[test]
fn what_a_run_cannot_use_is_noted() {
    let steps = |steps, sampler| UnmaskingSampler { steps: Some(steps), ..sampler };
    assert!(steps(9, plain()).notes(8)[0].contains("9 steps for 8 tokens"));
    assert!(steps(9, presets::fast_dllm()).notes(8)[0].contains("never used"));
    assert!(steps(5, presets::first_hitting()).notes(8)[0].contains("the 4 that are left"));
    for (sampler, response) in [
        (plain(), 8),
        (steps(8, plain()), 8),
        // Finer time, and steps to mask again in, are used.
        (steps(9, presets::mdlm()), 8),
        (steps(9, presets::dream()), 8),
        (steps(9, presets::p2()), 8),
        (steps(8, presets::first_hitting()), 8),
    ] {
        assert_eq!(sampler.notes(response), [""; 0], "{sampler:?}");
    }
}
