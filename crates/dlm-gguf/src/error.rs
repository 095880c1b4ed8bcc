//! What can be wrong with a GGUF file or its conversion.

use std::io;
use std::path::PathBuf;

/// Why a GGUF file could not be read or converted.
///
/// Every variant names the file; its message names the field and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused to open, read or seek.
    #[error("{path}: cannot be read; check that the file exists and is readable", path = path.display())]
    Read {
        /// The file read from.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The file system refused to create, write, rename or remove.
    #[error("{path}: cannot be written; check permissions and free space", path = path.display())]
    Write {
        /// The file or folder written to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The folder to be written is already there.
    #[error("{path}: already exists; remove it or choose another folder", path = path.display())]
    OutputExists {
        /// The folder that was to be written.
        path: PathBuf,
    },

    /// The first four bytes are not `GGUF`.
    #[error("{path}: magic is {found:?}, not \"GGUF\"; pass a GGUF file", path = path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
        /// The first four bytes.
        found: [u8; 4],
    },

    /// The format version is neither 2 nor 3 in little-endian order.
    #[error(
        "{path}: version {version} is not read; write the file again as little-endian \
         version 2 or 3 with a current llama.cpp",
        path = path.display()
    )]
    UnsupportedVersion {
        /// The file.
        path: PathBuf,
        /// The version as read.
        version: u32,
    },

    /// A field claims more bytes than the file has left.
    #[error(
        "{path}: {field} needs {needed} bytes and {left} are left; the file is cut short \
         or damaged, fetch it again",
        path = path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The field being read.
        field: String,
        /// Bytes the field needs; `u64::MAX` where the number overflows.
        needed: u64,
        /// Bytes left in the file.
        left: u64,
    },

    /// A field contradicts the format or another field.
    #[error("{path}: {field} {problem}; the file is damaged, fetch it again", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A metadata key that the conversion needs is not there.
    #[error("{path}: metadata key {key} is missing; use a file that carries it", path = path.display())]
    MissingMetadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },

    /// A metadata value has another type than its key demands.
    #[error(
        "{path}: metadata key {key} holds {found}, not {expected}; use a file written by llama.cpp",
        path = path.display()
    )]
    MetadataType {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The type that was asked for.
        expected: &'static str,
        /// The type that is there.
        found: &'static str,
    },

    /// A tensor has an element type that is not decoded.
    #[error(
        "{path}: tensor {tensor} has element type {code}, which is not decoded; use a file in \
         F32, F16, BF16, Q4_0, Q4_1 or Q8_0",
        path = path.display()
    )]
    UnsupportedTensorType {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The type's number in ggml.
        code: u32,
    },

    /// A tensor was asked for that the file does not have.
    #[error("{path}: tensor {tensor} is missing; use a file that carries it", path = path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
    },

    /// The file has a tensor that the architecture has no place for.
    #[error(
        "{path}: tensor {tensor} has no place in a plain Llama network; use a file without \
         biases, experts or rotary factors",
        path = path.display()
    )]
    UnexpectedTensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
    },

    /// A tensor's shape is not the one that the metadata imply.
    #[error(
        "{path}: tensor {tensor} has shape {found:?} and the metadata imply {expected:?}; \
         the file is damaged, fetch it again",
        path = path.display()
    )]
    TensorShape {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The shape that follows from the metadata, outermost first.
        expected: Vec<u64>,
        /// The shape in the file, outermost first.
        found: Vec<u64>,
    },

    /// A metadata value is valid, but its meaning is not converted.
    #[error("{path}: {key} is {value}, and only {supported} is converted; use such a file", path = path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What is converted.
        supported: &'static str,
    },
}
