//! Who watches a run.

use std::ops::ControlFlow;

use crate::{Step, Stepped};

/// Watches a run; it may stop it, never change it.
pub trait Observer<X> {
    /// Called after every step.
    fn observe(&mut self, step: &Step<'_>, next: &Stepped<X>) -> ControlFlow<()>;
}

/// Watches nothing.
impl<X> Observer<X> for () {
    fn observe(&mut self, _: &Step<'_>, _: &Stepped<X>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<X, F: FnMut(&Step<'_>, &Stepped<X>) -> ControlFlow<()>> Observer<X> for F {
    fn observe(&mut self, step: &Step<'_>, next: &Stepped<X>) -> ControlFlow<()> {
        self(step, next)
    }
}
