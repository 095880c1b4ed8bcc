//! Laws of single steps: marginals are kept, published formulas are met.

mod golden;

use dlm_core::{DenseLogits, Query, TokenId};
use dlm_discrete::forward::{Noise, Process, Reverse};
use dlm_discrete::jump::{Ceiling, JumpSampler, Kappa, Move, Rule};
use dlm_discrete::{Alphabet, Clock, Schedule};
use dlm_rng::Key;
use golden::Golden;

const V: usize = 4;
const MASK: TokenId = 4;
const NOISES: [Noise; 2] = [Noise::Absorbing, Noise::Uniform];
const JOINT: Rule = Rule::Posterior { reverse: Reverse::Joint };

fn sampler(rule: Rule, noise: Noise) -> JumpSampler {
    let schedules = vec![Schedule::LogLinear { eps: 1e-2 }, Schedule::Cosine { squeeze: 1e-3 }];
    JumpSampler::new(rule, noise, Clock::PerPosition(schedules), 4)
}

/// Where the process may be: all tokens, and the mask where it is a state.
fn states(noise: Noise) -> std::ops::RangeInclusive<TokenId> {
    0..=if noise == Noise::Absorbing { MASK } else { MASK - 1 }
}

/// The law of the next token at a position, for the network's outputs `s` there.
fn next(
    sampler: &JumpSampler,
    position: usize,
    token: TokenId,
    s: &[f64],
    [from, to]: [f64; 2],
) -> Vec<f64> {
    let mut law = vec![0.0; V + 1];
    let moves = sampler.moves(position, token, Alphabet::new(V, MASK), from, Some(to));
    for (chance, what) in moves {
        match what {
            Move::Keep => law[token as usize] += chance,
            Move::Remask => law[V] += chance,
            Move::Draw(transition) => {
                let weights = transition.weights(s, token);
                let total: f64 = weights.iter().sum();
                weights.iter().enumerate().for_each(|(v, w)| law[v] += chance * w / total);
            }
        }
    }
    law
}

/// One step from `q(x_t | x₀)` by a network that knows `x₀ = 1`; how far that is from
/// `q(x_s | x₀)`, as total variation.
fn lost(rule: Rule, noise: Noise, position: usize, [t, s]: [f64; 2]) -> f64 {
    let sampler = sampler(rule, noise);
    let process = Process::new(noise, sampler.clock.clone(), V, MASK).unwrap();
    let at = |t| process.marginal(position, 1, t).unwrap();
    let mut arrived = [0.0; V + 1];
    for x in states(noise) {
        let is_ratio = matches!(rule, Rule::Euler | Rule::Analytic);
        let output = |v: TokenId| match is_ratio {
            true => at(t).probability(v) / at(t).probability(x),
            false => f64::from(v == 1),
        };
        let weight = at(t).probability(x);
        if 0.0 < weight {
            let s_of_v: Vec<f64> = (0..MASK).map(output).collect();
            let law = next(&sampler, position, x, &s_of_v, [t, s]);
            law.iter().zip(&mut arrived).for_each(|(p, sum)| *sum += weight * p);
        }
    }
    let off = |v: TokenId| (arrived[v as usize] - at(s).probability(v)).abs();
    (0..=MASK).map(off).sum::<f64>() / 2.0
}

#[test]
fn who_knows_the_data_keeps_the_marginals() {
    let psi = |kappa| Rule::Psi { kappa, reverse: Reverse::Joint };
    for noise in NOISES {
        for position in [0, 1] {
            for rule in [
                JOINT,
                Rule::Posterior { reverse: Reverse::Mixture },
                psi(Kappa::Constant { value: 0.3 }),
                psi(Kappa::Constant { value: 0.0 }),
                psi(Kappa::MaxCapped { eta: 0.2 }),
                psi(Kappa::MaxRescaled { eta: 0.4, ceiling: Ceiling::One }),
                psi(Kappa::MaxRescaled { eta: 0.4, ceiling: Ceiling::Eta }),
                Rule::Analytic,
            ] {
                for span in [[0.9, 0.6], [0.5, 0.45], [1.0, 0.2], [0.3, 0.01]] {
                    let lost = lost(rule, noise, position, span);
                    assert!(lost < 1e-12, "{rule:?} {noise:?} {span:?}: {lost}");
                }
            }
            // Euler steps keep them to first order: half the step, a quarter of the loss.
            for rule in [Rule::Euler, Rule::Flow] {
                let [coarse, fine] =
                    [0.02, 0.01].map(|h| lost(rule, noise, position, [0.6, 0.6 - h]));
                // The first position's α is linear, where an Euler step loses nothing.
                let holds = match rule == Rule::Euler && position == 0 {
                    true => coarse < 1e-12,
                    false => (3.8..4.2).contains(&(coarse / fine)),
                };
                assert!(holds, "{rule:?} {noise:?} {position}: {coarse} {fine}");
            }
        }
    }
}

