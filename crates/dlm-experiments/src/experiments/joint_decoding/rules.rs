//! The commit rules that are compared, each with one number that makes it faster or slower.

use dlm_discrete::unmasking::{
    Commit, Order, Remasking, UnmaskingSampler,
    presets::{entropy_bounded, llada, sdar_entropy, wino},
};

use crate::{Error, Spec};

/// A rule that looks at how positions depend on each other, or at how sure it may be of them
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Up to a sum of entropies beside the largest (Ben-Hamu et al. 2025).
    EntropyBounded,
    /// Up to a sum of entropies, which bounds the total correlation
    /// `Σ H(xⁱ) − H(x) ≤ Σ H(xⁱ)` of what is drawn together.
    EntropyBudget,
    /// An independent set of the graph of dependences (DAPD, 2026).
    Independent,
    /// What a second look finds improbable is masked again (WINO, Hong et al. 2025).
    Verify,
}

/// What the rules are compared with: equally many each step, those first whose drawn token is
/// most probable (Nie et al. 2025).
pub(super) const CONFIDENCE: &str = "confidence";
/// The control: the same with those first whose best token is most probable, whatever was
/// drawn, because ranking drawn tokens favours common ones.
pub(super) const BEST_TOKEN: &str = "best-token";

impl Rule {
    const ALL: [Self; 4] =
        [Self::EntropyBounded, Self::EntropyBudget, Self::Independent, Self::Verify];

    /// The rules called `names`.
    ///
    /// # Errors
    ///
    /// Where there is none, or none of a name.
    pub(super) fn named(spec: &Spec, names: &[String]) -> Result<Vec<Self>, Error> {
        let all = Self::ALL.map(Self::name).join(", ");
        if names.is_empty() {
            return Err(spec.refuse("rules", format!("is empty: name some of {all}")));
        }
        let one = |name: &String| {
            let found = Self::ALL.into_iter().find(|rule| rule.name() == name);
            found.ok_or_else(|| spec.refuse("rules", format!("{name:?} is none of {all}")))
        };
        names.iter().map(one).collect()
    }

    /// What rows and estimates call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EntropyBounded => "entropy-bounded",
            Self::EntropyBudget => "entropy-budget",
            Self::Independent => "independent",
            Self::Verify => "verify",
        }
    }

    /// The rule at a haste `h` in `[0, 1]`: about one position a step at 0, all at once at 1.
    ///
    /// Budgets are `h/(1 − h)`, the strongest dependence let pass is `(h − 0.1)/(1 − h)`: below
    /// 0 nothing passes, not even what is independent. Verification takes in what is more probable
    /// than `1 − h` and masks again what a second look gives less than `1.5·(1 − h)`, at most
    /// 1: at `h = 0.4` the published 0.6 and 0.9.
    pub(super) fn sampler(self, haste: f64) -> UnmaskingSampler {
        let amount = haste / (1.0 - haste);
        match self {
            Self::EntropyBounded => UnmaskingSampler {
                commit: Commit::EntropyBounded { nats: amount },
                ..entropy_bounded()
            },
            Self::EntropyBudget => UnmaskingSampler {
                commit: Commit::EntropyBudget { nats: amount },
                ..sdar_entropy()
            },
            Self::Independent => UnmaskingSampler::new(
                Order::TopProbability,
                Commit::Independent { above: (haste - 0.1) / (1.0 - haste) },
            ),
            Self::Verify => {
                let above = 1.0 - haste;
                UnmaskingSampler {
                    commit: Commit::Threshold { above, decay_to: None, keep_pace: false },
                    remasking: Remasking::Verify { below: (1.5 * above).min(1.0) },
                    block_length: None,
                    ..wino()
                }
            }
        }
    }
}

/// What the rules are compared with, and its control, in `evaluations` steps.
pub(super) fn plain(evaluations: usize) -> [(&'static str, UnmaskingSampler); 2] {
    let confidence = UnmaskingSampler { steps: Some(evaluations), ..llada() };
    let best = UnmaskingSampler { order: Order::ModeProbability, ..confidence.clone() };
    [(CONFIDENCE, confidence), (BEST_TOKEN, best)]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dlm_core::Canvas;
    use dlm_discrete::unmasking::{Commit, Filling, Remasking, presets};
    use dlm_rng::Key;
    use dlm_testkit::RandomChain;

    use super::{Rule, plain};
    use crate::{
        Spec,
        experiments::joint_decoding::dependence::{Exact, nearness},
    };

    /// Haste 0.4 is WINO's published setting, and the ends are the ends.
    #[test]
    fn verification_keeps_the_published_proportion() {
        let published = presets::wino();
        let found = Rule::Verify.sampler(0.4);
        let Remasking::Verify { below } = found.remasking else { panic!("{found:?}") };
        assert_eq!((found.commit, found.order), (published.commit, published.order));
        assert!((below - 0.9).abs() < 1e-12);
        assert_eq!(Rule::EntropyBudget.sampler(0.5).commit, Commit::EntropyBudget { nats: 1.0 });
    }

    /// In haste everything is drawn at once, without any it takes about as many evaluations
    /// as there are tokens, and those between come between.
    #[test]
    fn haste_spends_fewer_evaluations() {
        let recipe = RandomChain { states: 5, concentration: 1.0, top_k: 3, epsilon: 1e-6 };
        let mut chain = recipe.chain(Key::new(4)).unwrap();
        let canvas = Canvas::continuation(&[], 16, chain.mask()).unwrap();
        for rule in Rule::ALL {
            let mut evaluations = |haste: f64| {
                let mut sampler = rule.sampler(haste);
                sampler.tokens.temperature = 1.0;
                let mut canvases = vec![canvas.clone(); 30];
                let mut keys: Vec<Key> = (0..30).map(|i| Key::new(9).sequence(i)).collect();
                let mut source = Exact::new(chain.clone());
                let filling = Filling::new(&sampler, &mut chain);
                let filling = Filling { dependence: Some(&mut source), ..filling };
                let outcomes = filling.run(&mut canvases, &mut keys, &mut ()).unwrap();
                outcomes.iter().map(|outcome| outcome.nfe).sum::<usize>() as f64 / 30.0
            };
            let found = [0.0, 0.3, 0.6, 1.0].map(&mut evaluations);
            assert!(found.is_sorted_by(|a, b| b <= a), "{rule:?} {found:?}");
            assert!(13.0 < found[0] && found[3] == 1.0, "{rule:?} {found:?}");
        }
    }

    #[test]
    fn the_plain_rules_take_the_steps_they_are_given() {
        assert!(plain(5).iter().all(|(_, sampler)| sampler.steps == Some(5)));
        assert_eq!(nearness(&[], &[3, 4, 7]).unwrap()[1], 0.5);
    }

    #[test]
    fn an_unknown_rule_is_refused_with_the_known_ones() {
        let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs");
        let spec = Spec::read(&Path::new(specs).join("joint-decoding.toml")).unwrap();
        let message = Rule::named(&spec, &["entropi".to_string()]).unwrap_err().to_string();
        assert!(message.contains("rules") && message.contains("entropy-budget"), "{message}");
        assert!(Rule::named(&spec, &[]).is_err());
    }
}
