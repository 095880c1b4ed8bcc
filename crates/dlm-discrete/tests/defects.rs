//! Defects seen in other masked samplers, one regression test each: what went wrong elsewhere
//! does not go wrong here. Those of schedules, grids and draws are in schedules.rs and
//! filling.rs.

#[path = "fakes/hashed.rs"]
mod hashed;
#[path = "fakes/journal.rs"]
mod journal;

use dlm_core::{
    Ask, Canvas, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, predict_dense,
};
use dlm_discrete::{
    Clock, Schedule,
    unmasking::{
        At, Commit, Draws, EndPolicy, Ending, Faults, Order, Outcome, ReMdm, Remasking, Strength,
        TokenRule, UnmaskingSampler, presets,
    },
};
use dlm_rng::{Key, Purpose};
use hashed::Hashed;
use journal::{Entry, Journal};

/// The same distribution at a position whatever the others hold; the mask is beyond the
/// vocabulary.
#[derive(Clone)]
struct Fixed(Vec<Vec<f64>>);

impl MaskPredictor for Fixed {
    fn vocab(&self) -> usize {
        self.0[0].len()
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let vocab = self.vocab();
        predict_dense(queries, ask, vocab as TokenId, |_, positions, _| {
            let p = positions.iter().flat_map(|&i| &self.0[i]);
            DenseLogits::new(p.map(|p| p.ln() as f32).collect(), vocab)
        })
    }
}

/// Fills the whole canvas of a fixed model: the tokens, the account and the steps.
fn fill(
    sampler: &UnmaskingSampler,
    p: &[&[f64]],
    seed: u64,
) -> (Vec<TokenId>, Outcome, Vec<Entry>) {
    let mut model = Fixed(p.iter().map(|p| p.to_vec()).collect());
    let mask = model.vocab() as TokenId;
    let mut canvases = [Canvas::continuation(&[], p.len(), mask).unwrap()];
    let mut journal = Journal::default();
    let outcomes = sampler.fill(&mut model, &mut canvases, &[Key::new(seed)], &mut journal);
    (canvases[0].tokens().to_vec(), outcomes.unwrap().remove(0), journal.0)
}

fn sequence(entries: &[Entry]) -> Vec<usize> {
    entries.iter().flat_map(|entry| entry.committed.iter().map(|c| c.position)).collect()
}

fn even(order: Order) -> UnmaskingSampler {
    UnmaskingSampler::new(order, Commit::EvenSplit)
}

fn at_temperature(temperature: f64, sampler: UnmaskingSampler) -> UnmaskingSampler {
    UnmaskingSampler { tokens: TokenRule { temperature, ..TokenRule::default() }, ..sampler }
}

/// llama.cpp's entropy mode sorted by +H, and so began where it knew least.
#[test]
fn entropy_begins_with_the_surest() {
    let p: [&[f64]; 3] = [&[0.4, 0.3, 0.3], &[0.98, 0.01, 0.01], &[0.7, 0.2, 0.1]];
    assert_eq!(sequence(&fill(&even(Order::Entropy), &p, 1).2), [1, 2, 0]);
}

/// llama.cpp's Gumbel noise reached the first row of the logits only.
#[test]
fn every_position_draws_with_its_own_noise() {
    const ROWS: usize = 400;
    let p = vec![&[0.25f64, 0.25, 0.25, 0.25][..]; ROWS];
    let sampler = UnmaskingSampler { steps: Some(1), ..even(Order::Random) };
    let (tokens, ..) = fill(&at_temperature(1.0, sampler), &p, 7);
    for token in 0..4 {
        let count = tokens.iter().filter(|&&t| t == token).count();
        // 100 are expected, with a standard deviation of 8.7.
        assert!((60..=140).contains(&count), "token {token} came {count} times");
    }
}

/// llama_simple_rust took over the sign: with equal leads, too, the lower entropy is
/// first.
#[test]
fn entropy_sees_beyond_the_most_probable_token() {
    let p: [&[f64]; 2] = [&[0.6, 0.2, 0.2], &[0.6, 0.4, 0.0]];
    assert_eq!(sequence(&fill(&even(Order::Entropy), &p, 1).2), [1, 0]);
    assert_eq!(sequence(&fill(&even(Order::ModeProbability), &p, 1).2), [0, 1]);
}

/// KLASS's entropy mode used +H as a confidence, so that doubt exceeded its limit.
#[test]
fn confidence_by_entropy_is_minus_h() {
    // Entropies 0.056, 0.69 and 0.33: above −0.4 lie the first and the third.
    let p: [&[f64]; 3] = [&[0.99, 0.01], &[0.5, 0.5], &[0.9, 0.1]];
    let commit = Commit::Stable { above: -0.4, nats: 0.01, window: 0 };
    let (_, _, entries) = fill(&UnmaskingSampler::new(Order::Entropy, commit), &p, 1);
    let first: Vec<usize> = entries[0].committed.iter().map(|c| c.position).collect();
    assert_eq!(first, [0, 2]);
}

