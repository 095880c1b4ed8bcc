//! Counter-based randomness: every number is a function of what it is for.
//!
//! A [`Key`] says what a number is for: the run's seed, the sequence, the step,
//! the position and the [`Purpose`]. The number follows from the key alone, so a
//! sequence draws the same whatever batch it is in, whatever ran before it and
//! however many threads run beside it. There is no state to hand along, and no
//! global generator to fall back on.
//!
//! ```
//! use dlm_rng::{Key, Purpose};
//!
//! let key = Key::new(7).sequence(3).step(12).purpose(Purpose::Token);
//! let (fifth, fourth) = (key.position(5).uniform(), key.position(4).uniform());
//! assert_eq!(fifth, key.position(5).uniform());
//! assert_ne!(fifth, fourth);
//! ```
//!
//! One number is [`Key::uniform`]; many for the same purpose come from
//! [`Key::stream`]. The generator below both is [`philox4x64`]. It is fast and
//! passes the usual test batteries; it is not meant for cryptography.

#![deny(missing_docs)]

mod key;
mod philox;
mod purpose;
mod stream;

pub use key::Key;
pub use philox::philox4x64;
pub use purpose::Purpose;
pub use stream::Stream;
