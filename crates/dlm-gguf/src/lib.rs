//! GGUF files read and written out in the Hugging Face layout.
//!
//! GGUF is llama.cpp's container: one file with metadata, a tokenizer and
//! quantised tensors. [`Gguf`] reads it, one tensor at a time; [`convert`]
//! writes it out once as `config.json`, `model.safetensors` and
//! `tokenizer.json`, which every loader of that layout understands.
//!
//! A file is never trusted: each size in it is checked against the bytes that
//! are there before anything is allocated, and whatever is wrong comes back as
//! an [`Error`] that names the file, the field and what to do.
//!
//! ```no_run
//! # fn main() -> Result<(), dlm_gguf::Error> {
//! let report = dlm_gguf::convert("model.gguf".as_ref(), "model".as_ref(), &mut |_, _| {})?;
//! assert_eq!(report.files.len(), 6);
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod config;
mod convert;
mod error;
mod file;
mod llama;
mod reader;
mod rotary;
mod special_tokens;
mod tensor_type;
mod tokenizer;
mod value;
mod weights;

pub use convert::{Report, WrittenFile, convert};
pub use error::Error;
pub use file::{Gguf, TensorInfo};
pub use rotary::{half_split_rows, interleaved_rows};
pub use tensor_type::TensorType;
pub use value::{Array, FromValue, Value};
