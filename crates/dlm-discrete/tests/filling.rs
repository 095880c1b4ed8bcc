//! Laws of the loop: what is fixed stays, nothing is left open, the seed decides, the batch
//! does not.

mod models;

use std::ops::ControlFlow;

use dlm_core::{
    Ask, Canvas, DenseLogits, MaskPredictor, ModelError, Prediction, Query, TokenId, predict_dense,
};
use dlm_discrete::forward::{Noise, Reverse};
use dlm_discrete::jump::{Ceiling, JumpError, JumpSampler, Kappa, Rule};
use dlm_discrete::{BatchError, Clock, Grid, ParameterError, Schedule, Step};
use dlm_rng::Key;
use dlm_testkit::Tabular;
use models::Blind;

const MASK: TokenId = 5;

/// Every rule with every noise, on times that stop short of the data.
fn samplers() -> Vec<JumpSampler> {
    let reverse = Reverse::Mixture;
    let rules = [
        Rule::Posterior { reverse: Reverse::Joint },
        Rule::Posterior { reverse },
        Rule::Psi { kappa: Kappa::Constant { value: 0.5 }, reverse },
        Rule::Psi { kappa: Kappa::MaxCapped { eta: 0.2 }, reverse: Reverse::Joint },
        Rule::Euler,
        Rule::Analytic,
        Rule::Flow,
    ];
    let clock = vec![Schedule::LogLinear { eps: 1e-3 }, Schedule::Cosine { squeeze: 1e-4 }];
    let mut samplers = vec![];
    for rule in rules {
        for noise in [Noise::Absorbing, Noise::Uniform] {
            for (denoise, grid) in [(true, Grid::Uniform), (false, Grid::Cosine)] {
                let clock = Clock::PerPosition(clock.clone());
                let sampler = JumpSampler::new(rule, noise, clock, 6);
                samplers.push(JumpSampler { grid, denoise, end: 0.1, ..sampler });
            }
        }
    }
    samplers
}

fn network() -> Blind {
    let rows = vec![vec![0.1, 0.2, 0.3, 0.25, 0.15], vec![0.6, 0.1, 0.1, 0.1, 0.1]];
    Blind::new(rows, MASK)
}

fn canvases() -> Vec<Canvas> {
    let infill = |tokens: &[TokenId]| Canvas::infill(tokens.to_vec(), MASK).unwrap();
    vec![infill(&[0, MASK, MASK, 4, MASK, 1, MASK]), infill(&[MASK; 9]), infill(&[3, 3, MASK])]
}

fn filled(sampler: &JumpSampler, canvases: &[Canvas], keys: &[Key]) -> Vec<Canvas> {
    let mut canvases = canvases.to_vec();
    sampler.fill(&mut network(), &mut canvases, keys, &mut ()).unwrap();
    canvases
}

#[test]
fn fixed_tokens_stay_and_no_mask_is_left() {
    let before = canvases();
    let keys: Vec<Key> = (0..3).map(|i| Key::new(4).sequence(i)).collect();
    for sampler in samplers() {
        let mut after = before.clone();
        // From the first step on, what is said to have changed is all that changes.
        let mut seen: Vec<Option<Canvas>> = vec![None; 3];
        let mut observer = |step: &Step<'_>| {
            let mut expected = seen[step.row].take().unwrap_or_else(|| step.canvas.clone());
            step.remasked.iter().for_each(|&i| expected.remask(i));
            step.committed.iter().for_each(|new| expected.commit(new.position, new.token));
            assert_eq!(&expected, step.canvas, "{sampler:?}");
            let fixed = |i: &usize| !step.canvas.response().contains(i);
            assert!(!step.committed.iter().map(|new| &new.position).any(fixed), "{sampler:?}");
            seen[step.row] = Some(expected);
            ControlFlow::Continue(())
        };
        sampler.fill(&mut network(), &mut after, &keys, &mut observer).unwrap();
        let seen: Vec<Canvas> = seen.into_iter().flatten().collect();
        assert_eq!(seen, after);
        for (before, after) in before.iter().zip(&after) {
            assert!(after.masked().is_empty(), "{sampler:?}");
            for i in (0..before.tokens().len()).filter(|&i| !before.is_masked(i)) {
                assert_eq!(after.tokens()[i], before.tokens()[i], "{sampler:?}");
            }
        }
    }
}

