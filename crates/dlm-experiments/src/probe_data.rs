//! Probed units on disk, as a later run finds them.

use std::ops::Range;

use dlm_core::Mixture;
use dlm_probe::PositionRow;

use crate::{
    Error, Folder,
    probing::{POSITIONS, UNIT},
};

/// The rows of some prompts and their summed predictions.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Rows of position.csv.
    pub positions: Vec<PositionRow>,
    /// Summed predictions, where every prompt has equally many masks.
    pub mixture: Option<Mixture>,
}

impl Unit {
    /// How many prompts it holds.
    pub fn prompts(&self) -> usize {
        self.positions.chunk_by(|a, b| a.prompt == b.prompt).count()
    }
}

/// The file that keeps a unit's summed predictions until the folder is whole.
pub(crate) fn mixture_file(unit: usize) -> String {
    format!("mixture-{unit:03}.bin")
}

/// The unit whose summed predictions a file of that name keeps.
pub(crate) fn mixture_unit(name: &str) -> Option<usize> {
    name.strip_prefix("mixture-")?.strip_suffix(".bin")?.parse().ok()
}

/// Which of `prompts` prompts belong to each unit: about [`UNIT`] each, evenly split.
pub(crate) fn unit_ranges(prompts: usize) -> Vec<Range<usize>> {
    let units = prompts.div_ceil(UNIT);
    (0..units).map(|unit| unit * prompts / units..(unit + 1) * prompts / units).collect()
}

/// Keeps a unit's summed predictions: queries, vocabulary, then the sums, all
/// little-endian.
pub(crate) fn write_mixture(folder: &Folder, unit: usize, mixture: &Mixture) -> Result<(), Error> {
    let header = [mixture.queries as u64, mixture.vocab as u64];
    let header = header.into_iter().flat_map(u64::to_le_bytes);
    let sums = mixture.sum.iter().flat_map(|x| x.to_le_bytes());
    folder.write(&mixture_file(unit), &header.chain(sums).collect::<Vec<u8>>())
}

/// The whole units of a folder, whose prompts are cut as in `ranges`.
pub(crate) fn read_units(folder: &Folder, ranges: &[Range<usize>]) -> Result<Vec<Unit>, Error> {
    let units = folder.units();
    let path = folder.file(POSITIONS);
    let mut read: Vec<Unit> = Vec::new();
    if units == 0 {
        return Ok(read);
    }
    let malformed = |error: csv::Error| Error::malformed(&path, "row", error.to_string());
    let mut reader = csv::Reader::from_path(&path).map_err(malformed)?;
    for row in reader.deserialize() {
        let row: PositionRow = row.map_err(malformed)?;
        let found = ranges[..units.min(ranges.len())].iter().position(|r| r.contains(&row.prompt));
        let Some(unit) = found else {
            let problem = format!("prompt {} is in no whole unit; use --force", row.prompt);
            return Err(Error::malformed(&path, "row", problem));
        };
        while read.len() <= unit {
            let mixture = read_mixture(folder, read.len());
            read.push(Unit { positions: Vec::new(), mixture });
        }
        read[unit].positions.push(row);
    }
    Ok(read)
}

fn read_mixture(folder: &Folder, unit: usize) -> Option<Mixture> {
    let bytes = std::fs::read(folder.file(&mixture_file(unit))).ok()?;
    let number = |at: usize| {
        let field: [u8; 8] = bytes.get(at..at + 8)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(field)).ok()
    };
    let (queries, vocab) = (number(0)?, number(8)?);
    let sums = bytes.get(16..)?.chunks_exact(4);
    let sum = sums.map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]])).collect();
    Some(Mixture { sum, vocab, queries })
}
