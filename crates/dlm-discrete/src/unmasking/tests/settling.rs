//! What a step does beyond choosing: ends, remasking, planning, editing, ties, and ranks
//! that are drawn.

use std::f64::consts::{LN_2, LN_10};

use dlm_core::{Canvas, TokenId};
use dlm_rng::Key;

use super::{
    combinations::chi_square,
    hand::{By, candidate},
};
use crate::unmasking::{
    Commit, EndPolicy, Ending, Filling, Order, Outcome, Remasking, Step, TokenRule,
    UnmaskingSampler, order::Surroundings, remask::keep_best,
};

/// What a step committed, as `(position, token)`, and which positions it masked again.
pub(super) type Event = (Vec<(usize, TokenId)>, Vec<usize>);

/// Fills `masks` positions with a model that is a function, and records every step.
pub(super) fn record(
    sampler: &UnmaskingSampler,
    masks: usize,
    model: &mut By<impl Fn(&[TokenId], usize) -> Vec<f64>>,
) -> (Vec<TokenId>, Vec<Event>, Outcome) {
    let mut canvases = [Canvas::continuation(&[], masks, model.vocab as TokenId).unwrap()];
    let mut events = Vec::new();
    let mut observer = |step: &Step<'_>| {
        let committed = step.committed.iter().map(|c| (c.position, c.token)).collect();
        events.push((committed, step.remasked.to_vec()));
        std::ops::ControlFlow::Continue(())
    };
    let keys = [Key::new(1)];
    let outcome = sampler.fill(model, &mut canvases, &keys, &mut observer).unwrap().remove(0);
    (canvases[0].tokens().to_vec(), events, outcome)
}

fn order(order: Order) -> UnmaskingSampler {
    UnmaskingSampler::new(order, Commit::EvenSplit)
}

fn threshold(above: f64) -> UnmaskingSampler {
    let commit = Commit::Threshold { above, decay_to: None, keep_pace: false };
    UnmaskingSampler::new(Order::TopProbability, commit)
}

/// The positions in the order they were committed.
pub(super) fn sequence(events: &[Event]) -> Vec<usize> {
    events.iter().flat_map(|(committed, _)| committed.iter().map(|&(i, _)| i)).collect()
}

#[test]
fn equals_come_from_the_left() {
    let orders = [
        Order::LeftToRight,
        Order::TopProbability,
        Order::ModeProbability,
        Order::Margin,
        Order::Entropy,
        Order::CertaintyPrior { lambda: 0.0 },
    ];
    for by in orders {
        let mut flat = By { vocab: 2, p: |_: &[TokenId], _| vec![0.7, 0.3] };
        let (_, events, _) = record(&order(by), 5, &mut flat);
        assert_eq!(sequence(&events), [0, 1, 2, 3, 4], "{by:?}");
    }
    assert_eq!(keep_best(&[0.5, 0.7, 0.7, 0.5], 3), [true, true, true, false]);
    assert_eq!(keep_best(&[-0.0, 0.0], 1), [true, false]);
    assert_eq!(keep_best(&[f64::NAN, -f64::NAN, -9.0], 1), [false, false, true]);
}

/// e^(−λi)·min(−p ln(f + 10⁻⁹), cap) and −(H + λd), by hand.
#[test]
fn orders_that_know_positions_have_their_formula() {
    let calibrated = Order::PositionCalibrated { lambda: 0.25, cap: 0.9 };
    let around = Surroundings { start: 3, leftmost: 4, frequencies: &[0.1, 0.5] };
    // −0.8·ln 0.1 = 1.84 is capped, −0.3·ln 0.1 = 0.691 is not; position 5 is ordinal 2.
    for (p, least) in [(0.8, 0.9), (0.3, 0.3 * LN_10)] {
        let wanted = (-0.5f64).exp() * least;
        let found = calibrated.confidence(&candidate(5, p), &around);
        assert!((found - wanted).abs() < 1e-6, "{p}: {found}");
    }
    let prior = Order::CertaintyPrior { lambda: 0.02 };
    let found = prior.confidence(&candidate(9, 0.5), &around);
    assert!((found + LN_2 + 0.1).abs() < 1e-6, "{found}");
}