/// LLaDA's option to distrust end tokens worked through aliased tensors, which hold at
/// temperature 0 alone, and raised all other confidences.
#[test]
fn ends_come_last_at_any_temperature_and_nothing_else_changes() {
    let p = vec![&[0.5f64, 0.3, 0.2][..]; 12];
    let ending = Ending { policy: EndPolicy::Confidence, tokens: vec![1, 2] };
    for temperature in [0.0, 0.5, 1.0, 3.0] {
        let sampler = at_temperature(temperature, even(Order::TopProbability));
        let (free, _, _) = fill(&UnmaskingSampler { steps: Some(1), ..sampler.clone() }, &p, 3);
        assert!(temperature == 0.0 || free.iter().any(|&token| token != 0));
        // In one step everything is committed, best first: the ends after all others.
        let one = UnmaskingSampler { steps: Some(1), ending: ending.clone(), ..sampler };
        let (tokens, _, entries) = fill(&one, &p, 3);
        assert_eq!(tokens, free, "the policy changes no draw");
        let ends: Vec<bool> = entries[0].committed.iter().map(|c| c.token != 0).collect();
        assert!(ends.is_sorted(), "T = {temperature}: {ends:?}");
        for c in &entries[0].committed {
            let own = p[0][c.token as usize];
            assert!((f64::from(c.probability) - own).abs() < 1e-6, "T = {temperature}: {c:?}");
        }
    }
}

/// LLaDA's guidance failed where no attention mask was given.
#[test]
fn guidance_works_on_plain_canvases() {
    let tokens = TokenRule { guidance: 1.5, ..TokenRule::default() };
    let sampler = UnmaskingSampler { tokens, ..presets::llada() };
    for prompt in [vec![], vec![3, 4, 5]] {
        let mut model = Hashed::new(20, 20, 5);
        let mut canvases = [Canvas::continuation(&prompt, 6, 20).unwrap()];
        let run = sampler.fill(&mut model, &mut canvases, &[Key::new(1)], &mut ());
        assert_eq!(run.unwrap()[0].nfe, 12, "two evaluations a step");
        assert!(canvases[0].masked().is_empty());
    }
}

/// SDAR's entropy was −p ln p of the drawn token by itself.
#[test]
fn entropy_is_of_the_whole_distribution() {
    // −p₁ ln p₁ would be 0.33 and 0.35; H is 0.94 and 0.61.
    let p: [&[f64]; 2] = [&[0.55, 0.225, 0.225], &[0.7, 0.3, 0.0]];
    let (_, _, entries) = fill(&even(Order::Entropy), &p, 1);
    assert_eq!(sequence(&entries), [1, 0]);
    assert!((entries[0].committed[0].entropy - 0.610_864).abs() < 1e-5);
    assert!((entries[1].committed[0].entropy - 1.000_059).abs() < 1e-5);
}

/// d2Cache accumulated probabilities along the batch instead of the vocabulary.
#[test]
fn a_nucleus_is_each_rows_own() {
    let tokens = TokenRule { temperature: 1.0, top_p: Some(0.6), ..TokenRule::default() };
    let sampler = UnmaskingSampler { tokens, ..presets::entropy_bounded() };
    let mut model = Hashed::new(20, 20, 5);
    let start: Vec<Canvas> =
        (1..5).map(|i| Canvas::continuation(&[i, 2 * i], 8, 20).unwrap()).collect();
    let keys: Vec<Key> = (0..4).map(|i| Key::new(2).sequence(i)).collect();
    let mut together = start.clone();
    sampler.fill(&mut model, &mut together, &keys, &mut ()).unwrap();
    for (row, canvas) in start.iter().enumerate() {
        let mut alone = [canvas.clone()];
        sampler.fill(&mut model, &mut alone, &keys[row..=row], &mut ()).unwrap();
        assert_eq!(alone[0], together[row], "row {row}");
    }
}

/// dInfer's fixed-parallel decoder fails where a block begins, for it uses names that
/// nothing defines.
#[test]
fn every_block_is_split_evenly_from_its_first_step() {
    let p = vec![&[0.9f64, 0.1][..]; 14];
    let sampler =
        UnmaskingSampler { block_length: Some(7), steps: Some(6), ..even(Order::TopProbability) };
    let (_, _, entries) = fill(&sampler, &p, 1);
    let counts: Vec<_> = entries.iter().map(|e| (e.block, e.committed.len())).collect();
    assert_eq!(counts, [(0, 3), (0, 2), (0, 2), (1, 3), (1, 2), (1, 2)]);
}

