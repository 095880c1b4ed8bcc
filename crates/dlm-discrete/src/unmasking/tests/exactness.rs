//! Which samplers draw from the joint exactly, and by how much others miss it.

use dlm_core::{Canvas, TokenId};

use super::{
    combinations::{Neighbours, tv},
    enumeration::{Aids, Law, law},
    model::{Doubtful, table},
};
use crate::{
    Clock, Schedule,
    unmasking::{Commit, Order, TokenRule, UnmaskingSampler},
};

/// The law of `sampler` when it samples whole words of a table at temperature 1.
fn of_words(sampler: UnmaskingSampler, length: usize, vocab: usize, seed: u64) -> (Law, Law) {
    let table = table(length, vocab, seed);
    let joint = (0..table.joint().len()).map(|i| (table.word(i), table.joint()[i])).collect();
    let canvas = Canvas::continuation(&[], length, vocab as TokenId).unwrap();
    let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
    let frequencies: Vec<f32> = (0..vocab).map(|v| 0.5f32.powi(v as i32 + 1)).collect();
    let mut aids = Aids { frequencies: &frequencies, dependence: &mut Neighbours };
    let sampler = UnmaskingSampler { tokens, ..sampler };
    (law(&sampler, &mut Doubtful(table), &canvas, &mut aids), joint)
}

/// The chain rule does not care in which order it is applied, as long as the order does
/// not look at what was drawn.
#[test]
fn one_token_a_step_is_exact_whatever_the_order() {
    let orders = [
        Order::Random,
        Order::LeftToRight,
        Order::ModeProbability,
        Order::Margin,
        Order::Entropy,
        Order::CertaintyPrior { lambda: 0.3 },
    ];
    for (length, vocab) in [(3, 2), (3, 5), (4, 3), (6, 2)] {
        for order in orders {
            if order == Order::Random && 4 < length {
                continue;
            }
            for block_length in [None, Some(2)] {
                let sampler = UnmaskingSampler {
                    block_length,
                    ..UnmaskingSampler::new(order, Commit::EvenSplit)
                };
                let (law, joint) = of_words(sampler, length, vocab, 11);
                let miss = tv(&law, &joint);
                assert!(miss < 1e-12, "{order:?} {length} {vocab} {block_length:?}: {miss}");
            }
        }
    }
}

/// First hitting commits one position at a time, at random.
#[test]
fn first_hitting_is_exact() {
    for (length, vocab) in [(3, 5), (4, 3)] {
        let sampler = UnmaskingSampler::new(Order::Random, Commit::FirstHitting);
        let (law, joint) = of_words(sampler, length, vocab, 5);
        assert!(tv(&law, &joint) < 1e-12);
    }
}

/// Ranking by the probability of the token that was drawn favours lucky draws, so even one
/// token a step misses the joint; by the mode's probability it does not.
#[test]
fn ranking_by_the_drawn_token_is_biased_above_temperature_0() {
    let sampler = UnmaskingSampler::new(Order::TopProbability, Commit::EvenSplit);
    let (law, joint) = of_words(sampler, 3, 3, 11);
    let bias = tv(&law, &joint);
    assert!((bias - 0.088_048).abs() < 1e-6, "{bias}");
}

/// Ancestral sampling commits several positions in a step, each from its marginal, and is
/// exact in the limit of many steps: the error falls as 1/S.
#[test]
fn ancestral_sampling_converges_with_the_number_of_steps() {
    let miss = |steps| {
        let commit = Commit::Ancestral { clock: Clock::Shared(Schedule::Linear), until: 0.0 };
        let sampler =
            UnmaskingSampler { steps: Some(steps), ..UnmaskingSampler::new(Order::Random, commit) };
        let (law, joint) = of_words(sampler, 3, 3, 11);
        tv(&law, &joint)
    };
    let errors: Vec<f64> = [1, 2, 8, 16, 32, 64].map(miss).to_vec();
    assert!(errors.windows(2).all(|pair| pair[1] < pair[0]), "{errors:?}");
    for pair in errors[2..].windows(2) {
        let order = (pair[0] / pair[1]).log2();
        assert!((order - 1.0).abs() < 0.1, "order of convergence {order}: {errors:?}");
    }
}
