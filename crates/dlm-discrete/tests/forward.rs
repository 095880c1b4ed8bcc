//! Laws of forward processes: Chapman and Kolmogorov, Bayes, closed form against matrices,
//! simulated chains, and recorded values of D3PM.

mod golden;

use dlm_core::{Canvas, TokenId};
use dlm_discrete::forward::{Chain, ForwardError, Noise, Process, Reverse};
use dlm_discrete::{Clock, Schedule};
use dlm_rng::{Key, Purpose};
use golden::Golden;
use statrs::distribution::{ChiSquared, ContinuousCDF};

const K: usize = 5;
const MASK: TokenId = 2;
const NOISES: [Noise; 2] = [Noise::Absorbing, Noise::Uniform];

/// Two positions that keep different times; the mask lies inside the vocabulary.
fn process(noise: Noise) -> Process {
    let clock = vec![Schedule::LogLinear { eps: 0.01 }, Schedule::Cosine { squeeze: 1e-4 }];
    Process::new(noise, Clock::PerPosition(clock), K + 1, MASK).unwrap()
}

/// The clean tokens, then the mask where it is a state.
fn states(noise: Noise) -> Vec<TokenId> {
    let mut states = vec![0, 1, 3, 4, 5];
    if noise == Noise::Absorbing {
        states.push(MASK);
    }
    states
}

fn all_pairs(noise: Noise) -> impl Iterator<Item = (TokenId, TokenId)> {
    states(noise).into_iter().flat_map(move |a| states(noise).into_iter().map(move |b| (a, b)))
}

#[test]
fn two_steps_are_one_longer_step() {
    for noise in NOISES {
        let process = process(noise);
        for position in [0, 1] {
            for (from, to) in all_pairs(noise) {
                let (r, s, t) = (0.2, 0.5, 0.9);
                let step = |x, a, b| process.transition(position, x, a, b).unwrap();
                let at_once = step(from, r, t).probability(to);
                let through: f64 = states(noise)
                    .into_iter()
                    .map(|x| step(from, r, s).probability(x) * step(x, s, t).probability(to))
                    .sum();
                assert!((at_once - through).abs() < 1e-12, "{noise:?} {from} → {to}");
                if from != MASK {
                    let marginal = |t| process.marginal(position, from, t).unwrap();
                    let through: f64 = states(noise)
                        .into_iter()
                        .map(|x| marginal(s).probability(x) * step(x, s, t).probability(to))
                        .sum();
                    assert!((marginal(t).probability(to) - through).abs() < 1e-12);
                }
            }
        }
    }
}

#[test]
fn the_posterior_is_bayes_rule() {
    let (s, t) = (0.35, 0.8);
    for noise in NOISES {
        let process = process(noise);
        for position in [0, 1] {
            for (x_t, x_0) in all_pairs(noise).filter(|&(_, x_0)| x_0 != MASK) {
                let marginal = |t| process.marginal(position, x_0, t).unwrap();
                let posterior = process.posterior(position, x_t, x_0, s, t);
                if marginal(t).probability(x_t) == 0.0 {
                    assert_eq!(posterior, Err(ForwardError::Impossible { x_t: x_t as usize }));
                    continue;
                }
                for x_s in states(noise) {
                    let step = process.transition(position, x_s, s, t).unwrap();
                    let bayes = step.probability(x_t) * marginal(s).probability(x_s)
                        / marginal(t).probability(x_t);
                    let found = posterior.as_ref().unwrap().probability(x_s);
                    assert!((found - bayes).abs() < 1e-12, "{noise:?} {x_0} {x_s} {x_t}");
                }
            }
        }
    }
}

#[test]
fn closed_forms_are_those_of_the_matrices() {
    const T: usize = 12;
    let schedule = Schedule::Cosine { squeeze: 1e-4 };
    // β₁ counts from α(0), which the squeeze keeps below 1: the matrices start there.
    let alpha_0 = schedule.alpha(0.0);
    let mut betas = schedule.betas(T, 1.0);
    betas[0] = 1.0 - (1.0 - betas[0]) * alpha_0;
    let time = |k: usize| k as f64 / T as f64;
    for noise in NOISES {
        // The mask comes last, so that the states of the chain are ids.
        let clock = Clock::Shared(schedule);
        let process = Process::new(noise, clock, K, K as TokenId).unwrap();
        let chain = match noise {
            Noise::Absorbing => Chain::absorbing(K + 1, K, &betas).unwrap(),
            Noise::Uniform => Chain::uniform(K, &betas).unwrap(),
        };
        assert_eq!(chain.steps(), T);
        for x_0 in 0..K {
            for (s, t) in [(1, 2), (3, 9), (11, 12), (7, 7)] {
                let marginal = process.marginal(0, x_0 as TokenId, time(t)).unwrap();
                for x_t in 0..chain.states() {
                    let q = chain.marginal(x_0, t).unwrap()[x_t];
                    assert!((q - marginal.probability(x_t as TokenId)).abs() < 1e-12);
                    let (token, start) = (x_t as TokenId, x_0 as TokenId);
                    let step = process.transition(0, token, time(s), time(t)).unwrap();
                    for (x, q) in chain.transition(x_t, s, t).unwrap().into_iter().enumerate() {
                        assert!((q - step.probability(x as TokenId)).abs() < 1e-12);
                    }
                    let Ok(matrix) = chain.posterior(x_t, x_0, s, t) else {
                        assert!(process.posterior(0, token, start, time(s), time(t)).is_err());
                        continue;
                    };
                    let closed = process.posterior(0, token, start, time(s), time(t)).unwrap();
                    for (x_s, q) in matrix.into_iter().enumerate() {
                        let off = (q - closed.probability(x_s as TokenId)).abs();
                        assert!(off < 1e-12, "{noise:?} {x_0} {x_s} {x_t}: {off}");
                    }
                }
            }
        }
    }
}

