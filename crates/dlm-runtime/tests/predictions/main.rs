//! What a model answers: against reference implementations, against the readout's
//! definition, and against itself in other batches.

mod adapter;
mod asks;
mod checkpoint;
mod continuation;
mod definition;
mod goldens;
mod independence;
mod llama;
mod mdlm;
mod memory;
mod mixtures;
mod questions;
mod readout;
mod shadows;
mod shaping;
mod transitions;
