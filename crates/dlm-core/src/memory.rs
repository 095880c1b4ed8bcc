//! What a prediction leaves behind for the next one.

use std::{any::Any, fmt, sync::Arc};

/// A query's distributions, kept where the network lives.
///
/// Vocabulary-sized rows do not cross to a sampler, but a rule may ask how far they
/// moved since the step before. The sampler holds this handle between the steps, gives
/// it back with [`Query::earlier`](crate::Query::earlier), and can do nothing else with
/// it.
#[derive(Clone)]
pub struct Memory(Arc<dyn Recollection>);

/// What the handle may hold.
trait Recollection: Any + fmt::Debug + Send + Sync {}

impl<T: Any + fmt::Debug + Send + Sync> Recollection for T {}

impl Memory {
    /// Wraps what a network wants to find again.
    pub fn new(content: impl Any + fmt::Debug + Send + Sync) -> Self {
        Self(Arc::new(content))
    }

    /// What the network put there, if it is a `T`.
    pub fn content<T: Any>(&self) -> Option<&T> {
        let content: &dyn Any = &*self.0;
        content.downcast_ref()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
