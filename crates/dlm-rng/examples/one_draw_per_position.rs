//! Draws a token for every position, one uniform number each, and shows that a
//! position's token does not depend on which other positions are drawn.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use dlm_rng::{Key, Purpose};

/// Probabilities of four tokens, the same at every position.
const PROBABILITIES: [f64; 4] = [0.1, 0.2, 0.3, 0.4];

/// The token at which the cumulative probability passes `u`.
fn token_at(u: f64) -> usize {
    let mut cumulative = 0.0;
    PROBABILITIES
        .iter()
        .position(|p| {
            cumulative += p;
            u < cumulative
        })
        .unwrap_or(PROBABILITIES.len() - 1)
}

fn main() {
    let step = Key::new(1).sequence(0).step(0).purpose(Purpose::Token);
    let draw = |position: u64| token_at(step.position(position).uniform());

    let all: Vec<usize> = (0..16).map(draw).collect();
    println!("sixteen positions: {all:?}");

    let backwards_odd: Vec<usize> = (0..16).rev().filter(|i| i % 2 == 1).map(draw).collect();
    println!("odd ones, backwards: {backwards_odd:?}");

    for (odd, token) in (0..16).rev().filter(|i| i % 2 == 1).zip(backwards_odd) {
        assert_eq!(all[odd as usize], token);
    }
}
