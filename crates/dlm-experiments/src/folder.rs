//! A results folder: rows as they come, the manifest last.
//!
//! Rows are written unit by unit. After each unit the folder records how long every
//! file is, so that a run cut off anywhere, in the middle of a row even, is cut back
//! to its last whole unit and goes on there. A folder whose inputs changed starts
//! anew.

mod failure;
mod found;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(crate) use self::failure::Failure;
use crate::{Error, Manifest, digest, probe_data::mixture_unit};

const MANIFEST: &str = "manifest.json";
const PROGRESS: &str = "progress.json";
const FAILURE: &str = "failure.json";
const LOCK: &str = "run.lock";

/// Every file of rows that this program writes; no other is ever removed.
const ROWS: &[&str] = &[
    "probe.csv",
    "position.csv",
    "curves.csv",
    "estimates.csv",
    "samples.csv",
    "timing.csv",
    "scores.csv",
    "rows.csv",
    "first_pass.csv",
    "trajectory.csv",
    "oracle.csv",
    "distances.csv",
    "laws.csv",
    "repairs.csv",
    "calibration.csv",
];

/// The folder of one run.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    progress: Progress,
    /// How long the runs before this one worked on it, seconds.
    earlier_seconds: f64,
    opened: Instant,
    /// Released when the folder is dropped, or the program ends in whatever way.
    _lock: File,
}

/// What is whole in an unfinished folder.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Progress {
    inputs: serde_json::Value,
    units: usize,
    lengths: BTreeMap<String, u64>,
    /// How long it took to get here, over all runs, seconds.
    #[serde(default)]
    seconds: f64,
    /// How much of it certain parts took, seconds.
    #[serde(default)]
    parts: BTreeMap<String, f64>,
}

/// Whether a folder is to be filled.
#[derive(Debug)]
pub enum Opened {
    /// It is whole, and made from the same inputs.
    UpToDate(Box<Manifest>),
    /// It is empty or unfinished.
    Open(Folder),
}

impl Folder {
    /// Refuses a folder that a run must not write to; touches nothing.
    ///
    /// # Errors
    ///
    /// Where the folder holds files of somebody else or, unless `force`, results of another
    /// version of the program or a manifest that cannot be read.
    pub(crate) fn check(path: &Path, force: bool) -> Result<(), Error> {
        found::whole(path, force).map(drop)
    }

    /// The manifest of a folder that is whole and made from `inputs`; touches nothing.
    ///
    /// # Errors
    ///
    /// As those of [`check`](Self::check).
    pub(crate) fn up_to_date(
        path: &Path,
        inputs: &serde_json::Value,
        force: bool,
    ) -> Result<Option<Manifest>, Error> {
        let found = found::whole(path, force)?;
        Ok(found.filter(|manifest| !force && manifest.inputs == *inputs))
    }

    /// Opens `path` for a run that depends on `inputs` and on nothing else. What was made from
    /// other inputs is removed.
    ///
    /// # Errors
    ///
    /// Where the folder holds files of somebody else or, unless `force`, results of another
    /// version of the program or a manifest that cannot be read; where it cannot be written, or
    /// is being written by another run.
    pub fn open(path: &Path, inputs: &serde_json::Value, force: bool) -> Result<Opened, Error> {
        if let Some(manifest) = Self::up_to_date(path, inputs, force)? {
            return Ok(Opened::UpToDate(Box::new(manifest)));
        }
        fs::create_dir_all(path).map_err(Error::write(path))?;
        let lock = lock(path)?;
        let long_enough = |(name, length): (&String, &u64)| {
            fs::metadata(path.join(name)).is_ok_and(|file| *length <= file.len())
        };
        let recorded: Option<Progress> = read_json(&path.join(PROGRESS));
        let fresh = Progress { inputs: inputs.clone(), ..Progress::default() };
        let progress = recorded
            .filter(|p| p.inputs == *inputs && !force && p.lengths.iter().all(long_enough))
            .unwrap_or(fresh);
        let (path, earlier_seconds) = (path.to_path_buf(), progress.seconds);
        let folder = Self { path, progress, earlier_seconds, opened: Instant::now(), _lock: lock };
        folder.record()?;
        // A manifest of other inputs would call the coming rows whole.
        folder.remove(MANIFEST)?;
        folder.remove(FAILURE)?;
        folder.cut_back()?;
        Ok(Opened::Open(folder))
    }

    /// Where a file of this folder lies.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// How many units are whole.
    pub fn units(&self) -> usize {
        self.progress.units
    }

    /// Adds rows of the unit under way to a file; [`finish_unit`](Self::finish_unit)
    /// makes them part of the folder.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written; the folder then holds the units before.
    pub fn append<R: Serialize>(&mut self, file: &str, rows: &[R]) -> Result<(), Error> {
        let path = self.file(file);
        let written = append_rows(&path, rows);
        if let Err(source) = written {
            // A disk that is full can still be cut back.
            self.cut_back()?;
            return Err(Error::Write { path, source });
        }
        Ok(())
    }

