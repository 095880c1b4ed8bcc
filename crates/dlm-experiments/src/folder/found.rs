//! What a folder holds before a run touches it, and whether one may.

use std::{fs, io::ErrorKind, path::Path};

use serde::Deserialize;

use super::{FAILURE, LOCK, MANIFEST, PROGRESS, Progress, read_json};
use crate::{Error, Manifest, manifest::VERSION};

/// The part of a manifest that does not change from version to version.
#[derive(Deserialize)]
struct Made {
    program: Option<String>,
    version: Option<String>,
}

/// The manifest of whole results of this version. None where a run may fill the folder: it is
/// empty or unfinished, or a file of its results went missing.
///
/// # Errors
///
/// Where the folder holds somebody else's files or, unless `force`, results of another version
/// or a manifest that cannot be read: numbers that nothing could make again.
pub(super) fn whole(folder: &Path, force: bool) -> Result<Option<Manifest>, Error> {
    let path = folder.join(MANIFEST);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            if read_json::<Progress>(&folder.join(PROGRESS)).is_none() {
                refuse_others(folder)?;
            }
            return Ok(None);
        }
        Err(source) => return Err(Error::Read { path, source }),
    };
    let refuse = |place: &str, problem: String| {
        let remedy = "give another --out, or replace what is there with --force";
        match force {
            true => Ok(None),
            false => Err(Error::malformed(&path, place, format!("{problem}: {remedy}"))),
        }
    };
    let made: Made = match serde_json::from_slice(&bytes) {
        Ok(made) => made,
        Err(error) => return refuse("not readable", error.to_string()),
    };
    if made.program.as_deref() != Some("dlm") {
        return Err(foreign(folder, MANIFEST));
    }
    if made.version.as_deref() != Some(VERSION) {
        let other = made.version.as_deref().unwrap_or("of no version");
        let problem = format!("these results are of dlm {other}, and this is dlm {VERSION}");
        return refuse("version", problem);
    }
    match serde_json::from_slice::<Manifest>(&bytes) {
        Ok(manifest) => Ok(manifest.has_all_files(folder).then_some(manifest)),
        Err(error) => refuse("not readable", error.to_string()),
    }
}

/// Refuses a folder with files in it that no run of this program left.
fn refuse_others(folder: &Path) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
    let mut names = names.map(|name| name.to_string_lossy().into_owned());
    let own = |name: &str| [LOCK, FAILURE].contains(&name.trim_end_matches(".part"));
    names.find(|name| !own(name)).map_or(Ok(()), |name| Err(foreign(folder, &name)))
}

fn foreign(folder: &Path, name: &str) -> Error {
    let folder = folder.display();
    Error::Argument(format!(
        "{folder} holds {name:?} and no manifest or progress of this program: choose an empty or \
         new folder"
    ))
}
