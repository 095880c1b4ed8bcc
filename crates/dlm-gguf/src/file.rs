//! A GGUF file: its metadata, its tensors' places, and one tensor at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::reader::Reader;
use crate::tensor_type::TensorType;
use crate::value::{FromValue, Value};

/// Where tensor data begin and each tensor's offset, unless the file says so.
const DEFAULT_ALIGNMENT: u64 = 32;

/// ggml has no tensors of more dimensions.
const MOST_DIMENSIONS: u32 = 4;

/// The fewest bytes of a metadata entry: an empty key, a type, one byte.
const LEAST_ENTRY: u64 = 8 + 4 + 1;

/// The fewest bytes of a tensor's entry: an empty name, the number of
/// dimensions, one of them, a type, an offset.
const LEAST_TENSOR: u64 = 8 + 4 + 8 + 4 + 8;

/// An open GGUF file of version 2 or 3.
///
/// Opening reads and checks everything but the tensor data: keys and names
/// occur once, and the tensors lie inside the file without sharing a byte.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: File,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
}

/// A tensor's shape, type and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Dimensions, outermost first; GGUF itself lists them innermost first.
    pub shape: Vec<u64>,
    /// How the elements are stored.
    pub kind: TensorType,
    /// The first byte, counted from the start of the file.
    pub offset: u64,
    /// Bytes taken.
    pub bytes: u64,
}

impl Gguf {
    /// Opens `path` and reads all but the tensor data.
    ///
    /// # Errors
    /// Where the file cannot be read, is no GGUF file of version 2 or 3, is cut
    /// short, contradicts itself, or has tensors of a type that is not decoded.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let unreadable = |source| Error::Read { path: path.clone(), source };
        let file = File::open(&path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut reader = Reader::new(&path, &file, length);

        let magic = reader.array("magic")?;
        if magic != *b"GGUF" {
            return Err(Error::NotGguf { path, found: magic });
        }
        let version = reader.u32("version")?;
        if !matches!(version, 2 | 3) {
            return Err(Error::UnsupportedVersion { path, version });
        }
        let tensor_count = reader.count(LEAST_TENSOR, "tensor count")?;
        let entry_count = reader.count(LEAST_ENTRY, "metadata count")?;
        let metadata = read_metadata(&mut reader, entry_count)?;
        let mut tensors = read_tensors(&mut reader, tensor_count)?;
        let alignment = alignment(&reader, &metadata)?;
        place(&mut tensors, &path, reader.position(), alignment, length)?;
        Ok(Self { path, file, metadata, tensors })
    }

    /// The path that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All metadata by key.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, Value> {
        &self.metadata
    }

    /// All tensors by name.
    #[must_use]
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// The metadata value under `key`, where there is one.
    ///
    /// # Errors
    /// [`Error::MetadataType`] where the value has another type.
    pub fn optional<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.metadata.get(key) else { return Ok(None) };
        T::from_value(value).map(Some).ok_or_else(|| Error::MetadataType {
            path: self.path.clone(),
            key: key.to_owned(),
            expected: T::NAME,
            found: value.type_name(),
        })
    }

    /// The metadata value under `key`.
    ///
    /// # Errors
    /// [`Error::MissingMetadata`] where there is none, [`Error::MetadataType`]
    /// where it has another type.
    pub fn required<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T, Error> {
        self.optional(key)?
            .ok_or_else(|| Error::MissingMetadata { path: self.path.clone(), key: key.to_owned() })
    }

    /// The elements of the tensor called `name`, dequantised, the innermost
    /// dimension running fastest.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] where there is none, [`Error::Read`] where the
    /// file cannot be read.
    pub fn tensor(&mut self, name: &str) -> Result<Vec<f32>, Error> {
        let Some(info) = self.tensors.get(name) else {
            return Err(Error::MissingTensor { path: self.path.clone(), tensor: name.to_owned() });
        };
        let unreadable = |source| Error::Read { path: self.path.clone(), source };
        let size = usize::try_from(info.bytes).map_err(|_| self.malformed(name, "is too large"))?;
        let mut bytes = vec![0; size];
        self.file.seek(SeekFrom::Start(info.offset)).map_err(unreadable)?;
        self.file.read_exact(&mut bytes).map_err(unreadable)?;
        Ok(info.kind.dequantize(&bytes))
    }

    /// The error for a field of this file that contradicts another.
    pub(crate) fn malformed(&self, field: &str, problem: impl Into<String>) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            field: field.to_owned(),
            problem: problem.into(),
        }
    }

    /// The error for a value that is valid and not converted.
    pub(crate) fn unsupported(
        &self,
        key: &str,
        value: impl ToString,
        supported: &'static str,
    ) -> Error {
        Error::Unsupported {
            path: self.path.clone(),
            key: key.to_owned(),
            value: value.to_string(),
            supported,
        }
    }
}

