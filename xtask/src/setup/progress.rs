//! How far a long piece of work is: a bar on a terminal, a line elsewhere.

use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// One piece of work over a known number of bytes.
pub(crate) struct Progress {
    bar: ProgressBar,
    label: String,
    started: Instant,
    plain: bool,
}

impl Progress {
    /// Announces `label`, a phrase such as "unpacking torch 2.11.0".
    pub(crate) fn start(label: impl Into<String>, bytes: u64) -> Self {
        let (label, plain) = (label.into(), !std::io::stderr().is_terminal());
        let bar = ProgressBar::new(bytes);
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:44} [{bar:24}] {bytes:>10} of {total_bytes:10} {eta:>4} left",
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(label.clone());
        Self { bar, label, started: Instant::now(), plain }
    }

    /// `bytes` more are done.
    pub(crate) fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// `bytes` of `total` are done.
    pub(crate) fn reach(&self, bytes: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(bytes);
    }

    /// The work is done.
    pub(crate) fn finish(self) {
        let done = self.bar.position();
        self.bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        eprintln!("{}: {}, {seconds:.1} s", self.label, HumanBytes(done));
    }
}

impl Drop for Progress {
    /// Leaves no bar behind where the work failed.
    fn drop(&mut self) {
        if !self.plain {
            self.bar.finish_and_clear();
        }
    }
}
