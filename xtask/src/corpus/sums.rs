//! What was made, file by file: rows, characters and SHA-256. The project keeps
//! the figures of its own recipe in `data/corpus/sums.csv`, so that everyone
//! can tell whether they have made the same.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::setup::digest;

/// Characters that ten tokens of SmolLM2 stand for, roughly.
const CHARACTERS_OF_TEN_TOKENS: u64 = 43;

/// One file of rows.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Sum {
    /// Relative to the folder of the corpus.
    pub(crate) file: String,
    pub(crate) rows: u64,
    pub(crate) held_out: u64,
    /// Of the rows' texts.
    pub(crate) characters: u64,
    pub(crate) sha256: String,
}

/// Writes rows as JSON, one a line, to `folder/file`. Each comes with the number
/// of characters of its texts and whether it is held out.
pub(crate) fn write<R: Serialize>(
    folder: &Path,
    file: &str,
    rows: impl Iterator<Item = (R, usize, bool)>,
) -> Result<Sum> {
    let path = folder.join(file);
    let context = || format!("cannot write {}; is there room on the disk?", path.display());
    let mut sum =
        Sum { file: file.to_string(), rows: 0, held_out: 0, characters: 0, sha256: String::new() };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(context)?;
    }
    let mut out = BufWriter::new(File::create(&path).with_context(context)?);
    for (row, characters, held_out) in rows {
        serde_json::to_writer(&mut out, &row).with_context(context)?;
        out.write_all(b"\n").with_context(context)?;
        sum.rows += 1;
        sum.held_out += u64::from(held_out);
        sum.characters += characters as u64;
    }
    out.into_inner().map_err(|error| error.into_error()).with_context(context)?;
    sum.sha256 = digest::of_file(&path, &mut |_| {})?;
    Ok(sum)
}

/// Reads sums from a CSV file.
pub(crate) fn read(path: &Path) -> Result<Vec<Sum>> {
    let shown = path.display();
    let text = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let mut rows = csv::Reader::from_reader(&text[..]);
    rows.deserialize().collect::<Result<_, _>>().with_context(|| format!("{shown} is not whole"))
}

/// Writes sums to a CSV file.
pub(crate) fn save(sums: &[Sum], path: &Path) -> Result<()> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    for sum in sums {
        rows.serialize(sum)?;
    }
    let bytes = rows.into_inner().context("cannot write the sums")?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Checks that the files in `folder` are the ones of `sums`.
pub(crate) fn check(sums: &[Sum], folder: &Path) -> Result<()> {
    for sum in sums {
        let path = folder.join(&sum.file);
        let found = digest::of_file(&path, &mut |_| {})
            .with_context(|| format!("run `cargo xtask corpus` to make {}", sum.file))?;
        ensure!(
            found == sum.sha256,
            "{} has SHA-256 {found}, but data/corpus/sums.csv says {}: remove the folder {} and \
             run `cargo xtask corpus` again",
            path.display(),
            sum.sha256,
            folder.display()
        );
    }
    Ok(())
}

/// A line for each file.
pub(crate) fn table(sums: &[Sum]) -> String {
    let mut text = format!(
        "{:24} {:>7} {:>8} {:>11} {:>9}\n",
        "file", "rows", "held out", "characters", "≈ tokens"
    );
    for sum in sums {
        text.push_str(&format!(
            "{:24} {:>7} {:>8} {:>11} {:>9}\n",
            sum.file,
            sum.rows,
            sum.held_out,
            sum.characters,
            sum.characters * 10 / CHARACTERS_OF_TEN_TOKENS
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_summed_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [("one", 3, false), ("three", 5, true)];
        let sum = write(folder.path(), "text/a.jsonl", rows.into_iter()).unwrap();
        assert_eq!((sum.rows, sum.held_out, sum.characters), (2, 1, 8));
        let path = folder.path().join("text/a.jsonl");
        assert_eq!(fs::read_to_string(&path).unwrap(), "\"one\"\n\"three\"\n");

        let csv = folder.path().join("sums.csv");
        save(std::slice::from_ref(&sum), &csv).unwrap();
        assert_eq!(read(&csv).unwrap(), std::slice::from_ref(&sum));
        assert!(table(std::slice::from_ref(&sum)).contains("text/a.jsonl"));

        check(std::slice::from_ref(&sum), folder.path()).unwrap();
        fs::write(&path, "other").unwrap();
        let error = check(std::slice::from_ref(&sum), folder.path()).unwrap_err().to_string();
        assert!(error.contains("remove the folder"), "{error}");
        fs::remove_file(&path).unwrap();
        let error = check(&[sum], folder.path()).unwrap_err().to_string();
        assert!(error.contains("cargo xtask corpus"), "{error}");
    }
}
