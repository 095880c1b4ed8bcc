//! What a jump sampler says about a run: every step, its costs, and how to stop it.

#[path = "fakes/hashed.rs"]
mod hashed;
#[path = "fakes/journal.rs"]
mod journal;

use std::ops::ControlFlow;

use dlm_core::{Canvas, TokenId};
use dlm_discrete::{
    Outcome, Step,
    forward::Noise,
    jump::{Filling, JumpError, JumpSampler, Kappa, presets},
};
use dlm_rng::Key;
use hashed::Hashed;
use journal::Journal;

const VOCAB: usize = 20;
const MASK: TokenId = 20;
const END: TokenId = 7;

fn canvases() -> Vec<Canvas> {
    let open = |length| Canvas::continuation(&[1, 2, 3], length, MASK).unwrap();
    [12, 5, 30, 9].map(open).to_vec()
}

fn keys() -> Vec<Key> {
    (0..4).map(|i| Key::new(3).sequence(i)).collect()
}

fn samplers() -> Vec<JumpSampler> {
    let kappa = Kappa::Constant { value: 0.5 };
    let psi = JumpSampler::psi(Noise::Absorbing, kappa, 128);
    let all = presets::ALL.iter().map(|preset| (preset.sampler)()).chain([psi]);
    all.map(|sampler| JumpSampler { steps: 16, ..sampler }).collect()
}

fn run(sampler: &JumpSampler, batch: usize) -> (Vec<Canvas>, Vec<Outcome>, Journal) {
    let (mut canvases, mut journal) = (canvases(), Journal::default());
    let mut network = Hashed::new(VOCAB, MASK, 5);
    let filling = Filling { batch, ends: &[END], ..Filling::new(sampler, &mut network) };
    let outcomes = filling.run(&mut canvases, &keys(), &mut journal).unwrap();
    (canvases, outcomes, journal)
}

/// The journal of every canvas tells the same story as its outcome.
#[test]
fn steps_add_up_to_the_outcome() {
    let mut wasted = 0;
    for sampler in samplers() {
        let (canvases, outcomes, Journal(entries)) = run(&sampler, 2);
        for (row, (canvas, outcome)) in canvases.iter().zip(&outcomes).enumerate() {
            let own: Vec<_> = entries.iter().filter(|entry| entry.row == row).collect();
            let committed: usize = own.iter().map(|entry| entry.committed.len()).sum();
            let remasked: usize = own.iter().map(|entry| entry.remasked.len()).sum();
            assert_eq!(committed, outcome.commits + outcome.edits, "{sampler:?}");
            assert_eq!(remasked, outcome.remasks, "{sampler:?}");
            assert_eq!(own.last().unwrap().nfe, outcome.nfe, "{sampler:?}");
            assert!((16..=17).contains(&outcome.steps) && outcome.nfe <= 17, "{outcome:?}");
            assert!(own.windows(2).all(|pair| pair[0].step < pair[1].step));

            // Under absorbing noise every token came at some step, and only masks took any.
            let absorbing = sampler.noise == Noise::Absorbing;
            if absorbing {
                let length = canvas.response().len();
                assert_eq!(outcome.commits, length + outcome.remasks, "{sampler:?}");
                assert_eq!(outcome.edits, 0);
            } else {
                assert_eq!((outcome.commits, outcome.remasks), (0, 0), "{sampler:?}");
            }
            for (&position, &step) in canvas.response().iter().zip(&outcome.step_map) {
                let news = own.iter().rev();
                let mut news =
                    news.flat_map(|entry| entry.committed.iter().map(|new| (entry.step, *new)));
                let last = news.find(|(_, new)| new.position == position);
                assert_eq!(last.map(|(step, _)| step), step, "{sampler:?}");
                assert!(last.is_some() || !absorbing);
                if let Some((_, new)) = last {
                    assert_eq!(new.token, canvas.tokens()[position]);
                    assert!((0.0..=1.0).contains(&new.probability) && 0.0 <= new.entropy);
                }
            }

            // What comes after the first end is waste, and so is what is asked once all
            // before it stands.
            let response: Vec<TokenId> =
                canvas.response().iter().map(|&i| canvas.tokens()[i]).collect();
            let end = response.iter().position(|&token| token == END);
            let Some(end) = end else {
                assert_eq!((outcome.wasted_positions, outcome.wasted_nfe), (0, 0));
                continue;
            };
            assert_eq!(outcome.wasted_positions, response.len() - end - 1);
            let settled = outcome.step_map[..=end].iter().flatten().max();
            let cost = own.iter().find(|entry| Some(&entry.step) == settled);
            assert_eq!(outcome.wasted_nfe, outcome.nfe - cost.map_or(0, |entry| entry.nfe));
            wasted += outcome.wasted_nfe;
        }
    }
    assert!(0 < wasted);
}

#[test]
fn a_batch_limit_changes_nothing() {
    for sampler in samplers() {
        let (canvases, outcomes, Journal(all)) = run(&sampler, usize::MAX);
        for batch in [1, 3] {
            let (some, costs, Journal(entries)) = run(&sampler, batch);
            assert_eq!((&some, &costs), (&canvases, &outcomes), "{sampler:?}");
            for row in 0..4 {
                let of = |entries: &[journal::Entry]| -> Vec<_> {
                    entries.iter().filter(|entry| entry.row == row).cloned().collect()
                };
                assert_eq!(of(&entries), of(&all), "{sampler:?}");
            }
        }
    }
}

#[test]
fn an_observer_stops_the_run_and_a_batch_of_none_is_refused() {
    let mut network = Hashed::new(VOCAB, MASK, 5);
    let sampler = JumpSampler::duo(8);
    let (mut canvases, mut seen) = (canvases(), 0);
    let mut observer = |step: &Step<'_>| {
        seen += 1;
        if step.step == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = sampler.fill(&mut network, &mut canvases, &keys(), &mut observer);
    assert!(matches!(stopped, Err(JumpError::Stopped)), "{stopped:?}");
    assert_eq!(seen, 4 * 3 + 1);
    let filling = Filling { batch: 0, ..Filling::new(&sampler, &mut network) };
    let refused = filling.run(&mut canvases, &keys(), &mut ());
    assert!(matches!(refused, Err(JumpError::NoBatch)), "{refused:?}");
}
