//! How probable a masked model holds given tokens to be.
//!
//! A masked model predicts every masked token given the known ones, and that is a joint
//! distribution for each order in which tokens may be revealed. Which one is meant has to
//! be said:
//!
//! | what | is | evaluations |
//! |---|---|---|
//! | [`along_order`] | `ln p` exactly, for one order | `L` |
//! | [`over_all_orders`] | the mean of that over all `L!` orders, exactly | `2ᴸ − 1` |
//! | [`AnyOrder`] | the same mean, estimated (LLaDA) | any number |
//! | [`Elbo`] | an integral over diffusion time, estimated (MDLM) | any number |
//!
//! By Jensen's inequality the mean over orders of `ln p` lies below the `ln` of the mean
//! `p`: it is a lower bound of the log-likelihood of a model that reveals in a random
//! order. The integral over time converges to the same number. A perfect model has one
//! likelihood along all orders, and there the bound is tight.
//!
//! All values are log-likelihoods of the whole answer in nats, at most 0 and never divided
//! by its length.
//!
//! ```
//! use dlm_discrete::likelihood::{Answer, AnyOrder, MonteCarlo};
//! use dlm_rng::Key;
//! use dlm_testkit::Tabular;
//!
//! // Two words with probabilities 0.6 and 0.4.
//! let mut model = Tabular::new(2, 2, vec![0.6, 0.0, 0.0, 0.4])?;
//! let answer = Answer::new(vec![1, 1], vec![0, 1], model.mask())?;
//! let orders = AnyOrder::new(2, Key::new(1))?;
//! let estimate = MonteCarlo::default().estimate(&mut model, &answer, &orders)?;
//! assert!((estimate.value - 0.4f64.ln()).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod any_order;
mod elbo;
mod error;
mod exact;
mod maskings;
mod monte_carlo;
mod scoring;

pub use answer::Answer;
pub use any_order::AnyOrder;
pub use elbo::{Clean, Elbo};
pub use error::LikelihoodError;
pub use exact::{along_order, check_enumerable, over_all_orders};
pub use maskings::{Masking, Maskings};
pub use monte_carlo::{Estimate, MonteCarlo};
pub use scoring::Scoring;
