//! The file of answers: whole lines as they come, in order at the end.
//!
//! While it grows, FILE.progress.json says what it is made from; a whole file has
//! FILE.manifest.json instead. A line that was cut off is taken away when a run goes on.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::prompts::Prompts;
use crate::{
    Error, digest,
    manifest::{Manifest, ResultFile},
};

/// One answer: a line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The prompt's id.
    pub(super) id: Value,
    /// What the user said.
    pub(super) prompt: String,
    /// What the model said.
    pub(super) response: String,
    /// The same in tokens, without the one that ended it.
    pub(super) tokens: Vec<u32>,
    /// Whether the model ended it; else it was cut off.
    pub(super) ended: bool,
    /// Whether it is for measuring and never for training, as the prompt says.
    #[serde(default)]
    pub(super) held_out: bool,
}

/// A file of answers under way.
pub(super) struct Rows<'p> {
    path: PathBuf,
    /// Locked until it is dropped, or the program ends in whatever way.
    file: File,
    prompts: &'p Prompts,
    /// The tokens of each answer that is there, by its prompt's index.
    lengths: BTreeMap<usize, usize>,
}

/// What was found.
pub(super) enum Opened<'p> {
    /// It was finished, for as many tokens as were wanted then.
    Whole(Rows<'p>),
    /// It is new, or was not finished.
    Unfinished(Rows<'p>),
}

#[derive(Serialize, Deserialize)]
struct Progress {
    inputs: Value,
}

impl<'p> Rows<'p> {
    /// Opens the answers to `prompts` at `path`, which depend on `inputs` alone.
    ///
    /// # Errors
    ///
    /// Where the file holds something else, the answers of a run with other inputs and not
    /// `force`, or is being written by another run.
    pub(super) fn open(
        path: &Path,
        inputs: &Value,
        prompts: &'p Prompts,
        force: bool,
    ) -> Result<Opened<'p>, Error> {
        let manifest = Manifest::read_if_whole(&beside(path, "manifest"));
        let progress = fs::read(beside(path, "progress")).ok();
        let progress: Option<Progress> =
            progress.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let whole = manifest.is_some() && progress.is_none();
        let recorded = progress.map(|p| p.inputs).or(manifest.map(|manifest| manifest.inputs));
        let full = fs::metadata(path).is_ok_and(|file| 0 < file.len());
        match &recorded {
            None if full => {
                let problem = "neither a manifest nor a progress of this program is beside it: \
                               choose a new file";
                return Err(Error::malformed(path, "file", problem));
            }
            Some(recorded) if full && recorded != inputs && !force => {
                let differs =
                    |key: &&String| recorded.get(key.as_str()) != inputs.get(key.as_str());
                let which = inputs.as_object().and_then(|inputs| inputs.keys().find(differs));
                let problem = format!(
                    "its answers were made with another {}: choose a new file, or start anew \
                     with --force",
                    which.map_or("setting", String::as_str)
                );
                return Err(Error::malformed(path, "file", problem));
            }
            _ => {}
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::write(folder))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(Error::write(path))?;
        file.try_lock().map_err(|_| {
            let path = path.display();
            Error::Argument(format!("another run is writing {path}: wait for it, or stop it"))
        })?;
        if recorded.as_ref() != Some(inputs) || force {
            file.set_len(0).map_err(Error::write(path))?;
        }
        let mut rows = Self { path: path.to_path_buf(), file, prompts, lengths: BTreeMap::new() };
        rows.lengths = rows.read()?.iter().map(|(&place, row)| (place, row.tokens.len())).collect();
        Ok(if whole && !force { Opened::Whole(rows) } else { Opened::Unfinished(rows) })
    }

    /// Says that the file is about to grow, and what it is made from.
    pub(super) fn begin(&self, inputs: &Value) -> Result<(), Error> {
        let progress = Progress { inputs: inputs.clone() };
        write(&beside(&self.path, "progress"), &serde_json::to_vec(&progress))?;
        remove(&beside(&self.path, "manifest"))
    }

    /// How many answers there are.
    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// How many tokens they have.
    pub(super) fn tokens(&self) -> usize {
        self.lengths.values().sum()
    }

    /// Whether the prompt at `place` is answered.
    pub(super) fn has(&self, place: usize) -> bool {
        self.lengths.contains_key(&place)
    }

    /// Adds answers; they are on disk afterwards.
    pub(super) fn add(&mut self, rows: Vec<Row>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for row in &rows {
            text.push_str(&self.line(row)?);
        }
        let written = self.file.write_all(text.as_bytes());
        written.and_then(|()| self.file.sync_data()).map_err(Error::write(&self.path))?;
        let placed = rows.iter().filter_map(|row| Some((self.prompts.place(&row.id)?, row)));
        self.lengths.extend(placed.map(|(place, row)| (place, row.tokens.len())));
        Ok(())
    }

    /// Puts the answers in the order of the prompts and writes the manifest.
    pub(super) fn finish(self, mut manifest: Manifest) -> Result<(), Error> {
        let mut text = String::new();
        for row in self.read()?.values() {
            text.push_str(&self.line(row)?);
        }
        write(&self.path, &Ok(text.into_bytes()))?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        manifest.files = vec![ResultFile { path: name, sha256: digest::of_file(&self.path)? }];
        write(&beside(&self.path, "manifest"), &serde_json::to_vec_pretty(&manifest))?;
        remove(&beside(&self.path, "progress"))
    }

    fn line(&self, row: &Row) -> Result<String, Error> {
        let json = serde_json::to_string(row)
            .map_err(|error| Error::malformed(&self.path, "line", error.to_string()))?;
        Ok(json + "\n")
    }

    /// All answers by their prompts' indices. What stands behind the last line's end was
    /// cut off and is taken away.
    fn read(&self) -> Result<BTreeMap<usize, Row>, Error> {
        let bytes = fs::read(&self.path);
        let bytes = bytes.map_err(|source| Error::Read { path: self.path.clone(), source })?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            self.file.set_len(whole as u64).map_err(Error::write(&self.path))?;
        }
        let lines = bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let row = |(index, line): (usize, &[u8])| {
            let row: Option<Row> = serde_json::from_slice(line).ok();
            let placed = row.and_then(|row| {
                let place = self.prompts.place(&row.id)?;
                Some((place, Row { held_out: self.prompts.list[place].held_out, ..row }))
            });
            placed.ok_or_else(|| {
                let problem = "is no answer to one of the prompts: take the line away, or start \
                               anew with --force";
                Error::malformed(&self.path, format!("line {}", index + 1), problem)
            })
        };
        lines.enumerate().map(row).collect()
    }
}

/// FILE.`what`.json.
fn beside(path: &Path, what: &str) -> PathBuf {
    path.with_added_extension(format!("{what}.json"))
}

/// Writes a whole file, by rename.
fn write(path: &Path, content: &serde_json::Result<Vec<u8>>) -> Result<(), Error> {
    let content =
        content.as_ref().map_err(|error| Error::malformed(path, "JSON", error.to_string()))?;
    let part = path.with_added_extension("part");
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    written.map_err(Error::write(path))
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
