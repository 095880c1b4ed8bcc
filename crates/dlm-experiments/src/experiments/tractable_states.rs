//! `tractable-states`: every forward process, drawn at once and simulated step by step.

mod drawn;
mod findings;
mod fit;
mod processes;
#[cfg(test)]
mod tests;
mod tokens;
mod vectors;

use dlm_rng::Key;
use serde::{Deserialize, Serialize};

use self::{
    drawn::{Drawn, Effort},
    fit::Fit,
    processes::Named,
};
use super::Experiment;
use crate::{Error, Folder, stage::Stage, summary::Findings};

const ROWS: &str = "rows.csv";
/// Distances along the way to the last time.
const CURVES: &str = "curves.csv";
const FILES: [&str; 2] = [ROWS, CURVES];

/// Points of each curve.
const POINTS: usize = 20;

const AT_ONCE: &str = "at once";
const STEP_BY_STEP: &str = "step by step";

/// What the spec says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Times at which states are compared, in `(0, 1]`, rising.
    times: Vec<f64>,
    /// Transitions of the chain up to each of them.
    steps: usize,
    /// States that are drawn in either way.
    draws: usize,
}

/// Draws of one process at one time, made in one way, beside their law.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    process: String,
    /// `discrete` or `gaussian`.
    family: String,
    time: f64,
    /// `at once` or `step by step`.
    drawn: String,
    draws: usize,
    /// Random numbers that they took together.
    numbers: u64,
    statistic: f64,
    degrees: Option<usize>,
    p: Option<f64>,
    distance: f64,
    expected: f64,
}

/// How far draws are from their law on the way to the last time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CurvePoint {
    process: String,
    group: String,
    time: f64,
    drawn: String,
    distance: f64,
    expected: f64,
}

/// The experiment.
pub(super) struct TractableStates {
    settings: Settings,
    processes: Vec<Named>,
}

impl TractableStates {
    pub(super) fn new(stage: &mut Stage) -> Result<Self, Error> {
        let settings: Settings = stage.settings()?;
        let refuse = |field: &str, problem: &str| Err(stage.spec.refuse(field, problem));
        let Settings { times, steps, draws } = &settings;
        let inside = times.iter().all(|t| 0.0 < *t && *t <= 1.0);
        if times.is_empty() || !inside || times.windows(2).any(|pair| pair[1] <= pair[0]) {
            return refuse("times", "give rising times above 0 and at most 1");
        }
        if *steps == 0 {
            return refuse("steps", "is 0: a chain has at least 1 step");
        }
        if *draws < 100 {
            return refuse("draws", "give at least 100: fewer tell nothing of a law");
        }
        Ok(Self { settings, processes: processes::all()? })
    }
}

impl Experiment for TractableStates {
    fn units(&self) -> usize {
        self.processes.len()
    }

    fn files(&self) -> &'static [&'static str] {
        &FILES
    }

    fn measure(
        &mut self,
        unit: usize,
        stage: &mut Stage,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let (rows, curve) =
            measure(&self.processes[unit], &self.settings, Keys(stage.key(), unit))?;
        folder.append(ROWS, &rows)?;
        folder.append(CURVES, &curve)
    }

    fn analyse(&self, _: &mut Stage, folder: &Folder) -> Result<Findings, Error> {
        let (rows, curves) = (folder.read_rows(ROWS)?, folder.read_rows(CURVES)?);
        findings::of(&self.settings, &rows, &curves, folder)
    }
}

/// Keys of one process.
#[derive(Clone, Copy)]
struct Keys(Key, usize);

impl Keys {
    /// The key of a time; the two ways of drawing and the curve have their own.
    fn of(self, time: usize, purpose: u64) -> Key {
        let Self(key, process) = self;
        key.sequence(((process as u64) << 16 | time as u64) << 2 | purpose)
    }
}

fn measure(
    process: &Named,
    settings: &Settings,
    keys: Keys,
) -> Result<(Vec<Row>, Vec<CurvePoint>), Error> {
    let Settings { ref times, steps, draws } = *settings;
    let effort = Effort { draws, steps };
    let family = if process.group == "gaussian" { "gaussian" } else { "discrete" };
    let row = |time: f64, way: &str, drawn: Drawn| {
        let Fit { statistic, degrees, p, distance, expected } = drawn.fit;
        Row {
            process: process.name.clone(),
            family: family.to_string(),
            time,
            drawn: way.to_string(),
            draws,
            numbers: drawn.numbers,
            statistic,
            degrees,
            p,
            distance,
            expected,
        }
    };
    let point = |time: f64, way: &str, fit: Fit| CurvePoint {
        process: process.name.clone(),
        group: process.group.to_string(),
        time,
        drawn: way.to_string(),
        distance: fit.distance,
        expected: fit.expected,
    };
    let (mut rows, mut curve) = (Vec::new(), Vec::new());
    for (index, &time) in times.iter().enumerate() {
        let drawn = process.at_once(time, effort, keys.of(index, 0))?;
        rows.push(row(time, AT_ONCE, drawn));
        let is_last = index + 1 == times.len();
        let stop = steps.div_ceil(POINTS);
        let mut seen = Vec::new();
        let drawn = process.step_by_step(time, effort, keys.of(index, 1), &mut |k, look| {
            if is_last && k.is_multiple_of(stop) {
                seen.push((k, look()?));
            }
            Ok(())
        })?;
        rows.push(row(time, STEP_BY_STEP, drawn));
        for (k, fit) in seen {
            let here = time * k as f64 / steps as f64;
            let at_once = process.at_once(here, effort, keys.of(k, 2))?;
            curve.extend([point(here, STEP_BY_STEP, fit), point(here, AT_ONCE, at_once.fit)]);
        }
    }
    Ok((rows, curve))
}