/// Runs the chain step by step and holds where it went against marginal and posterior.
#[test]
fn simulated_chains_follow_marginal_and_posterior() {
    const RUNS: u64 = 40_000;
    let times = [0.0, 0.15, 0.4, 0.6, 0.75];
    for noise in NOISES {
        let process = process(noise);
        let mut counts = vec![[0u64; K + 1]; K + 1];
        for run in 0..RUNS {
            let key = Key::new(11).sequence(run).purpose(Purpose::Test);
            let mut x = process.marginal(1, 4, 0.0).unwrap().draw(key.step(9).uniform());
            let mut middle = x;
            for (step, pair) in times.windows(2).enumerate() {
                let law = process.transition(1, x, pair[0], pair[1]).unwrap();
                x = law.draw(key.step(step as u64).uniform());
                middle = if step == 1 { x } else { middle };
            }
            counts[x as usize][middle as usize] += 1;
        }
        let ends: Vec<u64> = counts.iter().map(|row| row.iter().sum()).collect();
        let marginal = process.marginal(1, 4, 0.75).unwrap();
        fits(&ends, |token| marginal.probability(token), &format!("{noise:?}, end"));
        for x_t in states(noise).into_iter().filter(|&x_t| 0 < ends[x_t as usize]) {
            let posterior = process.posterior(1, x_t, 4, 0.4, 0.75).unwrap();
            let counts = &counts[x_t as usize];
            fits(counts, |token| posterior.probability(token), &format!("{noise:?}, {x_t}"));
        }
    }
}

/// Pearson's test at the level of 0.0001; tokens that cannot be must not have been.
fn fits(counts: &[u64], p: impl Fn(TokenId) -> f64, what: &str) {
    let total: u64 = counts.iter().sum();
    let (mut statistic, mut cells) = (0.0, 0);
    for (token, &count) in counts.iter().enumerate() {
        let expected = total as f64 * p(token as TokenId);
        if expected == 0.0 {
            assert_eq!(count, 0, "{what}: {token} cannot be");
        } else {
            statistic += (count as f64 - expected).powi(2) / expected;
            cells += 1;
        }
    }
    if 1 < cells {
        let p_value = 1.0 - ChiSquared::new(f64::from(cells - 1)).unwrap().cdf(statistic);
        assert!(1e-4 < p_value, "{what}: p = {p_value}");
    }
}

#[test]
fn corruption_keeps_to_the_response_and_to_each_positions_clock() {
    let clock = Clock::PerPosition(vec![Schedule::Linear; 3]);
    let process = Process::new(Noise::Uniform, clock, 9, 8).unwrap();
    let mut canvas = Canvas::infill(vec![7, 8, 7, 8], 8).unwrap();
    // Masks are not clean: the canvas must be filled before.
    let refused = process.corrupt_canvas(&mut canvas, 0.5, Key::new(1)).unwrap_err();
    assert_eq!(refused, ForwardError::NotAState { token: 8, states: 8 });
    [1, 3].iter().for_each(|&i| canvas.commit(i, 0));
    let mut changed = 0;
    for seed in 0..200 {
        let mut noisy = canvas.clone();
        process.corrupt_canvas(&mut noisy, 1.0, Key::new(seed)).unwrap();
        assert_eq!((noisy.tokens()[0], noisy.tokens()[2]), (7, 7));
        assert!(noisy.masked().is_empty());
        changed += usize::from(noisy.tokens()[1] != 0);
    }
    // 7/8 of 200, give or take four standard deviations.
    assert!((156..194).contains(&changed), "{changed}");

    // The second position stays clean for longer, and noise only ever spreads.
    let clock = vec![Schedule::Linear, Schedule::Polynomial { exponent: 8.0, squeeze: 0.0 }];
    let process = Process::new(Noise::Absorbing, Clock::PerPosition(clock), 8, 8).unwrap();
    let mut masked = [0u32; 2];
    for seed in 0..2000 {
        let at = |t| process.corrupt(&[3, 3], t, Key::new(seed)).unwrap();
        let (early, late) = (at(0.6), at(0.7));
        for position in [0, 1] {
            assert!(early[position] == 3 || late[position] == 8);
            masked[position] += u32::from(early[position] == 8);
        }
    }
    assert!((1112..1288).contains(&masked[0]), "{masked:?}");
    assert!((10..60).contains(&masked[1]), "{masked:?}");
}