/// Slow-Fast's noise was bfloat16, which cannot tell numbers near 1 apart, so that rare
/// tokens never came.
#[test]
fn a_draw_resolves_what_half_precision_cannot() {
    let rare = 2f64.powi(-30);
    let row = DenseLogits::new(vec![0.0, rare.ln() as f32], 2).unwrap();
    let ask = Ask { temperature: 1.0, ..Ask::default() };
    for (below_one, token) in [(2f64.powi(-29), 0), (2f64.powi(-31), 1), (2f64.powi(-53), 1)] {
        let query = Query { uniforms: &[1.0 - below_one], ..Query::new(&[2], &[0]) };
        assert_eq!(row.read(&query, &ask).unwrap()[0].token, token, "1 − {below_one}");
    }
}

/// Above temperature 0 KLASS took the softmax of the noisy ratio for the confidence.
#[test]
fn confidence_is_free_of_noise_and_of_temperature() {
    let p: Vec<&[f64]> = vec![&[0.6, 0.3, 0.1]; 30];
    let (_, _, entries) = fill(&at_temperature(2.0, even(Order::Random)), &p, 11);
    for c in entries.iter().flat_map(|entry| &entry.committed) {
        assert!((f64::from(c.probability) - p[0][c.token as usize]).abs() < 1e-6, "{c:?}");
    }
    let drawn = |token| entries.iter().any(|entry| entry.committed[0].token == token);
    assert!(drawn(0) && drawn(1) && drawn(2));
}

/// Open-dLLM's P2 never masked anything again.
#[test]
fn path_planning_masks_again() {
    let mut model = Hashed::new(20, 20, 5);
    let mut canvases = [Canvas::continuation(&[1], 30, 20).unwrap()];
    let keys = [Key::new(1)];
    let run = at_temperature(1.0, presets::p2()).fill(&mut model, &mut canvases, &keys, &mut ());
    let outcome = run.unwrap().remove(0);
    assert!(0 < outcome.remasks, "{outcome:?}");
    assert_eq!(outcome.commits - outcome.remasks, 30);
}

/// Fast-dLLM's threshold revealed nothing where nothing exceeded it, for ever.
#[test]
fn a_threshold_that_nothing_exceeds_still_ends() {
    let p = vec![&[0.4f64, 0.3, 0.3][..]; 9];
    let commit = Commit::Threshold { above: 2.0, decay_to: None, keep_pace: false };
    let (tokens, outcome, _) = fill(&UnmaskingSampler::new(Order::TopProbability, commit), &p, 1);
    assert_eq!((tokens, outcome.nfe), (vec![0; 9], 9));
}

/// NeMo Automodel chose the best of the whole sequence and left masks behind in the
/// block; its noise depended on the number of processes.
#[test]
fn the_best_are_chosen_within_the_block() {
    // The second block is the surer one.
    let (low, high): (&[f64], &[f64]) = (&[0.6, 0.4], &[0.99, 0.01]);
    let p = [low, low, low, high, high, high];
    let sampler =
        UnmaskingSampler { block_length: Some(3), steps: Some(4), ..even(Order::TopProbability) };
    let (tokens, _, entries) = fill(&sampler, &p, 1);
    assert_eq!(sequence(&entries), [0, 1, 2, 3, 4, 5]);
    assert!(tokens.iter().all(|&token| token < 2));
    // Noise is the key's: the same row among others is the same.
    let warm = at_temperature(1.0, sampler);
    let mut model = Fixed(p.iter().map(|p| p.to_vec()).collect());
    let start = Canvas::continuation(&[], 6, 2).unwrap();
    let keys: Vec<Key> = (0..9).map(|i| Key::new(1).sequence(i)).collect();
    let mut many = vec![start.clone(); 9];
    warm.fill(&mut model, &mut many, &keys, &mut ()).unwrap();
    let mut one = [start];
    warm.fill(&mut model, &mut one, &keys[8..], &mut ()).unwrap();
    assert_eq!(one[0], many[8]);
}

/// In diffusers' LLaDA2 pipeline rows that were finished went on changing.
#[test]
fn a_finished_row_is_left_alone() {
    let mut model = Hashed::new(20, 20, 5);
    let mut canvases: Vec<Canvas> =
        [3, 12].map(|masks| Canvas::continuation(&[1], masks, 20).unwrap()).to_vec();
    let mut journal = Journal::default();
    let keys = [Key::new(1), Key::new(2)];
    let sampler = presets::llada();
    let outcomes = sampler.fill(&mut model, &mut canvases, &keys, &mut journal).unwrap();
    let last = journal.0.iter().rfind(|entry| entry.row == 0).unwrap();
    assert_eq!((last.step, &last.tokens[..]), (2, canvases[0].tokens()));
    assert_eq!((outcomes[0].nfe, outcomes[1].nfe, model.evaluations), (3, 12, 15));
}