/// The prior's distance is to the leftmost mask, also where committed tokens are seen.
#[test]
fn the_certainty_prior_measures_from_the_leftmost_mask() {
    // Position 0 is sure, the others have ln 2 nats: H + 0.1·d < 0.7 holds for d = 0 alone.
    let p = |_: &[TokenId], i: usize| if i == 0 { vec![1.0, 0.0] } else { vec![0.5, 0.5] };
    let commit = Commit::Threshold { above: -0.7, decay_to: None, keep_pace: false };
    let by = Order::CertaintyPrior { lambda: 0.001 };
    for remasking in [Remasking::None, Remasking::PathPlanning { eta: 0.0 }] {
        let sampler = UnmaskingSampler { remasking, ..UnmaskingSampler::new(by, commit.clone()) };
        let (_, events, _) = record(&sampler, 12, &mut By { vocab: 2, p });
        let sizes: Vec<usize> = events.iter().map(|(committed, _)| committed.len()).collect();
        // First 0 … 6, whose distance is at most 6; then the rest, 7 the leftmost of them.
        assert_eq!(sizes, [7, 5], "{remasking:?}");
    }
}

/// One after the other, each with its share of what is left of `Σ exp(priority/τ)`.
#[test]
fn a_soft_ranking_is_drawn_without_replacement() {
    const SAMPLES: usize = 4000;
    const SURE: [f64; 3] = [0.9, 0.6, 0.3];
    // Every token says how many were committed before it, so the text is the order.
    let p = |tokens: &[TokenId], i: usize| {
        let sure = SURE[i];
        let before = tokens.iter().filter(|&&token| token < 4).count();
        let rest = (1.0 - sure) / 3.0;
        (0..4).map(|v| if v == before { sure } else { rest }).collect::<Vec<f64>>()
    };
    for (by, tau) in
        [(Order::ModeProbability, 0.4), (Order::Random, 0.4), (Order::LeftToRight, 2.0)]
    {
        let weight = |i: usize| match by {
            Order::Random => 1.0,
            Order::LeftToRight => (-(i as f64) / tau).exp(),
            _ => (SURE[i] / tau).exp(),
        };
        let mut law = super::enumeration::Law::new();
        for word in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            // word[i] is when position i came.
            let at = |turn: u32| word.iter().position(|&w| w == turn).unwrap();
            let (first, second, third) = (weight(at(0)), weight(at(1)), weight(at(2)));
            let p = first / (first + second + third) * second / (second + third);
            law.insert(word.to_vec(), p);
        }
        let sampler = UnmaskingSampler { selection_temperature: tau, ..order(by) };
        let mut canvases = vec![Canvas::continuation(&[], 3, 4).unwrap(); SAMPLES];
        let keys: Vec<Key> = (0..SAMPLES).map(|i| Key::new(8).sequence(i as u64)).collect();
        sampler.fill(&mut By { vocab: 4, p }, &mut canvases, &keys, &mut ()).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        for canvas in &canvases {
            *counts.entry(canvas.tokens().to_vec()).or_default() += 1;
        }
        let chance = chi_square(&law, &counts, SAMPLES);
        assert!(1e-4 < chance, "{by:?}: p = {chance}, {law:?}, {counts:?}");
    }
}

