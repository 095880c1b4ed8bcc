//! Tensors of a checkpoint, memory-mapped.
//!
//! A tensor whose type is already the one computed in is not copied: it lies in
//! the file's pages, which the operating system reads as they are needed and may
//! drop again. That is what lets a laptop open a checkpoint larger than its memory.

#![allow(unsafe_code)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::Metadata};
use tch::{Device, Kind, Tensor};

use super::{adapter::Adapter, config::Config};
use crate::{Error, error::TensorProblem};

/// All weights in one file.
pub(super) const SINGLE: &str = "model.safetensors";
/// Which of several files holds which tensor.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// The files that hold a checkpoint's weights: one, or the shards of an index.
///
/// # Errors
///
/// Where there is neither, or where the index names a file outside the folder.
pub(crate) fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if folder.join(SINGLE).exists() {
        return Ok(vec![folder.join(SINGLE)]);
    }
    let Some(index) = Config::read_if_present(&folder.join(INDEX))? else {
        return Err(Error::MissingFile {
            folder: folder.to_path_buf(),
            file: SINGLE.to_string(),
            remedy: format!("the weights are read from {SINGLE}, or from shards listed in {INDEX}"),
        });
    };
    let map = index
        .get("weight_map")
        .and_then(|map| map.as_object())
        .ok_or_else(|| index.complaint("weight_map", "should map tensor names to files"))?;
    let mut files = BTreeSet::new();
    for (tensor, file) in map {
        let field = format!("weight_map.{tensor}");
        let file = file.as_str().ok_or_else(|| index.complaint(&field, "should be a file name"))?;
        if !stays_inside(file) {
            let problem = format!("{file:?} leaves the checkpoint's folder and is refused");
            return Err(index.complaint(&field, problem));
        }
        files.insert(folder.join(file));
    }
    Ok(files.into_iter().collect())
}

/// Whether a path, joined to a folder, leads to something in that folder.
pub(crate) fn stays_inside(path: &str) -> bool {
    let downwards = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(downwards)
}

/// The mapped files of a checkpoint and where each tensor lies in them.
pub(crate) struct Weights {
    files: Vec<MappedFile>,
    /// Tensor name to file and entry.
    places: BTreeMap<String, Place>,
}

struct MappedFile {
    path: PathBuf,
    map: Arc<Mmap>,
}

struct Place {
    file: usize,
    dtype: Dtype,
    shape: Vec<i64>,
    bytes: std::ops::Range<usize>,
}

impl Weights {
    /// Maps `files`, safetensors each.
    pub(crate) fn open(files: &[PathBuf]) -> Result<Self, Error> {
        let mut weights = Self { files: Vec::new(), places: BTreeMap::new() };
        for path in files {
            let read = |source| Error::Read { path: path.clone(), source };
            let file = File::open(path).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => missing(path),
                _ => read(source),
            })?;
            // SAFETY: the map is only read. Whoever changes a weight file while it
            // is loaded gets wrong numbers from any program that maps it.
            let map = unsafe { Mmap::map(&file) }.map_err(read)?;
            let (header, metadata) = parse(&map).map_err(|problem| {
                Error::malformed(path, "header", format!("{problem}; download the file again"))
            })?;
            for (name, info) in metadata.tensors() {
                let (start, end) = info.data_offsets;
                let place = Place {
                    file: weights.files.len(),
                    dtype: info.dtype,
                    shape: info.shape.iter().map(|&n| n as i64).collect(),
                    bytes: header + start..header + end,
                };
                weights.places.insert(name, place);
            }
            weights.files.push(MappedFile { path: path.clone(), map: Arc::new(map) });
        }
        Ok(weights)
    }

    /// Names of all tensors, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// The shape of a tensor, where it is there.
    pub(crate) fn shape(&self, name: &str) -> Option<&[i64]> {
        self.places.get(name).map(|place| place.shape.as_slice())
    }

    /// How many numbers there are in all.
    pub(crate) fn parameters(&self) -> u64 {
        let numbers = |place: &Place| 8 * place.bytes.len() / place.dtype.bitsize();
        self.places.values().map(|place| numbers(place) as u64).sum()
    }

    /// The types the tensors are stored in.
    pub(crate) fn dtypes(&self) -> Vec<String> {
        let names: BTreeSet<String> =
            self.places.values().map(|p| format!("{:?}", p.dtype).to_lowercase()).collect();
        names.into_iter().collect()
    }

    fn file_of(&self, name: &str) -> Option<&Path> {
        self.places.get(name).map(|place| self.files[place.file].path.as_path())
    }

    /// What is wrong with a tensor of numbers that no network computes with.
    fn dtype_problem(&self, name: &str) -> Option<TensorProblem> {
        let place = self.places.get(name).filter(|place| kind_of(place.dtype).is_none())?;
        let (name, found) = (name.to_string(), format!("{:?}", place.dtype));
        Some(TensorProblem::Dtype { name, found, file: self.files[place.file].path.clone() })
    }

    /// A tensor on `device` in `kind`; zero-copy where neither asks for a change.
    pub(crate) fn tensor(&self, name: &str, device: Device, kind: Kind) -> Result<Tensor, Error> {
        let place = self.places.get(name).ok_or_else(|| {
            let path = self.files.first().map(|f| f.path.clone()).unwrap_or_default();
            Error::malformed(path, name, "is missing")
        })?;
        let file = &self.files[place.file];
        let bytes = &file.map[place.bytes.clone()];
        let Some(stored) = kind_of(place.dtype) else {
            let problems = self.dtype_problem(name).into_iter().collect();
            return Err(Error::Tensors { path: file.path.clone(), problems });
        };
        let aligned = (bytes.as_ptr() as usize).is_multiple_of(stored.elt_size_in_bytes());
        let tensor = if aligned {
            // SAFETY: the pages outlive the tensor, because `Weights` is kept by the
            // model that owns it, and nothing in this crate writes to a weight.
            unsafe { Tensor::f_from_blob(bytes.as_ptr(), &place.shape, &[], stored, Device::Cpu)? }
        } else {
            Tensor::f_from_data_size(bytes, &place.shape, stored)?
        };
        Ok(tensor.f_to_device(device)?.f_to_kind(kind)?)
    }
}