/// vmlx-swift ignored the seed of a request.
#[test]
fn the_seed_decides_and_repeats() {
    let p = vec![&[0.25f64, 0.25, 0.25, 0.25][..]; 20];
    let sampler = presets::mdlm();
    let text = |seed| fill(&sampler, &p, seed).0;
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}

/// MDLM's single-precision Gumbel noise truncated its tails, which lowered the
/// temperature.
#[test]
fn random_numbers_have_all_their_bits() {
    let mut key = Key::new(3);
    let draws: Vec<f64> = (0..64).map(|position| key.token(At { step: 0, position })).collect();
    // Rounded to single precision, nearly every one would be another number.
    let changed = draws.iter().filter(|&&u| f64::from(u as f32) != u).count();
    assert!(60 < changed, "{changed} of 64 use more than single precision");
    assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
}

/// The probabilities that a run's decisions were made with; nothing is ever hit.
#[derive(Clone, Default)]
struct Chances(Vec<(Purpose, usize, f64)>);

impl Draws for Chances {
    fn token(&mut self, _: At) -> f64 {
        0.5
    }
    fn chance(&mut self, purpose: Purpose, at: At, p: f64) -> bool {
        self.0.push((purpose, at.step, p));
        // Everything is revealed in the first step but one position.
        purpose == Purpose::Reveal && at.step == 0 && at.position != 0
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

/// Duo's rescaled remasking multiplied by η twice.
#[test]
fn rescaled_remasking_is_eta_times_the_most() {
    let eta = 0.3;
    let commit = Commit::Ancestral { clock: Clock::Shared(Schedule::Linear), until: 0.0 };
    let rule = ReMdm { strength: Strength::Rescale, eta };
    let sampler = UnmaskingSampler {
        steps: Some(4),
        remasking: Remasking::ReMdm(rule),
        ..UnmaskingSampler::new(Order::Random, commit)
    };
    let mut model = Fixed(vec![vec![0.5, 0.5]; 3]);
    let mut canvases = [Canvas::continuation(&[], 3, 2).unwrap()];
    let mut draws = [Chances::default()];
    let filling = dlm_discrete::unmasking::Filling::new(&sampler, &mut model);
    filling.run(&mut canvases, &mut draws, &mut ()).unwrap();
    // σ_max = min(1, (1 − α_s)/α_t): 0.5/0.25 in the second step, 0.25/0.5 in the third.
    for (step, sigma) in [(1, eta), (2, eta * 0.5)] {
        let remask =
            |&&(purpose, at, _): &&(Purpose, usize, f64)| purpose == Purpose::Remask && at == step;
        let found: Vec<f64> = draws[0].0.iter().filter(remask).map(|&(_, _, p)| p).collect();
        assert_eq!(found.len(), 2, "step {step}");
        assert!(found.iter().all(|p| (p - sigma).abs() < 1e-12), "step {step}: {found:?}");
    }
}

/// Fast-dLLM's factor rule took the last candidate although it alone failed, with two
/// masks left always.
#[test]
fn the_last_candidate_must_pass_too() {
    let (sure, unsure): (&[f64], &[f64]) = (&[0.99, 0.01], &[0.51, 0.49]);
    let commit = Commit::Factor { factor: 1.0 };
    let right = UnmaskingSampler::new(Order::TopProbability, commit);
    let mut published = right.clone();
    published.faults.factor_accepts_last = true;
    for p in [vec![sure, unsure], vec![sure, sure, unsure], vec![sure, sure, sure, unsure]] {
        let first = |sampler: &UnmaskingSampler| fill(sampler, &p, 1).2[0].committed.len();
        assert_eq!((first(&right), first(&published)), (p.len() - 1, p.len()));
    }
}

/// Dream's loop counts from the mean number of masks in the batch, so that a row with more
/// of them keeps some. Reproduced on request.
#[test]
fn a_row_counts_its_own_masks() {
    let left = |faults: Faults| {
        let sampler = UnmaskingSampler { steps: Some(1), faults, ..presets::dream() };
        let mut canvases = [4, 2].map(|masks| Canvas::continuation(&[1], masks, 20).unwrap());
        let keys = [Key::new(1), Key::new(2)];
        sampler.fill(&mut Hashed::new(20, 20, 5), &mut canvases, &keys, &mut ()).unwrap();
        canvases.map(|canvas| canvas.masked().len())
    };
    assert_eq!(left(Faults::default()), [0, 0]);
    assert_eq!(left(Faults { mean_of_batch: true, ..Faults::default() }), [1, 0]);
}
