//! The trace: every step of every sample, as lines of JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use dlm_discrete::unmasking::{Commitment, Outcome, Step};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::sample::Place;
use crate::Error;

/// The first line: which run the trace belongs to.
#[derive(Serialize, Deserialize)]
struct FirstLine {
    /// SHA-256 of everything that the run's samples depend on.
    run: String,
}

/// One step of one sample: a line of the trace.
#[derive(Serialize)]
struct StepLine<'a> {
    prompt: usize,
    sample: usize,
    step: usize,
    block: usize,
    nfe: usize,
    committed: &'a [Commitment],
    remasked: &'a [usize],
}

/// The last line of a sample: the step at which each position of the response got its
/// final token.
#[derive(Serialize)]
struct LastLine<'a> {
    prompt: usize,
    sample: usize,
    step_map: &'a [Option<usize>],
}

/// What every line has; the last one of a sample also has its step map.
#[derive(Deserialize)]
struct Head {
    prompt: usize,
    sample: usize,
    step_map: Option<IgnoredAny>,
}

/// Refuses to write where something else than a trace stands, or, unless `force`, the trace
/// of another run than `run`.
pub(super) fn refuse_others(path: &Path, run: &str, force: bool) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    match read(path)?.owner {
        Some(owner) if owner != run && !force => {
            let problem = "it is the trace of another run; choose a new file, or start anew \
                           with --force";
            Err(Error::malformed(path, "trace", problem))
        }
        _ => Ok(()),
    }
}

/// A trace being written, sample by sample, so that a run cut off anywhere leaves only
/// whole samples and perhaps a piece of a line.
pub(super) struct Trace {
    path: PathBuf,
    file: File,
    run: String,
    /// Lines of the samples under way.
    lines: BTreeMap<Place, String>,
}

impl Trace {
    /// Opens the trace of `run` at `path`, in which the lines of `finished` samples are kept.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written, holds something else, or lacks a finished sample.
    pub(super) fn open(path: &Path, run: &str, finished: &BTreeSet<Place>) -> Result<Self, Error> {
        let kept = match path.exists() {
            true => kept_lines(path, finished)?,
            false => Vec::new(),
        };
        let ended: BTreeSet<Place> =
            kept.iter().filter(|(_, line)| line.ends).map(|(place, _)| *place).collect();
        if let Some(Place { prompt, sample }) = finished.difference(&ended).next() {
            let problem = format!(
                "it lacks sample {sample} of prompt {prompt}, which is finished; start anew with \
                 --force"
            );
            return Err(Error::malformed(path, "trace", problem));
        }
        write_lines(path, run, &kept)?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::write(path))?;
        let (path, run) = (path.to_path_buf(), run.to_string());
        Ok(Self { path, file, run, lines: BTreeMap::new() })
    }

    /// Notes a step.
    pub(super) fn step(&mut self, place: Place, step: &Step<'_>) -> Result<(), Error> {
        let line = StepLine {
            prompt: place.prompt,
            sample: place.sample,
            step: step.step,
            block: step.block,
            nfe: step.nfe,
            committed: step.committed,
            remasked: step.remasked,
        };
        let line = json(&self.path, &line)?;
        self.lines.entry(place).or_default().push_str(&line);
        Ok(())
    }

    /// Writes the steps of a finished sample.
    pub(super) fn end(&mut self, place: Place, outcome: &Outcome) -> Result<(), Error> {
        let Place { prompt, sample } = place;
        let last = LastLine { prompt, sample, step_map: &outcome.step_map };
        let lines = self.lines.remove(&place).unwrap_or_default() + &json(&self.path, &last)?;
        let written = self.file.write_all(lines.as_bytes());
        // The sample's row is about to be made safe, and must not be so without its trace.
        written.and_then(|()| self.file.sync_data()).map_err(Error::write(&self.path))
    }

    /// Puts the samples in order.
    pub(super) fn finish(self) -> Result<(), Error> {
        let mut lines = read(&self.path)?.lines;
        lines.sort_by_key(|(place, _)| *place);
        write_lines(&self.path, &self.run, &lines)
    }
}

fn json(path: &Path, line: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_string(line)
        .map_err(|error| Error::malformed(path, "line", error.to_string()))?;
    Ok(json + "\n")
}

/// A line as it was read.
struct Line {
    text: String,
    /// Whether it is the last of its sample.
    ends: bool,
}

/// The lines of finished samples.
fn kept_lines(path: &Path, finished: &BTreeSet<Place>) -> Result<Vec<(Place, Line)>, Error> {
    let mut lines = read(path)?.lines;
    lines.retain(|(place, _)| finished.contains(place));
    Ok(lines)
}

/// A trace as it was read.
struct Written {
    /// The run that it belongs to; an empty file belongs to none.
    owner: Option<String>,
    /// All whole lines after the first.
    lines: Vec<(Place, Line)>,
}

/// Reads a trace; a last line without its end is one that was cut off.
fn read(path: &Path) -> Result<Written, Error> {
    let text = fs::read_to_string(path)
        .map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    if whole.is_empty() && !text.is_empty() {
        return Err(foreign(path, 1));
    }
    let mut all = whole.lines().enumerate();
    let owner = |(_, text): (usize, &str)| {
        serde_json::from_str(text).map(|first: FirstLine| first.run).map_err(|_| foreign(path, 1))
    };
    let owner = all.next().map(owner).transpose()?;
    let line = |(index, text): (usize, &str)| -> Result<(Place, Line), Error> {
        let head: Head = serde_json::from_str(text).map_err(|_| foreign(path, index + 1))?;
        let place = Place { prompt: head.prompt, sample: head.sample };
        Ok((place, Line { text: text.to_string(), ends: head.step_map.is_some() }))
    };
    Ok(Written { owner, lines: all.map(line).collect::<Result<_, _>>()? })
}

fn foreign(path: &Path, line: usize) -> Error {
    let problem = "is no line of a trace; choose a new file";
    Error::malformed(path, format!("line {line}"), problem)
}

fn write_lines(path: &Path, run: &str, lines: &[(Place, Line)]) -> Result<(), Error> {
    let mut text = json(path, &FirstLine { run: run.to_string() })?;
    text.extend(lines.iter().flat_map(|(_, line)| [line.text.as_str(), "\n"]));
    let part = path.with_added_extension("part");
    fs::write(&part, text).map_err(Error::write(&part))?;
    fs::rename(&part, path).map_err(Error::write(path))
}