#[test]
fn a_canvas_turns_out_the_same_in_any_batch() {
    let canvases = canvases();
    let keys: Vec<Key> = (0..3).map(|i| Key::new(9).sequence(i)).collect();
    for sampler in samplers() {
        let together = filled(&sampler, &canvases, &keys);
        for i in 0..3 {
            let alone = filled(&sampler, &canvases[i..=i], &keys[i..=i]);
            assert_eq!(alone[0], together[i], "{sampler:?}");
        }
        let turned =
            filled(&sampler, &[canvases[2].clone(), canvases[0].clone()], &[keys[2], keys[0]]);
        assert_eq!((&turned[0], &turned[1]), (&together[2], &together[0]), "{sampler:?}");
    }
}

/// The seed of a request is what its randomness comes from.
#[test]
fn defect_19_the_seed_decides() {
    let canvas = [Canvas::infill(vec![MASK; 60], MASK).unwrap()];
    for sampler in samplers() {
        let write = |seed| filled(&sampler, &canvas, &[Key::new(seed)]);
        assert_eq!(write(1), write(1), "{sampler:?}");
        assert_ne!(write(1), write(2), "{sampler:?}");
    }
}

/// Starting over means from noise: what a response holds before has no influence.
#[test]
fn a_filled_canvas_is_filled_anew() {
    for sampler in samplers() {
        let other = filled(&sampler, &canvases()[1..2], &[Key::new(7)]);
        let anew = filled(&sampler, &other, &[Key::new(3)]);
        assert_eq!(anew, filled(&sampler, &canvases()[1..2], &[Key::new(3)]), "{sampler:?}");
        assert_ne!(anew, other, "{sampler:?}");
    }
}

/// Only masks are asked about, and nothing where none is left.
#[test]
fn nobody_is_asked_about_what_cannot_change() {
    let mut network = network();
    let mut canvases = [Canvas::continuation(&[1, 2], 4, MASK).unwrap()];
    JumpSampler::mdlm(200).fill(&mut network, &mut canvases, &[Key::new(8)], &mut ()).unwrap();
    let open: Vec<usize> = network.asked.iter().map(Vec::len).collect();
    assert!(open.windows(2).all(|pair| pair[1] <= pair[0]), "{open:?}");
    assert!(open.iter().all(|&open| 0 < open) && open.len() < 200, "{}", open.len());

    network.asked.clear();
    JumpSampler::duo(10).fill(&mut network, &mut canvases, &[Key::new(8)], &mut ()).unwrap();
    // Ten steps and, at t = 10⁻⁵, a last one.
    assert_eq!(network.asked, vec![vec![2, 3, 4, 5]; 11]);

    // No last one where it is not wanted, or where α is 1 and nothing is left to denoise.
    let linear = Clock::Shared(Schedule::Linear);
    for sampler in [
        JumpSampler { denoise: false, ..JumpSampler::duo(10) },
        JumpSampler { end: 0.0, clock: linear, ..JumpSampler::duo(10) },
        JumpSampler::flow(Noise::Uniform, 10),
    ] {
        network.asked.clear();
        sampler.fill(&mut network, &mut canvases, &[Key::new(8)], &mut ()).unwrap();
        assert_eq!(network.asked.len(), 10, "{sampler:?}");
    }
}

/// Uniform noise on a vocabulary that holds the mask knows the mask at no time.
#[test]
fn uniform_noise_never_shows_a_mask() {
    let row = vec![0.1, 0.2, 0.3, 0.4];
    let mut repeated = 0;
    for sampler in samplers().into_iter().filter(|sampler| sampler.noise == Noise::Uniform) {
        let mut network = Blind::new(vec![row.clone()], 1);
        let mut canvases = [Canvas::infill(vec![1; 50], 1).unwrap()];
        let mut watch = |step: &Step<'_>| {
            assert!(step.canvas.masked().is_empty(), "{sampler:?}");
            ControlFlow::Continue(())
        };
        sampler.fill(&mut network, &mut canvases, &[Key::new(5)], &mut watch).unwrap();
        // Drawing again means asking again, about few.
        let again: usize = network.asked.iter().map(Vec::len).filter(|&n| n < 50).sum();
        assert!(again < 100, "{sampler:?}: {again}");
        repeated += again;
    }
    assert!(0 < repeated);
}

/// A network that cannot be brought to name anything but the mask.
struct Stubborn;

