//! Why a prediction could not be made.

use crate::LatentError;

/// A forward pass failed.
///
/// Whoever asked can do nothing about it but stop, so the cause stays opaque:
/// the network that failed keeps its own typed error as the source.
#[derive(Debug, thiserror::Error)]
#[error("the model's prediction failed")]
pub struct ModelError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl ModelError {
    /// Wraps the network's own error.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl From<LatentError> for ModelError {
    fn from(source: LatentError) -> Self {
        Self::new(source)
    }
}
