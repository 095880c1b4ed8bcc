//! Two tokens that always agree, written in fewer and fewer steps: a step that reveals
//! both at once tosses a coin for each.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use dlm_core::Canvas;
use dlm_discrete::jump::JumpSampler;
use dlm_rng::Key;
use dlm_testkit::{Counted, Tabular};

const PAIRS: u64 = 2000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let language = Tabular::new(2, 2, vec![0.5, 0.0, 0.0, 0.5])?;
    let empty = Canvas::infill(vec![language.mask(); 2], language.mask())?;
    let keys: Vec<Key> = (0..PAIRS).map(|i| Key::new(1).sequence(i)).collect();
    for steps in [1, 2, 4, 16, 64] {
        let mut network = Counted::new(language.clone());
        let mut pairs = vec![empty.clone(); keys.len()];
        JumpSampler::mdlm(steps).fill(&mut network, &mut pairs, &keys, &mut ())?;
        let torn = pairs.iter().filter(|pair| pair.tokens()[0] != pair.tokens()[1]).count();
        let share = torn as f64 / PAIRS as f64;
        let cost = network.nfe as f64 / PAIRS as f64;
        // Both masks go in the same step of S with probability 1/S, and half of those tear.
        let expected = 0.5 / steps as f64;
        println!(
            "{steps:2} steps, {cost:4.1} evaluations: {share:.3} torn, {expected:.3} expected"
        );
    }
    Ok(())
}
