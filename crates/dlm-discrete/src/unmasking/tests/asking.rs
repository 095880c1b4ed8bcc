//! What the network is asked, and when it is not.

use dlm_core::{
    Ask, Canvas, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, predict_dense,
};
use dlm_rng::{Key, Purpose};

use super::{
    hand::By,
    settling::{record, sequence},
};
use crate::{
    Clock, Schedule,
    unmasking::{
        At, Commit, CreditRule, Dependence, Draws, Filling, Order, ReMdm, Remasking, Step,
        Strength, TokenRule, UnmaskingSampler,
    },
};

/// Remembers its questions: positions and time. The leftmost positions are the surest.
#[derive(Default)]
struct Asked(Vec<(Vec<usize>, f64)>);

impl MaskPredictor for Asked {
    fn vocab(&self) -> usize {
        2
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let seen = queries.iter().map(|q| (q.positions.to_vec(), q.time.unwrap()));
        self.0.extend(seen);
        predict_dense(queries, ask, 2, |_, positions, _| {
            let rows = positions.iter().flat_map(|&i| [3.0 - 0.1 * i as f32, 0.0]);
            DenseLogits::new(rows.collect(), 2)
        })
    }
}

/// The questions of one run over `masks` positions.
fn questions(sampler: &UnmaskingSampler, masks: usize, seed: u64) -> Vec<(Vec<usize>, f64)> {
    let mut model = Asked::default();
    let mut canvases = [Canvas::continuation(&[0], masks, 2).unwrap()];
    sampler.fill(&mut model, &mut canvases, &[Key::new(seed)], &mut ()).unwrap();
    model.0
}

fn even(order: Order) -> UnmaskingSampler {
    UnmaskingSampler::new(order, Commit::EvenSplit)
}

fn linear() -> Clock {
    Clock::Shared(Schedule::Linear)
}

#[test]
fn the_network_is_told_the_schedules_time_or_the_masked_share() {
    let scheduled = |until| UnmaskingSampler {
        steps: Some(4),
        ..UnmaskingSampler::new(Order::Margin, Commit::Scheduled { clock: linear(), until })
    };
    for (sampler, wanted) in [
        (UnmaskingSampler { steps: Some(2), ..even(Order::Margin) }, vec![1.0, 0.5]),
        // A block's masks are those of the whole response.
        (
            UnmaskingSampler { block_length: Some(4), steps: Some(2), ..even(Order::Margin) },
            vec![1.0, 0.5],
        ),
        (scheduled(0.0), vec![1.0, 0.75, 0.5, 0.25]),
        (scheduled(0.2), vec![1.0, 0.8, 0.6, 0.4]),
        // Edited beyond its steps, a block stays at its end.
        (
            UnmaskingSampler {
                steps: Some(1),
                remasking: Remasking::Edit { above: 0.9, extra_steps: 5 },
                ..scheduled(0.2)
            },
            vec![1.0, 0.2],
        ),
    ] {
        let times: Vec<f64> = questions(&sampler, 8, 1).iter().map(|(_, time)| *time).collect();
        let near = times.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near && times.len() == wanted.len(), "{sampler:?}: {times:?}");
    }
}

/// The k-th of n uniform reveal times from above has the mean (n + 1 − k)/(n + 1).
#[test]
fn first_hitting_times_are_order_statistics() {
    const RUNS: u64 = 4000;
    let sampler = UnmaskingSampler::new(Order::Random, Commit::FirstHitting);
    let mut sums = [0.0; 4];
    for seed in 0..RUNS {
        let asked = questions(&sampler, 4, seed);
        assert!(asked.windows(2).all(|pair| pair[1].1 < pair[0].1), "time falls");
        assert!(asked.iter().all(|(positions, _)| positions.len() == 1));
        sums.iter_mut().zip(&asked).for_each(|(sum, (_, time))| *sum += time);
    }
    for (k, sum) in sums.iter().enumerate() {
        let (mean, wanted) = (sum / RUNS as f64, (4 - k) as f64 / 5.0);
        // The standard error is at most 0.2/√4000.
        assert!((mean - wanted).abs() < 0.015, "{k}: {mean} for {wanted}");
    }
}

