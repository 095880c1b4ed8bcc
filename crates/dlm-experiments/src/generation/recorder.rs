//! The observer of a run: rows, trace and view of every step and every finished sample.

use std::{ops::ControlFlow, time::Instant};

use dlm_core::{Canvas, TokenId};
use dlm_discrete::{Observer, Outcome, Step};

use super::{
    Listener, SampleRow,
    sample::{Place, SAMPLES, Speech, TIMING, TimingRow},
    shared_model::SharedModel,
    trace::Trace,
    view::View,
};
use crate::{Error, Folder};

/// Writes down what a run does. Its first failure stops the run.
pub(super) struct Recorder<'a> {
    pub(super) model: &'a SharedModel<'a>,
    pub(super) speech: Speech,
    pub(super) folder: Folder,
    /// The samples that the rows of this run are.
    pub(super) places: Vec<Place>,
    /// Samples of the whole run, those finished before included.
    pub(super) samples: usize,
    pub(super) trace: Option<Trace>,
    pub(super) view: View,
    pub(super) listener: &'a mut dyn Listener,
    /// When each canvas was first asked about.
    pub(super) started: Vec<Option<Instant>>,
    pub(super) failure: Option<Error>,
}

impl Recorder<'_> {
    /// The folder and the trace, if neither the run nor the writing failed.
    pub(super) fn finish(
        self,
        run: Result<Vec<Outcome>, Error>,
    ) -> Result<(Folder, Option<Trace>), Error> {
        self.view.clear();
        match self.failure {
            Some(failure) => Err(failure),
            None => run.map(|_| (self.folder, self.trace)),
        }
    }

    fn record(&mut self, row: usize, canvas: &Canvas, outcome: &Outcome) -> Result<(), Error> {
        let place = self.places[row];
        let ids: Vec<TokenId> =
            canvas.response().iter().map(|&position| canvas.tokens()[position]).collect();
        let text = self.speech.text(&self.model.model(), &ids)?;
        let sample = SampleRow::new(place, &ids, text, outcome);
        let seconds = self.started[row].map_or(0.0, |start| start.elapsed().as_secs_f64());
        let Place { prompt, sample: index } = place;
        if let Some(trace) = &mut self.trace {
            trace.end(place, outcome)?;
        }
        self.folder.append(SAMPLES, &[&sample])?;
        self.folder.append(TIMING, &[TimingRow { prompt, sample: index, seconds }])?;
        self.folder.finish_unit(&[SAMPLES, TIMING])?;
        let (listener, samples) = (&mut self.listener, self.samples);
        self.view.finished(row, canvas, || listener.finished(&sample, samples));
        Ok(())
    }
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        if self.failure.is_some() {
            return ControlFlow::Break(());
        }
        let place = self.places[step.row];
        self.started[step.row].get_or_insert(self.model.asked());
        if let Some(trace) = &mut self.trace
            && let Err(failure) = trace.step(place, step)
        {
            self.failure = Some(failure);
            return ControlFlow::Break(());
        }
        self.view.step(place, step, self.listener);
        ControlFlow::Continue(())
    }

    fn finished(&mut self, row: usize, canvas: &Canvas, outcome: &Outcome) {
        if self.failure.is_none() {
            self.failure = self.record(row, canvas, outcome).err();
        }
    }
}
