//! `model.safetensors`: every tensor in single precision, one at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::error::Error;
use crate::file::Gguf;
use crate::llama::Move;
use crate::rotary::half_split_rows;

/// Elements turned into bytes at a time.
const CHUNK: usize = 1 << 16;

/// Writes the tensors of `moves` to `path`, in that order, and returns the
/// number of elements. `progress` is told the elements written and their total
/// after every tensor. No more than one tensor is held in memory.
pub(crate) fn write(
    gguf: &mut Gguf,
    moves: &[Move],
    path: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, Error> {
    let unwritable = |source| Error::Write { path: path.to_owned(), source };
    let header = header(moves).map_err(unwritable)?;
    let total = moves.iter().map(|step| step.shape.iter().product::<u64>()).sum();

    let mut out = BufWriter::new(File::create(path).map_err(unwritable)?);
    out.write_all(&(header.len() as u64).to_le_bytes()).map_err(unwritable)?;
    out.write_all(&header).map_err(unwritable)?;
    let mut done = 0;
    progress(done, total);
    for step in moves {
        let elements = elements(gguf, step)?;
        write_elements(&elements, &mut out).map_err(unwritable)?;
        done += elements.len() as u64;
        progress(done, total);
    }
    let file = out.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    Ok(total)
}

/// The names, shapes and places of the tensors, padded so that the data start
/// at a multiple of eight bytes.
fn header(moves: &[Move]) -> io::Result<Vec<u8>> {
    let mut end = 0usize;
    let mut tensors = Vec::with_capacity(moves.len());
    for step in moves {
        let shape: Vec<usize> = step
            .shape
            .iter()
            .map(|size| usize::try_from(*size))
            .collect::<Result<_, _>>()
            .map_err(io::Error::other)?;
        let bytes = shape.iter().try_fold(size_of::<f32>(), |bytes, size| bytes.checked_mul(*size));
        let start = end;
        end = bytes
            .and_then(|bytes| start.checked_add(bytes))
            .ok_or_else(|| io::Error::other("the tensors are too large for this machine"))?;
        let info = TensorInfo { dtype: Dtype::F32, shape, data_offsets: (start, end) };
        tensors.push((step.to.clone(), info));
    }
    // Transformers refuses a file that does not name its framework.
    let framework = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let metadata = Metadata::new(Some(framework), tensors).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&metadata)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

/// One tensor as it is written: rows in half-split order, all numbers finite.
fn elements(gguf: &mut Gguf, step: &Move) -> Result<Vec<f32>, Error> {
    let stored = gguf.tensor(&step.from)?;
    if !stored.iter().all(|element| element.is_finite()) {
        return Err(gguf.malformed(&step.from, "has an element that is not finite"));
    }
    let (Some(heads), Some(&columns)) = (step.rotary_heads, step.shape.last()) else {
        return Ok(stored);
    };
    half_split_rows(&stored, heads as usize, columns as usize)
        .ok_or_else(|| gguf.malformed(&step.from, "does not consist of whole heads"))
}

fn write_elements(elements: &[f32], out: &mut impl Write) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK * size_of::<f32>());
    for chunk in elements.chunks(CHUNK) {
        bytes.clear();
        for element in chunk {
            bytes.extend_from_slice(&element.to_le_bytes());
        }
        out.write_all(&bytes)?;
    }
    Ok(())
}
