//! Every published sampler on a Markov chain whose predictions are exact: what is left is
//! the sampler's own error. Prints the table of docs/samplers.md.
//!
//! `cargo run --release -p dlm-discrete --example oracle`

#![allow(clippy::print_stdout)]

use std::error::Error;

use dlm_core::{Canvas, TokenId};
use dlm_discrete::unmasking::{Commit, Filling, Order, TokenRule, UnmaskingSampler, presets};
use dlm_rng::{Key, Purpose};
use dlm_testkit::{ChainStatistics, RandomChain};

const LENGTH: usize = 32;
const WORDS: usize = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let recipe = RandomChain { states: 8, concentration: 0.3, top_k: 4, epsilon: 0.02 };
    let mut chain = recipe.chain(Key::new(7).purpose(Purpose::Weights))?;
    let frequencies = [1.0 / 8.0; 8];
    let canvas = Canvas::continuation(&[], LENGTH, chain.mask())?;
    let mut keys: Vec<Key> = (0..WORDS).map(|i| Key::new(1).sequence(i as u64)).collect();

    println!("| preset | 32 steps | 16 steps | 8 steps | 4 steps |");
    println!("|---|---|---|---|---|");
    let exact: Vec<_> = keys.iter().map(|key| chain.draw(LENGTH, *key)).collect();
    let floor = ChainStatistics::of(&chain, &exact)?;
    println!("| drawn from the chain | {:.4} / {:.4} | | | |", floor.kl_rate, floor.tv_rate);
    // In a chain, positions depend on each other the less the farther they are apart.
    let mut nearness = |_: &[TokenId], at: &[usize]| {
        let near = |i: usize, j: usize| 1.0 / (1.0 + i.abs_diff(j) as f64);
        Ok(at.iter().flat_map(|&i| at.iter().map(move |&j| near(i, j))).collect())
    };
    // Credit is defined at temperature 0 alone. No two of an independent set are nearer than 4.
    let published = presets::ALL.iter().filter(|preset| preset.name != "credit");
    let published = published.map(|preset| (preset.name, (preset.sampler)()));
    let independent = UnmaskingSampler::new(Order::Random, Commit::Independent { above: 0.2 });
    for (name, base) in published.chain([("independent sets", independent)]) {
        print!("| `{name}` |");
        for steps in [LENGTH, LENGTH / 2, LENGTH / 4, LENGTH / 8] {
            let tokens = TokenRule { temperature: 1.0, ..TokenRule::default() };
            let sampler = UnmaskingSampler { steps: Some(steps), tokens, ..base.clone() };
            let mut canvases = vec![canvas.clone(); WORDS];
            let filling = Filling::new(&sampler, &mut chain);
            let dependence = Some(&mut nearness as _);
            let filling = Filling { frequencies: &frequencies, dependence, ..filling };
            let outcomes = filling.run(&mut canvases, &mut keys, &mut ())?;
            let words: Vec<_> = canvases.iter().map(|canvas| canvas.tokens().to_vec()).collect();
            let found = ChainStatistics::of(&chain, &words)?;
            let nfe = outcomes.iter().map(|o| o.nfe).sum::<usize>() as f64 / WORDS as f64;
            print!(" {:.4} / {:.4} ({nfe:.1}) |", found.kl_rate, found.tv_rate);
        }
        println!();
    }
    Ok(())
}
