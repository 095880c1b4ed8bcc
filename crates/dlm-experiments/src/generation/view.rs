//! What a terminal shows of a run: how far it is, and the canvas filling.

use dlm_core::Canvas;
use dlm_discrete::unmasking::Step;
use dlm_runtime::Model;
use indicatif::ProgressBar;

use super::{Listener, sample::Place, watch::Watch};
use crate::{Error, loading::style};

/// A bar that counts tokens, on standard error where that is a terminal, with the watched
/// canvas above it.
pub(super) struct View {
    bar: ProgressBar,
    /// Committed tokens of each canvas.
    filled: Vec<usize>,
    watch: Option<Watch>,
    /// The canvas that the terminal shows.
    shown: Option<usize>,
}

impl View {
    /// Of a run over `canvases`, which are `watched` or only counted.
    pub(super) fn new(model: &Model, canvases: &[Canvas], watched: bool) -> Result<Self, Error> {
        let tokens: usize = canvases.iter().map(|canvas| canvas.response().len()).sum();
        let bar = ProgressBar::new(tokens as u64);
        let counts = "generate {wide_bar} {pos}/{len} tokens, {per_sec}, {eta} left";
        let template = if watched { format!("{{msg}}\n{counts}") } else { counts.to_string() };
        bar.set_style(style(&template));
        let watch = watched.then(|| Watch::new(model)).transpose()?;
        Ok(Self { bar, filled: vec![0; canvases.len()], watch, shown: None })
    }

    /// Shows what a step did.
    pub(super) fn step(&mut self, place: Place, step: &Step<'_>, listener: &mut dyn Listener) {
        let filled = step.canvas.response().len() - step.canvas.masked().len();
        self.count(step.row, filled);
        let Some(watch) = &self.watch else { return };
        if self.bar.is_hidden() {
            listener.step(&watch.line(place, step));
        } else if *self.shown.get_or_insert(step.row) == step.row {
            self.bar.set_message(watch.page(place, step));
        }
    }

    /// A canvas is done; `say` runs while nothing is drawn.
    pub(super) fn finished(&mut self, row: usize, canvas: &Canvas, say: impl FnOnce()) {
        self.count(row, canvas.response().len());
        self.shown = self.shown.filter(|&shown| shown != row);
        self.bar.suspend(say);
    }

    /// Takes everything off the terminal.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn count(&mut self, row: usize, filled: usize) {
        self.filled[row] = filled;
        self.bar.set_position(self.filled.iter().sum::<usize>() as u64);
    }
}
