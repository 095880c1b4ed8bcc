//! Small archives, for the tests of the corpus.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A wheel with `files` in `folder`.
pub(crate) fn wheel(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    let path = folder.join("toy-1.0-py3-none-any.whl");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    path
}

/// An npm package with `files` in `folder`.
pub(crate) fn npm(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    let path = folder.join("toy-1.0.tgz");
    let file = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
    let mut tar = tar::Builder::new(file);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    path
}
