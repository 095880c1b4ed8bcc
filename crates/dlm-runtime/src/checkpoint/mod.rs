//! What lies in a checkpoint: configuration, weights, adapter, diffusion settings.

mod adapter;
mod config;
mod diffusion;
mod hub;
mod source;
mod weights;

pub(crate) use adapter::{Adapter, FILES as ADAPTER_FILES, LATENT_INPUT};
pub(crate) use config::Config;
pub use diffusion::{Attention, Diffusion};
pub use hub::{Download, Hub};
pub use source::{ModelFile, Source};
pub(crate) use weights::{Loader, Weights, weight_files};
