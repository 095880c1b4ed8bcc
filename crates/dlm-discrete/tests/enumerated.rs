//! The law of a sampler, written out: with an exact network only the steps' width is left
//! as an error, and it goes with the first power of it.

use dlm_core::TokenId;
use dlm_discrete::forward::{Noise, Process, Reverse};
use dlm_discrete::jump::{JumpSampler, Kappa, Move, Rule};
use dlm_discrete::{Alphabet, Clock, Schedule};
use dlm_testkit::Tabular;

const V: usize = 3;
const L: usize = 3;
const MASK: TokenId = 3;

/// Three tokens that depend on each other.
fn language() -> Tabular {
    let often = |i: usize| if i.is_multiple_of(13) { 20.0 } else { 0.0 };
    let weight = |i: usize| 1.0 + ((i * i * 7 + i * 3) % 11) as f64 + often(i);
    let total: f64 = (0..27).map(weight).sum();
    Tabular::new(L, V, (0..27).map(|i| weight(i) / total).collect()).unwrap()
}

/// What an exact network says about a position of a noisy word.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Network {
    /// `p(x₀ⁱ | x_t)`.
    Whole,
    /// `p(x₀ⁱ | x_t without its position i)`.
    LeaveOneOut,
    /// `p_t(x with v at i)/p_t(x)`.
    Ratios,
}

/// All canvases, masks included, and how to tell them apart.
fn canvas(index: usize) -> [TokenId; L] {
    std::array::from_fn(|i| (index / (V + 1).pow(i as u32) % (V + 1)) as TokenId)
}

fn index(canvas: &[TokenId]) -> usize {
    canvas.iter().rev().fold(0, |index, &token| index * (V + 1) + token as usize)
}

const CANVASES: usize = (V + 1).pow(L as u32);

/// `q(x_t | word)`, without one position where that is given.
fn likelihood(process: &Process, word: &[TokenId], x: &[TokenId], t: f64, without: usize) -> f64 {
    let at = |i: usize| process.marginal(i, word[i], t).unwrap().probability(x[i]);
    (0..L).filter(|&i| i != without).map(at).product()
}

fn outputs(
    network: Network,
    language: &Tabular,
    process: &Process,
    x: &[TokenId; L],
    i: usize,
    t: f64,
) -> Vec<f64> {
    let without = if network == Network::Whole { L } else { i };
    let mut p = vec![0.0; V];
    for (word, weight) in language.joint().iter().enumerate() {
        let word = language.word(word);
        p[word[i] as usize] += weight * likelihood(process, &word, x, t, without);
    }
    let total: f64 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= total);
    if network == Network::Ratios {
        let at = |v: TokenId| -> f64 {
            let from = |(x_0, p): (usize, &f64)| {
                p * process.marginal(i, x_0 as TokenId, t).unwrap().probability(v)
            };
            p.iter().enumerate().map(from).sum()
        };
        return (0..MASK).map(|v| at(v) / at(x[i])).collect();
    }
    p
}

/// Total variation between what the sampler writes and the language.
fn distance(sampler: &JumpSampler, network: Network) -> f64 {
    let language = language();
    let alphabet = Alphabet::new(V, MASK);
    let process = Process::new(sampler.noise, sampler.clock.clone(), V, MASK).unwrap();
    let mut law = vec![0.0; CANVASES];
    for (start, p) in law.iter_mut().enumerate() {
        let masks = canvas(start).iter().filter(|&&token| token == MASK).count();
        *p = match sampler.noise {
            Noise::Absorbing if masks == L => 1.0,
            Noise::Uniform if masks == 0 => (V as f64).powi(-(L as i32)),
            _ => 0.0,
        };
    }
    let times = sampler.grid.times(sampler.steps, sampler.end);
    for (k, &t) in times.iter().enumerate() {
        let mut after = vec![0.0; CANVASES];
        for from in (0..CANVASES).filter(|&from| 0.0 < law[from]) {
            let x = canvas(from);
            let next: [Vec<f64>; L] = std::array::from_fn(|i| {
                let mut next = vec![0.0; V + 1];
                for (chance, what) in sampler.moves(i, x[i], alphabet, t, times.get(k + 1).copied())
                {
                    match what {
                        Move::Keep => next[x[i] as usize] += chance,
                        Move::Remask => next[V] += chance,
                        Move::Draw(_) if chance == 0.0 => {}
                        Move::Draw(transition) => {
                            let s = outputs(network, &language, &process, &x, i, t);
                            let weights = transition.weights(&s, x[i]);
                            let total: f64 = weights.iter().sum();
                            let shares = weights.iter().map(|w| chance * w / total);
                            next.iter_mut().zip(shares).for_each(|(p, share)| *p += share);
                        }
                    }
                }
                next
            });
            for (to, p) in after.iter_mut().enumerate() {
                let y = canvas(to);
                *p += law[from] * (0..L).map(|i| next[i][y[i] as usize]).product::<f64>();
            }
        }
        law = after;
    }
    let words: f64 =
        (0..27).map(|word| (law[index(&language.word(word))] - language.joint()[word]).abs()).sum();
    let unfinished: f64 =
        (0..CANVASES).filter(|&c| canvas(c).contains(&MASK)).map(|c| law[c]).sum();
    assert!(unfinished < 1e-12, "{sampler:?} leaves masks");
    words / 2.0
}