/// Seven steps for three blocks are 3, 2 and 2.
#[test]
fn steps_are_spread_evenly_over_blocks() {
    let sampler = UnmaskingSampler { block_length: Some(6), steps: Some(7), ..even(Order::Margin) };
    let sizes: Vec<usize> =
        questions(&sampler, 15, 1).iter().map(|(positions, _)| positions.len()).collect();
    assert_eq!(sizes, [6, 4, 2, 6, 3, 3, 1]);
}

/// What order and rule settle without a prediction is not asked about, and a step in which
/// nothing is revealed asks nothing.
#[test]
fn blind_samplers_ask_only_about_what_they_commit() {
    let sampler = UnmaskingSampler { steps: Some(3), ..even(Order::LeftToRight) };
    let positions: Vec<Vec<usize>> =
        questions(&sampler, 6, 1).into_iter().map(|(positions, _)| positions).collect();
    assert_eq!(positions, [[1, 2], [3, 4], [5, 6]]);

    let commit = Commit::Ancestral { clock: linear(), until: 0.0 };
    let fine =
        UnmaskingSampler { steps: Some(200), ..UnmaskingSampler::new(Order::Random, commit) };
    let asked = questions(&fine, 6, 1);
    let mut all: Vec<usize> = asked.iter().flat_map(|(positions, _)| positions.clone()).collect();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 6]);
    assert!(asked.len() <= 6);
}

/// `l = l_u + (w + 1)(l_c − l_u)`, with `l_u` from the response alone.
#[test]
fn guidance_leads_away_from_what_the_prompt_does_not_say() {
    // Without its prompt (a mask in the first place) the model prefers token 0.
    let p = |tokens: &[TokenId], _: usize| match tokens[0] {
        2 => vec![0.7, 0.3],
        _ => vec![0.6, 0.4],
    };
    for (w, token) in [(0.0, 0), (0.5, 0), (3.0, 1)] {
        let tokens = TokenRule { guidance: w, ..TokenRule::default() };
        let sampler = UnmaskingSampler { tokens, ..even(Order::TopProbability) };
        let mut committed = Vec::new();
        let mut observer = |step: &Step<'_>| {
            committed.extend_from_slice(step.committed);
            std::ops::ControlFlow::Continue(())
        };
        let mut canvases = [Canvas::continuation(&[1], 1, 2).unwrap()];
        let mut model = By { vocab: 2, p };
        sampler.fill(&mut model, &mut canvases, &[Key::new(1)], &mut observer).unwrap();
        let odds = |v: usize| [0.6f64, 0.4][v].powf(w + 1.0) / [0.7f64, 0.3][v].powf(w);
        let wanted = odds(token) / (odds(0) + odds(1));
        assert_eq!(committed[0].token as usize, token, "w = {w}");
        assert!((f64::from(committed[0].probability) - wanted).abs() < 1e-6, "w = {w}");
    }
}

/// A source of dependences between position 1 and the last, asked in order of positions.
struct Ends;

impl Dependence for Ends {
    fn dependence(&mut self, _: &[TokenId], positions: &[usize]) -> Result<Vec<f64>, ModelError> {
        let depends = |i: usize, j: usize| f64::from(u8::from(i == 1 && j == 4));
        let pairs = positions.iter().flat_map(|&i| positions.iter().map(move |&j| depends(i, j)));
        Ok(pairs.collect())
    }
}

