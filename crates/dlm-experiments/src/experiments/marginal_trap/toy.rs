//! Two small languages, and the exact law of every order and commit rule on them.

use dlm_discrete::{
    Clock, Schedule,
    unmasking::{Commit, Order, TokenRule, UnmaskingSampler},
};
use dlm_rng::{Key, Purpose};
use dlm_testkit::Tabular;
use serde::{Deserialize, Serialize};

use super::enumeration::{Law, law};
use crate::Error;

/// "I like" and "He likes", equally likely, and nothing else: the paper's example.
pub(super) const TWO_WORDS: &str = "two words";
/// Three positions of three tokens, all words possible, drawn at random.
pub(super) const THREE_POSITIONS: &str = "three positions";

pub(super) const RANDOM: &str = "random";
pub(super) const ALL: &str = "all at once";
pub(super) const ONE: &str = "one by one";

/// A sampler on a language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LawRow {
    pub(super) language: String,
    pub(super) order: String,
    pub(super) rule: String,
    /// Network evaluations on average.
    pub(super) evaluations: f64,
    /// Tokens for each of them.
    pub(super) tokens_per_evaluation: f64,
    /// Mass on words that the language rules out.
    pub(super) invalid: f64,
    /// Total variation between what is written and the language.
    pub(super) total_variation: f64,
}

/// Every order and rule on the two words, and every order at either extreme on the three
/// positions, where rules that toss coins have too many outcomes; temperature 1, no token is
/// masked again.
///
/// # Errors
///
/// None, as long as the languages are distributions.
pub(super) fn rows(key: Key) -> Result<Vec<LawRow>, Error> {
    let refused = |error: dlm_testkit::TabularError| Error::Argument(error.to_string());
    let two = Tabular::new(2, 2, vec![0.5, 0.0, 0.0, 0.5]).map_err(refused)?;
    let three = Tabular::random(3, 3, 0.5, key.purpose(Purpose::Weights)).map_err(refused)?;
    let mut rows = Vec::new();
    for (name, table) in [(TWO_WORDS, &two), (THREE_POSITIONS, &three)] {
        for (rule, commit, steps) in rules(table.length()) {
            if name == THREE_POSITIONS && ![ALL, ONE].contains(&rule) {
                continue;
            }
            for (order, by) in orders() {
                let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
                let sampler = UnmaskingSampler {
                    steps: Some(steps),
                    tokens,
                    ..UnmaskingSampler::new(by, commit.clone())
                };
                let law: Law = law(&sampler, table)?;
                rows.push(LawRow {
                    language: name.to_string(),
                    order: order.to_string(),
                    rule: rule.to_string(),
                    evaluations: law.evaluations,
                    tokens_per_evaluation: table.length() as f64 / law.evaluations,
                    invalid: law.invalid(table),
                    total_variation: law.total_variation(table),
                });
            }
        }
    }
    Ok(rows)
}

/// Every order, with published settings.
pub(super) fn orders() -> [(&'static str, Order); 8] {
    [
        (RANDOM, Order::Random),
        ("left to right", Order::LeftToRight),
        ("drawn token's probability", Order::TopProbability),
        ("best token's probability", Order::ModeProbability),
        ("margin", Order::Margin),
        ("entropy", Order::Entropy),
        ("position-calibrated", Order::PositionCalibrated { lambda: 0.25, cap: 10.0 }),
        ("certainty and prior", Order::CertaintyPrior { lambda: 0.3 }),
    ]
}

/// Every commit rule that draws tokens, with published settings, and its steps.
fn rules(length: usize) -> Vec<(&'static str, Commit, usize)> {
    let clock = || Clock::Shared(Schedule::Linear);
    let limit = |above| Commit::Threshold { above, decay_to: None, keep_pace: false };
    vec![
        (ALL, Commit::EvenSplit, 1),
        (ONE, Commit::EvenSplit, length),
        ("scheduled", Commit::Scheduled { clock: clock(), until: 0.0 }, length),
        ("ancestral", Commit::Ancestral { clock: clock(), until: 0.0 }, length),
        ("first hitting", Commit::FirstHitting, length),
        ("threshold 0.9", limit(0.9), length),
        ("threshold 0.4", limit(0.4), length),
        ("factor", Commit::Factor { factor: 1.0 }, length),
        ("entropy-bounded", Commit::EntropyBounded { nats: 0.1 }, length),
        ("entropy budget", Commit::EntropyBudget { nats: 0.35 }, length),
        ("stable", Commit::Stable { above: 0.9, nats: 0.01, window: 2 }, length),
        ("runs", Commit::Runs { above: 0.9, run_above: 0.4 }, length),
        ("independent sets", Commit::Independent { above: 0.1 }, length),
    ]
}

#[cfg(test)]
mod tests {
    use dlm_rng::Key;

    use super::{ALL, LawRow, ONE, RANDOM, THREE_POSITIONS, TWO_WORDS, rows};

    fn row<'a>(rows: &'a [LawRow], language: &str, order: &str, rule: &str) -> &'a LawRow {
        let is = |row: &&LawRow| row.language == language && row.order == order && row.rule == rule;
        rows.iter().find(is).unwrap()
    }

    #[test]
    fn laws_of_the_two_word_language_by_hand() {
        let rows = rows(Key::new(2512)).unwrap();
        assert_eq!(rows.len(), 8 * (13 + 2));
        for order in super::orders().map(|(name, _)| name) {
            let both = row(&rows, TWO_WORDS, order, ALL);
            // Two fair coins disagree half of the time.
            assert!((both.invalid - 0.5).abs() < 1e-12 && both.evaluations == 1.0, "{both:?}");
            let one = row(&rows, TWO_WORDS, order, ONE);
            assert!(one.invalid < 1e-12 && one.total_variation < 1e-12, "{one:?}");
            assert_eq!(one.tokens_per_evaluation, 1.0);
        }
        // Two steps reveal both tokens at once with chance 1/2, and half of those disagree.
        let ancestral = row(&rows, TWO_WORDS, RANDOM, "ancestral");
        assert!((ancestral.invalid - 0.25).abs() < 1e-12, "{ancestral:?}");
        assert!((ancestral.evaluations - 1.5).abs() < 1e-12);
        // Both words are known to tell on each other: never together.
        assert_eq!(row(&rows, TWO_WORDS, RANDOM, "independent sets").invalid, 0.0);
        // A limit below a fair coin's probability takes both at once.
        assert!((row(&rows, TWO_WORDS, RANDOM, "threshold 0.4").invalid - 0.5).abs() < 1e-12);
    }

    /// One token a step is the chain rule, unless the order looks at what was drawn.
    #[test]
    fn only_orders_that_see_the_draw_miss_the_language_one_by_one() {
        let rows = rows(Key::new(2512)).unwrap();
        for order in super::orders().map(|(name, _)| name) {
            let miss = row(&rows, THREE_POSITIONS, order, ONE).total_variation;
            let sees = ["drawn token's probability", "position-calibrated"].contains(&order);
            assert_eq!(1e-3 < miss, sees, "{order}: {miss}");
            assert!(sees || miss < 1e-6, "{order}: {miss}");
        }
    }
}