fn sampler(rule: Rule, noise: Noise, schedule: Schedule, steps: usize) -> JumpSampler {
    let end = if schedule == LOG_LINEAR { 1e-6 } else { 0.0 };
    JumpSampler { end, ..JumpSampler::new(rule, noise, Clock::Shared(schedule), steps) }
}

const JOINT: Rule = Rule::Posterior { reverse: Reverse::Joint };
const MIXTURE: Rule = Rule::Posterior { reverse: Reverse::Mixture };
/// For ratios: a floor too small to see.
const LOG_LINEAR: Schedule = Schedule::LogLinear { eps: 1e-9 };

/// Halving the width halves the error.
const FIRST_ORDER: std::ops::Range<f64> = 1.9..2.2;

#[test]
fn the_error_goes_with_the_steps_width() {
    let psi = Rule::Psi { kappa: Kappa::MaxCapped { eta: 0.02 }, reverse: Reverse::Joint };
    let cosine = Schedule::Cosine { squeeze: 0.0 };
    for (rule, noise, schedule, network, falls) in [
        (JOINT, Noise::Absorbing, Schedule::Linear, Network::Whole, FIRST_ORDER),
        (JOINT, Noise::Absorbing, cosine, Network::Whole, FIRST_ORDER),
        (Rule::Flow, Noise::Absorbing, Schedule::Linear, Network::Whole, FIRST_ORDER),
        (Rule::Analytic, Noise::Absorbing, LOG_LINEAR, Network::Ratios, FIRST_ORDER),
        (Rule::Euler, Noise::Absorbing, LOG_LINEAR, Network::Ratios, FIRST_ORDER),
        // Masked anew with the same chance in every step, however short: not quite.
        (psi, Noise::Absorbing, Schedule::Linear, Network::Whole, 1.8..2.1),
        (JOINT, Noise::Uniform, Schedule::Linear, Network::LeaveOneOut, FIRST_ORDER),
        (MIXTURE, Noise::Uniform, Schedule::Linear, Network::Whole, FIRST_ORDER),
        (Rule::Analytic, Noise::Uniform, LOG_LINEAR, Network::Ratios, FIRST_ORDER),
        (Rule::Euler, Noise::Uniform, LOG_LINEAR, Network::Ratios, FIRST_ORDER),
        // Its rate 1/t meets noise that is still there: h·ln(1/h).
        (Rule::Flow, Noise::Uniform, Schedule::Linear, Network::Whole, 1.55..1.75),
    ] {
        let at = |steps| distance(&sampler(rule, noise, schedule, steps), network);
        let [coarse, fine] = [16, 32].map(at);
        let what = format!("{rule:?} {noise:?} {schedule:?}: {coarse} {fine}");
        assert!(fine < 0.03 && falls.contains(&(coarse / fine)), "{what}");
    }
}

/// A prediction that has seen the token goes with the mixture, one that has not with the
/// joint. Taken the wrong way they write another language, in however many steps.
#[test]
fn predictions_taken_the_wrong_way_do_not_converge() {
    for (rule, network) in [
        (JOINT, Network::Whole),
        (MIXTURE, Network::LeaveOneOut),
        (Rule::Flow, Network::LeaveOneOut),
    ] {
        let at = |steps| distance(&sampler(rule, Noise::Uniform, Schedule::Linear, steps), network);
        let [coarse, fine] = [8, 32].map(at);
        assert!(0.2 < fine && coarse / fine < 1.2, "{rule:?} {network:?}: {coarse} {fine}");
    }
}

/// Taken the right way both are the same process, step by step.
#[test]
fn both_right_ways_are_one() {
    let at = |rule, network| distance(&sampler(rule, Noise::Uniform, Schedule::Linear, 5), network);
    let (joint, mixture) = (at(JOINT, Network::LeaveOneOut), at(MIXTURE, Network::Whole));
    assert!((joint - mixture).abs() < 1e-12, "{joint} {mixture}");
}
