//! From latents to tokens.
//!
//! | to get | use |
//! |---|---|
//! | the token whose embedding is nearest, with distance and margin | [`NearestEmbedding`] |
//! | the token that a trained head holds most probable | [`Head`] |
//! | a latent that is a mean of likely embeddings, or a likely token | [`TopP`] |
//! | one sequence of many | [`mbr`] |
//!
//! The first two are [`Rounding`](dlm_core::Rounding)s and fit into
//! [`Clamped`](crate::denoiser::Clamped).

mod embeddings;
mod error;
mod expectation;
mod head;
mod mbr;
mod nearest;
mod product;
mod search;
mod top_p;
mod utility;

pub use embeddings::Embeddings;
pub use error::RoundingError;
pub(crate) use expectation::expectation;
pub use head::Head;
pub use mbr::{MbrError, Selection, mbr};
pub use nearest::NearestEmbedding;
pub use top_p::TopP;
pub use utility::{bleu, token_f1};