/// A prediction that is unsure, taken both ways, against the sums that define them.
#[test]
fn both_reverses_are_their_definitions() {
    let p = [0.4, 0.1, 0.3, 0.2];
    let span @ [t, s] = [0.7, 0.3];
    for noise in NOISES {
        for position in [0, 1] {
            let clock = sampler(JOINT, noise).clock;
            let process = Process::new(noise, clock, V, MASK).unwrap();
            let marginal = |x_0: usize, t| process.marginal(position, x_0 as TokenId, t).unwrap();
            for x_t in states(noise) {
                let is_possible = |x_0: &usize| 0.0 < marginal(*x_0, t).probability(x_t);
                let possible: f64 = (0..V).filter(is_possible).map(|x_0| p[x_0]).sum();
                let joint = |x_s: TokenId| -> f64 {
                    let step = process.transition(position, x_s, s, t).unwrap().probability(x_t);
                    let prior = |x_0: usize| p[x_0] * marginal(x_0, s).probability(x_s);
                    let total: f64 =
                        (0..V).map(|x_0| p[x_0] * marginal(x_0, t).probability(x_t)).sum();
                    step * (0..V).map(prior).sum::<f64>() / total
                };
                let mixture = |x_s: TokenId| -> f64 {
                    let term = |x_0: usize| {
                        let law = process.posterior(position, x_t, x_0 as TokenId, s, t).unwrap();
                        p[x_0] * law.probability(x_s) / possible
                    };
                    (0..V).filter(is_possible).map(term).sum()
                };
                for (reverse, law) in [
                    (Reverse::Joint, &joint as &dyn Fn(TokenId) -> f64),
                    (Reverse::Mixture, &mixture),
                ] {
                    let sampler = sampler(Rule::Posterior { reverse }, noise);
                    let found = next(&sampler, position, x_t, &p, span);
                    for x_s in states(noise) {
                        let off = (found[x_s as usize] - law(x_s)).abs();
                        assert!(off < 1e-12, "{noise:?} {reverse:?} {x_t} → {x_s}: {off}");
                    }
                }
            }
        }
    }
}

#[test]
fn recorded_weights_of_mdlm() {
    const VOCAB: usize = 300;
    const MASK: usize = 299;
    let golden = Golden::open("mdlm_posterior_step.safetensors");
    let alphabet = Alphabet::new(VOCAB, MASK as TokenId);
    let log_linear = Schedule::LogLinear { eps: 1e-3 };
    let (x, scores) = (golden.integers("x"), golden.floats("subs_score"));
    let t = f64::from(0.6f32);
    let s = t - f64::from(0.1f32);
    let noise_at = |schedule: Schedule| 1.0 - schedule.alpha(t);
    let mut rows = 0;
    for (tensor, rule, schedule, s, scale) in [
        ("ddpm_q_xs", JOINT, log_linear, Some(s), noise_at(log_linear)),
        ("ddpm_q_xs_normalised", JOINT, log_linear, Some(s), 1.0),
        ("ddpm_cache_q_xs", JOINT, Schedule::Linear, Some(s), noise_at(Schedule::Linear)),
        ("analytic_probs", Rule::Analytic, log_linear, Some(s), 1.0),
        ("denoiser_probs", JOINT, log_linear, None, 1.0),
    ] {
        let recorded = golden.floats(tensor);
        let sampler = JumpSampler::new(rule, Noise::Absorbing, Clock::Shared(schedule), 10);
        for row in (0..x.len()).filter(|&row| x[row] == MASK) {
            rows += 1;
            let mut output = scores[row * VOCAB..][..VOCAB].to_vec();
            output[MASK] = 0.0;
            if rule == JOINT {
                // p(v) = (1 − α)/α·s(v), MDLM's own way between the two.
                let factor = log_linear.sigma(t).exp_m1();
                output.iter_mut().for_each(|p| *p *= factor);
            }
            let [(_, Move::Draw(transition)), _] =
                sampler.moves(0, MASK as TokenId, alphabet, t, s)
            else {
                panic!("a mask may always move")
            };
            let weights = transition.weights(&output, MASK as TokenId);
            for (v, (w, recorded)) in weights.iter().zip(&recorded[row * VOCAB..]).enumerate() {
                let off = (w * scale - recorded).abs();
                assert!(off < 2e-5 * recorded + 1e-9, "{tensor} {row} {v}: {w} {recorded}");
            }
        }
    }
    assert_eq!(rows, 5 * 19);
}

