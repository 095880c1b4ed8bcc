//! Diffusion language models on libtorch: weights, tokenizers, networks, readout.
//!
//! [`Source::find`] resolves a folder or a hub id, [`Model::load`] loads it, and the
//! [`Model`] answers as a [`MaskPredictor`](dlm_core::MaskPredictor): candidates at
//! masked positions, computed by one forward pass. This is the only library of the
//! workspace that names `tch`.
//!
//! ```no_run
//! use dlm_core::{Ask, MaskPredictor, Query};
//! use dlm_runtime::{Hub, LoadOptions, Model, Source};
//!
//! let mut quiet = |_: &dlm_runtime::Download<'_>| ();
//! let source = Source::find("GSAI-ML/LLaDA-8B-Instruct", None, &mut Hub::from_env(&mut quiet))?;
//! let mut model = Model::load(source, LoadOptions::default())?;
//! let canvas = model.canvas("Why do leaves turn red?", 128)?;
//! let positions = canvas.masked();
//! let ask = Ask { top_k: 3, ..Ask::default() };
//! let prediction = model.predict(&[Query::new(canvas.tokens(), &positions)], &ask)?;
//! println!("{:?}", prediction.candidates[0][0].top);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]

mod ceiling;
mod checkpoint;
mod continuation;
mod device;
mod error;
mod latent;
mod model;
mod network;
mod processor;
mod readout;
mod text;
mod trainee;

pub use ceiling::{
    Ceiling, Product, ceiling, matmul_flop, square, training_ceiling, training_flop,
};
pub use checkpoint::{Attention, Diffusion, Download, Hub, ModelFile, Source};
pub use continuation::{Answer, Continuation, Continuer, Opening};
pub use device::{DeviceChoice, DtypeChoice};
pub use error::{Error, TensorProblem};
pub use latent::{HeadRounding, LatentDtype, TensorLatent, TensorRounding};
pub use model::{Description, Frame, Guess, LoadOptions, Model, NoisyQuery};
pub use network::{Family, Parametrisation, TokenVectors};
pub use processor::{LIBTORCH_VERSION, set_threads, threads};
pub use text::TextCodec;
pub use trainee::{Plan, Slot, Trainee};

#[cfg(test)]
mod golden;
