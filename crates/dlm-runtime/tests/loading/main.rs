//! What is refused when a checkpoint is loaded, and how the message helps.

mod adapter;
#[path = "../support/checkpoint.rs"]
mod checkpoint;
mod config;
mod damage;
mod device;
mod mask;
mod source;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tensor_file.rs"]
mod tensor_file;
mod weights;

const WEIGHTS: &str = "model.safetensors";