/// Collects a network's tensors by name, and everything that is wrong with them.
///
/// A network asks for all it needs in a row; only [`finish`](Self::finish) tells
/// whether it got it, so that one message lists every misfit of a checkpoint.
pub(crate) struct Loader<'a> {
    weights: &'a Weights,
    adapter: Option<&'a Adapter>,
    device: Device,
    kind: Kind,
    used: RefCell<BTreeSet<String>>,
    problems: RefCell<Vec<TensorProblem>>,
}

impl<'a> Loader<'a> {
    /// A loader that merges `adapter` into the weights as they are asked for.
    pub(crate) fn new(
        weights: &'a Weights,
        adapter: Option<&'a Adapter>,
        device: Device,
        kind: Kind,
    ) -> Self {
        let (used, problems) = Default::default();
        Self { weights, adapter, device, kind, used, problems }
    }

    /// Whether the checkpoint holds a tensor.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.weights.shape(name).is_some()
    }

    /// The tensor `name`, which should have `shape`.
    pub(crate) fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor, Error> {
        /// No checkpoint lacks more by mistake; a configuration that asks for
        /// millions of layers ends here.
        const MOST_PROBLEMS: usize = 10_000;
        self.used.borrow_mut().insert(name.to_string());
        let name = name.to_string();
        let problem = match (self.weights.shape(&name), self.weights.dtype_problem(&name)) {
            (Some(found), None) if found == shape => {
                return self.weights.tensor(&name, self.device, self.kind);
            }
            (_, Some(problem)) => problem,
            (Some(found), None) => TensorProblem::Shape {
                expected: shape.to_vec(),
                found: found.to_vec(),
                file: self.weights.file_of(&name).unwrap_or(Path::new("")).to_path_buf(),
                name,
            },
            (None, None) => TensorProblem::Missing { name, expected: shape.to_vec() },
        };
        self.problems.borrow_mut().push(problem);
        if MOST_PROBLEMS < self.problems.borrow().len() {
            return Err(Error::Tensors { path: self.path(), problems: self.problems.take() });
        }
        // Its place holder is never computed with: `finish` fails first.
        Ok(Tensor::f_zeros([0], (self.kind, self.device))?)
    }

    /// The weight of a linear map `[out, in]`, with the adapter's update merged.
    pub(crate) fn linear(&self, module: &str, shape: [i64; 2]) -> Result<Tensor, Error> {
        let weight = self.tensor(&format!("{module}.weight"), &shape)?;
        match self.adapter {
            Some(adapter) => adapter.merge(module, weight),
            None => Ok(weight),
        }
    }

    /// The input embedding `[vocab, width]`, with the rows that the adapter trained.
    pub(crate) fn embedding(&self, module: &str, shape: [i64; 2]) -> Result<Tensor, Error> {
        let weight = self.tensor(&format!("{module}.weight"), &shape)?;
        match self.adapter {
            Some(adapter) => adapter.replace_rows(module, weight),
            None => Ok(weight),
        }
    }

    /// Marks tensors that the network has no use for.
    pub(crate) fn leave(&self, unneeded: impl Fn(&str) -> bool) {
        let names = self.weights.names().filter(|name| unneeded(name)).map(String::from);
        self.used.borrow_mut().extend(names);
    }

    /// Whether all was there, and nothing else.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let path = self.path();
        let mut problems = self.problems.into_inner();
        let used = self.used.into_inner();
        for name in self.weights.names().filter(|name| !used.contains(*name)) {
            let file = self.weights.file_of(name).unwrap_or(Path::new("")).to_path_buf();
            problems.push(TensorProblem::Extra { name: name.to_string(), file });
        }
        if let Some(adapter) = self.adapter {
            adapter.finish()?;
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Tensors { path, problems }) }
    }

    /// The file that a complaint about the whole names.
    fn path(&self) -> PathBuf {
        self.weights.files.first().map(|file| file.path.clone()).unwrap_or_default()
    }
}

/// Stands for a file that an index, or the layout itself, promises.
fn missing(path: &Path) -> Error {
    Error::MissingFile {
        folder: path.parent().unwrap_or(Path::new(".")).to_path_buf(),
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        remedy: "weights that belong there are not; download them again".to_string(),
    }
}

fn parse(map: &Mmap) -> Result<(usize, Metadata), String> {
    let (length, metadata) = SafeTensors::read_metadata(map).map_err(|e| e.to_string())?;
    // Eight bytes of length stand before the header.
    let start = length + 8;
    if start + metadata.data_len() != map.len() {
        let (expected, found) = (start + metadata.data_len(), map.len());
        return Err(format!("the file has {found} bytes and its header describes {expected}"));
    }
    Ok((start, metadata))
}

fn kind_of(dtype: Dtype) -> Option<Kind> {
    match dtype {
        Dtype::F32 => Some(Kind::Float),
        Dtype::F16 => Some(Kind::Half),
        Dtype::BF16 => Some(Kind::BFloat16),
        _ => None,
    }
}