/// ReMDM's rule in its own words, and the square of η that another code makes of it.
#[test]
fn defect_22_eta_is_not_squared_unless_asked_for() {
    let span @ [t, s] = [0.8, 0.7];
    let eta = 0.3;
    for position in [0, 1] {
        for (kappa, cap) in [
            (Kappa::MaxRescaled { eta, ceiling: Ceiling::default() }, None),
            (Kappa::MaxRescaled { eta, ceiling: Ceiling::Eta }, Some(eta)),
            (Kappa::MaxCapped { eta }, Some(1.0)),
        ] {
            let rule = Rule::Psi { kappa, reverse: Reverse::Joint };
            let sampler = sampler(rule, Noise::Absorbing);
            let alpha = |t| sampler.clock.alpha(position, t);
            let (alpha_s, alpha_t) = (alpha(s), alpha(t));
            let sigma_max = ((1.0 - alpha_s) / alpha_t).min(1.0);
            assert!(eta < sigma_max, "the ceiling is what decides");
            let sigma = eta * cap.unwrap_or(sigma_max);
            let kept = next(&sampler, position, 2, &[0.25; V], span);
            assert!((kept[V] - sigma).abs() < 1e-12, "{kappa:?}: {} {sigma}", kept[V]);
            let masked = next(&sampler, position, MASK, &[0.25; V], span);
            let stays = (1.0 - alpha_s - sigma * alpha_t) / (1.0 - alpha_t);
            assert!((masked[V] - stays).abs() < 1e-12, "{kappa:?}");
        }
    }
    let file = r#"{"kind": "max-rescaled", "eta": 0.3}"#;
    let rescaled = Kappa::MaxRescaled { eta: 0.3, ceiling: Ceiling::One };
    assert_eq!(serde_json::from_str::<Kappa>(file).unwrap(), rescaled);
}

/// Gumbel noise from single-precision numbers never picks what is rarer than about 10⁻⁸:
/// it samples at a lower temperature than it says.
#[test]
fn defect_20_rare_tokens_keep_their_probability() {
    const RARE: f64 = 1e-9;
    let logits = [0.5, RARE, 0.5 - RARE, 0.0].map(|p: f64| p.ln() as f32);
    let logits = DenseLogits::new(logits.to_vec(), V).unwrap();
    let exact = logits.probabilities(0)[1];
    assert!((exact / RARE - 1.0).abs() < 1e-5);
    let alphabet = Alphabet::new(V, MASK);
    let mdlm = JumpSampler::mdlm(1);
    let [(_, Move::Draw(transition)), _] = mdlm.moves(0, MASK, alphabet, 0.5, None) else {
        panic!("a mask is filled in the last step")
    };
    let draw = |u: f64| {
        let query =
            Query { uniforms: &[u], transitions: &[transition], ..Query::new(&[MASK], &[0]) };
        logits.read(&query, &Default::default()).unwrap()[0].token
    };
    // How much of [0, 1) gives a token up to `last`, by halving.
    let share = |last: TokenId| {
        let (mut inside, mut outside) = (0.0, 1.0);
        for _ in 0..53 {
            let middle = f64::midpoint(inside, outside);
            *(if draw(middle) <= last { &mut inside } else { &mut outside }) = middle;
        }
        outside
    };
    let width = share(1) - share(0);
    assert!((width / exact - 1.0).abs() < 1e-6, "{width} for {exact}");
    // The numbers are fine enough to hit it: of 53 bits, not of 24.
    let fine = (0..1000u64).map(|i| Key::new(1).position(i).uniform() * (1u64 << 24) as f64);
    assert!(990 < fine.filter(|u| u.fract() != 0.0).count());
}
