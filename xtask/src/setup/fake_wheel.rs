//! Small wheels with true or spoiled contents, for the tests of setup.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::digest;
use super::pins::Pin;

pub(super) const FILE: &str = "toy-1.0-py3-none-any.whl";

/// Writes a wheel with `files` into `folder`, whose RECORD tells the truth
/// except where `lie` changes it; returns where it is and its pin.
pub(super) fn write(
    folder: &Path,
    files: &[(&str, &[u8])],
    lie: impl Fn(&str) -> String,
) -> (PathBuf, Pin) {
    let name = "toy-1.0.dist-info/RECORD";
    let mut record = format!("{name},,\n");
    for (path, bytes) in files {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
        record.push_str(&format!("{path},sha256={digest},{}\n", bytes.len()));
    }
    let record = lie(&record);

    let path = folder.join(FILE);
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (path, bytes) in files.iter().copied().chain([(name, record.as_bytes())]) {
        zip.start_file(path, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();

    let sha256 = digest::of_bytes(&fs::read(&path).unwrap()).leak();
    let pin = Pin { file: FILE, sha256, record: digest::of_bytes(record.as_bytes()).leak() };
    (path, pin)
}

/// A wheel without defects.
pub(super) fn good(folder: &Path) -> (PathBuf, Pin) {
    write(folder, &[("toy/a.txt", b"alpha"), ("toy/deep/b.txt", b"beta")], str::to_string)
}