fn read_metadata(reader: &mut Reader<'_>, count: u64) -> Result<BTreeMap<String, Value>, Error> {
    let mut metadata = BTreeMap::new();
    for index in 0..count {
        let key = reader.string(&format!("metadata key {index}"))?;
        let value = reader.value(&key)?;
        if metadata.contains_key(&key) {
            return Err(reader.malformed(&key, "occurs twice".into()));
        }
        metadata.insert(key, value);
    }
    Ok(metadata)
}

/// The tensors' entries; the offsets still count from the first tensor's place.
fn read_tensors(
    reader: &mut Reader<'_>,
    count: u64,
) -> Result<BTreeMap<String, TensorInfo>, Error> {
    let mut tensors = BTreeMap::new();
    for index in 0..count {
        let name = reader.string(&format!("name of tensor {index}"))?;
        let info = read_tensor(reader, &name)?;
        if tensors.contains_key(&name) {
            return Err(reader.malformed(&name, "occurs twice".into()));
        }
        tensors.insert(name, info);
    }
    Ok(tensors)
}

fn read_tensor(reader: &mut Reader<'_>, name: &str) -> Result<TensorInfo, Error> {
    let dimensions = reader.u32(name)?;
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        return Err(reader.malformed(name, format!("has {dimensions} dimensions, not 1 to 4")));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.push(reader.u64(name)?);
    }
    let code = reader.u32(name)?;
    let kind = TensorType::from_code(code).ok_or_else(|| Error::UnsupportedTensorType {
        path: reader.path().to_owned(),
        tensor: name.to_owned(),
        code,
    })?;
    let offset = reader.u64(name)?;

    if !shape[0].is_multiple_of(kind.block_elements()) {
        return Err(reader.malformed(name, format!("has rows of {} elements", shape[0])));
    }
    let elements = shape.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
    let bytes = elements
        .filter(|elements| *elements > 0)
        .and_then(|elements| (elements / kind.block_elements()).checked_mul(kind.block_bytes()))
        .ok_or_else(|| reader.malformed(name, format!("has the impossible shape {shape:?}")))?;
    shape.reverse();
    Ok(TensorInfo { shape, kind, offset, bytes })
}

fn alignment(reader: &Reader<'_>, metadata: &BTreeMap<String, Value>) -> Result<u64, Error> {
    const KEY: &str = "general.alignment";
    match metadata.get(KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(Value::Unsigned(size)) if size.is_power_of_two() => Ok(*size),
        Some(_) => Err(reader.malformed(KEY, "is not a power of two".into())),
    }
}

/// Makes the offsets count from the start of the file, and refuses tensors
/// that reach beyond its end or share bytes. Without the latter a small file
/// could ask for a large conversion.
fn place(
    tensors: &mut BTreeMap<String, TensorInfo>,
    path: &Path,
    header: u64,
    alignment: u64,
    length: u64,
) -> Result<(), Error> {
    let malformed = |tensor: &str, problem: &str| Error::Malformed {
        path: path.to_owned(),
        field: tensor.to_owned(),
        problem: problem.to_owned(),
    };
    let start = header.checked_next_multiple_of(alignment);
    for (name, info) in tensors.iter_mut() {
        if !info.offset.is_multiple_of(alignment) {
            return Err(malformed(name, "has an offset that is not aligned"));
        }
        let first = start.and_then(|start| start.checked_add(info.offset));
        let end = first.and_then(|first| first.checked_add(info.bytes));
        let (Some(first), true) = (first, end.is_some_and(|end| end <= length)) else {
            return Err(Error::Truncated {
                path: path.to_owned(),
                field: name.clone(),
                needed: end.unwrap_or(u64::MAX) - header,
                left: length - header,
            });
        };
        info.offset = first;
    }
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|(_, info)| info.offset);
    for pair in in_order.windows(2) {
        let [(_, before), (name, after)] = pair else { continue };
        if before.offset + before.bytes > after.offset {
            return Err(malformed(name, "shares bytes with another tensor"));
        }
    }
    Ok(())
}
