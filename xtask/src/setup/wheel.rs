//! Wheels: checked against their pins and unpacked, file by file, against the
//! `RECORD` that the pin vouches for.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::digest;
use super::pins::Pin;
use super::progress::Progress;

/// Checks that the file at `path` is the pinned one.
pub(crate) fn verify(path: &Path, pin: &Pin) -> Result<()> {
    let bytes = fs::metadata(path).map_or(0, |file| file.len());
    let progress = Progress::start(format!("checking {} {}", pin.project(), pin.version()), bytes);
    let found = digest::of_file(path, &mut |read| progress.advance(read))?;
    ensure!(
        found == pin.sha256,
        "{} has SHA-256 {found}, but {} is pinned: it is damaged or not the file it claims to be",
        path.display(),
        pin.sha256
    );
    progress.finish();
    Ok(())
}

/// Unpacks the files of the wheel at `path` whose names `wanted` accepts into
/// the folder `out`.
///
/// # Errors
/// If the wheel cannot be read, its `RECORD` is not the pinned one, a file
/// differs from `RECORD` or would land outside `out`, or `wanted` accepts none.
/// `out` may then hold some of the files: see [`Staging`](super::staging::Staging).
pub(crate) fn unpack(path: &Path, pin: &Pin, wanted: fn(&str) -> bool, out: &Path) -> Result<()> {
    unpack_inner(path, pin, wanted, out)
        .with_context(|| format!("cannot unpack {}", path.display()))
}

fn unpack_inner(path: &Path, pin: &Pin, wanted: fn(&str) -> bool, out: &Path) -> Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))
        .context("it is not a readable zip file; remove it and run the same command again")?;
    let record = read_record(&mut archive, pin)?;

    let mut chosen = Vec::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if !entry.is_dir() && wanted(&entry.name()?) {
            chosen.push(index);
            total += entry.size();
        }
    }
    ensure!(!chosen.is_empty(), "it holds none of the files that are needed");

    let label = format!("unpacking {} {}", pin.project(), pin.version());
    let progress = Progress::start(label, total);
    for index in chosen {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let expected = record.get(&name).with_context(|| format!("RECORD does not list {name}"))?;
        let target = out.join(within(&name)?);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        write_checked(&mut entry, &target, expected, &progress).with_context(|| name.clone())?;
    }
    progress.finish();
    Ok(())
}

/// A file's digest as `RECORD` spells it, and its size.
struct Expected {
    digest: String,
    bytes: u64,
}

fn read_record(
    archive: &mut ZipArchive<BufReader<File>>,
    pin: &Pin,
) -> Result<HashMap<String, Expected>> {
    let name = pin.record_name();
    let mut bytes = Vec::new();
    archive
        .by_name(&name)
        .with_context(|| format!("it holds no {name}"))?
        .read_to_end(&mut bytes)?;
    let found = digest::of_bytes(&bytes);
    ensure!(found == pin.record, "{name} has SHA-256 {found}, but {} is pinned", pin.record);

    let mut record = HashMap::new();
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
    for row in rows.records() {
        let row = row.with_context(|| name.clone())?;
        // RECORD cannot hold its own digest.
        if let (Some(path), Some(Some(digest)), Some(Ok(bytes))) = (
            row.get(0),
            row.get(1).map(|digest| digest.strip_prefix("sha256=")),
            row.get(2).map(str::parse),
        ) {
            record.insert(path.to_string(), Expected { digest: digest.to_string(), bytes });
        }
    }
    Ok(record)
}

fn write_checked(
    entry: &mut dyn Read,
    target: &Path,
    expected: &Expected,
    progress: &Progress,
) -> Result<()> {
    let mut file = File::create(target)?;
    let mut hasher = Sha256::new();
    let written = digest::copy(entry, &mut file, &mut hasher, &mut |bytes| progress.advance(bytes));
    let written = match written {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::StorageFull => bail!(
            "the disk is full, and this file needs {} bytes; make room and run the same command again",
            expected.bytes
        ),
        Err(error) => return Err(error.into()),
    };
    let digest = BASE64_URL_SAFE_NO_PAD.encode(hasher.finalize());
    ensure!(
        written == expected.bytes && digest == expected.digest,
        "it is not the file that RECORD lists ({written} bytes of digest {digest}, listed {} of {})",
        expected.bytes,
        expected.digest
    );
    Ok(())
}

/// `name` as a relative path that stays where it is put.
fn within(name: &str) -> Result<&Path> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(plain && !name.contains('\\'), "{name:?} would be written outside the target folder");
    Ok(path)
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