impl MaskPredictor for Stubborn {
    fn vocab(&self) -> usize {
        6
    }

    fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
        let rows = |_: &[TokenId], positions: &[usize], _| {
            let row = [0.0, 0.0, 0.0, 0.0, 0.0, f32::NEG_INFINITY];
            DenseLogits::new(row.repeat(positions.len()), 6)
        };
        let mut prediction = predict_dense(queries, ask, MASK, rows)?;
        prediction.candidates.iter_mut().flatten().for_each(|c| c.token = MASK);
        Ok(prediction)
    }
}

#[test]
fn a_network_that_knows_only_the_mask_is_given_up() {
    let mut canvases = [Canvas::infill(vec![0, MASK], MASK).unwrap()];
    let refused = JumpSampler::duo(4).fill(&mut Stubborn, &mut canvases, &[Key::new(0)], &mut ());
    assert!(matches!(refused, Err(JumpError::OnlyTheMask { position: 1 })), "{refused:?}");
}

/// With nothing between positions to get wrong, every rule writes what the network says.
#[test]
fn independent_tokens_have_their_probabilities() {
    let p = [0.1, 0.2, 0.3, 0.25, 0.15];
    let length = 4000;
    // A mask inside the vocabulary is never written, and takes nothing from the others.
    for (mask, vocab) in [(MASK, 5), (2, 6)] {
        let mut row = p.to_vec();
        if mask == 2 {
            row.insert(2, 0.9);
        }
        let psi = Kappa::Constant { value: 0.5 };
        for sampler in [
            JumpSampler::mdlm(8),
            JumpSampler::md4(8),
            JumpSampler::duo(8),
            JumpSampler::psi(Noise::Absorbing, psi, 8),
            JumpSampler::psi(Noise::Uniform, psi, 8),
            JumpSampler::flow(Noise::Absorbing, 8),
        ] {
            let mut network = Blind::new(vec![row.clone()], mask);
            let mut canvases = [Canvas::infill(vec![mask; length], mask).unwrap()];
            sampler.fill(&mut network, &mut canvases, &[Key::new(6)], &mut ()).unwrap();
            let mut counts = vec![0.0; vocab];
            canvases[0].tokens().iter().for_each(|&token| counts[token as usize] += 1.0);
            if mask == 2 {
                assert_eq!(counts.remove(2), 0.0, "{sampler:?}");
            }
            for (v, count) in counts.iter().enumerate() {
                // Four and a half standard deviations of 4000 draws.
                let close = 4.5 * (p[v] * (1.0 - p[v]) / length as f64).sqrt();
                let share = count / length as f64;
                assert!((share - p[v]).abs() < close, "{sampler:?} {v}: {share}");
            }
        }
    }
}

/// Whether a token is masked anew or not, at every time as many are masked as its clock says.
#[test]
fn masks_are_as_many_as_the_clock_says() {
    let kappas = [0.0, 0.6, 1.0].map(|value| Kappa::Constant { value });
    for kappa in kappas.into_iter().chain([Kappa::MaxCapped { eta: 0.3 }]) {
        let sampler = JumpSampler {
            clock: Clock::Shared(Schedule::Polynomial { exponent: 2.0, squeeze: 0.0 }),
            ..JumpSampler::psi(Noise::Absorbing, kappa, 10)
        };
        let mut canvases = [Canvas::infill(vec![MASK; 4000], MASK).unwrap()];
        let mut watch = |step: &Step<'_>| {
            let s = sampler.grid.time((step.step + 1).min(10), 10, sampler.end);
            let noise = if step.step < 10 { 1.0 - sampler.clock.alpha(0, s) } else { 0.0 };
            let masked = step.canvas.masked().len();
            let close = 4.5 * (noise * (1.0 - noise) / 4000.0).sqrt();
            let share = masked as f64 / 4000.0;
            assert!((share - noise).abs() <= close, "{kappa:?} {}: {share} {noise}", step.step);
            ControlFlow::Continue(())
        };
        sampler.fill(&mut network(), &mut canvases, &[Key::new(7)], &mut watch).unwrap();
    }
}

