//! The marginal trap in four lines of table: "I like", "he likes", and nothing else.

#![allow(clippy::print_stdout)]

use dlm_core::{Ask, MaskPredictor, Query};
use dlm_testkit::Tabular;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Tokens 0 and 1 are the pronouns in place 0 and the verb forms in place 1.
    let mut language = Tabular::new(2, 2, vec![0.5, 0.0, 0.0, 0.5])?;
    let mask = language.mask();

    // Both places asked at once: each marginal is right, the pair is a coin toss.
    let both = [mask, mask];
    let together = Query::new(&both, &[0, 1]);
    let prediction = language.predict(&[together], &Ask { top_k: 2, ..Ask::default() })?;
    let p = |place: usize, token: usize| prediction.candidates[0][place].top[token];
    let invalid = 2.0 * (p(0, 0).log_probability + p(1, 1).log_probability).exp();
    println!("drawn together, a pair is invalid with probability {invalid:.2}");

    // One after the other: the second place knows the first.
    let known = [0, mask];
    let after = Query::new(&known, &[1]);
    let prediction = language.predict(&[after], &Ask::default())?;
    let valid = prediction.candidates[0][0].probability();
    println!("drawn one by one, it is valid with probability {valid:.2}");
    Ok(())
}