/// The ranking is 3, 4, 1, 2; 4 and 1 depend on each other.
#[test]
fn dependences_follow_the_ranking() {
    let p = |_: &[TokenId], i: usize| {
        let sure = [0.5, 0.7, 0.6, 0.9, 0.8][i];
        vec![sure, 1.0 - sure]
    };
    let commit = Commit::Independent { above: 0.5 };
    let sampler = UnmaskingSampler::new(Order::TopProbability, commit);
    let mut steps = Vec::new();
    let mut observer = |step: &Step<'_>| {
        steps.push(step.committed.iter().map(|c| c.position).collect::<Vec<_>>());
        std::ops::ControlFlow::Continue(())
    };
    let mut canvases = [Canvas::continuation(&[0], 4, 2).unwrap()];
    let mut model = By { vocab: 2, p };
    let filling = Filling { dependence: Some(&mut Ends), ..Filling::new(&sampler, &mut model) };
    filling.run(&mut canvases, &mut [Key::new(1)], &mut observer).unwrap();
    assert_eq!(steps, [vec![3, 4, 2], vec![1]]);
}

/// Credit's limit is on the probability: the order only says which come first.
#[test]
fn credit_counts_under_any_order() {
    let p = |_: &[TokenId], i: usize| vec![0.85 - 0.01 * i as f64, 0.15 + 0.01 * i as f64];
    let rule = CreditRule { above: 0.9, alpha: 1.0, beta: 0.9, gamma: 0.2 };
    let orders = [Order::TopProbability, Order::ModeProbability, Order::Margin, Order::Entropy];
    for by in orders {
        let mut sizes = Vec::new();
        let mut observer = |step: &Step<'_>| {
            sizes.push(step.committed.len());
            std::ops::ControlFlow::Continue(())
        };
        let sampler = UnmaskingSampler::new(by, Commit::Credit(rule));
        let mut canvases = [Canvas::continuation(&[], 6, 2).unwrap()];
        let mut model = By { vocab: 2, p };
        sampler.fill(&mut model, &mut canvases, &[Key::new(1)], &mut observer).unwrap();
        // 0.83 comes to 0.905 with its first credit, 0.82 to 0.899; with its second all exceed.
        assert_eq!(sizes, [3, 3], "{by:?}");
    }
}

/// Position 0 has the lower probability, but its token leads in every step; that of 1 takes
/// turns.
#[test]
fn the_modes_order_ranks_with_credit() {
    let p = |tokens: &[TokenId], i: usize| {
        let turn = tokens.iter().filter(|&&token| token == 2).count() % 2;
        match (i, turn) {
            (0, _) => vec![0.6, 0.4],
            (1, 0) => vec![0.62, 0.38],
            (1, _) => vec![0.38, 0.62],
            _ => vec![0.8, 0.2],
        }
    };
    let rule = CreditRule { above: 0.99, alpha: 1.0, beta: 0.8, gamma: 0.2 };
    for by in [Order::TopProbability, Order::ModeProbability] {
        let sampler = UnmaskingSampler::new(by, Commit::Credit(rule));
        let (_, events, _) = record(&sampler, 4, &mut By { vocab: 2, p });
        assert_eq!(sequence(&events), [2, 3, 0, 1], "{by:?}");
    }
}

/// A network's zeros may come with either sign.
struct Zeros;

impl MaskPredictor for Zeros {
    fn vocab(&self) -> usize {
        2
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let mut prediction = predict_dense(queries, ask, 2, |_, positions, _| {
            DenseLogits::new(vec![0.0; 2 * positions.len()], 2)
        })?;
        for candidate in prediction.candidates.iter_mut().flatten() {
            let sign = if candidate.position.is_multiple_of(2) { 1.0 } else { -1.0 };
            (candidate.entropy, candidate.margin) = (0.0 * sign, -0.0 * sign);
        }
        Ok(prediction)
    }
}

