//! Safetensors files, taken apart and written again.

use std::{collections::BTreeMap, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// A tensor's type, shape and bytes.
pub(crate) type Raw = (Dtype, Vec<usize>, Vec<u8>);

/// Rewrites the tensors of a file.
pub(crate) fn rewrite(path: &Path, change: impl FnOnce(&mut BTreeMap<String, Raw>)) {
    let bytes = std::fs::read(path).unwrap();
    let mut tensors: BTreeMap<String, Raw> = SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, t)| (name.to_string(), (t.dtype(), t.shape().to_vec(), t.data().to_vec())))
        .collect();
    change(&mut tensors);
    write(path, &tensors);
}

/// Writes a file of tensors.
pub(crate) fn write(path: &Path, tensors: &BTreeMap<String, Raw>) {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// An f32 tensor filled with 0.01.
pub(crate) fn filled(shape: &[usize]) -> Raw {
    let numbers = shape.iter().product();
    (Dtype::F32, shape.to_vec(), 0.01f32.to_le_bytes().repeat(numbers))
}