#[test]
fn a_nucleus_cuts_what_is_drawn() {
    let canvas = [Canvas::infill(vec![MASK; 300], MASK).unwrap()];
    let sampler = JumpSampler { top_p: Some(0.5), ..JumpSampler::mdlm(10) };
    let written = filled(&sampler, &canvas, &[Key::new(2)]);
    // 0.3 + 0.25 passes a half at the even positions, 0.6 at the odd ones.
    for (i, token) in written[0].tokens().iter().enumerate() {
        let nucleus: &[TokenId] = if i % 2 == 0 { &[2, 3] } else { &[0] };
        assert!(nucleus.contains(token), "{i}: {token}");
    }
}

#[test]
fn samplers_are_files() {
    let file = r#"{
        "rule": {"kind": "psi", "kappa": {"kind": "max-rescaled", "eta": 0.05}},
        "noise": "uniform",
        "clock": {"kind": "log-linear"},
        "steps": 256,
        "end": 1e-5
    }"#;
    let kappa = Kappa::MaxRescaled { eta: 0.05, ceiling: Ceiling::One };
    let psi = JumpSampler::psi(Noise::Uniform, kappa, 256);
    assert_eq!(serde_json::from_str::<JumpSampler>(file).unwrap(), psi);
    assert!(serde_json::from_str::<JumpSampler>(&file.replace("end", "ende")).is_err());
    for sampler in samplers() {
        let file = serde_json::to_string(&sampler).unwrap();
        assert_eq!(serde_json::from_str::<JumpSampler>(&file).unwrap(), sampler);
    }
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let good = JumpSampler::mdlm(4);
    let kappa = |kappa| Rule::Psi { kappa, reverse: Reverse::Joint };
    let linear = Clock::Shared(Schedule::Linear);
    for (sampler, field) in [
        (JumpSampler { steps: 0, ..good.clone() }, "steps"),
        (JumpSampler { end: 1.0, ..good.clone() }, "end"),
        (JumpSampler { end: f64::NAN, ..good.clone() }, "end"),
        (JumpSampler { top_p: Some(0.0), ..good.clone() }, "top_p"),
        (JumpSampler { rule: kappa(Kappa::MaxCapped { eta: 1.5 }), ..good.clone() }, "eta"),
        (JumpSampler { rule: kappa(Kappa::Constant { value: -0.1 }), ..good.clone() }, "kappa"),
        (JumpSampler { rule: Rule::Euler, clock: linear, ..good.clone() }, "alpha(1)"),
        (
            JumpSampler { clock: Clock::Shared(Schedule::LogLinear { eps: 2.0 }), ..good.clone() },
            "eps",
        ),
    ] {
        let mut canvases = canvases();
        let refused = sampler.fill(&mut network(), &mut canvases, &[Key::new(0); 3], &mut ());
        let Err(JumpError::Parameter(ParameterError::OutOfRange { field: named, .. })) = refused
        else {
            panic!("{sampler:?}: {refused:?}")
        };
        assert_eq!(named, field);
    }
    let refused = |canvases: &mut [Canvas], keys: &[Key], network: &mut Blind| match good.fill(
        network,
        canvases,
        keys,
        &mut (),
    ) {
        Err(JumpError::Batch(refused)) => refused,
        other => panic!("{other:?}"),
    };
    let keys = [Key::new(0); 2];
    let few = refused(&mut canvases(), &keys, &mut network());
    assert_eq!(few, BatchError::Keys { keys: 2, canvases: 3 });
    let mut mixed = [canvases().remove(0), Canvas::infill(vec![1, 4], 4).unwrap()];
    let masks = refused(&mut mixed, &keys, &mut network());
    assert_eq!(masks, BatchError::Masks { one: MASK, other: 4 });
    let mut bare = [Canvas::infill(vec![0], 0).unwrap()];
    let none = refused(&mut bare, &keys[..1], &mut Blind::new(vec![vec![1.0]], 0));
    assert_eq!(none, BatchError::NoTokens { vocab: 1, mask: 0 });
    // Nothing to fill is no mistake.
    good.fill(&mut network(), &mut [], &[], &mut ()).unwrap();

    // A network that breaks off leaves the canvases at the last whole step.
    let mut table = Tabular::new(2, 2, vec![0.25; 4]).unwrap();
    let mut wrong = [Canvas::infill(vec![2; 3], 2).unwrap()];
    let failed = good.fill(&mut table, &mut wrong, &keys[..1], &mut ());
    assert!(matches!(failed, Err(JumpError::Model(_))));
    assert_eq!(wrong[0].masked(), [0, 1, 2]);
}
