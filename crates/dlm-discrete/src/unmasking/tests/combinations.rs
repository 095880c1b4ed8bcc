//! Every order × commit × block × remasking: the enumerated law is the sampler's.

use std::collections::BTreeMap;

use dlm_core::{Canvas, ModelError, TokenId};
use dlm_rng::Key;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::{
    enumeration::{Aids, Law, law},
    model::{Doubtful, table},
};
use crate::{
    Clock, Schedule,
    unmasking::{
        Commit, CreditRule, Dependence, Filling, Order, ReMdm, Remasking, Strength, TokenRule,
        UnmaskingSampler,
    },
};

/// Positions depend on their neighbours.
pub(super) struct Neighbours;

impl Dependence for Neighbours {
    fn dependence(&mut self, _: &[TokenId], positions: &[usize]) -> Result<Vec<f64>, ModelError> {
        let depends = |i: usize, j: usize| if i.abs_diff(j) == 1 { 1.0 } else { 0.1 };
        let pairs = positions.iter().flat_map(|&i| positions.iter().map(move |&j| depends(i, j)));
        Ok(pairs.collect())
    }
}

/// Total variation between two laws.
pub(super) fn tv(a: &Law, b: &Law) -> f64 {
    let words: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let p = |law: &Law, word| law.get(word).copied().unwrap_or(0.0);
    words.into_iter().map(|word| (p(a, word) - p(b, word)).abs()).sum::<f64>() / 2.0
}

fn orders() -> Vec<Order> {
    vec![
        Order::Random,
        Order::LeftToRight,
        Order::TopProbability,
        Order::ModeProbability,
        Order::Margin,
        Order::Entropy,
        Order::PositionCalibrated { lambda: 0.25, cap: 10.0 },
        Order::CertaintyPrior { lambda: 0.02 },
    ]
}

fn commits() -> Vec<Commit> {
    let clock = Clock::Shared(Schedule::Linear);
    vec![
        Commit::EvenSplit,
        Commit::Scheduled { clock: clock.clone(), until: 1e-3 },
        Commit::Ancestral { clock, until: 0.0 },
        Commit::FirstHitting,
        Commit::Threshold { above: 0.6, decay_to: Some(0.3), keep_pace: true },
        Commit::Factor { factor: 1.2 },
        Commit::EntropyBounded { nats: 0.4 },
        Commit::EntropyBudget { nats: 0.7 },
        Commit::Stable { above: 0.5, nats: 0.2, window: 1 },
        Commit::Runs { above: 0.8, run_above: 0.5 },
        Commit::Credit(CreditRule { above: 0.8, alpha: 0.7, beta: 0.8, gamma: 0.2 }),
        Commit::Independent { above: 0.5 },
    ]
}

fn remaskings() -> Vec<Remasking> {
    let remdm = |strength, eta| Remasking::ReMdm(ReMdm { strength, eta });
    vec![
        Remasking::None,
        remdm(Strength::Cap, 0.3),
        remdm(Strength::Rescale, 0.4),
        remdm(Strength::Confidence, 1.0),
        remdm(Strength::Loop { on: 0.7, off: 0.3, alpha: 0.6 }, 0.3),
        Remasking::Verify { below: 0.7 },
        Remasking::PathPlanning { eta: 1.0 },
        Remasking::Edit { above: 0.6, extra_steps: 2 },
    ]
}

#[test]
fn the_enumerated_law_is_the_samplers() {
    const SAMPLES: usize = 600;
    let model = Doubtful(table(4, 2, 3));
    let frequencies = [0.7f32, 0.3];
    // The second token is fixed, the rest is open: infilling.
    let canvas = Canvas::infill(vec![2, 1, 2, 2], 2).unwrap();
    let mut worst: Option<(f64, String)> = None;
    for order in orders() {
        for commit in commits() {
            for block_length in [None, Some(2)] {
                for remasking in remaskings() {
                    let temperature = if matches!(commit, Commit::Credit(_)) { 0.0 } else { 0.8 };
                    let sampler = UnmaskingSampler {
                        block_length,
                        remasking,
                        steps: Some(4),
                        tokens: TokenRule { temperature, ..TokenRule::default() },
                        ..UnmaskingSampler::new(order, commit.clone())
                    };
                    let mut aids = Aids { frequencies: &frequencies, dependence: &mut Neighbours };
                    let law = law(&sampler, &mut model.clone(), &canvas, &mut aids);
                    let total: f64 = law.values().sum();
                    assert!((total - 1.0).abs() < 1e-9, "{sampler:?}: {total}");

                    let mut canvases = vec![canvas.clone(); SAMPLES];
                    let mut keys: Vec<Key> =
                        (0..SAMPLES).map(|i| Key::new(1).sequence(i as u64)).collect();
                    let mut predictor = model.clone();
                    let filling = Filling {
                        frequencies: &frequencies,
                        dependence: Some(&mut Neighbours),
                        ..Filling::new(&sampler, &mut predictor)
                    };
                    filling.run(&mut canvases, &mut keys, &mut ()).unwrap();
                    let mut counts: BTreeMap<Vec<TokenId>, usize> = BTreeMap::new();
                    for canvas in &canvases {
                        *counts.entry(canvas.tokens().to_vec()).or_default() += 1;
                    }
                    let p = chi_square(&law, &counts, SAMPLES);
                    let unlikely = worst.as_ref().is_none_or(|(worst, _)| p < *worst);
                    if unlikely {
                        worst = Some((p, format!("{sampler:?}\n{law:?}\n{counts:?}")));
                    }
                }
            }
        }
    }
    // Some 1,500 tests: the smallest p-value of so many is far above this.
    let (p, which) = worst.unwrap();
    assert!(1e-6 < p, "p = {p}: {which}");
}

/// The p-value of Pearson's test, rare words taken together; 0 for an impossible word.
pub(super) fn chi_square(law: &Law, counts: &BTreeMap<Vec<TokenId>, usize>, samples: usize) -> f64 {
    if counts.keys().any(|word| !law.contains_key(word)) {
        return 0.0;
    }
    let (mut statistic, mut cells) = (0.0, 0);
    let (mut rare_expected, mut rare_seen) = (0.0, 0.0);
    for (word, p) in law {
        let (expected, seen) = (p * samples as f64, counts.get(word).copied().unwrap_or(0) as f64);
        if expected < 5.0 {
            rare_expected += expected;
            rare_seen += seen;
        } else {
            statistic += (seen - expected).powi(2) / expected;
            cells += 1;
        }
    }
    if 1.0 < rare_expected {
        statistic += (rare_seen - rare_expected).powi(2) / rare_expected;
        cells += 1;
    }
    match cells {
        0 | 1 => 1.0,
        _ => 1.0 - ChiSquared::new(f64::from(cells - 1)).unwrap().cdf(statistic),
    }
}
