//! Models whose laws are known, for tests, benches and smoke runs.
//!
//! A perfect network leaves nothing but the error of whoever asks it. [`Tabular`]
//! is one over short words, small enough to write down; [`HiddenMarkov`] is one over
//! words of any length. [`GaussianMixture`] and [`CategoricalMixture`] are perfect denoisers
//! of continuous data and of embedded words. [`Counted`] counts what any network is asked,
//! [`ChainStatistics`] tells how far samples are from the chain they should be of, and
//! [`Branches`] runs a random procedure with every outcome of every decision.
//!
//! ```
//! use dlm_rng::{Key, Purpose};
//! use dlm_testkit::{ChainStatistics, RandomChain};
//!
//! let key = Key::new(7).purpose(Purpose::Test);
//! let spec = RandomChain { states: 5, concentration: 0.5, top_k: 3, epsilon: 0.05 };
//! let chain = spec.chain(key)?;
//! let words: Vec<_> = (0..50).map(|i| chain.draw(40, key.sequence(1 + i))).collect();
//! let statistics = ChainStatistics::of(&chain, &words)?;
//! assert!(statistics.kl_rate < 0.02);
//! # Ok::<(), dlm_testkit::MarkovError>(())
//! ```

#![deny(missing_docs)]

mod branches;
mod categorical_mixture;
mod chain_statistics;
mod counted;
mod dirichlet;
mod forward_backward;
mod gaussian_mixture;
mod hidden_markov;
mod markov_error;
mod markov_law;
mod matrix;
mod random_chain;
mod tabular;

pub use branches::Branches;
pub use categorical_mixture::{CategoricalError, CategoricalMixture};
pub use chain_statistics::ChainStatistics;
pub use counted::Counted;
pub use gaussian_mixture::{Component, GaussianMixture, MixtureError};
pub use hidden_markov::HiddenMarkov;
pub use markov_error::MarkovError;
pub use random_chain::{RandomChain, smooth};
pub use tabular::{Tabular, TabularError};
