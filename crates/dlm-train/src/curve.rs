//! What a training writes down as it goes: losses, and measurements on held-out texts.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Error;

/// One step: a row of `curve.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRow {
    /// The step, from 0.
    pub step: u64,
    /// Tokens trained on so far, fillings counted.
    pub tokens: u64,
    /// The loss, nats per token of the batch.
    pub loss: f64,
    /// Mean `−ln p` of the tokens that were predicted, nats.
    pub cross_entropy: f64,
    /// Share of them that had the largest probability.
    pub accuracy: f64,
    /// Norm of the gradient before it was cut.
    pub gradient: f64,
    /// The learning rate.
    pub rate: f64,
}

/// One measurement on held-out texts: a row of `validation.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationRow {
    /// Steps made.
    pub step: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// The diffusion time.
    pub t: f64,
    /// Mean `−ln p` of the tokens that were predicted, nats, by the averaged parameters.
    pub cross_entropy: f64,
    /// Share of them that had the largest probability.
    pub accuracy: f64,
    /// How many there were.
    pub predicted: u64,
}

/// A row that knows after how many steps it was true.
pub(crate) trait Row: Serialize + DeserializeOwned {
    fn steps(&self) -> u64;
}

impl Row for StepRow {
    fn steps(&self) -> u64 {
        self.step + 1
    }
}

impl Row for ValidationRow {
    fn steps(&self) -> u64 {
        self.step
    }
}

/// A CSV file that grows row by row.
pub(crate) struct Curve {
    path: PathBuf,
    writer: csv::Writer<File>,
}

impl Curve {
    /// Opens the file with the rows that are true after `steps` steps and no later ones,
    /// which a resumed training writes again; a training that begins writes all of them.
    pub(crate) fn open<R: Row>(path: &Path, steps: u64) -> Result<Self, Error> {
        let mut kept = Vec::new();
        if path.exists() {
            let mut reader = csv::Reader::from_path(path).map_err(|e| broken(path, &e))?;
            for row in reader.deserialize() {
                // A last line that was cut off is one of the later ones.
                let Ok(row): Result<R, _> = row else { break };
                kept.extend((0 < steps && row.steps() <= steps).then_some(row));
            }
        }
        let part = path.with_extension("part");
        let mut writer = csv::Writer::from_path(&part).map_err(|e| broken(&part, &e))?;
        for row in &kept {
            writer.serialize(row).map_err(|e| broken(&part, &e))?;
        }
        writer.flush().map_err(Error::write(&part))?;
        fs::rename(&part, path).map_err(Error::write(path))?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::write(path))?;
        let writer = csv::WriterBuilder::new().has_headers(kept.is_empty()).from_writer(file);
        Ok(Self { path: path.to_path_buf(), writer })
    }

    /// Adds a row; it is on disk afterwards.
    pub(crate) fn add<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        self.writer.serialize(row).map_err(|error| broken(&self.path, &error))?;
        self.writer.flush().map_err(Error::write(&self.path))
    }
}

fn broken(path: &Path, error: &csv::Error) -> Error {
    let problem = format!("{error}; move the file away and run the same command again");
    Error::malformed(path, "rows".to_string(), problem)
}