/// Two positions in one step are the first two of such a ranking.
#[test]
fn a_soft_ranking_is_drawn_as_far_as_it_is_used() {
    const SAMPLES: usize = 4000;
    const SURE: [f64; 3] = [0.9, 0.6, 0.3];
    let p = |_: &[TokenId], i: usize| vec![SURE[i], 1.0 - SURE[i]];
    let sampler = UnmaskingSampler {
        steps: Some(2),
        selection_temperature: 0.3,
        ..order(Order::TopProbability)
    };
    // The third's more probable token has 0.7.
    let weight = |i: usize| (SURE[i].max(1.0 - SURE[i]) / 0.3).exp();
    let mut law = super::enumeration::Law::new();
    for (i, j, k) in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)] {
        let (first, second, third) = (weight(i), weight(j), weight(k));
        let p = first / (first + second + third) * second / (second + third);
        law.insert(vec![i as TokenId, j as TokenId], p);
    }
    let mut counts = std::collections::BTreeMap::new();
    let mut observer = |step: &Step<'_>| {
        if step.step == 0 {
            let pair = step.committed.iter().map(|c| c.position as TokenId).collect();
            *counts.entry(pair).or_default() += 1;
        }
        std::ops::ControlFlow::Continue(())
    };
    let mut canvases = vec![Canvas::continuation(&[], 3, 2).unwrap(); SAMPLES];
    let keys: Vec<Key> = (0..SAMPLES).map(|i| Key::new(8).sequence(i as u64)).collect();
    sampler.fill(&mut By { vocab: 2, p }, &mut canvases, &keys, &mut observer).unwrap();
    let chance = chi_square(&law, &counts, SAMPLES);
    assert!(1e-4 < chance, "p = {chance}, {law:?}, {counts:?}");
}

/// Three doubtful tokens stand in the block and the step commits three, so two go: the
/// least probable. Then two are committed, and one goes.
#[test]
fn verification_masks_fewer_than_it_commits() {
    // Tokens 0–2 lose their support once all of the first three stand.
    let p = |tokens: &[TokenId], i: usize| {
        let open = tokens.iter().filter(|&&token| token == 2).count();
        match (i, open) {
            (0..3, 6) => vec![0.9, 0.1],
            (3..6, 6) => vec![0.3, 0.4],
            (0..3, _) => vec![0.2 + 0.1 * i as f64, 0.8 - 0.1 * i as f64],
            _ => vec![0.1, 0.9],
        }
    };
    let sampler =
        UnmaskingSampler { remasking: Remasking::Verify { below: 0.5 }, ..threshold(0.6) };
    let (_, events, outcome) = record(&sampler, 6, &mut By { vocab: 2, p });
    assert_eq!(events[0], (vec![(0, 0), (1, 0), (2, 0)], vec![]));
    assert_eq!(events[1], (vec![(3, 1), (4, 1), (5, 1)], vec![0, 1]));
    assert_eq!(events[2], (vec![(0, 1), (1, 1)], vec![2]));
    // A step that commits one masks none.
    assert_eq!(events[3], (vec![(2, 1)], vec![]));
    assert_eq!((outcome.commits, outcome.remasks), (9, 3));
    assert_eq!(outcome.step_map, [2, 2, 3, 1, 1, 1].map(Some));
}

/// One place comes free a step. With η = 0 what stands stays; with η = 1 a doubtful token
/// gives its place to a surer candidate; with a large η every token does.
#[test]
fn path_planning_weighs_tokens_by_eta() {
    // Position 0 is committed first and doubted afterwards.
    let p = |tokens: &[TokenId], i: usize| match (tokens[i] == 2, i) {
        (true, 0) => vec![0.9, 0.1],
        (true, i) => vec![0.8 - 0.1 * i as f64, 0.2 + 0.1 * i as f64],
        (false, 0) => vec![0.05, 0.95],
        (false, _) => vec![0.95, 0.05],
    };
    for (eta, second) in [
        (0.0, (vec![(1, 0)], vec![])),
        (1.0, (vec![(1, 0), (2, 0)], vec![0])),
        (0.01, (vec![(1, 0)], vec![])),
    ] {
        let remasking = Remasking::PathPlanning { eta };
        let sampler = UnmaskingSampler { remasking, ..order(Order::TopProbability) };
        let (tokens, events, outcome) = record(&sampler, 4, &mut By { vocab: 2, p });
        assert_eq!(events[1], second, "η = {eta}");
        assert!(tokens.iter().all(|&token| token < 2));
        assert_eq!(outcome.commits - outcome.remasks, 4);
    }
    let remasking = Remasking::PathPlanning { eta: 1e6 };
    let sampler = UnmaskingSampler { remasking, ..order(Order::TopProbability) };
    let (_, events, outcome) = record(&sampler, 4, &mut By { vocab: 2, p });
    // All candidates come before all that stand, of which the places leave room for one.
    assert_eq!(events[1], (vec![(1, 0), (2, 0)], vec![0]));
    assert_eq!(events[2], (vec![(0, 0), (3, 0)], vec![2]));
    assert_eq!(outcome.nfe, 4);
}

