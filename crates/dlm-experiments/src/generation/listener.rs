//! Who is told what happens during a run.

use super::SampleRow;

/// Hears of a run while it goes on. Libraries do not print; whoever listens may.
pub trait Listener {
    /// Something worth knowing that is no error.
    fn note(&mut self, note: &str);

    /// What a step did to a canvas, in one line, where no terminal shows it in place.
    fn step(&mut self, line: &str);

    /// A sample is finished and on disk; `samples` is how many the whole run has.
    fn finished(&mut self, row: &SampleRow, samples: usize);
}

/// Hears nothing.
impl Listener for () {
    fn note(&mut self, _: &str) {}

    fn step(&mut self, _: &str) {}

    fn finished(&mut self, _: &SampleRow, _: usize) {}
}
