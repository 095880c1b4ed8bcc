//! What holds for every sampler, whatever it is made of.

#[path = "fakes/hashed.rs"]
mod hashed;
#[path = "fakes/journal.rs"]
mod journal;

use dlm_core::{Canvas, ModelError, TokenId};
use dlm_discrete::{
    Clock, Schedule,
    unmasking::{
        Commit, ConfigError, CreditRule, Dependence, EndPolicy, Ending, Filling, Order, Outcome,
        ReMdm, Remasking, SampleError, Strength, TokenRule, UnmaskingSampler, presets,
    },
};
use dlm_rng::Key;
use dlm_testkit::Tabular;
use hashed::Hashed;
use journal::Journal;
use proptest::{prelude::*, sample::select, test_runner::TestCaseResult};

/// The farther apart, the weaker.
struct Distance;

impl Dependence for Distance {
    fn dependence(&mut self, _: &[TokenId], positions: &[usize]) -> Result<Vec<f64>, ModelError> {
        let depends = |i: usize, j: usize| 1.0 / (1.0 + i.abs_diff(j) as f64);
        let pairs = positions.iter().flat_map(|&i| positions.iter().map(move |&j| depends(i, j)));
        Ok(pairs.collect())
    }
}

fn orders() -> impl Strategy<Value = Order> {
    select(vec![
        Order::Random,
        Order::LeftToRight,
        Order::TopProbability,
        Order::ModeProbability,
        Order::Margin,
        Order::Entropy,
        Order::PositionCalibrated { lambda: 0.25, cap: 10.0 },
        Order::CertaintyPrior { lambda: 0.02 },
    ])
}

fn commits() -> impl Strategy<Value = Commit> {
    let clock = Clock::Shared(Schedule::Linear);
    select(vec![
        Commit::EvenSplit,
        Commit::Scheduled { clock: clock.clone(), until: 1e-3 },
        Commit::Ancestral { clock, until: 0.0 },
        Commit::FirstHitting,
        Commit::Threshold { above: 0.6, decay_to: Some(0.3), keep_pace: true },
        Commit::Threshold { above: 0.8, decay_to: None, keep_pace: false },
        Commit::Factor { factor: 1.2 },
        Commit::EntropyBounded { nats: 0.4 },
        Commit::EntropyBudget { nats: 0.7 },
        Commit::Stable { above: 0.5, nats: 0.05, window: 1 },
        Commit::Runs { above: 0.8, run_above: 0.3 },
        Commit::Credit(CreditRule { above: 0.8, alpha: 0.7, beta: 0.8, gamma: 0.2 }),
        Commit::Independent { above: 0.3 },
    ])
}

fn remaskings() -> impl Strategy<Value = Remasking> {
    let remdm = |strength, eta| Remasking::ReMdm(ReMdm { strength, eta });
    select(vec![
        Remasking::None,
        remdm(Strength::Cap, 0.3),
        remdm(Strength::Rescale, 0.4),
        remdm(Strength::Confidence, 1.0),
        remdm(Strength::Loop { on: 0.7, off: 0.3, alpha: 0.6 }, 0.3),
        Remasking::Verify { below: 0.7 },
        Remasking::PathPlanning { eta: 1.0 },
        Remasking::Edit { above: 0.2, extra_steps: 3 },
    ])
}

/// A preset as published, or one with its parts exchanged.
fn samplers() -> impl Strategy<Value = UnmaskingSampler> {
    let parts = (orders(), commits(), remaskings());
    let counts = (prop::option::of(1usize..90), prop::option::of(1usize..40));
    let draws = (select(vec![0.0, 0.7, 1.5]), select(vec![0.0, 0.0, 0.5]), 0..5usize);
    let policies = select(vec![
        EndPolicy::None,
        EndPolicy::None,
        EndPolicy::Confidence,
        EndPolicy::Penalty { nats: 1.0 },
        EndPolicy::Truncate,
    ]);
    (select(presets::ALL), any::<bool>(), parts, counts, draws, policies).prop_map(
        |(preset, published, (order, commit, remasking), (steps, block_length), draws, policy)| {
            let sampler = (preset.sampler)();
            if published {
                return UnmaskingSampler { steps, ..sampler };
            }
            let (temperature, selection_temperature, shaping) = draws;
            let credit = matches!(commit, Commit::Credit(_));
            let tokens = TokenRule {
                temperature: if credit { 0.0 } else { temperature },
                guidance: if shaping == 1 { 0.5 } else { 0.0 },
                top_k: (shaping == 2).then_some(5),
                top_p: (shaping == 3).then_some(0.8),
                ..TokenRule::default()
            };
            let ending = Ending { policy, tokens: vec![0, 1] };
            UnmaskingSampler {
                order,
                commit,
                remasking,
                steps,
                block_length,
                tokens,
                selection_temperature,
                ending,
                ..sampler
            }
        },
    )
}

