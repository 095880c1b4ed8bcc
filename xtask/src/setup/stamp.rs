//! A file that says what a folder was made from, so that setup need not ask
//! again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a folder was made from, and every file in it.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Stamp {
    /// SHA-256 of each source, and whatever else decides the result.
    made_from: Vec<String>,
    /// Relative path and size in bytes of each file, in order.
    files: Vec<(String, u64)>,
}

impl Stamp {
    /// The stamp of `folder` as it is now.
    pub(crate) fn of(folder: &Path, made_from: Vec<String>) -> Result<Self> {
        let mut files = Vec::new();
        collect(folder, "", &mut files)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        files.sort();
        Ok(Self { made_from, files })
    }

    /// Writes the stamp.
    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Whether the stamp in `file` tells of `made_from` and `folder` still holds
    /// every file it lists at its size. Hashing again would take seconds; what
    /// this misses is a file altered on purpose.
    pub(crate) fn holds(file: &Path, folder: &Path, made_from: &[String]) -> bool {
        let Ok(bytes) = fs::read(file) else { return false };
        let Ok(stamp) = serde_json::from_slice::<Self>(&bytes) else { return false };
        stamp.made_from == made_from
            && stamp.files.iter().all(|(path, bytes)| {
                fs::metadata(folder.join(path)).is_ok_and(|file| file.len() == *bytes)
            })
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, u64)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push((path, entry.metadata()?.len()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_holds_until_something_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, file) = (folder.path().join("inside"), folder.path().join("stamp"));
        fs::create_dir_all(inside.join("deep")).unwrap();
        fs::write(inside.join("deep/a"), "1234").unwrap();
        let made_from = vec!["x".to_string()];
        assert!(!Stamp::holds(&file, &inside, &made_from), "no stamp yet");

        let stamp = Stamp::of(&inside, made_from.clone()).unwrap();
        assert_eq!(stamp.files, [("deep/a".to_string(), 4)]);
        stamp.save(&file).unwrap();
        assert!(Stamp::holds(&file, &inside, &made_from));
        assert!(!Stamp::holds(&file, &inside, &["y".to_string()]), "another pin");

        fs::write(inside.join("deep/a"), "123").unwrap();
        assert!(!Stamp::holds(&file, &inside, &made_from), "a file was cut");
        fs::remove_file(inside.join("deep/a")).unwrap();
        assert!(!Stamp::holds(&file, &inside, &made_from), "a file is gone");
        fs::write(&file, "{").unwrap();
        assert!(!Stamp::holds(&file, &inside, &made_from), "the stamp was cut");
    }
}
