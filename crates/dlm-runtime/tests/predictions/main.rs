//! What a model answers: against reference implementations, against the readout's
//! definition, and against itself in other batches.

mod adapter;
mod asks;
mod checkpoint;
mod goldens;
mod independence;
mod llama;
mod questions;
mod readout;