/// The first token is regretted once its neighbour stands: it is replaced in place, and the
/// block ends with the first evaluation that has nothing to replace, or with the limit.
#[test]
fn edits_replace_tokens_within_their_extra_steps() {
    let settles = |tokens: &[TokenId], i: usize| match (i, tokens[1]) {
        (0, 0) => vec![0.1, 0.9],
        (0, _) => vec![0.8, 0.2],
        _ => vec![0.6, 0.4],
    };
    let edit = |extra_steps, above| UnmaskingSampler {
        remasking: Remasking::Edit { above, extra_steps },
        ..order(Order::TopProbability)
    };
    for (extra_steps, above, nfe, edits, first) in
        [(16, 0.5, 4, 1, 1), (1, 0.5, 3, 1, 1), (0, 0.5, 2, 0, 0), (16, 0.95, 3, 0, 0)]
    {
        let sampler = edit(extra_steps, above);
        let (tokens, _, outcome) = record(&sampler, 2, &mut By { vocab: 2, p: settles });
        assert_eq!((outcome.nfe, outcome.edits), (nfe, edits), "{sampler:?}");
        assert_eq!((tokens[0], outcome.commits), (first, 2));
    }
    // A token that is never content: the limit ends it.
    let restless =
        |tokens: &[TokenId], i: usize| if tokens[i] == 0 { vec![0.1, 0.9] } else { vec![0.9, 0.1] };
    let (_, _, outcome) = record(&edit(5, 0.5), 1, &mut By { vocab: 2, p: restless });
    assert_eq!((outcome.nfe, outcome.edits), (6, 5));
}

/// Position 2 ends the text at once. Truncation waits for what stands before it and stops.
#[test]
fn truncation_stops_when_the_text_is_settled() {
    let p = |_: &[TokenId], i: usize| if i == 2 { vec![0.05, 0.95] } else { vec![0.9, 0.1] };
    let ended = |policy| UnmaskingSampler {
        ending: Ending { policy, tokens: vec![1] },
        ..order(Order::TopProbability)
    };
    let (tokens, events, outcome) = record(&ended(EndPolicy::Truncate), 6, &mut By { vocab: 2, p });
    assert_eq!(tokens, [0, 0, 1, 1, 1, 1]);
    assert_eq!(sequence(&events), [2, 0, 1]);
    assert_eq!((outcome.nfe, outcome.wasted_nfe, outcome.wasted_positions), (3, 0, 3));
    assert_eq!(outcome.step_map, [Some(1), Some(2), Some(0), None, None, None]);

    let (tokens, _, outcome) = record(&ended(EndPolicy::None), 6, &mut By { vocab: 2, p });
    assert_eq!(tokens, [0, 0, 1, 0, 0, 0]);
    assert_eq!((outcome.nfe, outcome.wasted_nfe, outcome.wasted_positions), (6, 3, 3));

    let guided = TokenRule { guidance: 1.0, ..TokenRule::default() };
    let sampler = UnmaskingSampler { tokens: guided, ..ended(EndPolicy::None) };
    let (_, _, outcome) = record(&sampler, 6, &mut By { vocab: 2, p });
    assert_eq!((outcome.nfe, outcome.wasted_nfe), (12, 6));
}

