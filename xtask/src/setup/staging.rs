//! A folder that appears whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A folder being filled beside its final place, `NAME.part` for `NAME`.
/// Dropped before [`commit`](Self::commit), it is removed.
pub(crate) struct Staging {
    part: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl Staging {
    /// An empty folder beside `target`. What an interrupted run left is removed.
    pub(crate) fn beside(target: &Path) -> Result<Self> {
        let part = with_suffix(target, ".part");
        remove(&part)?;
        remove(&with_suffix(target, ".old"))?;
        fs::create_dir_all(&part)
            .with_context(|| format!("cannot make the folder {}", part.display()))?;
        Ok(Self { part, target: target.to_path_buf(), committed: false })
    }

    /// The folder to fill.
    pub(crate) fn path(&self) -> &Path {
        &self.part
    }

    /// Puts the folder in its place; one that was there is removed.
    pub(crate) fn commit(mut self) -> Result<()> {
        let old = with_suffix(&self.target, ".old");
        if self.target.exists() {
            rename(&self.target, &old)?;
        }
        rename(&self.part, &self.target)?;
        self.committed = true;
        remove(&old)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.committed {
            // The error that led here is the one worth telling.
            let _ = fs::remove_dir_all(&self.part);
        }
    }
}

/// Removes a folder that may not be there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("made");
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
        };

        let abandoned = Staging::beside(&target).unwrap();
        fs::write(abandoned.path().join("half"), "").unwrap();
        drop(abandoned);
        assert!(names().is_empty());

        // As a killed run leaves it.
        fs::create_dir(folder.path().join("made.part")).unwrap();
        fs::write(folder.path().join("made.part/junk"), "").unwrap();
        let first = Staging::beside(&target).unwrap();
        fs::write(first.path().join("one"), "").unwrap();
        first.commit().unwrap();
        assert!(target.join("one").exists() && !target.join("junk").exists());

        let second = Staging::beside(&target).unwrap();
        fs::write(second.path().join("two"), "").unwrap();
        assert!(target.join("one").exists(), "the old one serves until the new one is whole");
        second.commit().unwrap();
        assert!(target.join("two").exists() && !target.join("one").exists());
        assert_eq!(names(), ["made"]);
    }
}