/// Canvases of unlike lengths, open at the end or here and there.
fn canvases(mask: TokenId, vocab: TokenId) -> impl Strategy<Value = Vec<Canvas>> {
    let token = (0..vocab).prop_filter("known", move |&token| token != mask);
    let place = prop_oneof![2 => Just(mask), 1 => token];
    let canvas = prop::collection::vec(place, 1..60)
        .prop_filter_map("some are open", move |tokens| Canvas::infill(tokens, mask).ok());
    prop::collection::vec(canvas, 1..4)
}

struct Run {
    canvases: Vec<Canvas>,
    outcomes: Vec<Outcome>,
    journal: Journal,
    evaluations: usize,
}

fn run(
    sampler: &UnmaskingSampler,
    model: &Hashed,
    canvases: &[Canvas],
    sequences: &[u64],
    batch: usize,
) -> Result<Run, SampleError> {
    let mut model = model.clone();
    let mut canvases = canvases.to_vec();
    let mut keys: Vec<Key> = sequences.iter().map(|&i| Key::new(4).sequence(i)).collect();
    let mut journal = Journal::default();
    let frequencies: Vec<f32> = (0..model.vocab).map(|v| 1.0 / (v + 2) as f32).collect();
    let filling = Filling {
        batch,
        frequencies: &frequencies,
        dependence: Some(&mut Distance),
        ..Filling::new(sampler, &mut model)
    };
    let outcomes = filling.run(&mut canvases, &mut keys, &mut journal)?;
    Ok(Run { canvases, outcomes, journal, evaluations: model.evaluations })
}

