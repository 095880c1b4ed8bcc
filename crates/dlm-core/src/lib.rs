//! The nouns that diffusion language models and samplers agree on, and nothing
//! that runs.
//!
//! A network and whoever asks it meet here: a [`Canvas`] is a partly masked
//! sequence, a [`Query`] names the masked positions somebody wants to know
//! about, an [`Ask`] says what they want to know, and a [`Candidate`] is the
//! small answer for one position. Vocabulary-sized rows of floats never cross
//! this border; [`DenseLogits`] is the reference implementation of the step
//! that removes them, in host memory and double precision.
//!
//! Continuous diffusion has its own few nouns: a [`Latent`] is a sampler's state, [`Levels`]
//! say how noisy each of its positions is, a [`Denoiser`] predicts the data behind it, and a
//! [`Rounding`] reads tokens from it. [`DenseLatent`] is a latent in host memory.
//!
//! Time runs from data at `t = 0` to noise at `t = 1`. Logarithms are natural
//! and information is in nats. Shapes are written `[batch, length, vocab]`.
//!
//! ```
//! use dlm_core::{Ask, Canvas, DenseLogits, MaskPredictor, ModelError, Prediction, Query};
//!
//! /// A network that always answers with the same two-token distribution.
//! struct Coin;
//!
//! impl MaskPredictor for Coin {
//!     fn vocab(&self) -> usize {
//!         2
//!     }
//!
//!     fn predict(&mut self, queries: &[Query<'_>], ask: &Ask<'_>) -> Result<Prediction, ModelError> {
//!         let row = |query: &Query<'_>| {
//!             let logits = [0.75f32.ln(), 0.25f32.ln()].repeat(query.positions.len());
//!             DenseLogits::new(logits, 2)?.read(query, ask)
//!         };
//!         let candidates = queries.iter().map(row).collect::<Result<_, _>>()?;
//!         Ok(Prediction { candidates, ..Prediction::default() })
//!     }
//! }
//!
//! let canvas = Canvas::continuation(&[0, 1], 3, 2)?;
//! let positions = canvas.masked();
//! let query = Query::new(canvas.tokens(), &positions);
//! let prediction = Coin.predict(&[query], &Ask::default())?;
//! assert_eq!(prediction.candidates[0][0].token, 0);
//! assert!((prediction.candidates[0][0].margin - 0.5).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]

mod ask;
mod candidate;
mod canvas;
mod denoiser;
mod dense;
mod error;
mod latent;
mod level;
mod memory;
mod predictor;
mod rounding;
mod transition;

pub use ask::{Ask, Crossing, Query, Shaping, TopP};
pub use candidate::{Candidate, Ranked, Target};
pub use canvas::{Canvas, CanvasError};
pub use denoiser::{Denoiser, Differentiable};
pub use dense::{DenseLogits, invert_cdf, predict_dense};
pub use error::ModelError;
pub use latent::{DenseLatent, Latent, LatentError, Real, Shape, Weights};
pub use level::{Levels, NoiseLevel};
pub use memory::Memory;
pub use predictor::{MaskPredictor, Mixture, Prediction};
pub use rounding::{Rounded, Rounding};
pub use transition::{Affine, Measure, Transition};

/// A vocabulary index.
pub type TokenId = u32;
