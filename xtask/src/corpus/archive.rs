//! Archives read as data: chosen files of a wheel or an npm package, in memory.
//! Nothing is written to disk, so nothing of a package can be run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use zip::ZipArchive;

use super::clean;

/// Path within the archive and text of each file.
pub(crate) type Files = BTreeMap<String, String>;

/// The files of the archive at `path` whose names `wanted` accepts.
///
/// # Errors
/// If the archive cannot be read or holds no such file.
pub(crate) fn read(path: &Path, wanted: fn(&str) -> bool) -> Result<Files> {
    let zipped = path.extension().is_some_and(|extension| extension == "whl");
    let read = if zipped { read_zip } else { read_tar };
    let shown = path.display();
    let files = read(path, wanted).with_context(|| {
        format!("cannot read {shown}; remove it and run the same command again")
    })?;
    ensure!(!files.is_empty(), "{shown} holds none of the files that are needed");
    Ok(files)
}

fn read_zip(path: &Path, wanted: fn(&str) -> bool) -> Result<Files> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let mut files = Files::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        if entry.is_file() && wanted(&name) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(name, clean::decode(&bytes));
        }
    }
    Ok(files)
}

fn read_tar(path: &Path, wanted: fn(&str) -> bool) -> Result<Files> {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(File::open(path)?)));
    let mut files = Files::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if entry.header().entry_type().is_file() && wanted(&name) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(name, clean::decode(&bytes));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::fake_archive;
    use super::*;

    #[test]
    fn both_kinds_of_archive_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let files = [("package/a.txt", "alpha"), ("package/b.js", "beta")];
        for path in
            [fake_archive::wheel(folder.path(), &files), fake_archive::npm(folder.path(), &files)]
        {
            let read = read(&path, |name| name.ends_with(".txt")).unwrap();
            assert_eq!(
                read.into_iter().collect::<Vec<_>>(),
                [("package/a.txt".to_string(), "alpha".to_string())]
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = fake_archive::npm(folder.path(), &[("a", "alpha")]);
        let error = read(&path, |_| false).unwrap_err().to_string();
        assert!(error.contains("none of the files"), "{error}");
        for name in ["cut.tgz", "cut.whl"] {
            let cut = folder.path().join(name);
            std::fs::write(&cut, &std::fs::read(&path).unwrap()[..20]).unwrap();
            let error = read(&cut, |_| true).unwrap_err().to_string();
            assert!(error.contains("remove it") && error.contains(name), "{error}");
        }
    }
}