    /// Notes that a part of the unit under way, which the manifest is to name, took so long.
    pub(crate) fn took(&mut self, part: &str, time: Duration) {
        *self.progress.parts.entry(part.to_string()).or_default() += time.as_secs_f64();
    }

    /// Makes all that was appended to `files` since the last call part of the folder; a file
    /// without a row yet may be missing.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written; the folder then holds the units before.
    pub fn finish_unit(&mut self, files: &[&str]) -> Result<(), Error> {
        let before = self.progress.clone();
        for name in files {
            let path = self.file(name);
            match fs::metadata(&path) {
                Ok(found) => _ = self.progress.lengths.insert((*name).to_string(), found.len()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::write(&path)(error)),
            }
        }
        self.progress.units += 1;
        self.progress.seconds = self.earlier_seconds + self.opened.elapsed().as_secs_f64();
        self.record().inspect_err(|_| self.progress = before)
    }

    /// Writes a whole file, by rename.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        write_whole(&self.file(name), content)
    }

    /// Writes rows as a whole CSV file.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn write_rows<R: Serialize>(&self, name: &str, rows: &[R]) -> Result<(), Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let serialised = rows.iter().try_for_each(|row| writer.serialize(row));
        let failed =
            |error: csv::Error| Error::malformed(self.file(name), "row", error.to_string());
        serialised.map_err(failed)?;
        let bytes = writer
            .into_inner()
            .map_err(|error| Error::malformed(self.file(name), "row", error.to_string()))?;
        self.write(name, &bytes)
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    ///
    /// Where it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        remove(&self.file(name))
    }

    /// Writes the manifest, to whose wall time that of the runs before is added: from now on
    /// the folder is whole, and what only an unfinished one needs is removed.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read or written.
    pub fn finish(&self, mut manifest: Manifest, files: &[String]) -> Result<(), Error> {
        manifest.wall_seconds += self.earlier_seconds;
        manifest.seconds_of = self.progress.parts.clone();
        manifest.files = files
            .iter()
            .map(|name| {
                let sha256 = digest::of_file(&self.file(name))?;
                Ok(crate::manifest::ResultFile { path: name.clone(), sha256 })
            })
            .collect::<Result<_, Error>>()?;
        let mut json = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Error::malformed(self.file(MANIFEST), "JSON", error.to_string()))?;
        json.push(b'\n');
        self.write(MANIFEST, &json)?;
        self.remove_mixtures(0)?;
        self.remove(PROGRESS)?;
        self.remove(LOCK)
    }

    /// The rows of a file; none where it is not there.
    ///
    /// # Errors
    ///
    /// Where a row is of another kind; the message names the file.
    pub fn read_rows<R: DeserializeOwned>(&self, name: &str) -> Result<Vec<R>, Error> {
        let path = self.file(name);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let malformed = |error: csv::Error| Error::malformed(&path, "row", error.to_string());
        let mut reader = csv::Reader::from_path(&path).map_err(malformed)?;
        reader.deserialize().map(|row| row.map_err(malformed)).collect()
    }

    /// Cuts every file of rows back to the last whole unit.
    fn cut_back(&self) -> Result<(), Error> {
        for &name in ROWS {
            let path = self.file(name);
            match self.progress.lengths.get(name) {
                Some(&length) => OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .and_then(|file| file.set_len(length))
                    .map_err(Error::write(&path))?,
                // Rows of no whole unit, or of a run with other inputs.
                None => self.remove(name)?,
            }
        }
        self.remove_mixtures(self.progress.units)
    }

    /// Removes the summed predictions of unit `first` and those after it.
    fn remove_mixtures(&self, first: usize) -> Result<(), Error> {
        let entries = fs::read_dir(&self.path).map_err(Error::write(&self.path))?;
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if mixture_unit(&name).is_some_and(|unit| first <= unit) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    fn record(&self) -> Result<(), Error> {
        let json = serde_json::to_vec(&self.progress)
            .map_err(|error| Error::malformed(self.file(PROGRESS), "JSON", error.to_string()))?;
        self.write(PROGRESS, &json)
    }
}

/// Writes a whole file, by rename.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        // Best effort: the error that counts is the one above.
        let _ = fs::remove_file(&part);
        Error::Write { path: path.to_path_buf(), source }
    })
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::Write { path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

/// Keeps other runs out of the folder.
fn lock(path: &Path) -> Result<File, Error> {
    let file = path.join(LOCK);
    let lock = File::create(&file).map_err(Error::write(&file))?;
    lock.try_lock().map_err(|_| {
        let path = path.display();
        Error::Argument(format!("another run is writing to {path}: wait for it, or choose another"))
    })?;
    Ok(lock)
}

fn append_rows<R: Serialize>(path: &Path, rows: &[R]) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let empty = file.metadata()?.len() == 0;
    let mut writer = csv::WriterBuilder::new().has_headers(empty).from_writer(BufWriter::new(file));
    for row in rows {
        writer.serialize(row).map_err(std::io::Error::other)?;
    }
    let buffer = writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
    // What is recorded as whole must outlive a loss of power.
    buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_data()
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