/// What was masked again and then truncated has no step of its own.
#[test]
fn truncation_forgets_the_step_of_what_was_masked_again() {
    // 3 and 4 come first; 0 ends the text, and in that step 4 is doubted.
    let p = |tokens: &[TokenId], i: usize| {
        let open = tokens.iter().filter(|&&token| token == 2).count();
        match (i, open) {
            (3, _) | (4, 5) | (1, 0..5) => vec![0.9, 0.1],
            (0, 0..5) => vec![0.01, 0.99],
            (4, _) => vec![0.3, 0.7],
            _ => vec![0.5, 0.5],
        }
    };
    let sampler = UnmaskingSampler {
        ending: Ending { policy: EndPolicy::Truncate, tokens: vec![1] },
        remasking: Remasking::Verify { below: 0.5 },
        ..threshold(0.65)
    };
    let (tokens, events, outcome) = record(&sampler, 5, &mut By { vocab: 2, p });
    assert_eq!(events, [(vec![(3, 0), (4, 0)], vec![]), (vec![(0, 1), (1, 0)], vec![4]),]);
    assert_eq!(tokens, [1, 0, 1, 0, 1]);
    assert_eq!(outcome.step_map, [Some(1), Some(1), None, Some(0), None]);
}

/// Logits and Penalty keep ends from being drawn; Confidence keeps them for last.
#[test]
fn end_policies_do_what_they_say() {
    let p = |_: &[TokenId], i: usize| if i == 0 { vec![0.2, 0.8] } else { vec![0.6, 0.4] };
    for (policy, tokens, first) in [
        (EndPolicy::None, [1, 0, 0], 0),
        (EndPolicy::Logits, [0, 0, 0], 0),
        // 0.8/e² = 0.108 against 0.2.
        (EndPolicy::Penalty { nats: 2.0 }, [0, 0, 0], 1),
        (EndPolicy::Penalty { nats: 1.0 }, [1, 0, 0], 1),
        (EndPolicy::Confidence, [1, 0, 0], 1),
    ] {
        let ending = Ending { policy, tokens: vec![1] };
        let sampler = UnmaskingSampler { ending, ..order(Order::TopProbability) };
        let (found, events, _) = record(&sampler, 3, &mut By { vocab: 2, p });
        assert_eq!((&found[..], sequence(&events)[0]), (&tokens[..], first), "{policy:?}");
        if policy == EndPolicy::Confidence {
            assert_eq!(sequence(&events), [1, 2, 0]);
        }
    }
}

/// An end that was held back is held back from planning too, in every order.
#[test]
fn held_back_ends_come_last_whatever_the_rule() {
    let p = |_: &[TokenId], i: usize| if i == 0 { vec![0.1, 0.9] } else { vec![0.6, 0.4] };
    let ending = Ending { policy: EndPolicy::Confidence, tokens: vec![1] };
    let orders =
        [Order::Random, Order::LeftToRight, Order::TopProbability, Order::Margin, Order::Entropy];
    for by in orders {
        for remasking in [Remasking::None, Remasking::PathPlanning { eta: 1.0 }] {
            for temperature in [0.0, 1e-6] {
                let tokens = TokenRule { temperature, ..TokenRule::default() };
                let ending = ending.clone();
                let sampler = UnmaskingSampler { ending, remasking, tokens, ..order(by) };
                let (_, events, _) = record(&sampler, 4, &mut By { vocab: 2, p });
                assert_eq!(sequence(&events)[3], 0, "{sampler:?}");
            }
        }
    }
}

/// A sampler in which nothing is counted beforehand still has a limit of rows.
#[test]
fn a_limit_on_the_batch_changes_nothing() {
    let p = |_: &[TokenId], i: usize| vec![0.9 - 0.1 * i as f64, 0.1 + 0.1 * i as f64];
    let sampler = UnmaskingSampler {
        tokens: TokenRule { temperature: 1.0, ..TokenRule::default() },
        ..order(Order::Random)
    };
    let fill = |batch| {
        let mut canvases: Vec<Canvas> =
            (1..6).map(|masks| Canvas::continuation(&[], masks, 2).unwrap()).collect();
        let mut keys: Vec<Key> = (0..5).map(|i| Key::new(3).sequence(i)).collect();
        let mut model = By { vocab: 2, p };
        let filling = Filling { batch, ..Filling::new(&sampler, &mut model) };
        let outcomes = filling.run(&mut canvases, &mut keys, &mut ()).unwrap();
        (canvases, outcomes)
    };
    let all = fill(usize::MAX);
    (1..6).for_each(|batch| assert_eq!(fill(batch), all, "batches of {batch}"));
}