/// Replays a row's steps from its first canvas and compares with everything the run says.
fn replay(sampler: &UnmaskingSampler, start: &Canvas, run: &Run, row: usize) -> TestCaseResult {
    let (end, outcome) = (&run.canvases[row], &run.outcomes[row]);
    let response = start.response();
    let length = sampler.block_length.unwrap_or(response.len());
    let mut canvas = start.clone();
    let mut tally = Outcome { step_map: vec![None; response.len()], ..Outcome::default() };
    let (mut block, mut step) = (0, None);
    for entry in run.journal.0.iter().filter(|entry| entry.row == row) {
        prop_assert!(block <= entry.block, "blocks go from left to right");
        prop_assert!(step < Some(entry.step), "steps go on");
        (block, step) = (entry.block, Some(entry.step));
        let here: Vec<usize> = response.chunks(length).nth(block).unwrap().to_vec();
        for position in &entry.remasked {
            prop_assert!(here.contains(position) && !canvas.is_masked(*position));
            canvas.remask(*position);
            tally.remasks += 1;
            tally.step_map[response.binary_search(position).unwrap()] = None;
        }
        let masked = canvas.masked();
        for commitment in &entry.committed {
            let position = commitment.position;
            prop_assert!(here.contains(&position), "{position} is not of block {block}");
            match masked.contains(&position) {
                true => tally.commits += 1,
                false => tally.edits += 1,
            }
            // Not masked again and committed in one step, and not committed twice.
            prop_assert!(!entry.remasked.contains(&position));
            prop_assert_eq!(entry.committed.iter().filter(|c| c.position == position).count(), 1);
            canvas.commit(position, commitment.token);
            tally.step_map[response.binary_search(&position).unwrap()] = Some(entry.step);
        }
        prop_assert_eq!(canvas.tokens(), &entry.tokens[..]);
        prop_assert!(entry.nfe <= outcome.nfe);
    }
    let edits = matches!(sampler.remasking, Remasking::Edit { .. });
    prop_assert!(edits || tally.edits == 0, "a position is committed once between remasks");
    let counts = |o: &Outcome| (o.commits, o.edits, o.remasks, o.step_map.clone());
    prop_assert_eq!(counts(&tally), counts(outcome));
    prop_assert!(step.is_none_or(|step| step < outcome.steps));

    prop_assert!(end.masked().is_empty(), "no mask is left");
    for (position, (before, after)) in start.tokens().iter().zip(end.tokens()).enumerate() {
        if !start.is_masked(position) {
            prop_assert_eq!(before, after, "what was known stays");
        }
    }
    let truncates = sampler.ending.policy == EndPolicy::Truncate;
    prop_assert!(truncates || canvas.tokens() == end.tokens());
    let guidance = 1 + usize::from(sampler.tokens.guidance != 0.0);
    let extra = match sampler.remasking {
        Remasking::Edit { extra_steps, .. } => extra_steps * response.len().div_ceil(length),
        _ => 0,
    };
    let budget = guidance * (sampler.steps.unwrap_or(response.len()) + extra);
    prop_assert!(outcome.nfe <= budget, "{} evaluations for {budget}", outcome.nfe);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_sampler_fills_what_is_open_and_accounts_for_it(
        sampler in samplers(),
        canvases in canvases(50, 50),
        seed in any::<u64>(),
        batch in 1usize..4,
    ) {
        let model = Hashed::new(50, 50, seed);
        let sequences: Vec<u64> = (0..canvases.len() as u64).collect();
        let all = match run(&sampler, &model, &canvases, &sequences, usize::MAX) {
            Ok(all) => all,
            Err(SampleError::Config(ConfigError::TooFewSteps { steps, blocks })) => {
                prop_assert_eq!(Some(steps), sampler.steps);
                prop_assert!(steps < blocks);
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        for (row, start) in canvases.iter().enumerate() {
            replay(&sampler, start, &all, row)?;
        }
        let nfe: usize = all.outcomes.iter().map(|outcome| outcome.nfe).sum();
        let guidance = 1 + usize::from(sampler.tokens.guidance != 0.0);
        prop_assert_eq!(nfe, all.evaluations * guidance);

        // A row is its key's alone: in batches of any size, backwards, and by itself.
        let some = run(&sampler, &model, &canvases, &sequences, batch).unwrap();
        prop_assert_eq!(&some.canvases, &all.canvases);
        prop_assert_eq!(&some.outcomes, &all.outcomes);
        let backwards = |n: &[Canvas]| n.iter().rev().cloned().collect::<Vec<_>>();
        let reversed: Vec<u64> = sequences.iter().rev().copied().collect();
        let other = run(&sampler, &model, &backwards(&canvases), &reversed, usize::MAX).unwrap();
        prop_assert_eq!(backwards(&other.canvases), all.canvases.clone());
        let alone = run(&sampler, &model, &canvases[..1], &sequences[..1], 1).unwrap();
        prop_assert_eq!(&alone.canvases[0], &all.canvases[0]);
        prop_assert_eq!(&alone.outcomes[0], &all.outcomes[0]);
        let of_first = |run: &Run| {
            run.journal.0.iter().filter(|entry| entry.row == 0).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(of_first(&alone), of_first(&all));
    }

    /// A mask within the vocabulary is never drawn.
    #[test]
    fn a_mask_among_the_tokens_is_never_committed(
        sampler in samplers(),
        canvases in canvases(3, 8),
        seed in any::<u64>(),
    ) {
        let model = Hashed::new(8, 3, seed);
        let sampler = UnmaskingSampler { steps: None, ..sampler };
        let sequences: Vec<u64> = (0..canvases.len() as u64).collect();
        let all = run(&sampler, &model, &canvases, &sequences, usize::MAX).unwrap();
        for (row, start) in canvases.iter().enumerate() {
            replay(&sampler, start, &all, row)?;
        }
    }

    /// What a table rules out is not written, as long as one token is committed at a time.
    #[test]
    fn impossible_words_are_not_written(
        order in orders(),
        weights in prop::collection::vec(0u8..3, 27),
        key in any::<u64>(),
    ) {
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        prop_assume!(0.0 < total);
        let joint = weights.iter().map(|&w| f64::from(w) / total).collect();
        let mut table = Tabular::new(3, 3, joint).unwrap();
        let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
        let sampler =
            UnmaskingSampler { tokens, ..UnmaskingSampler::new(order, Commit::EvenSplit) };
        let mut canvases = [Canvas::continuation(&[], 3, 3).unwrap()];
        let filling = Filling {
            frequencies: &[0.5, 0.3, 0.2],
            ..Filling::new(&sampler, &mut table)
        };
        filling.run(&mut canvases, &mut [Key::new(key)], &mut ()).unwrap();
        let index = canvases[0].tokens().iter().fold(0, |index, &token| index * 3 + token as usize);
        prop_assert!(0 < weights[index], "{:?}", canvases[0]);
    }
}