#[test]
fn zeros_of_either_sign_are_equal() {
    for by in [Order::Entropy, Order::Margin] {
        let mut sequence = Vec::new();
        let mut observer = |step: &Step<'_>| {
            sequence.extend(step.committed.iter().map(|c| c.position));
            std::ops::ControlFlow::Continue(())
        };
        let mut canvases = [Canvas::continuation(&[], 4, 2).unwrap()];
        even(by).fill(&mut Zeros, &mut canvases, &[Key::new(1)], &mut observer).unwrap();
        assert_eq!(sequence, [0, 1, 2, 3], "{by:?}");
    }
}

/// Blocks have credit of their own: the second goes as the first did.
#[test]
fn credit_and_stability_are_forgotten_with_the_block() {
    let p = |_: &[TokenId], i: usize| match i % 4 {
        0 => vec![0.75, 0.25],
        _ => vec![0.7, 0.3],
    };
    let credit = CreditRule { above: 0.85, alpha: 1.0, beta: 0.9, gamma: 0.2 };
    for commit in [Commit::Credit(credit), Commit::Stable { above: 0.6, nats: 0.01, window: 2 }] {
        let sampler = UnmaskingSampler {
            block_length: Some(4),
            ..UnmaskingSampler::new(Order::TopProbability, commit)
        };
        let mut sizes = [Vec::new(), Vec::new()];
        let mut observer = |step: &Step<'_>| {
            sizes[step.block].push(step.committed.len());
            std::ops::ControlFlow::Continue(())
        };
        let mut canvases = [Canvas::continuation(&[], 8, 2).unwrap()];
        let mut model = By { vocab: 2, p };
        sampler.fill(&mut model, &mut canvases, &[Key::new(1)], &mut observer).unwrap();
        assert_eq!(sizes[0], sizes[1], "{sampler:?}");
        assert!(1 < sizes[0].len() && sizes[0].len() < 4, "{sizes:?}");
    }
}

/// Notes the chance of every remasking; nothing is hit, and the first step reveals all but
/// position 0.
#[derive(Default)]
struct Chances(Vec<(usize, f64)>);

impl Draws for Chances {
    fn token(&mut self, _: At) -> f64 {
        0.0
    }
    fn chance(&mut self, purpose: Purpose, at: At, p: f64) -> bool {
        if purpose == Purpose::Remask {
            self.0.push((at.position, p));
        }
        purpose == Purpose::Reveal && at.position != 0
    }
    fn shuffle(&mut self, _: usize, positions: &[usize]) -> Vec<f64> {
        vec![0.0; positions.len()]
    }
    fn pick(&mut self, _: usize, _: usize, _: &[f64]) -> usize {
        0
    }
    fn instant(&mut self, _: usize) -> f64 {
        0.5
    }
}

/// `σᵢ = σ_max·e^(−pᵢ)/Σ e^(−p)`: in the second of three steps σ_max is ⅔/⅓, at most 1.
#[test]
fn doubt_is_the_softmax_of_minus_the_probability_at_commitment() {
    let p = |_: &[TokenId], i: usize| vec![0.6 + 0.1 * i as f64, 0.4 - 0.1 * i as f64];
    let strength = Strength::Confidence;
    let sampler = UnmaskingSampler {
        steps: Some(3),
        remasking: Remasking::ReMdm(ReMdm { strength, eta: 1.0 }),
        ..UnmaskingSampler::new(Order::Random, Commit::Ancestral { clock: linear(), until: 0.0 })
    };
    let mut canvases = [Canvas::continuation(&[], 3, 2).unwrap()];
    let mut draws = [Chances::default()];
    let mut model = By { vocab: 2, p };
    Filling::new(&sampler, &mut model).run(&mut canvases, &mut draws, &mut ()).unwrap();
    let weights = [(-0.7f64).exp(), (-0.8f64).exp()];
    let total: f64 = weights.iter().sum();
    assert_eq!(draws[0].0.len(), 2, "the last step masks nothing");
    for (i, (position, sigma)) in draws[0].0.iter().enumerate() {
        assert_eq!(*position, i + 1);
        assert!((sigma - weights[i] / total).abs() < 1e-6, "{position}: {sigma}");
    }
}