#[test]
fn recorded_values_of_d3pm() {
    let golden = Golden::open("d3pm.safetensors");
    let (uniform, absorbing) = (Noise::Uniform, Noise::Absorbing);
    let schedules = [Some((Schedule::SquaredCosine { offset: 0.008 }, 0.999)), None];
    for (name, noise, schedule) in [
        ("uniform_cosine", uniform, schedules[0]),
        ("absorbing_inverse", absorbing, Some((Schedule::Linear, 1.0))),
        ("uniform_linear", uniform, schedules[1]),
        ("absorbing_linear", absorbing, schedules[1]),
    ] {
        let floats = |tensor: &str| golden.floats(&format!("{name}.{tensor}"));
        let integers = |tensor: &str| golden.integers(&format!("{name}.{tensor}"));
        let betas = floats("betas");
        if let Some((schedule, cap)) = schedule {
            near(&schedule.betas(10, cap), &betas, name);
        }
        let chain = match noise {
            Noise::Uniform => Chain::uniform(8, &betas).unwrap(),
            Noise::Absorbing => Chain::absorbing(8, 7, &betas).unwrap(),
        };
        let (steps, products) = (floats("Q"), floats("Qbar"));
        for row in 0..80 {
            let (k, i, numbers) = (row / 8 + 1, row % 8, row * 8..row * 8 + 8);
            near(chain.step(k, i).unwrap(), &steps[numbers.clone()], name);
            near(chain.marginal(i, k).unwrap(), &products[numbers], name);
        }
        let [p, posterior, joint, mixture] =
            ["p_x0", "q_posterior", "p_theta_joint", "p_theta_mixture"].map(floats);
        let [t, x_t, x_0] = ["t", "x_t", "x_0"].map(integers);
        for case in 0..t.len() {
            let (t, x_t, row) = (t[case], x_t[case], case * 8..case * 8 + 8);
            let reverse = |way| chain.reverse(&p[row.clone()], x_t, t - 1, t, way);
            if chain.marginal(x_0[case], t).unwrap()[x_t] == 0.0 {
                // The record holds 0/0 here.
                assert!(joint[row.start].is_nan());
                let impossible = Err(ForwardError::Impossible { x_t });
                assert_eq!(chain.posterior(x_t, x_0[case], t - 1, t), impossible);
                assert_eq!(reverse(Reverse::Joint), impossible);
                assert_eq!(reverse(Reverse::Mixture), impossible);
                continue;
            }
            let found = chain.posterior(x_t, x_0[case], t - 1, t).unwrap();
            near(&found, &posterior[row.clone()], name);
            near(&reverse(Reverse::Joint).unwrap(), &joint[row.clone()], name);
            // The recorded mixture keeps the mass of impossible tokens out of its sum.
            let possible: f64 = mixture[row.clone()].iter().sum();
            let mixed: Vec<f64> = mixture[row.clone()].iter().map(|p| p / possible).collect();
            near(&reverse(Reverse::Mixture).unwrap(), &mixed, name);
        }
    }
}

fn near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{what}: {found}, not {expected}");
    }
}

#[test]
fn a_chain_draws_from_its_marginal() {
    let chain = Chain::uniform(3, &[0.5, 0.5]).unwrap();
    let mut counts = [0u64; 3];
    for token in chain.corrupt(&[1; 20_000], 2, Key::new(5)).unwrap() {
        counts[token as usize] += 1;
    }
    fits(&counts, |token| chain.marginal(1, 2).unwrap()[token as usize], "uniform chain");
}

#[test]
fn what_is_no_process_is_refused() {
    let linear = Clock::Shared(Schedule::Linear);
    let nothing = Process::new(Noise::Uniform, linear.clone(), 1, 0).unwrap_err();
    assert_eq!(nothing, ForwardError::NoTokens { vocab: 1, mask: 0 });
    assert!(Process::new(Noise::Uniform, Clock::PerPosition(vec![]), 4, 0).is_err());
    let process = Process::new(Noise::Uniform, linear, 4, 0).unwrap();
    let not_a_state = |token| Err(ForwardError::NotAState { token, states: 3 });
    assert_eq!(process.marginal(0, 4, 0.5), not_a_state(4));
    assert_eq!(process.transition(0, 0, 0.1, 0.5), not_a_state(0));

    let ragged = Chain::new(vec![vec![vec![1.0], vec![0.5, 0.5]]]).unwrap_err();
    assert!(matches!(ragged, ForwardError::NotStochastic { step: 1, row: 0, .. }), "{ragged}");
    let negative = Chain::uniform(2, &[0.1, -0.1]).unwrap_err();
    assert!(matches!(negative, ForwardError::NotStochastic { step: 2, .. }), "{negative}");
    let chain = Chain::uniform(2, &[0.1]).unwrap();
    assert_eq!(chain.marginal(0, 2), Err(ForwardError::NoSuchStep { step: 2, steps: 1 }));
    assert_eq!(chain.step(0, 0), Err(ForwardError::NoSuchStep { step: 0, steps: 1 }));
    assert!(chain.reverse(&[1.0], 0, 0, 1, Reverse::Joint).is_err());
}
