//! All that a training needs to go on as if it had never stopped.
//!
//! A checkpoint is a folder: `state.json` and the rows of numbers, cut into files of at most
//! 16 MiB, which pass where single large files do not. It is written whole under another
//! name and then renamed, so whatever ends a program, one whole checkpoint is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Tensor};

use crate::{Error, optimiser::Momentum, standing::Standing};

/// Numbers of each row that one file holds: four rows of f32 and what names them are below
/// 16 MiB together.
const NUMBERS: i64 = 1_000_000;

/// The rows by name.
const ROWS: [&str; 4] = ["theta", "m", "v", "average"];

/// Where a training stands, beside its rows of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// All that the training depends on.
    pub(crate) inputs: Value,
    /// How far it has come.
    #[serde(flatten)]
    pub(crate) standing: Standing,
    /// How many numbers are trained.
    numbers: i64,
}

impl State {
    /// A training of `theta` that has come so far.
    pub(crate) fn new(inputs: Value, standing: Standing, theta: &Tensor) -> Self {
        Self { inputs, standing, numbers: theta.numel() as i64 }
    }

    /// Writes the checkpoint of this state into `folder`, in the place of an earlier one.
    pub(crate) fn save(
        &self,
        theta: &Tensor,
        momentum: &Momentum,
        folder: &Path,
    ) -> Result<(), Error> {
        let [whole, part, old] = names(folder);
        remove(&part)?;
        fs::create_dir_all(&part).map_err(Error::write(&part))?;
        let rows = [theta, &momentum.m, &momentum.v, &momentum.average];
        let rows = rows.map(|row| Ok::<_, Error>(row.f_detach()?.f_to_device(Device::Cpu)?));
        let [theta, m, v, average] = rows;
        let rows = [theta?, m?, v?, average?];
        for (index, start) in self.starts().enumerate() {
            let size = NUMBERS.min(self.numbers - start);
            let named = ROWS.iter().zip(&rows).map(|(name, row)| {
                Ok::<_, Error>((*name, row.f_narrow(0, start, size)?.f_contiguous()?))
            });
            let named = named.collect::<Result<Vec<_>, Error>>()?;
            Tensor::write_safetensors(&named, part.join(shard(index)))?;
        }
        let state = part.join("state.json");
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::malformed(&state, "JSON".to_string(), error.to_string()))?;
        fs::write(&state, text).map_err(Error::write(&state))?;
        for entry in fs::read_dir(&part).map_err(Error::write(&part))? {
            let path = entry.map_err(Error::write(&part))?.path();
            // On disk before the name changes, or a power cut could leave a whole name with
            // half a file.
            fs::File::open(&path).and_then(|file| file.sync_all()).map_err(Error::write(&path))?;
        }
        remove(&old)?;
        if whole.exists() {
            fs::rename(&whole, &old).map_err(Error::write(&whole))?;
        }
        fs::rename(&part, &whole).map_err(Error::write(&whole))?;
        remove(&old)
    }

    /// The checkpoint in `folder`, where there is one: its state, θ and what the optimiser
    /// remembers.
    pub(crate) fn load(
        folder: &Path,
        device: Device,
    ) -> Result<Option<(Self, Tensor, Momentum)>, Error> {
        let [whole, _, old] = names(folder);
        // Whoever was killed between two renamings left the checkpoint before under this
        // name, and the next one to save would take it away.
        if !whole.exists() && old.exists() {
            fs::rename(&old, &whole).map_err(Error::write(&old))?;
        }
        let from = whole;
        if !from.exists() {
            return Ok(None);
        }
        let path = from.join("state.json");
        let bytes = fs::read(&path).map_err(Error::read(&path))?;
        let state: Self = serde_json::from_slice(&bytes).map_err(|error| {
            let problem = format!("{error}; begin anew with --force");
            Error::malformed(&path, "JSON".to_string(), problem)
        })?;
        let mut pieces: [Vec<Tensor>; 4] = Default::default();
        for (index, start) in state.starts().enumerate() {
            let path = from.join(shard(index));
            let size = NUMBERS.min(state.numbers - start);
            let mut found = Tensor::read_safetensors(&path)?;
            for (name, pieces) in ROWS.iter().zip(&mut pieces) {
                let place = found.iter().position(|(found, _)| found == name);
                let tensor = place.map(|place| found.swap_remove(place).1);
                let tensor = tensor.filter(|tensor| tensor.size() == [size]).ok_or_else(|| {
                    let problem = format!("should hold {size} numbers: begin anew with --force");
                    Error::malformed(&path, (*name).to_string(), problem)
                })?;
                pieces.push(tensor.f_to_device(device)?);
            }
        }
        let [theta, m, v, average] = pieces.map(|pieces| Tensor::f_cat(&pieces, 0));
        let momentum = Momentum {
            steps: state.standing.steps,
            remembered: state.standing.remembered(),
            m: m?,
            v: v?,
            average: average?,
        };
        Ok(Some((state, theta?, momentum)))
    }

    /// Takes away the checkpoint in `folder`.
    pub(crate) fn forget(folder: &Path) -> Result<(), Error> {
        names(folder).iter().try_for_each(|path| remove(path))
    }

    fn starts(&self) -> impl Iterator<Item = i64> + use<> {
        (0..self.numbers).step_by(NUMBERS as usize)
    }
}

fn names(folder: &Path) -> [PathBuf; 3] {
    ["checkpoint", "checkpoint.part", "checkpoint.old"].map(|name| folder.join(name))
}

fn shard(index: usize) -> String {
    format!("rows-{index:03}.safetensors")
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::write(path)(error))
        }
        _ => Ok(()),
    }
}
